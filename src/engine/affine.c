/* The table of the kinds of affine parts. */
#include "src/engine/affine.h"

#include "src/base/table.h"
#include "src/engine/batchnorm.h"
#include "src/engine/conv2d.h"
#include "src/engine/copy.h"
#include "src/engine/groupnorm.h"
#include "src/engine/linear.h"

static int one(const struct cln_plan *plan, const struct cln_stage *stage) {
    (void)plan, (void)stage;
    return 1;
}

/* The plan with the tuning of the stage's layer. Operations change nothing in a plan. */
static struct cln_plan plan_of(const struct cln_plan *plan, const struct cln_stage *stage) {
    struct cln_plan result = *plan;
    result.tuning = cln_tuning_of_stage(&plan->tuning, stage);
    return result;
}

/* ---- None: z is x ---- */

static enum cln_status copy_forward(struct cln_plan *plan, const struct cln_stage *stage,
                                    const struct cln_activate *activate, struct cln_weights weights,
                                    struct ocl_buffer *x, struct ocl_buffer *z, struct cln_partials partials) {
    (void)activate, (void)weights;
    enum cln_status status = cln_copy(plan, stage->z, x, z);
    if (status != CLN_OK || !partials.buffer)
        return status;
    status = cln_plan_follow(plan);
    return status == CLN_OK ? cln_batchnorm_partials(plan, stage->z, z, partials) : status;
}

static enum cln_status copy_backward_data(struct cln_plan *plan, const struct cln_stage *stage,
                                          const struct cln_activate *activate, struct cln_weights weights,
                                          struct ocl_buffer *x, struct ocl_buffer *dz, struct ocl_buffer *dx) {
    (void)activate, (void)weights, (void)x;
    return cln_copy(plan, stage->z, dz, dx);
}

/* ---- Convolutions ---- */

static int conv2d_slices(const struct cln_plan *plan, const struct cln_stage *stage) {
    struct cln_plan own = plan_of(plan, stage);
    return cln_conv2d_slices(&own, &stage->conv2d);
}

static int conv2d_splits(const struct cln_plan *plan, const struct cln_stage *stage) {
    struct cln_plan own = plan_of(plan, stage);
    return cln_conv2d_splits(&own, &stage->conv2d);
}

static size_t conv2d_filter_floats(const struct cln_plan *plan, const struct cln_stage *stage, bool backward) {
    struct cln_plan own = plan_of(plan, stage);
    return cln_conv2d_filter_floats(&own, &stage->conv2d, backward ? CLN_CONV2D_DATA : CLN_CONV2D_FORWARD);
}

static enum cln_status conv2d_filters(struct cln_plan *plan, const struct cln_stage *stage, struct cln_weights weights,
                                      bool backward) {
    struct cln_plan own = plan_of(plan, stage);
    return cln_conv2d_filters(&own, &stage->conv2d, weights, backward ? CLN_CONV2D_DATA : CLN_CONV2D_FORWARD);
}

static void conv2d_fuse(const struct cln_plan *plan, const struct cln_stage *stage, struct cln_activate *activate) {
    struct cln_plan own = plan_of(plan, stage);
    cln_conv2d_fuse(&own, &stage->conv2d, cln_stage_may_fuse_dz(stage), activate);
}

static enum cln_status conv2d_forward(struct cln_plan *plan, const struct cln_stage *stage,
                                      const struct cln_activate *activate, struct cln_weights weights,
                                      struct ocl_buffer *x, struct ocl_buffer *z, struct cln_partials partials) {
    struct cln_plan own = plan_of(plan, stage);
    return cln_conv2d_forward(&own, &stage->conv2d, activate, x, weights, z, partials);
}

static enum cln_status conv2d_backward_weights(struct cln_plan *plan, const struct cln_stage *stage,
                                               const struct cln_activate *activate, struct cln_weights weights,
                                               struct ocl_buffer *x, struct ocl_buffer *dz, struct cln_slices slices) {
    (void)weights;
    struct cln_plan own = plan_of(plan, stage);
    return cln_conv2d_backward_weights(&own, &stage->conv2d, activate, x, dz, slices);
}

static enum cln_status conv2d_backward_data(struct cln_plan *plan, const struct cln_stage *stage,
                                            const struct cln_activate *activate, struct cln_weights weights,
                                            struct ocl_buffer *x, struct ocl_buffer *dz, struct ocl_buffer *dx) {
    (void)x;
    struct cln_plan own = plan_of(plan, stage);
    return cln_conv2d_backward_data(&own, &stage->conv2d, activate, dz, weights, dx);
}

/* ---- Linear layers ---- */

static int linear_slices(const struct cln_plan *plan, const struct cln_stage *stage) {
    struct cln_plan own = plan_of(plan, stage);
    return cln_linear_slices(&own, &stage->linear);
}

static int linear_span(const struct cln_plan *plan, const struct cln_stage *stage) {
    struct cln_plan own = plan_of(plan, stage);
    return cln_linear_span(&own, &stage->linear);
}

static enum cln_status linear_forward(struct cln_plan *plan, const struct cln_stage *stage,
                                      const struct cln_activate *activate, struct cln_weights weights,
                                      struct ocl_buffer *x, struct ocl_buffer *z, struct cln_partials partials) {
    (void)activate;
    struct cln_plan own = plan_of(plan, stage);
    return cln_linear_forward(&own, &stage->linear, x, weights, z, partials);
}

static enum cln_status linear_backward_weights(struct cln_plan *plan, const struct cln_stage *stage,
                                               const struct cln_activate *activate, struct cln_weights weights,
                                               struct ocl_buffer *x, struct ocl_buffer *dz, struct cln_slices slices) {
    (void)activate, (void)weights;
    struct cln_plan own = plan_of(plan, stage);
    return cln_linear_backward_weights(&own, &stage->linear, x, dz, slices);
}

static enum cln_status linear_backward_data(struct cln_plan *plan, const struct cln_stage *stage,
                                            const struct cln_activate *activate, struct cln_weights weights,
                                            struct ocl_buffer *x, struct ocl_buffer *dz, struct ocl_buffer *dx) {
    (void)activate, (void)x;
    struct cln_plan own = plan_of(plan, stage);
    return cln_linear_backward_data(&own, &stage->linear, dz, weights, dx);
}

/* ---- Group norms ---- */

static int groupnorm_slices(const struct cln_plan *plan, const struct cln_stage *stage) {
    return cln_groupnorm_slices(plan, &stage->groupnorm);
}

static size_t groupnorm_statistic_floats(const struct cln_plan *plan, const struct cln_stage *stage) {
    return cln_groupnorm_statistic_floats(plan, &stage->groupnorm);
}

static enum cln_status groupnorm_forward(struct cln_plan *plan, const struct cln_stage *stage,
                                         const struct cln_activate *activate, struct cln_weights weights,
                                         struct ocl_buffer *x, struct ocl_buffer *z, struct cln_partials partials) {
    (void)activate;
    enum cln_status status = cln_groupnorm_forward(plan, &stage->groupnorm, x, weights, z);
    if (status != CLN_OK || !partials.buffer)
        return status;
    status = cln_plan_follow(plan);
    return status == CLN_OK ? cln_batchnorm_partials(plan, stage->z, z, partials) : status;
}

static enum cln_status groupnorm_backward_weights(struct cln_plan *plan, const struct cln_stage *stage,
                                                  const struct cln_activate *activate, struct cln_weights weights,
                                                  struct ocl_buffer *x, struct ocl_buffer *dz,
                                                  struct cln_slices slices) {
    (void)activate;
    return cln_groupnorm_backward_weights(plan, &stage->groupnorm, x, dz, weights, slices);
}

static enum cln_status groupnorm_backward_data(struct cln_plan *plan, const struct cln_stage *stage,
                                               const struct cln_activate *activate, struct cln_weights weights,
                                               struct ocl_buffer *x, struct ocl_buffer *dz, struct ocl_buffer *dx) {
    (void)activate;
    return cln_groupnorm_backward_data(plan, &stage->groupnorm, x, dz, weights, dx);
}

/* ---- The table ---- */

static const struct cln_affine kinds[] = {
    [CLN_AFFINE_NONE] =
        {.slices = one, .splits = one, .span = one, .forward = copy_forward, .backward_data = copy_backward_data},
    [CLN_AFFINE_CONV2D] = {conv2d_slices, conv2d_splits, one, conv2d_filter_floats, conv2d_filters, conv2d_fuse, true,
                           conv2d_forward, conv2d_backward_weights, conv2d_backward_data},
    [CLN_AFFINE_LINEAR] = {linear_slices, one, linear_span, NULL, NULL, NULL, false, linear_forward,
                           linear_backward_weights, linear_backward_data},
    [CLN_AFFINE_GROUPNORM] = {.slices = groupnorm_slices,
                              .splits = one,
                              .span = one,
                              .forward = groupnorm_forward,
                              .backward_weights = groupnorm_backward_weights,
                              .backward_data = groupnorm_backward_data,
                              .statistic_floats = groupnorm_statistic_floats},
};
CLN_EVERY(kinds, CLN_AFFINE_COUNT);

const struct cln_affine *cln_affine_of(const struct cln_stage *stage) {
    return &kinds[stage->affine];
}
