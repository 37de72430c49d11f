/* Mini-batches: the cursor, then the gathering. */
#include "src/engine/batch.h"

enum cln_status cln_batch_next(struct cln_plan *plan, const struct cln_batch *g) {
    const int features = (int)cln_shape_count(g->out);
    const int busy = cln_max(1, cln_min(features, 2 * plan->tuning.groups / plan->blocks));
    const int per_item = cln_ceil_div(features, busy);
    const struct {
        const char *name;
        int value;
    } values[] = {
        {"CHANNELS", g->in.channels},    {"IN_H", g->in.height},  {"IN_W", g->in.width},
        {"OUT_H", g->out.height},        {"OUT_W", g->out.width}, {"STANDARDIZE", g->standard != NULL},
        {"FEATURES_PER_ITEM", per_item},
    };
    struct ocl_constants constants;
    cln_plan_constants(plan, &constants);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        ocl_constants_int(&constants, values[i].name, values[i].value);

    enum cln_status status = cln_plan_items(plan,
                                            &(struct ocl_launch){
                                                .source = "batch.cl",
                                                .kernel = "batch_begin",
                                                .constants = &constants,
                                                .args = {OCL_BUFFER(plan->state)},
                                                .arg_count = 1,
                                            },
                                            1);
    if (status != CLN_OK)
        return status;
    return cln_plan_lanes(plan, &(struct ocl_launch){
                                    .source = "batch.cl",
                                    .kernel = "batch_gather",
                                    .constants = &constants,
                                    .args = {OCL_BUFFER(g->pixels), OCL_BUFFER(g->labels), OCL_BUFFER(g->order),
                                             OCL_BUFFER(g->standard ? g->standard : g->pixels), OCL_BUFFER(g->x),
                                             OCL_BUFFER(g->lane_labels), OCL_BUFFER(plan->state)},
                                    .arg_count = 7,
                                    .groups = {(size_t)cln_ceil_div(features, per_item)},
                                    .bytes = (double)cln_plan_bytes(plan, g->out),
                                });
}
