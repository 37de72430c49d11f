/* Cases of kernels/average.cl: parameters with and without running statistics, at the first update and later ones. */
#include <math.h>
#include <string.h>

#include "src/check/rig.h"
#include "src/engine/optimizer.h"
#include "src/reference/reference.h"

struct average_case {
    struct cln_case base;
    size_t parameters, running; /* floats; multiples of CLN_TENSOR_ALIGN */
    int step;
    double ema, scale;
    bool constant;      /* the values are their averages already: no bit may change */
    bool frozen, empty; /* the state is frozen; the batch has no sample: nothing is written */
};

static const struct average_case cases[] = {
    {{"first update", 1, .quick = true}, 192, 64, 1, 0.999, 1},
    {{"second update", 1, .quick = true}, 192, 64, 2, 0.75, 1},
    {{"no running statistics", 1, .quick = true}, 64, 0, 3, 0.9, 1},
    {{"more statistics than parameters", 1}, 64, 4160, 7, 0.9, 1},
    {{"many parameters", 1}, 10048, 128, 1000, 0.9999, 1e-6},
    {{"short memory, large values", 1}, 4160, 64, 5, 1e-3, 1e30},
    {{"values that stay", 1, .quick = true}, 192, 64, 100000, 0.999, 1, .constant = true},
    {{"frozen", 1, .quick = true}, 192, 64, 4, 0.9, 1, .frozen = true},
    {{"no samples", 1, .quick = true}, 192, 64, 1, 0.9, 1, .empty = true},
};

/* Values, their averages before, and those after it by the reference. */
struct averaged {
    size_t count;
    double *values, *before, *after;
    struct cln_probe *value_probe, *average_probe;
};

static struct averaged make(struct cln_rig *b, const struct average_case *c, const char *const names[2], size_t count) {
    struct averaged a = {.count = count};
    if (count == 0)
        return a;
    a.values = cln_rig_random(b, count, 0, c->scale);
    a.before = cln_rig_random(b, count, 0, c->scale);
    a.after = cln_rig_alloc(b, count);
    if (c->constant)
        memcpy(a.before, a.values, count * sizeof *a.before);
    memcpy(a.after, a.before, count * sizeof *a.after);
    if (!c->frozen && !c->empty)
        cln_reference_average(c->ema, (size_t)c->step, count, a.values, a.after);
    a.value_probe = cln_rig_cells(b, names[0], count);
    a.average_probe = cln_rig_cells(b, names[1], count);
    cln_probe_put(a.value_probe, 0, a.values, count);
    cln_probe_put(a.average_probe, 0, a.before, count);
    return a;
}

static struct ocl_buffer *buffer_of(const struct cln_probe *probe) {
    return probe ? probe->buffer : NULL;
}

/* A difference, a product with a rounded factor, and a sum. */
static void expect(const struct average_case *c, const struct averaged *a) {
    const bool is_exact = c->constant || c->step == 1;
    for (size_t i = 0; i < a->count && !c->frozen && !c->empty; i++)
        cln_probe_expect(a->average_probe, i, is_exact ? a->values[i] : a->after[i],
                         is_exact ? 0 : 2 * CLN_EPS32 * (fabs(a->values[i]) + 2 * fabs(a->before[i])));
}

static enum cln_status run(struct cln_rig *b, const void *entry) {
    static const char *const names[][2] = {{"parameters", "averages of parameters"},
                                           {"running statistics", "averages of running statistics"}};
    const struct average_case *c = entry;
    const struct cln_optimizer_params params = {.ema = c->ema};
    const struct averaged parameters = make(b, c, names[0], c->parameters), running = make(b, c, names[1], c->running);
    b->state = (struct cln_state){.whole = !c->empty, .batches = 1, .step = c->step, .frozen = c->frozen};
    cln_optimizer_begin(&b->state, &params);
    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = cln_optimizer_average(&b->plan,
                                       &(struct cln_average){.parameter_averages = buffer_of(parameters.average_probe),
                                                             .parameters = buffer_of(parameters.value_probe),
                                                             .running_averages = buffer_of(running.average_probe),
                                                             .running = buffer_of(running.value_probe),
                                                             .parameter_floats = c->parameters,
                                                             .running_floats = c->running});
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;
    expect(c, &parameters);
    expect(c, &running);
    cln_rig_compare(b);
    return CLN_OK;
}

const struct cln_operation cln_device_average = CLN_OPERATION("average", cases, run);
