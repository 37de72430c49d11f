/* Batch normalisation: small launches with a work-item or a work-group per channel. */
#include "src/engine/batchnorm.h"

static void constants_of(struct ocl_constants *c, const struct cln_plan *plan, struct cln_shape shape) {
    const int positions = shape.height * shape.width;
    cln_plan_constants(plan, c);
    ocl_constants_int(c, "CHANNELS", shape.channels);
    ocl_constants_int(c, "POSITIONS", positions);
    ocl_constants_int(c, "PARTIAL_BLOCKS", cln_plan_parts(plan));
    ocl_constants_int(c, "WHOLE_PARTS", cln_plan_whole_parts(plan));
    ocl_constants_int(c, "CHANNELS_PER_ITEM", cln_plan_channels_per_item(plan, shape.channels, positions));
}

void cln_norm_constants(struct ocl_constants *c, const struct cln_norm *norm) {
    ocl_constants_float(c, "MOMENTUM", norm->options.momentum);
    ocl_constants_float(c, "EPS", norm->options.eps);
    ocl_constants_int(c, "BIASED_RUNNING_VARIANCE", norm->options.biased_running_variance);
    if (norm->is_local)
        ocl_constants_int(c, "LOCAL_NORM", 1);
}

/* Loop iterations of adding up a channel's partials, `splits` for each part of the batch. The work-items of a group
 * divide them, unless sums are strict. */
static double sum_iterations(const struct cln_plan *plan, int splits) {
    const int sharing = plan->tuning.strict ? 1 : plan->tuning.lanes / cln_plan_vector(plan, "batchnorm");
    return cln_loop(cln_ceil_div(cln_plan_whole_parts(plan) * splits, sharing), 0) +
           cln_plan_reduction(plan, "batchnorm");
}

enum cln_status cln_batchnorm_partials(struct cln_plan *plan, struct cln_shape shape, struct ocl_buffer *z,
                                       struct cln_partials out) {
    const int positions = shape.height * shape.width;
    const int per_item = cln_plan_channels_per_item(plan, shape.channels, positions);
    struct ocl_constants constants;
    constants_of(&constants, plan, shape);
    return cln_plan_lanes(
        plan, &(struct ocl_launch){
                  .source = "batchnorm.cl",
                  .kernel = "batchnorm_partials",
                  .constants = &constants,
                  .args = {OCL_BUFFER(z), OCL_BUFFER(out.buffer), OCL_BUFFER(plan->state)},
                  .arg_count = 3,
                  .groups = {(size_t)cln_ceil_div(shape.channels, per_item)},
                  .iterations = cln_loop(per_item, 2 * cln_loop(positions, 0) + cln_plan_reduction(plan, "batchnorm")),
                  .bytes = (double)cln_plan_bytes(plan, shape)});
}

int cln_norm_span(const struct cln_plan *plan, int span) {
    const int copies = 8 * cln_plan_units(plan);
    return plan->chains ? span * cln_max(1, plan->blocks / (span * copies)) : CLN_ONE_COPY;
}

size_t cln_norm_copies(const struct cln_plan *plan, int span) {
    return span < plan->blocks ? (size_t)cln_ceil_div(plan->blocks, span) : 1;
}

enum cln_status cln_batchnorm_statistics(struct cln_plan *plan, const struct cln_norm *norm,
                                         struct cln_partials partials) {
    struct ocl_constants constants;
    constants_of(&constants, plan, norm->options.shape);
    cln_norm_constants(&constants, norm);
    return cln_plan_lanes(
        plan,
        &(struct ocl_launch){.source = "batchnorm.cl",
                             .kernel = "batchnorm_statistics",
                             .constants = &constants,
                             .args = {OCL_BUFFER(partials.buffer), OCL_INT(partials.splits),
                                      OCL_BUFFER(norm->parameters), OCL_INT(norm->gamma), OCL_INT(norm->beta),
                                      OCL_BUFFER(norm->normal), OCL_BUFFER(norm->running), OCL_INT(norm->running_mean),
                                      OCL_INT(norm->running_var), OCL_BUFFER(plan->state)},
                             .arg_count = 10,
                             .groups = {(size_t)norm->options.shape.channels, cln_norm_copies(plan, norm->normal_span)},
                             .iterations = 2 * sum_iterations(plan, partials.splits),
                             .span = (size_t)norm->normal_span});
}

enum cln_status cln_batchnorm_backward(struct cln_plan *plan, const struct cln_norm *norm, struct cln_partials sums,
                                       struct cln_slices gamma_out, struct cln_slices beta_out) {
    struct ocl_constants constants;
    constants_of(&constants, plan, norm->options.shape);
    cln_norm_constants(&constants, norm);
    return cln_plan_lanes(
        plan,
        &(struct ocl_launch){.source = "batchnorm.cl",
                             .kernel = "batchnorm_backward_statistics",
                             .constants = &constants,
                             .args = {OCL_BUFFER(sums.buffer), OCL_BUFFER(norm->normal),
                                      OCL_BUFFER(norm->dz_coefficients), OCL_BUFFER(gamma_out.buffer),
                                      OCL_INT(gamma_out.base), OCL_INT(beta_out.base), OCL_BUFFER(plan->state)},
                             .arg_count = 7,
                             .groups = {(size_t)norm->options.shape.channels, cln_norm_copies(plan, norm->dz_span)},
                             .iterations = sum_iterations(plan, 1),
                             .span = (size_t)norm->dz_span});
}

enum cln_status cln_bias_gradient(struct cln_plan *plan, struct cln_shape shape, struct cln_partials sums,
                                  struct cln_slices out) {
    struct ocl_constants constants;
    constants_of(&constants, plan, shape);
    return cln_plan_lanes(plan, &(struct ocl_launch){.source = "batchnorm.cl",
                                                     .kernel = "bias_gradient",
                                                     .constants = &constants,
                                                     .args = {OCL_BUFFER(sums.buffer), OCL_BUFFER(out.buffer),
                                                              OCL_INT(out.base), OCL_BUFFER(plan->state)},
                                                     .arg_count = 4,
                                                     .groups = {(size_t)shape.channels, 1},
                                                     .iterations = sum_iterations(plan, 1)});
}
