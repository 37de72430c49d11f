/* Cases of every optimizer's kernel: several tensors whose gradients have different numbers of slices, at early and
 * late steps. */
#include <math.h>
#include <string.h>

#include "src/base/table.h"

#include "clenet/network.h"
#include "src/check/rig.h"
#include "src/engine/batch.h"
#include "src/engine/optimizer.h"
#include "src/reference/reference.h"

struct optimizer_case {
    struct cln_case base;
    int step;
    double weight_decay, momentum;
    double scale; /* size of the gradients */
    bool frozen, nesterov;
    double clip; /* 0: not clipped; else clip_norm as a multiple of the norm */
};

static const struct optimizer_case cases[] = {
    {{"first step", 1, .quick = true}, 1, 0, 0, 1},
    {{"second step, weight decay", 1}, 2, 0.01, 0.9, 1},
    {{"step 1000, small gradients", 1}, 1000, 0, 0.5, 1e-6},
    {{"step 100000, large gradients", 1}, 100000, 5e-4, 0.9, 1e4},
    {{"no gradient", 1}, 3, 0, 0, 0},
    {{"Nesterov's momentum", 1, .quick = true}, 7, 0.1, 0.9, 1, .nesterov = true},
    {{"frozen", 1, .quick = true}, 3, 0.1, 0.9, 1, .frozen = true},
    {{"clipped, weight decay", 1, .quick = true}, 2, 0.1, 0.9, 1, .clip = 0.25},
    {{"clipped, first step", 1}, 1, 0, 0.5, 1, .clip = 0.9},
    {{"below the norm that is clipped to", 1}, 2, 0.1, 0.9, 1, .clip = 1.5},
    {{"clipped, small gradients", 1}, 2, 0, 0.9, 1e-7, .clip = 0.5}, /* 1e-6 counts */
    {{"clipped, large gradients", 1}, 1, 0, 0.9, 1e30, .clip = 1e-30},
    {{"clipped, no gradient", 1}, 3, 0.1, 0.9, 0, .clip = 1},
    {{"clipped, frozen", 1}, 3, 0.1, 0.9, 1, .frozen = true, .clip = 0.25},
};

/* Tensors as in a network: padded, each with its own number of slices; one never decays, two never change. */
enum mark { UNMARKED, UNDECAYED, UNCHANGED }; /* as in the slice table: kernels/optimizer.clh */
static const struct {
    size_t count;
    int slices;
    enum mark mark;
} tensors[] = {{150, 3}, {6, 1, UNDECAYED}, {70, 2, UNCHANGED}, {64, 5}, {1, 2}, {1, 1, UNCHANGED}};

enum { TENSORS = sizeof tensors / sizeof *tensors, ALIGN = CLN_TENSOR_ALIGN };

struct values {
    size_t floats;
    int norm_parts;   /* 0: not clipped */
    int most_slices;  /* that a gradient has */
    bool accumulates; /* the sum */
    double *p, *g, *g_terms, *moments[CLN_MOMENT_COUNT];
    double *decays, *changes; /* 0 or 1: a factor of the weight decay; whether the parameter ever changes */
    struct cln_probe *parameters, *gradients, *of_moments[CLN_MOMENT_COUNT], *partials, *slice_table;
};

static size_t padded(size_t count) {
    return (count + ALIGN - 1) / ALIGN * ALIGN;
}

/* What is clipped has been summed before: each gradient is one slice, at its parameter's place. */
static int slices_of(size_t tensor, bool clipped) {
    return clipped ? 1 : tensors[tensor].slices;
}

/* The slices' padding is 0 as in the engine, because the padding of parameters gets its gradient from there. */
static void put_gradients(struct cln_rig *b, struct values *v, double scale, bool clipped) {
    size_t partial = clipped ? 0 : ALIGN, parameter = 0;
    for (size_t t = 0; t < TENSORS; t++) {
        const size_t stride = padded(tensors[t].count);
        const int slices = slices_of(t, clipped);
        for (size_t i = 0; i < stride / ALIGN; i++)
            cln_probe_put(v->slice_table, 4 * (parameter / ALIGN + i),
                          (double[]){(double)(partial + i * ALIGN), slices, (double)stride, tensors[t].mark}, 4);
        for (size_t i = 0; i < stride; i++) {
            v->decays[parameter + i] = tensors[t].mark != UNDECAYED;
            v->changes[parameter + i] = tensors[t].mark != UNCHANGED;
        }
        for (int s = 0; s < slices; s++) {
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

/* Puts the parts of the norm behind the summed gradients: every gradient's square in one of them, those of large ones
 * apart. */
static void put_norm(struct cln_rig *b, struct values *v) {
    double *parts = cln_rig_random(b, 2 * (size_t)v->norm_parts, 0, 0);
    for (size_t i = 0; i < v->floats; i++) {
        const bool is_large = fabs(v->g[i]) >= 0x1p48;
        const double g = is_large ? v->g[i] * 0x1p-80 : v->g[i];
        parts[2 * (i % (size_t)v->norm_parts) + is_large] += g * g;
    }
    cln_probe_put(v->partials, v->floats, parts, 2 * (size_t)v->norm_parts);
}

static struct values make(struct cln_rig *b, enum cln_optimizer_kind kind, double scale, bool begins, bool clipped) {
    static const char *const names[] = {"first moments", "second moments"};
    CLN_EVERY(names, CLN_MOMENT_COUNT);
    size_t partials = clipped ? 0 : ALIGN;
    struct values v = {0};
    for (size_t t = 0; t < TENSORS; t++) {
        v.floats += padded(tensors[t].count);
        partials += padded(tensors[t].count) * (size_t)slices_of(t, clipped);
        v.most_slices = cln_max(v.most_slices, slices_of(t, clipped));
    }
    if (clipped)
        v.norm_parts = cln_optimizer_norm_parts(&b->plan, v.floats);
    v.p = cln_rig_random(b, v.floats, 0, 1);
    v.g = cln_rig_random(b, v.floats, 0, 0);
    v.g_terms = cln_rig_random(b, v.floats, 0, 0);
    v.decays = cln_rig_random(b, v.floats, 0, 0);
    v.changes = cln_rig_random(b, v.floats, 0, 0);
    for (int i = 0; i < CLN_MOMENT_COUNT; i++) {
        const double square = begins ? 0 : scale * scale;
        v.moments[i] = cln_optimizers[kind].moments[i].is_square ? cln_rig_random(b, v.floats, square, square / 2)
                                                                 : cln_rig_random(b, v.floats, 0, begins ? 0 : scale);
    }
    v.parameters = cln_rig_cells(b, "parameters", v.floats);
    v.gradients = cln_rig_cells(b, "gradients", v.floats);
    for (int i = 0; i < CLN_MOMENT_COUNT; i++)
        v.of_moments[i] = cln_rig_cells(b, names[i], v.floats);
    v.partials = cln_rig_cells(b, "partial gradients", partials + 2 * (size_t)v.norm_parts);
    v.slice_table = cln_rig_cells(b, "slice_table", 4 * v.floats / ALIGN);
    v.slice_table->integer = true;
    cln_probe_put(v.parameters, 0, v.p, v.floats);
    for (int i = 0; i < CLN_MOMENT_COUNT; i++)
        cln_probe_put(v.of_moments[i], 0, v.moments[i], v.floats);
    put_gradients(b, &v, scale, clipped);
    if (clipped)
        put_norm(b, &v);
    return v;
}

enum { EPOCH = 110, BATCH = 20 }; /* samples, at most */

static enum cln_status run_device(struct cln_rig *b, const struct values *v, enum cln_optimizer_kind kind, double lr,
                                  enum cln_status (*launch)(struct cln_plan *, const struct cln_optimizer *)) {
    struct cln_probe *sums = cln_rig_cells(b, "loss sums", 2 * BATCH), *rates = cln_rig_cells(b, "rates", 1);
    struct ocl_buffer *moments[CLN_MOMENT_COUNT];
    for (int i = 0; i < CLN_MOMENT_COUNT; i++)
        moments[i] = v->of_moments[i]->buffer;
    cln_probe_put(sums, 0, (double[2 * BATCH]){0}, 2 * BATCH);
    cln_probe_put(rates, 0, &lr, 1);
    enum cln_status status = b->status;
    if (status == CLN_OK) /* computes the step's factors */
        status = cln_batch_end(&b->plan, &(struct cln_batch){.in = {1, 1, 1}, .out = {1, 1, 1}, .rates = rates->buffer},
                               sums->buffer);
    if (status == CLN_OK)
        status = launch(&b->plan, &(struct cln_optimizer){.kind = kind,
                                                          .floats = v->floats,
                                                          .parameters = v->parameters->buffer,
                                                          .gradients = v->gradients->buffer,
                                                          .partials = v->partials->buffer,
                                                          .slice_table = v->slice_table->buffer,
                                                          .most_slices = v->most_slices,
                                                          .moments = moments,
                                                          .norm_parts = v->norm_parts,
                                                          .accumulates = v->accumulates});
    return status == CLN_OK ? cln_rig_run(b) : status;
}

/* A step: the values before it, and those after it by the reference. */
struct update {
    const struct cln_optimizer_params *params;
    int step;
    const struct values *before;
    double *g;                   /* clipped */
    double factor, factor_error; /* what clipping multiplied by, and its relative error; 1 and 0: not clipped */
    double *p, *moments[CLN_MOMENT_COUNT];
};

/* The error of a clipped gradient without weight decay: a rounding per slice, and the factor's. */
static double clipped_error(const struct update *u, size_t i) {
    return 4 * CLN_EPS32 * u->factor * u->before->g_terms[i] + u->factor_error * fabs(u->g[i]);
}

/* The gradient with weight decay, and its error: that before and one rounding per term. */
static double gradient(const struct update *u, size_t i) {
    return u->g[i] + u->before->decays[i] * u->params->weight_decay * u->before->p[i];
}

static double gradient_error(const struct update *u, size_t i) {
    return clipped_error(u, i) + 4 * CLN_EPS32 * u->params->weight_decay * fabs(u->before->p[i]);
}

/* `g`: the gradient that the moments get; `g_error`: its error. */
static void expect_moments(const struct update *u, size_t i, double g, double g_error) {
    const struct cln_optimizer_params *o = u->params;
    const struct values *v = u->before;
    const double first = u->moments[0][i], second = u->moments[1][i];
    const double m_error = (1 - o->beta1) * g_error + 4 * CLN_EPS32 * (fabs(v->moments[0][i]) + fabs(g));
    const double v_error = (1 - o->beta2) * 2 * fabs(g) * g_error + 4 * CLN_EPS32 * second;
    /* p moves by rate·m/(√v̂ + ε): errors of m and v, the roundings of rate, root and quotients. */
    const double rate = cln_learning_rate(o, u->step) / (1 - pow(o->beta1, u->step));
    const double root = sqrt(second / (1 - pow(o->beta2, u->step))) + o->eps;
    const double v_part = second > 0 ? v_error / (2 * second) : 0;
    const double moved = rate / root * (m_error + fabs(first) * (v_part + 16 * CLN_EPS32));
    cln_probe_expect(v->of_moments[0], i, first, m_error);
    cln_probe_expect(v->of_moments[1], i, second, v_error);
    cln_probe_expect(v->parameters, i, u->p[i], moved + 2 * CLN_EPS32 * fmax(fabs(v->p[i]), fabs(u->p[i])));
}

static void expect_adam(const struct update *u, size_t i) {
    expect_moments(u, i, gradient(u, i), gradient_error(u, i));
}

static void expect_adamw(const struct update *u, size_t i) {
    expect_moments(u, i, u->g[i], clipped_error(u, i));
}

static void expect_sgd(const struct update *u, size_t i) {
    const struct cln_optimizer_params *o = u->params;
    const struct values *v = u->before;
    const double error = gradient_error(u, i) + 2 * CLN_EPS32 * o->momentum * fabs(v->moments[0][i]);
    const double again = o->nesterov > 0 ? o->momentum : 0; /* the buffer's error comes in a second time */
    cln_probe_expect(v->of_moments[0], i, u->moments[0][i], error);
    cln_probe_expect(v->parameters, i, u->p[i],
                     cln_learning_rate(o, u->step) *
                             ((1 + again) * (error + 2 * CLN_EPS32 * fabs(u->moments[0][i])) + again * error) +
                         CLN_EPS32 * fabs(u->p[i]));
}

/* The buffer gets g / (√v + ε), of which g, v, root and quotient have errors. */
static void expect_rmsprop(const struct update *u, size_t i) {
    const struct cln_optimizer_params *o = u->params;
    const struct values *v = u->before;
    const double g = gradient(u, i), g_error = gradient_error(u, i), second = u->moments[0][i];
    const double v_error = (1 - o->alpha) * 2 * fabs(g) * g_error + 4 * CLN_EPS32 * second;
    const double root = sqrt(second) + o->eps, v_part = second > 0 ? v_error / (2 * second) : 0;
    const double step_error = g_error / root + fabs(g) / root * (v_part + 8 * CLN_EPS32);
    const double error = step_error + 2 * CLN_EPS32 * (o->momentum * fabs(v->moments[1][i]) + fabs(u->moments[1][i]));
    cln_probe_expect(v->of_moments[0], i, second, v_error);
    cln_probe_expect(v->of_moments[1], i, u->moments[1][i], error);
    cln_probe_expect(v->parameters, i, u->p[i],
                     cln_learning_rate(o, u->step) * (error + 2 * CLN_EPS32 * fabs(u->moments[1][i])) +
                         CLN_EPS32 * fabs(u->p[i]));
}

/* Expected values of one parameter and its moments, by optimizer. */
static void (*const expectations[])(const struct update *u, size_t i) = {
    [CLN_ADAM] = expect_adam, [CLN_SGD] = expect_sgd, [CLN_ADAMW] = expect_adamw, [CLN_RMSPROP] = expect_rmsprop};
CLN_EVERY(expectations, CLN_OPTIMIZER_COUNT);

/* A step by the reference, tensor by tensor. */
static void refer(const struct update *u) {
    size_t at = 0;
    for (size_t t = 0; t < TENSORS; at += padded(tensors[t++].count)) {
        struct cln_optimizer_params params = *u->params;
        double *moments[CLN_MOMENT_COUNT];
        params.weight_decay *= u->before->decays[at];
        for (int i = 0; i < CLN_MOMENT_COUNT; i++)
            moments[i] = u->moments[i] + at;
        cln_reference_optimizer_step(&params, (size_t)u->step, padded(tensors[t].count), u->g + at, u->p + at, moments);
    }
}

/* Half of the error of the sum of squares, at most one rounding per part, passes the root; the root, the quotient and
 * the other roundings of the factor take 8. */
static void clip(struct cln_rig *b, struct update *u) {
    const struct values *v = u->before;
    u->g = cln_rig_alloc(b, v->floats);
    u->factor = cln_reference_clip(u->params->clip_norm, v->floats, v->g);
    u->factor_error = u->factor < 1 ? (v->norm_parts / 4.0 + 8) * CLN_EPS32 : 0;
    for (size_t i = 0; i < v->floats; i++)
        u->g[i] = u->factor * v->g[i];
}

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct optimizer_case *c = entry;
    const enum cln_optimizer_kind kind = cln_optimizer_find(b->operation->name);
    struct cln_optimizer_params params = cln_optimizer_resolve((struct cln_optimizer_params){
        .kind = kind, .momentum = c->momentum, .nesterov = c->nesterov, .weight_decay = c->weight_decay});
    const struct values v = make(b, kind, c->scale, c->step == 1, c->clip > 0);
    const double norm = cln_reference_gradient_norm(v.floats, v.g);
    params.clip_norm = c->clip * (norm > 0 ? norm : 1);
    b->state = (struct cln_state){.whole = 1, .batches = 1, .step = c->step, .frozen = c->frozen};
    cln_optimizer_begin(&b->state, &params);
    enum cln_status status = run_device(b, &v, kind, cln_learning_rate(&params, c->step), cln_optimizer_update);
    if (status != CLN_OK)
        return status;

    struct update update = {.params = &params, .step = c->step, .before = &v, .p = cln_rig_alloc(b, v.floats)};
    clip(b, &update);
    memcpy(update.p, v.p, v.floats * sizeof *v.p);
    for (int i = 0; i < CLN_MOMENT_COUNT; i++) {
        update.moments[i] = cln_rig_alloc(b, v.floats);
        memcpy(update.moments[i], v.moments[i], v.floats * sizeof *v.moments[i]);
    }
    refer(&update);
    for (size_t i = 0; i < v.floats; i++) {
        cln_probe_expect(v.gradients, i, v.g[i], 4 * CLN_EPS32 * v.g_terms[i]);
        if (!c->frozen && v.changes[i] > 0)
            expectations[kind](&update, i);
    }
    cln_rig_compare(b);
    return CLN_OK;
}

/* The place of a batch among those of its update, in samples. Without `accumulate` a batch is an update. */
struct sum_case {
    struct cln_case base;
    double scale;
    bool frozen;
    int accumulate, first, position, count; /* of the state; its epoch has EPOCH samples, its batches have BATCH */
    double share;                           /* of the update's samples */
};

static const struct sum_case sums[] = {
    {{"a batch", 1, .quick = true}, 1, .count = 1, .share = 1},
    {{"large gradients", 1}, 1e4, .count = 1, .share = 1},
    {{"no gradient", 1}, 0, .count = 1, .share = 1},
    {{"frozen", 1, .quick = true}, 1, true, .count = 1, .share = 1},
    {{"first of three batches", 1, .quick = true}, 1, false, 3, 0, 0, 20, 1.0 / 3},
    {{"last of three batches", 1, .quick = true}, 1, false, 3, 0, 40, 20, 1.0 / 3},
    {{"large gradients, second of three", 1}, 1e4, false, 3, 0, 20, 20, 1.0 / 3},
    {{"last update of an epoch, full batch", 1, .quick = true}, 1, false, 4, 80, 80, 20, 20.0 / 30},
    {{"last update of an epoch, short batch", 1}, 1, false, 4, 80, 100, 10, 10.0 / 30},
    {{"last batch alone", 1}, 1, false, 5, 100, 100, 10, 1},
    {{"second of three batches, frozen", 1, .quick = true}, 1, true, 3, 0, 20, 20, 0},
};

/* The sum alone: it changes nothing but the gradients, without accumulation also of a state that is frozen. */
static enum cln_status run_sum(struct cln_rig *b, const void *entry) {
    const struct sum_case *c = entry;
    b->state = (struct cln_state){.samples = EPOCH,
                                  .batch_size = BATCH,
                                  .whole = c->count,
                                  .batches = 1,
                                  .step = 1,
                                  .frozen = c->frozen,
                                  .accumulate = c->accumulate,
                                  .first = c->first,
                                  .position = c->position};
    struct values v = make(b, CLN_ADAM, c->scale, false, false);
    v.accumulates = c->accumulate > 1;
    double *before = cln_rig_random(b, v.floats, 0, c->scale);
    const bool adds = c->position != c->first;
    if (v.accumulates)
        cln_probe_put(v.gradients, 0, before, v.floats);
    enum cln_status status = run_device(b, &v, CLN_ADAM, 0, cln_optimizer_sum);
    for (size_t i = 0; i < v.floats && status == CLN_OK && !(v.accumulates && c->frozen); i++)
        cln_probe_expect(v.gradients, i, (adds ? before[i] : 0) + c->share * v.changes[i] * v.g[i],
                         6 * CLN_EPS32 * (v.g_terms[i] + (adds ? fabs(before[i]) : 0)));
    if (status == CLN_OK)
        cln_rig_compare(b);
    return status;
}

const struct cln_operation cln_device_sum_gradients = CLN_OPERATION("sum_gradients", sums, run_sum);

#define OPTIMIZER(name) CLN_OPERATION(name, cases, run)

const struct cln_operation cln_device_optimizers[] = {
    [CLN_ADAM] = OPTIMIZER("adam"),
    [CLN_SGD] = OPTIMIZER("sgd"),
    [CLN_ADAMW] = OPTIMIZER("adamw"),
    [CLN_RMSPROP] = OPTIMIZER("rmsprop"),
};

CLN_EVERY(cln_device_optimizers, CLN_OPTIMIZER_COUNT);
