/* Cases of kernels/dropout.cl: every unit that is dropped, forward and backward. */
#include "src/engine/dropout.h"
#include "src/check/rig.h"
#include "src/reference/reference.h"

struct dropout_case {
    struct cln_case base;
    struct cln_dropout_units units;
    int step, before;
};

static const struct dropout_case cases[] = {
    {{"every batch", 257, EVERY_BATCH, .quick = true}, {{0.5}, {2, 3, 1}, UINT64_C(0x0123456789abcdef), 3}, 12345},
    {{"one number", 1, .quick = true}, {{0.25}, {1, 1, 1}, 1, 0}, 1},
    {{"many elements", 17, {17, 3}, .quick = true}, {{0.9}, {3, 11, 7}, 42, 5}, 7},
    {{"almost none", 33, {33, 5}}, {{0.01}, {37, 1, 1}, 42, 5}, 7},
    {{"by channel", 33, {33, 5}, .quick = true}, {{0.5, true}, {7, 3, 5}, 42, 2}, 2},
    {{"by channel, one element each", 5}, {{0.3, true}, {9, 1, 1}, 42, 2}, 2},
    {{"second batch of an update", 33, {33, 5}, .quick = true}, {{0.5}, {3, 5, 1}, 42, 2}, 9, 33},
    {{"signs of the arguments", 9}, {{0.5}, {6, 1, 1}, UINT64_C(0x8000000080000000), 1}, INT32_MAX},
};

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct dropout_case *c = entry;
    const struct cln_dropout_units *g = &c->units;
    const size_t count = (size_t)b->count * cln_shape_count(g->shape);
    b->state.step = c->step;
    b->state.position = 70;
    b->state.first = 70 - c->before;
    const double *x = cln_rig_random(b, count, 0, 1), *dy = cln_rig_random(b, count, 0, 1);
    struct cln_probe *px = cln_rig_tensor(b, "x", g->shape, x), *py = cln_rig_tensor(b, "y", g->shape, NULL);
    struct cln_probe *pd = cln_rig_tensor(b, "gradient", g->shape, dy);
    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = cln_dropout_forward(&b->plan, g, px->buffer, py->buffer);
    if (status == CLN_OK)
        status = cln_dropout_backward(&b->plan, g, pd->buffer);
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;
    const struct cln_reference_draw draw = {g->seed, (uint32_t)c->step, (uint32_t)g->layer, (uint32_t)c->before};
    double *y = cln_rig_alloc(b, count), *dx = cln_rig_alloc(b, count);
    cln_reference_dropout(&g->dropout, g->shape, (size_t)b->count, &draw, x, y);
    cln_reference_dropout(&g->dropout, g->shape, (size_t)b->count, &draw, dy, dx);
    cln_rig_expect_tensor(b, py, g->shape, y, cln_rig_magnitudes(b, y, count), 2); /* 0 where it is dropped */
    cln_rig_expect_tensor(b, pd, g->shape, dx, cln_rig_magnitudes(b, dx, count), 2);
    cln_rig_compare(b);
    return CLN_OK;
}

const struct cln_operation cln_device_dropout = CLN_OPERATION("dropout", cases, run);
