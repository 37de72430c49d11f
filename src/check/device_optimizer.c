/* Cases of kernels/adam.cl and sgd.cl: several tensors whose gradients come in different numbers of slices, at steps
 * early and late. */
#include <math.h>

#include "src/check/reference.h"
#include "src/check/rig.h"
#include "src/engine/batch.h"
#include "src/engine/optimizer.h"
#include "src/model/network.h"

struct optimizer_case {
    struct cln_case base;
    int step;
    double weight_decay, momentum;
    double scale; /* of the gradients */
    bool frozen;
};

static const struct optimizer_case cases[] = {
    {{"first step", 1, .quick = true}, 1, 0, 0, 1},
    {{"second step, weight decay", 1}, 2, 0.01, 0.9, 1},
    {{"step 1000, small gradients", 1}, 1000, 0, 0.5, 1e-6},
    {{"step 100000, large gradients", 1}, 100000, 5e-4, 0.9, 1e4},
    {{"no gradient", 1}, 3, 0, 0, 0},
    {{"frozen", 1, .quick = true}, 3, 0.1, 0.9, 1, true},
};

/* Tensors as in a network: padded parameters, each with its own number of slices. */
static const struct {
    size_t count;
    int slices;
} tensors[] = {{150, 3}, {6, 1}, {64, 5}, {1, 2}};

enum { TENSORS = sizeof tensors / sizeof *tensors, ALIGN = CLN_TENSOR_ALIGN };

struct values {
    size_t floats;
    double *p, *g, *g_terms, *first, *second;
    struct cln_probe *pp, *pg, *pfirst, *psecond, *partials, *chunks;
};

static size_t padded(size_t count) {
    return (count + ALIGN - 1) / ALIGN * ALIGN;
}

/* Slices' padding is zero, as in the engine, for the padding of the parameters takes its gradient from it. */
static void put_gradients(struct cln_rig *b, struct values *v, double scale) {
    size_t partial = ALIGN, parameter = 0;
    for (size_t t = 0; t < TENSORS; t++) {
        const size_t stride = padded(tensors[t].count);
        for (size_t i = 0; i < stride / ALIGN; i++)
            cln_probe_put(v->chunks, 4 * (parameter / ALIGN + i),
                          (double[]){(double)(partial + i * ALIGN), tensors[t].slices, (double)stride, 0}, 4);
        for (int s = 0; s < tensors[t].slices; s++) {
            double *slice = cln_rig_random(b, stride, 0, scale);
            for (size_t i = 0; i < stride; i++) {
                slice[i] = i < tensors[t].count ? slice[i] : 0;
                v->g[parameter + i] += slice[i];
                v->g_terms[parameter + i] += fabs(slice[i]);
            }
            cln_probe_put(v->partials, partial, slice, stride);
            partial += stride;
        }
        parameter += stride;
    }
}

static struct values make(struct cln_rig *b, double scale, bool zero_second) {
    size_t partials = ALIGN;
    struct values v = {0};
    for (size_t t = 0; t < TENSORS; t++) {
        v.floats += padded(tensors[t].count);
        partials += padded(tensors[t].count) * (size_t)tensors[t].slices;
    }
    v.p = cln_rig_random(b, v.floats, 0, 1);
    v.g = cln_rig_random(b, v.floats, 0, 0);
    v.g_terms = cln_rig_random(b, v.floats, 0, 0);
    v.first = cln_rig_random(b, v.floats, 0, zero_second ? 0 : scale);
    v.second = cln_rig_random(b, v.floats, zero_second ? 0 : scale * scale, zero_second ? 0 : scale * scale / 2);
    v.pp = cln_rig_cells(b, "parameters", v.floats);
    v.pg = cln_rig_cells(b, "gradients", v.floats);
    v.pfirst = cln_rig_cells(b, "first moments", v.floats);
    v.psecond = cln_rig_cells(b, "second moments", v.floats);
    v.partials = cln_rig_cells(b, "partial gradients", partials);
    v.chunks = cln_rig_cells(b, "chunks", 4 * v.floats / ALIGN);
    v.chunks->integer = true;
    cln_probe_put(v.pp, 0, v.p, v.floats);
    cln_probe_put(v.pfirst, 0, v.first, v.floats);
    cln_probe_put(v.psecond, 0, v.second, v.floats);
    put_gradients(b, &v, scale);
    return v;
}

static enum cln_status run_device(struct cln_rig *b, const struct values *v,
                                  enum cln_status (*add)(struct cln_plan *, const struct cln_optimizer *)) {
    struct cln_probe *sums = cln_rig_cells(b, "loss sums", 2);
    cln_probe_put(sums, 0, (double[]){0, 0}, 2);
    enum cln_status status = b->status;
    if (status == CLN_OK) /* which leaves Adam's factors */
        status = cln_batch_end(&b->plan, &(struct cln_batch){.in = {1, 1, 1}, .out = {1, 1, 1}}, sums->buffer);
    if (status == CLN_OK)
        status = add(&b->plan, &(struct cln_optimizer){.floats = v->floats,
                                                       .parameters = v->pp->buffer,
                                                       .gradients = v->pg->buffer,
                                                       .partials = v->partials->buffer,
                                                       .chunks = v->chunks->buffer,
                                                       .first_moments = v->pfirst->buffer,
                                                       .second_moments = v->psecond->buffer});
    return status == CLN_OK ? cln_rig_run(b) : status;
}

/* Error of the gradient with its decay: a rounding per slice, and one of each term. */
static double gradient_error(const struct values *v, size_t i, double weight_decay) {
    return 4 * CLN_EPS32 * (v->g_terms[i] + weight_decay * fabs(v->p[i]));
}

static enum cln_status run_adam(struct cln_rig *b, const void *entry) {
    const struct optimizer_case *c = entry;
    const struct cln_reference_adam o = {
        .lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = c->weight_decay};
    b->state = (struct cln_state){.count = 1,
                                  .step = c->step,
                                  .lr = (float)o.lr,
                                  .beta1 = (float)o.beta1,
                                  .beta2 = (float)o.beta2,
                                  .one_minus_beta1 = (float)(1 - o.beta1),
                                  .one_minus_beta2 = (float)(1 - o.beta2),
                                  .log_beta1 = (float)log(o.beta1),
                                  .log_beta2 = (float)log(o.beta2),
                                  .eps = (float)o.eps,
                                  .weight_decay = (float)o.weight_decay,
                                  .frozen = c->frozen};
    const struct values v = make(b, c->scale, c->step == 1);
    enum cln_status status = run_device(b, &v, cln_adam);
    if (status != CLN_OK)
        return status;

    double *p = cln_rig_alloc(b, v.floats), *first = cln_rig_alloc(b, v.floats), *second = cln_rig_alloc(b, v.floats);
    for (size_t i = 0; i < v.floats; i++) {
        p[i] = v.p[i];
        first[i] = v.first[i];
        second[i] = v.second[i];
    }
    cln_reference_adam_step(&o, (size_t)c->step, v.floats, v.g, p, first, second);
    for (size_t i = 0; i < v.floats; i++) {
        cln_probe_expect(v.pg, i, v.g[i], 4 * CLN_EPS32 * v.g_terms[i]);
        if (c->frozen)
            continue;
        const double g = v.g[i] + o.weight_decay * v.p[i], g_error = gradient_error(&v, i, o.weight_decay);
        const double m_error = (1 - o.beta1) * g_error + 4 * CLN_EPS32 * (fabs(v.first[i]) + fabs(g));
        const double v_error = (1 - o.beta2) * 2 * fabs(g) * g_error + 4 * CLN_EPS32 * second[i];
        /* p moves by rate·m/(√v̂ + ε): errors of m and v, the roundings of rate, root and quotients. */
        const double rate = o.lr / (1 - pow(o.beta1, c->step));
        const double root = sqrt(second[i] / (1 - pow(o.beta2, c->step))) + o.eps;
        const double v_part = second[i] > 0 ? v_error / (2 * second[i]) : 0;
        const double moved = rate / root * (m_error + fabs(first[i]) * (v_part + 16 * CLN_EPS32));
        cln_probe_expect(v.pfirst, i, first[i], m_error);
        cln_probe_expect(v.psecond, i, second[i], v_error);
        cln_probe_expect(v.pp, i, p[i], moved + CLN_EPS32 * fabs(p[i]));
    }
    cln_rig_compare(b);
    return CLN_OK;
}

static enum cln_status run_sgd(struct cln_rig *b, const void *entry) {
    const struct optimizer_case *c = entry;
    const struct cln_reference_sgd o = {.lr = 0.01, .momentum = c->momentum, .weight_decay = c->weight_decay};
    b->state = (struct cln_state){.count = 1,
                                  .step = c->step,
                                  .lr = (float)o.lr,
                                  .beta1 = (float)o.momentum,
                                  .weight_decay = (float)o.weight_decay,
                                  .frozen = c->frozen};
    const struct values v = make(b, c->scale, c->step == 1);
    enum cln_status status = run_device(b, &v, cln_sgd);
    if (status != CLN_OK)
        return status;

    double *p = cln_rig_alloc(b, v.floats), *buffer = cln_rig_alloc(b, v.floats);
    for (size_t i = 0; i < v.floats; i++) {
        p[i] = v.p[i];
        buffer[i] = v.first[i];
    }
    cln_reference_sgd_step(&o, (size_t)c->step, v.floats, v.g, p, buffer);
    for (size_t i = 0; i < v.floats; i++) {
        cln_probe_expect(v.pg, i, v.g[i], 4 * CLN_EPS32 * v.g_terms[i]);
        if (c->frozen)
            continue;
        const double error = gradient_error(&v, i, o.weight_decay) + 2 * CLN_EPS32 * o.momentum * fabs(v.first[i]);
        cln_probe_expect(v.pfirst, i, buffer[i], error);
        cln_probe_expect(v.pp, i, p[i], o.lr * (error + 2 * CLN_EPS32 * fabs(buffer[i])) + CLN_EPS32 * fabs(p[i]));
    }
    cln_rig_compare(b);
    return CLN_OK;
}

const struct cln_operation cln_device_adam = CLN_OPERATION("adam", cases, run_adam);
const struct cln_operation cln_device_sgd = CLN_OPERATION("sgd", cases, run_sgd);
