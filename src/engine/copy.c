/* Copies or adds a tensor, in one launch. */
#include "src/engine/copy.h"

/* Adds a launch of a kernel of copy.cl. `passes`: the times that it touches a tensor. */
static enum cln_status launch(struct cln_plan *plan, const char *kernel, double passes, struct cln_shape shape,
                              struct ocl_buffer *x, struct ocl_buffer *y) {
    const int features = (int)cln_shape_count(shape);
    const int per_item = cln_plan_channels_per_item(plan, features, 1);
    struct ocl_constants constants;
    cln_plan_constants(plan, &constants);
    ocl_constants_int(&constants, "FEATURES", features);
    ocl_constants_int(&constants, "FEATURES_PER_ITEM", per_item);
    return cln_plan_lanes(plan, &(struct ocl_launch){
                                    .source = "copy.cl",
                                    .kernel = kernel,
                                    .constants = &constants,
                                    .args = {OCL_BUFFER(x), OCL_BUFFER(y), OCL_BUFFER(plan->state)},
                                    .arg_count = 3,
                                    .groups = {(size_t)cln_ceil_div(features, per_item)},
                                    .iterations = cln_loop(per_item, 0),
                                    .bytes = passes * (double)cln_plan_bytes(plan, shape),
                                });
}

enum cln_status cln_copy(struct cln_plan *plan, struct cln_shape shape, struct ocl_buffer *x, struct ocl_buffer *y) {
    return launch(plan, "copy", 2, shape, x, y);
}

enum cln_status cln_accumulate(struct cln_plan *plan, struct cln_shape shape, struct ocl_buffer *x,
                               struct ocl_buffer *y) {
    return launch(plan, "accumulate", 3, shape, x, y);
}
