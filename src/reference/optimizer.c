/* One step of every optimizer, as in torch.optim. */
#include <math.h>

#include "src/base/table.h"

#include "src/reference/reference.h"

/* torch.optim.Adam (Kingma and Ba, 2015, with PyTorch's place of ε):
 * g += weight_decay·p; m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; p −= lr/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε) */
static void adam(const struct cln_optimizer_params *o, size_t t, size_t count, const double *gradient,
                 double *parameter, double *const *moments) {
    double *m = moments[0], *v = moments[1];
    const double lr = cln_learning_rate(o, (int)t);
    const double correction1 = 1 - pow(o->beta1, (double)t), correction2 = 1 - pow(o->beta2, (double)t);
    for (size_t i = 0; i < count; i++) {
        const double g = gradient[i] + o->weight_decay * parameter[i];
        m[i] = o->beta1 * m[i] + (1 - o->beta1) * g;
        v[i] = o->beta2 * v[i] + (1 - o->beta2) * g * g;
        parameter[i] -= lr / correction1 * m[i] / (sqrt(v[i]) / sqrt(correction2) + o->eps);
    }
}

/* torch.optim.AdamW (Loshchilov and Hutter, 2019): as Adam without decay, but first p −= lr·weight_decay·p. */
static void adamw(const struct cln_optimizer_params *o, size_t t, size_t count, const double *gradient,
                  double *parameter, double *const *moments) {
    struct cln_optimizer_params without = *o;
    without.weight_decay = 0;
    for (size_t i = 0; i < count; i++)
        parameter[i] -= cln_learning_rate(o, (int)t) * o->weight_decay * parameter[i];
    adam(&without, t, count, gradient, parameter, moments);
}

/* torch.optim.RMSprop (Hinton, 2012): g += weight_decay·p; v ← αv + (1−α)g²; buf ← momentum·buf + g/(√v + ε);
 * p −= lr·buf. */
static void rmsprop(const struct cln_optimizer_params *o, size_t t, size_t count, const double *gradient,
                    double *parameter, double *const *moments) {
    double *v = moments[0], *buffer = moments[1];
    for (size_t i = 0; i < count; i++) {
        const double g = gradient[i] + o->weight_decay * parameter[i];
        v[i] = o->alpha * v[i] + (1 - o->alpha) * g * g;
        buffer[i] = o->momentum * buffer[i] + g / (sqrt(v[i]) + o->eps);
        parameter[i] -= cln_learning_rate(o, (int)t) * buffer[i];
    }
}

/* torch.optim.SGD: g += weight_decay·p; buf ← g at t = 1, else momentum·buf + g; p −= lr·buf, with Nesterov's momentum
 * p −= lr·(g + momentum·buf). */
static void sgd(const struct cln_optimizer_params *o, size_t t, size_t count, const double *gradient, double *parameter,
                double *const *moments) {
    double *buffer = moments[0];
    const double lr = cln_learning_rate(o, (int)t);
    for (size_t i = 0; i < count; i++) {
        const double g = gradient[i] + o->weight_decay * parameter[i];
        buffer[i] = t == 1 ? g : o->momentum * buffer[i] + g;
        parameter[i] -= lr * (o->nesterov > 0 ? g + o->momentum * buffer[i] : buffer[i]);
    }
}

double cln_reference_gradient_norm(size_t count, const double *gradients) {
    double squares = 0;
    for (size_t i = 0; i < count; i++)
        squares += gradients[i] * gradients[i];
    return sqrt(squares);
}

/* torch.nn.utils.clip_grad_norm_. */
double cln_reference_clip(double clip_norm, size_t count, const double *gradients) {
    return clip_norm > 0 ? fmin(1, clip_norm / (cln_reference_gradient_norm(count, gradients) + 1e-6)) : 1;
}

/* torch.optim.swa_utils.get_ema_multi_avg_fn. */
void cln_reference_average(double ema, size_t t, size_t count, const double *values, double *averages) {
    for (size_t i = 0; i < count; i++)
        averages[i] = t == 1 ? values[i] : ema * averages[i] + (1 - ema) * values[i];
}

typedef void reference(const struct cln_optimizer_params *o, size_t t, size_t count, const double *gradient,
                       double *parameter, double *const *moments);

static reference *const references[] = {
    [CLN_ADAM] = adam, [CLN_SGD] = sgd, [CLN_ADAMW] = adamw, [CLN_RMSPROP] = rmsprop};

CLN_EVERY(references, CLN_OPTIMIZER_COUNT);

void cln_reference_optimizer_step(const struct cln_optimizer_params *params, size_t t, size_t count,
                                  const double *gradient, double *parameter, double *const *moments) {
    references[params->kind](params, t, count, gradient, parameter, moments);
}
