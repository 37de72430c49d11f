/* Cases of kernels/copy.cl. */
#include "src/engine/copy.h"

#include <math.h>

#include "src/check/rig.h"

struct copy_case {
    struct cln_case base;
    struct cln_shape shape;
};

static const struct copy_case cases[] = {
    {{"every batch", 257, EVERY_BATCH, .quick = true}, {2, 3, 1}},
    {{"one number", 1, .quick = true}, {1, 1, 1}},
    {{"many features", 17, {17, 3}, .quick = true}, {3, 11, 7}},
};

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct copy_case *c = entry;
    const size_t count = (size_t)b->count * cln_shape_count(c->shape);
    const double *x = cln_rig_random(b, count, 0, 1);
    const double *before = cln_rig_random(b, count, 0, 1);
    double *sum = cln_rig_alloc(b, count), *terms = cln_rig_alloc(b, count);
    for (size_t i = 0; i < count; i++) {
        sum[i] = before[i] + x[i];
        terms[i] = fabs(before[i]) + fabs(x[i]);
    }
    struct cln_probe *px = cln_rig_tensor(b, "x", c->shape, x), *py = cln_rig_tensor(b, "y", c->shape, NULL);
    struct cln_probe *psum = cln_rig_tensor(b, "sum", c->shape, before);
    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = cln_copy(&b->plan, c->shape, px->buffer, py->buffer);
    if (status == CLN_OK)
        status = cln_accumulate(&b->plan, c->shape, px->buffer, psum->buffer);
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;
    cln_rig_expect_tensor(b, py, c->shape, x, x, 0); /* to the bit */
    cln_rig_expect_tensor(b, psum, c->shape, sum, terms, 1);
    cln_rig_compare(b);
    return CLN_OK;
}

const struct cln_operation cln_device_copy = CLN_OPERATION("copy", cases, run);
