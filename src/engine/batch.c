/* Mini-batches: the first and the last launch of a step. */
#include "src/engine/batch.h"

#include <math.h>

static bool augments(const struct cln_batch *g) {
    return g->augmentation && cln_augmentation_is_on(g->augmentation);
}

/* Loop iterations for a feature, and those of finding the images and drawing what changes them. */
static double feature_iterations(const struct cln_plan *plan, const struct cln_batch *g) {
    const double lanes = cln_tile_loop(cln_plan_vector(plan, "batch"), 0);
    return augments(g) ? (g->mixes ? 2 * lanes + 5 : lanes + 4) : lanes + 1;
}
static double source_iterations(const struct cln_plan *plan) {
    const double labels = (double)cln_plan_whole_parts(plan) / cln_plan_parts(plan); /* of the whole batch */
    return 2 * CLN_FEW_ITERATIONS + (60.0 + labels) * cln_plan_vector(plan, "batch");
}

/* The features of an image that a work-item gathers, a multiple of the stretches of kernels/batch.cl, or whole rows. */
static int per_item(const struct cln_plan *plan, const struct cln_batch *g) {
    const int stretch = augments(g) ? g->out.width : 8, features = (int)cln_shape_count(g->out);
    const int busy = cln_max(1, cln_min(features, 2 * plan->tuning.min_groups / plan->blocks));
    const double most = (plan->tuning.max_loop_iterations - source_iterations(plan)) / feature_iterations(plan, g);
    const int stretches = cln_ceil_div(cln_ceil_div(features, busy), stretch);
    return stretch * cln_max(1, cln_min(stretches, (int)(most / stretch)));
}

static void augmentation_constants(struct ocl_constants *c, const struct cln_augmentation *a) {
    const double radian = acos(-1) / 180;
    const struct {
        const char *name;
        double value;
    } values[] = {
        {"SHIFT", a->shift},
        {"REFLECT", a->reflect},
        {"FLIP", a->alternating_flip > 0 ? 2 : a->flip},
        {"ROTATE", a->rotate * radian * 0x1p28},
        {"ZOOM", a->zoom * 0x1p24},
        {"CUTOUT", a->cutout},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        ocl_constants_int(c, values[i].name, (int)lround(values[i].value));
    ocl_constants_float(c, "BRIGHTNESS", a->brightness);
    ocl_constants_float(c, "CONTRAST", a->contrast);
}

static void constants_of(struct ocl_constants *c, const struct cln_plan *plan, const struct cln_batch *g) {
    const struct {
        const char *name;
        int value;
    } values[] = {
        {"CHANNELS", g->in.channels},
        {"IN_H", g->in.height},
        {"IN_W", g->in.width},
        {"OUT_H", g->out.height},
        {"OUT_W", g->out.width},
        {"STANDARDIZE", g->standardization != NULL},
        {"PIXEL_BITS", 8 * (int)cln_pixel_bytes(g->type)},
        {"RING", g->pixels ? (int)g->pixels->ring : 0},
        {"CHUNKED", g->pixels && g->pixels->chunk_count > 1},
        {"FEATURES_PER_ITEM", per_item(plan, g)},
        {"AUGMENT", augments(g)},
    };
    cln_plan_constants(plan, c);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        ocl_constants_int(c, values[i].name, values[i].value);
    if (augments(g)) {
        augmentation_constants(c, g->augmentation);
        ocl_constants_int(c, "MIX", g->mixes != NULL);
    }
}

enum cln_status cln_batch_begin(struct cln_plan *plan, const struct cln_batch *g) {
    const struct cln_pixels *pixels = g->pixels;
    const int features = (int)cln_shape_count(g->out);
    struct ocl_constants constants;
    enum cln_status status = CLN_OK;
    constants_of(&constants, plan, g);
    for (size_t i = 0; i < pixels->chunk_count && status == CLN_OK; i++) {
        struct ocl_buffer *chunk = pixels->chunks[i];
        const size_t first = i * pixels->per_chunk, end = first + cln_pixels_in_chunk(pixels, i);
        if (i > 0) /* it fills in what the first has cleared */
            status = cln_plan_barrier(plan);
        if (status != CLN_OK)
            break;
        struct ocl_launch launch = {
            .source = "batch.cl",
            .kernel = "batch_begin",
            .constants = &constants,
            .args = {OCL_BUFFER(chunk), OCL_INT((int)first), OCL_INT((int)end), OCL_BUFFER(g->labels),
                     OCL_BUFFER(g->order), OCL_BUFFER(g->standardization ? g->standardization : chunk),
                     OCL_BUFFER(g->x), OCL_BUFFER(g->lane_labels), OCL_BUFFER(plan->state)},
            .arg_count = 9,
            .groups = {(size_t)cln_ceil_div(features, per_item(plan, g))},
            .iterations = source_iterations(plan) + per_item(plan, g) * feature_iterations(plan, g),
            .bytes = (double)cln_plan_bytes(plan, g->out),
        };
        if (augments(g)) {
            ocl_launch_argument(&launch, OCL_INT((uint32_t)g->seed));
            ocl_launch_argument(&launch, OCL_INT(g->seed >> 32));
            if (g->mixes)
                ocl_launch_argument(&launch, OCL_BUFFER(g->mixes));
        }
        status = cln_plan_lanes(plan, &launch);
    }
    return status;
}

enum cln_status cln_batch_end(struct cln_plan *plan, const struct cln_batch *g, struct ocl_buffer *sums) {
    struct ocl_constants constants;
    constants_of(&constants, plan, g);
    return cln_plan_items(plan,
                          &(struct ocl_launch){
                              .source = "batch.cl",
                              .kernel = "batch_end",
                              .constants = &constants,
                              .args = {OCL_BUFFER(sums), OCL_BUFFER(g->rates), OCL_BUFFER(plan->state)},
                              .arg_count = 3,
                              .iterations = cln_loop(cln_plan_whole_parts(plan), 0),
                          },
                          1);
}
