/* Cases of kernels/batch.cl: the samples of a batch, resized, augmented and standardised or not, and the progress of
 * the epoch. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "src/check/lanes.h"
#include "src/check/rig.h"
#include "src/engine/batch.h"
#include "src/reference/reference.h"

struct batch_case {
    struct cln_case base;
    struct cln_shape in, out;
    bool standardize;
    enum { MIDDLE, PAST_THE_END, FROZEN } place; /* this batch's place in the epoch */
    size_t per_chunk;                            /* stored images per chunk; 0: all in one chunk */
    int accumulate, resumed;                     /* of the state, of whose epoch this is batch 3, counted from 0 */
    struct cln_augmentation augmentation;
    enum cln_pixel_type type;     /* of the stored images */
    size_t ring;                  /* images in the ring; 0: all are stored */
    struct cln_reference_mix mix; /* with augmentation.mixup or cutmix */
};

static const struct batch_case cases[] = {
    {{"every batch", 257, EVERY_BATCH, .quick = true}, {1, 2, 3}, {1, 2, 3}, false},
    {{"channels, standardised", 17, {17, 3}, .quick = true}, {3, 4, 5}, {3, 4, 5}, true},
    {{"larger", 7, {7}, .quick = true}, {2, 3, 4}, {2, 7, 5}, true},
    {{"smaller", 7, {7}}, {1, 28, 28}, {1, 9, 13}, false},
    {{"from one pixel", 3, {3}}, {1, 1, 1}, {1, 3, 2}, false},
    {{"past the end", 5, {5}, .quick = true}, {1, 2, 2}, {1, 2, 2}, false, PAST_THE_END},
    {{"frozen", 5, {5}, .quick = true}, {1, 2, 2}, {1, 2, 2}, false, FROZEN},
    {{"first batch of an update", 5, {5}, .quick = true}, {1, 2, 2}, {1, 2, 2}, false, .accumulate = 3},
    {{"second batch of an update", 5, {5}, .quick = true}, {1, 2, 2}, {1, 2, 2}, false, .accumulate = 2},
    {{"first batch of an update behind a resume", 5, {5}}, {1, 2, 2}, {1, 2, 2}, false, .accumulate = 2, .resumed = 1},
    {{"in chunks", 257, {1, 17, 256, 257}, .quick = true}, {2, 3, 5}, {2, 3, 5}, true, .per_chunk = 128},
    {{"in chunks, larger", 17, {7, 17}}, {1, 3, 4}, {1, 7, 5}, false, .per_chunk = 101},
    {{"in chunks, past the end", 5, {5}}, {1, 2, 2}, {1, 2, 2}, false, PAST_THE_END, .per_chunk = 299},
    {{"in chunks, frozen", 5, {5}, .quick = true}, {1, 2, 2}, {1, 2, 2}, false, FROZEN, .per_chunk = 150},
    {{"moved and flipped", 257, EVERY_BATCH, .quick = true},
     {1, 9, 11},
     {1, 9, 11},
     true,
     .augmentation = {.shift = 2, .flip = 1}},
    {{"flipped", 17, {17}}, {1, 3, 10}, {1, 3, 10}, false, .augmentation = {.flip = 1}},
    {{"flipped in turn", 17, {5, 17}}, {3, 4, 8}, {3, 4, 8}, true, .augmentation = {.alternating_flip = 1}},
    {{"moved as far as can be", 17, {17}}, {3, 9, 28}, {3, 9, 28}, false, .augmentation = {.shift = 8}},
    {{"moved as far as can be, mirrored", 17, {17}},
     {2, 9, 13},
     {2, 9, 13},
     false,
     .augmentation = {.shift = 8, .reflect = 1, .flip = 1}},
    {{"moved, few columns", 17, {7}}, {2, 5, 3}, {2, 5, 3}, true, .augmentation = {.shift = 2, .flip = 1}},
    {{"moved, larger", 17, {7, 17}}, {3, 3, 4}, {3, 7, 9}, true, .augmentation = {.shift = 3, .flip = 1}},
    {{"moved, smaller, mirrored", 7, {7}}, {1, 28, 28}, {1, 9, 13}, false, .augmentation = {.shift = 4, .reflect = 1}},
    {{"turned", 17, {7, 17}, .quick = true}, {1, 9, 11}, {1, 9, 11}, true, .augmentation = {.rotate = 180}},
    {{"zoomed, mirrored", 17, {17}}, {2, 9, 8}, {2, 9, 8}, false, .augmentation = {.zoom = 0.9, .reflect = 1}},
    {{"turned, zoomed, moved, larger", 17, {17}},
     {3, 5, 6},
     {3, 9, 14},
     true,
     .augmentation = {.rotate = 20, .zoom = 0.2, .shift = 2, .alternating_flip = 1}},
    {{"brightness and contrast", 17, {7, 17}},
     {1, 5, 9},
     {1, 5, 9},
     true,
     .augmentation = {.brightness = 0.8, .contrast = 1}},
    {{"cut out", 17, {7, 17}}, {2, 9, 11}, {2, 9, 11}, true, .augmentation = {.cutout = 4}},
    {{"cut out, all of it", 17, {17}}, {1, 3, 8}, {1, 3, 8}, true, .augmentation = {.cutout = 4096}},
    {{"changed, in chunks", 257, {17, 257}, .quick = true},
     {3, 5, 9},
     {3, 5, 9},
     true,
     .per_chunk = 101,
     .augmentation = {.shift = 2, .flip = 1, .brightness = 0.2, .contrast = 0.2, .cutout = 3}},
    {{"turned, in chunks", 17, {17}}, {1, 5, 9}, {1, 5, 9}, true, .per_chunk = 150, .augmentation = {.rotate = 45}},
    {{"blended", 257, EVERY_BATCH, .quick = true},
     {1, 5, 9},
     {1, 5, 9},
     true,
     .augmentation = {.mixup = 1, .flip = 1},
     .mix = {0.3, 0.3}},
    {{"boxes", 17, {7, 17}}, {3, 5, 11}, {3, 5, 11}, false, .augmentation = {.cutmix = 1}, .mix = {0.5, 1, 1, 4, 2, 9}},
    {{"boxes, resized, cut out", 17, {17}},
     {2, 3, 5},
     {2, 5, 7},
     true,
     .augmentation = {.cutmix = 1, .cutout = 2},
     .mix = {0.5, 1, 0, 5, 3, 7}},
    {{"blended, turned, in chunks", 17, {17}},
     {1, 5, 9},
     {1, 5, 9},
     true,
     .per_chunk = 101,
     .augmentation = {.mixup = 1, .rotate = 45},
     .mix = {0.75, 0.75}},
    {{"boxes, moved, in chunks", 257, {1, 257}, .quick = true},
     {2, 4, 9},
     {2, 4, 9},
     true,
     .per_chunk = 101,
     .augmentation = {.cutmix = 1, .shift = 2},
     .mix = {0.5, 1, 1, 4, 0, 5}},
    {{"blended, frozen", 5, {5}}, {1, 2, 2}, {1, 2, 2}, false, FROZEN, .augmentation = {.mixup = 1}, .mix = {0.3, 0.3}},
    {{"moved and flipped, second batch of an update", 17, {17, 3}, .quick = true},
     {1, 3, 9},
     {1, 3, 9},
     false,
     .accumulate = 2,
     .augmentation = {.shift = 2, .flip = 1}},
    {{"16 bits", 17, {3, 17}, .quick = true}, {2, 3, 5}, {2, 3, 5}, true, .type = CLN_PIXEL_U16},
    {{"floats", 17, {3, 17}, .quick = true}, {2, 3, 5}, {2, 3, 5}, true, .type = CLN_PIXEL_F32},
    {{"16 bits, larger, in chunks", 17, {17}}, {1, 3, 4}, {1, 7, 5}, false, .per_chunk = 101, .type = CLN_PIXEL_U16},
    {{"floats, moved and flipped", 17, {17}, .quick = true},
     {1, 9, 11},
     {1, 9, 11},
     true,
     .augmentation = {.shift = 2, .flip = 1, .cutout = 3},
     .type = CLN_PIXEL_F32},
    {{"16 bits, turned", 17, {17}},
     {1, 9, 11},
     {1, 9, 11},
     true,
     .augmentation = {.rotate = 90},
     .type = CLN_PIXEL_U16},
    {{"floats, turned, larger", 17, {17}},
     {1, 5, 6},
     {1, 9, 8},
     false,
     .augmentation = {.rotate = 20, .zoom = 0.2},
     .type = CLN_PIXEL_F32},
    {{"from a ring", 257, EVERY_BATCH, .quick = true}, {1, 2, 3}, {1, 2, 3}, false, .ring = 270},
    {{"from a ring, its end within the batch", 17, {17, 5}, .quick = true}, {2, 3, 5}, {2, 3, 5}, true, .ring = 20},
    {{"from a ring in chunks", 17, {17, 5}, .quick = true}, {2, 3, 5}, {2, 3, 5}, true, .per_chunk = 9, .ring = 20},
    {{"from a ring in chunks, moved", 17, {17}},
     {1, 5, 9},
     {1, 5, 9},
     true,
     .per_chunk = 9,
     .augmentation = {.shift = 2, .mixup = 1},
     .ring = 20,
     .mix = {0.3, 0.3}},
    {{"from a ring, floats, blended and moved", 17, {17}},
     {1, 5, 9},
     {1, 5, 9},
     true,
     .augmentation = {.mixup = 1, .shift = 2},
     .ring = 20,
     .type = CLN_PIXEL_F32,
     .mix = {0.3, 0.3}},
    {{"moved, past the end", 5, {5}}, {1, 2, 2}, {1, 2, 2}, false, PAST_THE_END, .augmentation = {.shift = 1}},
    {{"moved, frozen", 5, {5}}, {1, 2, 2}, {1, 2, 2}, false, FROZEN, .augmentation = {.shift = 1}},
};

static const uint64_t seed_of_draws = UINT64_C(0x8000000980000007);
enum { STORED = 300, BEFORE = 11, CHUNKS = 3 }; /* images in all; samples of the epoch before this batch; most chunks */

static uint8_t *random_bytes(struct cln_rig *b, size_t count, uint32_t below) {
    uint8_t *bytes = (void *)cln_rig_alloc(b, (count + sizeof(double) - 1) / sizeof(double));
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)cln_random_below(&b->random, below);
    return bytes;
}

/* The mixes of two batches, of which the second is this one's; NULL: pictures are not mixed. */
static struct ocl_buffer *put_mixes(struct cln_rig *b, const struct batch_case *c) {
    const struct cln_mix mixes[2] = {
        {0}, {(float)c->mix.own, (float)c->mix.blend, c->mix.top, c->mix.bottom, c->mix.left, c->mix.right}};
    if (!cln_augmentation_mixes(&c->augmentation))
        return NULL;
    struct cln_probe *p = cln_rig_cells(b, "mixes", sizeof mixes / (sizeof(int)));
    memcpy(p->before, mixes, sizeof mixes);
    return p->buffer;
}

static struct cln_probe *put_bytes(struct cln_rig *b, const char *name, const uint8_t *bytes, size_t count) {
    struct cln_probe *p = cln_rig_cells(b, name, (count + 3) / 4);
    memcpy(p->before, bytes, count);
    return p;
}

/* Stored images of the case's type. */
static uint8_t *random_images(struct cln_rig *b, const struct batch_case *c) {
    const size_t values = STORED * cln_shape_count(c->in), bytes = values * cln_pixel_bytes(c->type);
    uint8_t *images = (void *)cln_rig_alloc(b, (bytes + sizeof(double) - 1) / sizeof(double));
    cln_check_draw_pixels(images, c->type, values, &b->random);
    return images;
}

/* The ring in the middle of an epoch: sample `at` of it lies in place at % ring. */
static uint8_t *make_ring(struct cln_rig *b, const struct batch_case *c, const uint8_t *images, const double *order) {
    const size_t bytes = cln_shape_count(c->in) * cln_pixel_bytes(c->type);
    uint8_t *ring = (void *)cln_rig_alloc(b, (c->ring * bytes + sizeof(double) - 1) / sizeof(double));
    for (size_t at = 0; at < BEFORE + (size_t)b->count; at++)
        memcpy(ring + at % c->ring * bytes, images + (size_t)order[at] * bytes, bytes);
    return ring;
}

/* Puts the stored images, all or the ring, into one probe per chunk, and the probes' buffers into `chunks`. */
static struct cln_pixels put_pixels(struct cln_rig *b, const struct batch_case *c, const uint8_t *images,
                                    struct ocl_buffer *chunks[CHUNKS]) {
    const size_t image = cln_shape_count(c->in) * cln_pixel_bytes(c->type), count = c->ring > 0 ? c->ring : STORED;
    struct cln_pixels pixels = cln_pixels_divide(count, image, (c->per_chunk > 0 ? c->per_chunk : count) * image);
    assert(pixels.chunk_count <= CHUNKS);
    for (size_t i = 0; i < pixels.chunk_count; i++)
        chunks[i] =
            put_bytes(b, "pixels", images + i * pixels.per_chunk * image, cln_pixels_in_chunk(&pixels, i) * image)
                ->buffer;
    pixels.chunks = chunks;
    pixels.ring = c->ring;
    return pixels;
}

/* A few roundings of pixels up to 1; for a resized pixel the coordinates are rounded, too. Turned or zoomed, a pixel's
 * place is rounded to 2^-11 pixels; where it lies between two of these, the device may choose the other one. */
static double factor_of(const struct batch_case *c) {
    if (c->augmentation.rotate > 0 || c->augmentation.zoom > 0)
        return 2 * 0x1p-11 / CLN_EPS32;
    if (c->augmentation.brightness > 0 || c->augmentation.contrast > 0)
        return 16;
    return c->in.height == c->out.height && c->in.width == c->out.width ? 4 : 4 * fmax(c->in.height, c->in.width);
}

/* Expects each sample's features as the reference prepares them; also gives their magnitudes. */
static enum cln_status expect_x(struct cln_rig *b, const struct batch_case *c, struct cln_probe *x,
                                const uint8_t *pixels, const double *order, const double *standardization,
                                const struct cln_state *before) {
    const size_t n = (size_t)b->count, features = cln_shape_count(c->out), lanes = (size_t)b->plan.tuning.lanes;
    double *expected = cln_rig_alloc(b, n * features), *size = cln_rig_alloc(b, n * features);
    float *mean = (void *)cln_rig_alloc(b, features), *inverse = (void *)cln_rig_alloc(b, features);
    for (size_t f = 0; f < features; f++) {
        mean[f] = c->standardize ? (float)standardization[2 * f] : 0;
        inverse[f] = c->standardize ? (float)standardization[2 * f + 1] : 1;
    }
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < n && status == CLN_OK; i++) {
        const size_t image = (size_t)order[BEFORE + i];
        const struct cln_reference_picture picture = {.pixels = pixels + image * cln_shape_count(c->in) *
                                                                             cln_pixel_bytes(c->type),
                                                      .type = c->type,
                                                      .shape = c->in,
                                                      .seed = seed_of_draws,
                                                      .step = (uint32_t)before->update,
                                                      .epoch = 5,
                                                      .place = (uint32_t)(i + (size_t)before->before),
                                                      .image = (uint32_t)image};
        status = cln_reference_augment(&c->augmentation, &picture, c->out, mean, inverse, expected + i * features);
        for (size_t f = 0; f < features; f++)
            size[i * features + f] = (1 + fabs((double)mean[f])) * fabs((double)inverse[f]);
    }
    if (cln_augmentation_mixes(&c->augmentation)) {
        double *mixed = cln_rig_alloc(b, n * features);
        cln_reference_mix(&c->mix, c->out, n, expected, mixed);
        expected = mixed;
    }
    cln_rig_expect_tensor(b, x, c->out, expected, size, factor_of(c));
    for (size_t i = n; i < cln_rig_blocks(b) * lanes; i++)
        for (size_t f = 0; f < features; f++)
            cln_probe_expect(x, cln_lanes_index(lanes, features, i, f), 0, 0);
    return status;
}

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct batch_case *c = entry;
    const size_t n = (size_t)b->count, features = cln_shape_count(c->out), lanes = (size_t)b->plan.tuning.lanes;
    /* The batch before this one had four samples; this is the epoch's last, cut short where n < batch_size. A frozen
     * state stays at its batch, which is a full one here. */
    const bool begins = c->accumulate <= 1 || (3 - c->resumed) % c->accumulate == 0; /* an update */
    const struct cln_state before = {.batch_size = b->plan.batch_size,
                                     .samples = c->place == PAST_THE_END ? BEFORE : BEFORE + b->count,
                                     .next = c->place == FROZEN ? BEFORE - 4 : BEFORE,
                                     .position = BEFORE - 4,
                                     .whole = c->place == FROZEN ? b->plan.batch_size : 4,
                                     .count = c->place == FROZEN ? b->plan.batch_size : 4,
                                     .most = b->plan.batch_size,
                                     .batches = 3,
                                     .resumed = c->resumed,
                                     .accumulate = c->accumulate,
                                     .first = 2,
                                     .epoch = 5,
                                     .step = 8,
                                     .update = begins ? 9 : 8,
                                     .before = begins ? 0 : BEFORE - 2,
                                     .ended = 1,
                                     .frozen = c->place == FROZEN};
    b->state = before;
    const uint8_t *pixels = random_images(b, c), *labels = random_bytes(b, STORED, 10);
    double *order = cln_rig_alloc(b, BEFORE + n);
    for (size_t i = 0; i < BEFORE + n; i++)
        order[i] = cln_random_below(&b->random, STORED);
    double *standardization = cln_rig_random(b, 2 * features, 0.5, 2);

    struct ocl_buffer *chunks[CHUNKS] = {NULL}, *mixes = put_mixes(b, c);
    const struct cln_pixels stored = put_pixels(b, c, c->ring > 0 ? make_ring(b, c, pixels, order) : pixels, chunks);
    struct cln_probe *pstored = cln_rig_cells(b, "stored labels", STORED);
    pstored->integer = true;
    for (size_t i = 0; i < STORED; i++)
        cln_probe_put(pstored, i, &(double){labels[i]}, 1);
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
                                          .type = c->type,
                                          .pixels = &stored,
                                          .labels = pstored->buffer,
                                          .order = porder->buffer,
                                          .standardization = c->standardize ? pstandardization->buffer : NULL,
                                          .augmentation = &c->augmentation,
                                          .seed = seed_of_draws,
                                          .mixes = mixes,
                                          .x = px->buffer,
                                          .lane_labels = plabels->buffer});
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;

    const bool moves = c->place != FROZEN, comes = c->place == MIDDLE;
    if (comes) {
        status = expect_x(b, c, px, pixels, order, standardization, &before);
        for (size_t i = 0; i < cln_rig_blocks(b) * lanes; i++)
            cln_probe_expect(plabels, i, i < n ? labels[(size_t)order[BEFORE + i]] : -1, 0);
    } else if (!moves) { /* the same batch again */
        cln_probe_free(px, 0, lanes * features * (size_t)cln_ceil_div(before.count, (int)lanes));
        cln_probe_free(plabels, 0, lanes * (size_t)cln_ceil_div(before.count, (int)lanes));
    }
    cln_rig_compare(b);
    cln_rig_compare_value(b, "state.position", b->state.position, moves ? BEFORE : before.position, 0);
    cln_rig_compare_value(b, "state.whole", b->state.whole, comes ? b->count : moves ? 0 : before.whole, 0);
    cln_rig_compare_value(b, "state.count", b->state.count, comes ? b->count : moves ? 0 : before.count, 0);
    cln_rig_compare_value(b, "state.batches", b->state.batches, before.batches + comes, 0);
    cln_rig_compare_value(b, "state.step", b->state.step, before.step + (comes && begins), 0);
    cln_rig_compare_value(b, "state.first", b->state.first, comes && begins ? BEFORE : before.first, 0);
    return status;
}

const struct cln_operation cln_device_batch = CLN_OPERATION("batch", cases, run);
