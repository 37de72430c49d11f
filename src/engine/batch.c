/* Mini-batches: the first and the last launch of a step. */
#include "src/engine/batch.h"

/* The features of an image that a work-item gathers, a multiple of the stretches of kernels/batch.cl. */
static int per_item(const struct cln_plan *plan, int features) {
    enum { STRETCH = 8 };
    const int busy = cln_max(1, cln_min(features, 2 * plan->tuning.min_groups / plan->blocks));
    return STRETCH * cln_ceil_div(cln_ceil_div(features, busy), STRETCH);
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
        {"CHUNKED", g->pixels && g->pixels->chunk_count > 1},
        {"FEATURES_PER_ITEM", per_item(plan, (int)cln_shape_count(g->out))},
    };
    cln_plan_constants(plan, c);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        ocl_constants_int(c, values[i].name, values[i].value);
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
        status = cln_plan_lanes(
            plan, &(struct ocl_launch){
                      .source = "batch.cl",
                      .kernel = "batch_begin",
                      .constants = &constants,
                      .args = {OCL_BUFFER(chunk), OCL_INT((int)first), OCL_INT((int)end), OCL_BUFFER(g->labels),
                               OCL_BUFFER(g->order), OCL_BUFFER(g->standardization ? g->standardization : chunk),
                               OCL_BUFFER(g->x), OCL_BUFFER(g->lane_labels), OCL_BUFFER(plan->state)},
                      .arg_count = 9,
                      .groups = {(size_t)cln_ceil_div(features, per_item(plan, features))},
                      .bytes = (double)cln_plan_bytes(plan, g->out),
                  });
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
                          },
                          1);
}
