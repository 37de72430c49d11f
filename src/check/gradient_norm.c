/* Cases of kernels/gradient_norm.cl: gradients of every size, also where their squares exceed float32. */
#include <math.h>

#include "src/check/rig.h"
#include "src/engine/optimizer.h"
#include "src/reference/reference.h"

struct norm_case {
    struct cln_case base;
    size_t floats;
    double first, second; /* sizes of the gradients: of every even and of every odd one */
    bool bad;             /* one is not a number */
    bool frozen, empty;   /* the state is frozen; the batch has no sample: nothing is written */
};

static const struct norm_case cases[] = {
    {{"one run of parameters", 1, .quick = true}, 64, 1, 1},
    {{"many parameters", 1, .quick = true}, 10048, 1, 1},
    {{"more parameters", 1}, 100032, 1e-3, 1},
    {{"large and small gradients", 1, .quick = true}, 4160, 1e25, 1e-3},
    {{"on both sides of the limit", 1}, 4160, 0x1p48, 0x1p49},
    {{"largest gradients", 1}, 4160, 3e38, 3e38},
    {{"squares that vanish", 1}, 4160, 1e-30, 1e-30},
    {{"no gradient", 1}, 4160, 0, 0},
    {{"not a number", 1}, 4160, 1, 1, .bad = true},
    {{"frozen", 1}, 4160, 1, 1, .frozen = true},
    {{"no samples", 1}, 4160, 1, 1, .empty = true},
};

/* Units of kernels/optimizer.clh. */
static const double large = 0x1p48, unit = 0x1p-80, smallest = 0x1p-126;

/* Expects the parts, each of `each` gradients. All terms are positive, so a sum is off by at most a rounding for each
 * of the additions that a term passes: those of a work-item, of its vector, and of the group. */
static void expect_parts(struct cln_rig *b, const struct norm_case *c, struct cln_probe *probe, const double *g,
                         size_t parts, size_t each) {
    const size_t lanes = (size_t)b->plan.tuning.lanes, passed = each / lanes + 16 + lanes + 64;
    for (size_t part = 0; part < parts; part++) {
        const size_t first = part * each, end = first + each < c->floats ? first + each : c->floats;
        double sums[2] = {0, 0};
        for (size_t i = first; i < end; i++) {
            const bool is_large = fabs(g[i]) >= large;
            sums[is_large] += is_large ? g[i] * unit * g[i] * unit : g[i] * g[i];
        }
        for (size_t k = 0; k < 2; k++)
            cln_probe_expect(probe, c->floats + 2 * part + k, sums[k],
                             (double)passed * CLN_EPS32 / 2 * sums[k] + (double)each * smallest);
    }
}

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct norm_case *c = entry;
    const size_t parts = (size_t)cln_optimizer_norm_parts(&b->plan, c->floats);
    const size_t each = (c->floats / CLN_TENSOR_ALIGN + parts - 1) / parts * CLN_TENSOR_ALIGN;
    struct cln_probe *probe = cln_rig_cells(b, "gradients", c->floats + 2 * parts);
    double *g = cln_rig_random(b, c->floats, 0, c->first), *second = cln_rig_random(b, c->floats, 0, c->second);
    for (size_t i = 1; i < c->floats; i += 2)
        g[i] = second[i];
    if (c->bad)
        g[c->floats / 2] = NAN;
    cln_probe_put(probe, 0, g, c->floats);
    b->state = (struct cln_state){.whole = !c->empty, .batches = 1, .step = 1, .frozen = c->frozen};
    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = cln_optimizer_norm(
            &b->plan,
            &(struct cln_optimizer){.floats = c->floats, .partials = probe->buffer, .norm_parts = (int)parts});
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;
    double total = 0;
    for (size_t part = 0; part < parts; part++)
        total += probe->values[c->floats + 2 * part] + probe->values[c->floats + 2 * part + 1] / unit / unit;
    if (c->bad) {
        cln_probe_free(probe, c->floats, 2 * parts);
        cln_rig_compare_value(b, "norm is not a number", isnan(total), true, 0);
    } else if (!c->frozen && !c->empty) {
        const double norm = cln_reference_gradient_norm(c->floats, g);
        expect_parts(b, c, probe, g, parts, each);
        cln_rig_compare_value(b, "norm", sqrt(total), norm,
                              (double)each * CLN_EPS32 * norm + sqrt((double)c->floats * smallest));
    }
    cln_rig_compare(b);
    return CLN_OK;
}

const struct cln_operation cln_device_gradient_norm = CLN_OPERATION("gradient_norm", cases, run);
