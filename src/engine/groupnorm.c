/* Group and layer normalisation: launches over groups of blocks. A group that is too large for one work-item, or too
 * few for the device, is divided in slices. */
#include "src/engine/groupnorm.h"

#include <math.h>

/* The elements of a group, and those that share a weight. */
static int elements_of(const struct cln_groupnorm *g) {
    return (int)cln_shape_count(g->shape) / g->groups;
}
static int positions_of(const struct cln_groupnorm *g) {
    return g->by_element ? 1 : g->shape.height * g->shape.width;
}

static int weights_of(const struct cln_groupnorm *g) {
    return (int)cln_shape_count(g->shape) / positions_of(g);
}

/* Loop iterations of a work-item that goes through the elements of a slice three times, twice of them weight by weight,
 * and twice through what the slices have left. */
enum { PASSES = 3 };
static double group_iterations(const struct cln_groupnorm *g, int slices) {
    const double elements = cln_ceil_div(elements_of(g), slices), weights = elements / positions_of(g) + 2;
    return PASSES * cln_loop(elements, 0) + 2 * cln_loop(weights, 1) + 2 * cln_loop(slices, 0);
}

/* There are no more slices than elements in one, unless the limit of iterations asks for more. */
static int group_slices(const struct cln_plan *plan, const struct cln_groupnorm *g) {
    const int elements = elements_of(g);
    if (plan->tuning.strict)
        return cln_strict_splits(elements, PASSES * (double)elements);
    int slices = cln_min((int)sqrt(elements), cln_plan_splits(plan, elements, g->groups * plan->blocks, PASSES));
    while (slices < elements && group_iterations(g, slices) > plan->tuning.max_loop_iterations)
        slices = cln_min(elements, 2 * slices);
    return slices;
}

/* Loop iterations for a weight over some blocks. */
static double weight_iterations(const struct cln_plan *plan, const struct cln_groupnorm *g, int blocks) {
    return cln_loop(blocks, cln_loop(positions_of(g), 0)) + cln_plan_reduction(plan, "groupnorm");
}

static int weights_per_item(const struct cln_plan *plan, const struct cln_groupnorm *g) {
    enum { LEAST_BLOCKS = 4 }; /* of a strict slice; others may have fewer */
    const double most = plan->tuning.max_loop_iterations / (1 + weight_iterations(plan, g, LEAST_BLOCKS));
    return (int)fmax(1, fmin(floor(most), cln_plan_channels_per_item(plan, weights_of(g), positions_of(g))));
}

int cln_groupnorm_slices(const struct cln_plan *plan, const struct cln_groupnorm *g) {
    const int per_item = weights_per_item(plan, g);
    if (plan->tuning.strict)
        return cln_plan_strict_slices(plan);
    return cln_plan_splits(plan, plan->blocks, cln_ceil_div(weights_of(g), per_item),
                           per_item * (2 + weight_iterations(plan, g, 1)));
}

size_t cln_groupnorm_statistic_floats(const struct cln_plan *plan, const struct cln_groupnorm *g) {
    return (size_t)plan->blocks * (size_t)plan->tuning.lanes * (size_t)g->groups *
           (2 + 4 * (size_t)group_slices(plan, g));
}

static double bytes_of(const struct cln_plan *plan, const struct cln_groupnorm *g, int tensors) {
    return tensors * (double)cln_plan_bytes(plan, g->shape);
}

/* Completes and adds a launch: appends the state, and sets constants. */
static enum cln_status launch(struct cln_plan *plan, const struct cln_groupnorm *g, struct ocl_launch launch) {
    struct ocl_constants constants;
    cln_plan_constants(plan, &constants);
    ocl_constants_int(&constants, "NORM_GROUPS", g->groups);
    ocl_constants_int(&constants, "ELEMENTS", elements_of(g));
    ocl_constants_int(&constants, "POSITIONS", positions_of(g));
    ocl_constants_int(&constants, "SLICES", group_slices(plan, g));
    ocl_constants_int(&constants, "WEIGHTS_PER_ITEM", weights_per_item(plan, g));
    ocl_constants_float(&constants, "EPS", g->eps);
    launch.source = "groupnorm.cl";
    launch.constants = &constants;
    ocl_launch_argument(&launch, OCL_BUFFER(plan->state));
    return cln_plan_lanes(plan, &launch);
}

static enum cln_status launch_groups(struct cln_plan *plan, const struct cln_groupnorm *g, struct ocl_launch groups) {
    groups.groups[0] = (size_t)g->groups * (size_t)group_slices(plan, g);
    groups.iterations = group_iterations(g, group_slices(plan, g));
    return launch(plan, g, groups);
}

enum cln_status cln_groupnorm_forward(struct cln_plan *plan, const struct cln_groupnorm *g, struct ocl_buffer *x,
                                      struct cln_weights weights, struct ocl_buffer *z) {
    enum cln_status status = CLN_OK;
    if (group_slices(plan, g) > 1) {
        status = launch_groups(plan, g,
                               (struct ocl_launch){.kernel = "groupnorm_moments",
                                                   .args = {OCL_BUFFER(x), OCL_BUFFER(weights.statistics)},
                                                   .arg_count = 2,
                                                   .bytes = bytes_of(plan, g, 1)});
        if (status == CLN_OK)
            status = cln_plan_follow(plan);
    }
    if (status != CLN_OK)
        return status;
    return launch_groups(
        plan, g,
        (struct ocl_launch){.kernel = "groupnorm_forward",
                            .args = {OCL_BUFFER(x), OCL_BUFFER(weights.buffer), OCL_INT(weights.weight),
                                     OCL_INT(weights.bias), OCL_BUFFER(z), OCL_BUFFER(weights.statistics)},
                            .arg_count = 6,
                            .bytes = bytes_of(plan, g, 2)});
}

enum cln_status cln_groupnorm_backward_data(struct cln_plan *plan, const struct cln_groupnorm *g, struct ocl_buffer *x,
                                            struct ocl_buffer *dz, struct cln_weights weights, struct ocl_buffer *dx) {
    enum cln_status status = CLN_OK;
    if (group_slices(plan, g) > 1) {
        status = launch_groups(plan, g,
                               (struct ocl_launch){.kernel = "groupnorm_sums",
                                                   .args = {OCL_BUFFER(x), OCL_BUFFER(dz), OCL_BUFFER(weights.buffer),
                                                            OCL_INT(weights.weight), OCL_BUFFER(weights.statistics)},
                                                   .arg_count = 5,
                                                   .bytes = bytes_of(plan, g, 2)});
        if (status == CLN_OK)
            status = cln_plan_follow(plan);
    }
    if (status != CLN_OK)
        return status;
    return launch_groups(
        plan, g,
        (struct ocl_launch){.kernel = "groupnorm_backward_data",
                            .args = {OCL_BUFFER(x), OCL_BUFFER(dz), OCL_BUFFER(weights.buffer), OCL_INT(weights.weight),
                                     OCL_BUFFER(weights.statistics), OCL_BUFFER(dx)},
                            .arg_count = 6,
                            .bytes = bytes_of(plan, g, 3)});
}

enum cln_status cln_groupnorm_backward_weights(struct cln_plan *plan, const struct cln_groupnorm *g,
                                               struct ocl_buffer *x, struct ocl_buffer *dz, struct cln_weights weights,
                                               struct cln_slices out) {
    const int per_item = weights_per_item(plan, g), slices = cln_groupnorm_slices(plan, g);
    return launch(plan, g,
                  (struct ocl_launch){
                      .kernel = "groupnorm_backward_weights",
                      .args = {OCL_BUFFER(x), OCL_BUFFER(dz), OCL_BUFFER(weights.statistics), OCL_BUFFER(out.buffer),
                               OCL_INT(out.base), OCL_INT(out.stride)},
                      .arg_count = 6,
                      .groups = {(size_t)cln_ceil_div(weights_of(g), per_item), (size_t)slices},
                      .iterations = cln_loop(per_item, weight_iterations(plan, g, cln_ceil_div(plan->blocks, slices))),
                      .bytes = bytes_of(plan, g, 2)});
}
