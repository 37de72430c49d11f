/* The affine part of a stage: a table with one row of functions per kind. */
#ifndef SRC_ENGINE_AFFINE_H
#define SRC_ENGINE_AFFINE_H

#include "src/engine/activate.h"
#include "src/model/stage.h"

/* The functions of one kind. `activate` is the rest of the stage, after the affine part. */
struct cln_affine {
    /* The number of slices that the weight gradient is summed in (struct cln_slices). */
    int (*slices)(const struct cln_plan *plan, const struct cln_stage *stage);
    /* The number of splits of an image, each with moments of its own (struct cln_partials). */
    int (*splits)(const struct cln_plan *plan, const struct cln_stage *stage);
    /* The blocks that a work-group of the forward pass and of the data gradient takes (ocl_launch.span). */
    int (*span)(const struct cln_plan *plan, const struct cln_stage *stage);
    /* The number of floats of weights.filters[backward]. NULL: none. */
    size_t (*filter_floats)(const struct cln_plan *plan, const struct cln_stage *stage, bool backward);
    /* Computes weights.filters[backward] from the weights. Its launches depend on nothing else. NULL: there are none.
     */
    enum cln_status (*filters)(struct cln_plan *plan, const struct cln_stage *stage, struct cln_weights weights,
                               bool backward);
    /* Marks in `activate` the work that the affine part takes over. NULL: none. */
    void (*fuse)(const struct cln_plan *plan, const struct cln_stage *stage, struct cln_activate *activate);
    /* The forward pass can compute the moments of z from registers, at less cost than another pass over z. */
    bool has_moments_at_hand;
    /* Computes z; if `partials` has a buffer, also the moments of z. */
    enum cln_status (*forward)(struct cln_plan *plan, const struct cln_stage *stage,
                               const struct cln_activate *activate, struct cln_weights weights, struct ocl_buffer *x,
                               struct ocl_buffer *z, struct cln_partials partials);
    /* Computes the slices of the weight gradient. NULL: there are no weights. */
    enum cln_status (*backward_weights)(struct cln_plan *plan, const struct cln_stage *stage,
                                        const struct cln_activate *activate, struct cln_weights weights,
                                        struct ocl_buffer *x, struct ocl_buffer *dz, struct cln_slices slices);
    /* Computes dx from dz. */
    enum cln_status (*backward_data)(struct cln_plan *plan, const struct cln_stage *stage,
                                     const struct cln_activate *activate, struct cln_weights weights,
                                     struct ocl_buffer *x, struct ocl_buffer *dz, struct ocl_buffer *dx);
    /* The number of floats of weights.statistics, which the forward pass leaves for the backward pass. NULL: none. */
    size_t (*statistic_floats)(const struct cln_plan *plan, const struct cln_stage *stage);
};

/* The row of a stage's affine kind. */
const struct cln_affine *cln_affine_of(const struct cln_stage *stage);

#endif
