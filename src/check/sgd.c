/* One step of torch.optim.SGD. */
#include "src/check/reference.h"

void cln_reference_sgd_step(const struct cln_reference_sgd *o, size_t t, size_t count, const double *gradient,
                            double *parameter, double *momentum_buffer) {
    for (size_t i = 0; i < count; i++) {
        double g = gradient[i] + o->weight_decay * parameter[i];
        momentum_buffer[i] = t == 1 ? g : o->momentum * momentum_buffer[i] + g;
        parameter[i] -= o->lr * momentum_buffer[i];
    }
}
