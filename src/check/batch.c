/* Cases of kernels/batch.cl: the samples of a batch, resized and standardised or not, and the progress of the epoch. */
#include <assert.h>
#include <math.h>

#include "src/check/lanes.h"
#include "src/check/rig.h"
#include "src/data/preprocess.h"
#include "src/engine/batch.h"

struct batch_case {
    struct cln_case base;
    struct cln_shape in, out;
    bool standardize;
    enum { MIDDLE, PAST_THE_END, FROZEN } place; /* this batch's place in the epoch */
    size_t per_chunk;                            /* stored images per chunk; 0: all in one chunk */
};

static const struct batch_case cases[] = {
    {{"every batch", 257, EVERY_BATCH, .quick = true}, {1, 2, 3}, {1, 2, 3}, false},
    {{"channels, standardised", 17, {17, 3}, .quick = true}, {3, 4, 5}, {3, 4, 5}, true},
    {{"larger", 7, {7}, .quick = true}, {2, 3, 4}, {2, 7, 5}, true},
    {{"smaller", 7, {7}}, {1, 28, 28}, {1, 9, 13}, false},
    {{"from one pixel", 3, {3}}, {1, 1, 1}, {1, 3, 2}, false},
    {{"past the end", 5, {5}, .quick = true}, {1, 2, 2}, {1, 2, 2}, false, PAST_THE_END},
    {{"frozen", 5, {5}, .quick = true}, {1, 2, 2}, {1, 2, 2}, false, FROZEN},
    {{"in chunks", 257, {1, 17, 256, 257}, .quick = true}, {2, 3, 5}, {2, 3, 5}, true, .per_chunk = 128},
    {{"in chunks, larger", 17, {7, 17}}, {1, 3, 4}, {1, 7, 5}, false, .per_chunk = 101},
    {{"in chunks, past the end", 5, {5}}, {1, 2, 2}, {1, 2, 2}, false, PAST_THE_END, .per_chunk = 299},
    {{"in chunks, frozen", 5, {5}, .quick = true}, {1, 2, 2}, {1, 2, 2}, false, FROZEN, .per_chunk = 150},
};

enum { STORED = 300, BEFORE = 11, CHUNKS = 3 }; /* images in all; samples of the epoch before this batch; most chunks */

static uint8_t *random_bytes(struct cln_rig *b, size_t count, uint32_t below) {
    uint8_t *bytes = (void *)cln_rig_alloc(b, (count + sizeof(double) - 1) / sizeof(double));
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)cln_random_below(&b->random, below);
    return bytes;
}

static struct cln_probe *put_bytes(struct cln_rig *b, const char *name, const uint8_t *bytes, size_t count) {
    struct cln_probe *p = cln_rig_cells(b, name, (count + 3) / 4);
    uint8_t *to = (uint8_t *)p->before;
    for (size_t i = 0; i < count; i++)
        to[i] = bytes[i];
    return p;
}

/* Puts the stored images into one probe per chunk, and the probes' buffers into `chunks`. */
static struct cln_pixels put_pixels(struct cln_rig *b, const struct batch_case *c, const uint8_t *bytes,
                                    struct ocl_buffer *chunks[CHUNKS]) {
    const size_t image = cln_shape_count(c->in);
    struct cln_pixels pixels =
        cln_pixels_divide(STORED, image, (c->per_chunk > 0 ? c->per_chunk : (size_t)STORED) * image);
    assert(pixels.chunk_count <= CHUNKS);
    for (size_t i = 0; i < pixels.chunk_count; i++)
        chunks[i] =
            put_bytes(b, "pixels", bytes + i * pixels.per_chunk * image, cln_pixels_in_chunk(&pixels, i) * image)
                ->buffer;
    pixels.chunks = chunks;
    return pixels;
}

/* Expects each sample's features as the host prepares them; also gives their magnitudes. */
static void expect_x(struct cln_rig *b, const struct batch_case *c, struct cln_probe *x, const uint8_t *pixels,
                     const double *order, const double *standardization) {
    const size_t n = (size_t)b->count, features = cln_shape_count(c->out), lanes = (size_t)b->plan.tuning.lanes;
    double *expected = cln_rig_alloc(b, n * features), *size = cln_rig_alloc(b, n * features);
    float *image = (void *)cln_rig_alloc(b, features);
    for (size_t i = 0; i < n; i++) {
        cln_resize_bilinear(image, c->out.height, c->out.width,
                            pixels + (size_t)order[BEFORE + i] * cln_shape_count(c->in), c->in);
        for (size_t f = 0; f < features; f++) {
            const double mean = c->standardize ? standardization[2 * f] : 0,
                         inverse = c->standardize ? standardization[2 * f + 1] : 1;
            expected[i * features + f] = ((double)image[f] - mean) * inverse;
            size[i * features + f] = (1 + fabs(mean)) * fabs(inverse);
        }
    }
    /* A few roundings of pixels up to 1; for a resized pixel the coordinates are rounded, too. */
    const double factor =
        c->in.height == c->out.height && c->in.width == c->out.width ? 4 : 4 * fmax(c->in.height, c->in.width);
    cln_rig_expect_tensor(b, x, c->out, expected, size, factor);
    for (size_t i = n; i < cln_rig_blocks(b) * lanes; i++)
        for (size_t f = 0; f < features; f++)
            cln_probe_expect(x, cln_lanes_index(lanes, features, i, f), 0, 0);
}

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct batch_case *c = entry;
    const size_t n = (size_t)b->count, features = cln_shape_count(c->out), lanes = (size_t)b->plan.tuning.lanes;
    /* The batch before this one had four samples; this is the epoch's last, cut short where n < batch_size. A frozen
     * state stays at its batch, which is a full one here. */
    const struct cln_state before = {.batch_size = b->plan.batch_size,
                                     .samples = c->place == PAST_THE_END ? BEFORE : BEFORE + b->count,
                                     .next = c->place == FROZEN ? BEFORE - 4 : BEFORE,
                                     .position = BEFORE - 4,
                                     .count = c->place == FROZEN ? b->plan.batch_size : 4,
                                     .batches = 3,
                                     .step = 8,
                                     .frozen = c->place == FROZEN};
    b->state = before;
    const uint8_t *pixels = random_bytes(b, STORED * cln_shape_count(c->in), 256),
                  *labels = random_bytes(b, STORED, 10);
    double *order = cln_rig_alloc(b, BEFORE + n);
    for (size_t i = 0; i < BEFORE + n; i++)
        order[i] = cln_random_below(&b->random, STORED);
    double *standardization = cln_rig_random(b, 2 * features, 0.5, 2);

    struct ocl_buffer *chunks[CHUNKS] = {NULL};
    const struct cln_pixels stored = put_pixels(b, c, pixels, chunks);
    struct cln_probe *pstored = put_bytes(b, "stored labels", labels, STORED);
    struct cln_probe *porder = cln_rig_cells(b, "order", BEFORE + n);
    porder->integer = true;
    cln_probe_put(porder, 0, order, BEFORE + n);
    struct cln_probe *pstandardization = cln_rig_cells(b, "standardization", 2 * features);
    cln_probe_put(pstandardization, 0, standardization, 2 * features);
    struct cln_probe *px = cln_rig_tensor(b, "x", c->out, NULL);
    struct cln_probe *plabels = cln_rig_cells(b, "labels", (size_t)b->plan.blocks * lanes);
    plabels->integer = true;

    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = cln_batch_begin(
            &b->plan, &(struct cln_batch){.in = c->in,
                                          .out = c->out,
                                          .pixels = &stored,
                                          .labels = pstored->buffer,
                                          .order = porder->buffer,
                                          .standardization = c->standardize ? pstandardization->buffer : NULL,
                                          .x = px->buffer,
                                          .lane_labels = plabels->buffer});
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;

    const bool moves = c->place != FROZEN, comes = c->place == MIDDLE;
    if (comes) {
        expect_x(b, c, px, pixels, order, standardization);
        for (size_t i = 0; i < cln_rig_blocks(b) * lanes; i++)
            cln_probe_expect(plabels, i, i < n ? labels[(size_t)order[BEFORE + i]] : -1, 0);
    } else if (!moves) { /* the same batch again */
        cln_probe_free(px, 0, lanes * features * (size_t)cln_ceil_div(before.count, (int)lanes));
        cln_probe_free(plabels, 0, lanes * (size_t)cln_ceil_div(before.count, (int)lanes));
    }
    cln_rig_compare(b);
    cln_rig_compare_value(b, "state.position", b->state.position, moves ? BEFORE : before.position, 0);
    cln_rig_compare_value(b, "state.count", b->state.count, comes ? b->count : moves ? 0 : before.count, 0);
    cln_rig_compare_value(b, "state.batches", b->state.batches, before.batches + comes, 0);
    cln_rig_compare_value(b, "state.step", b->state.step, before.step + comes, 0);
    return CLN_OK;
}

const struct cln_operation cln_device_batch = CLN_OPERATION("batch", cases, run);
