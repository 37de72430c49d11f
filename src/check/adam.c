/* One step of torch.optim.Adam. */
#include <math.h>

#include "src/check/reference.h"

void cln_reference_adam_step(const struct cln_reference_adam *o, size_t t, size_t count, const double *gradient,
                             double *parameter, double *m, double *v) {
    double correction1 = 1 - pow(o->beta1, (double)t);
    double correction2 = 1 - pow(o->beta2, (double)t);
    for (size_t i = 0; i < count; i++) {
        double g = gradient[i] + o->weight_decay * parameter[i];
        m[i] = o->beta1 * m[i] + (1 - o->beta1) * g;
        v[i] = o->beta2 * v[i] + (1 - o->beta2) * g * g;
        parameter[i] -= o->lr / correction1 * m[i] / (sqrt(v[i]) / sqrt(correction2) + o->eps);
    }
}
