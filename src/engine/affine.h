/* The affine part of a stage: a row of functions per kind. */
#ifndef SRC_ENGINE_AFFINE_H
#define SRC_ENGINE_AFFINE_H

#include "src/engine/activate.h"
#include "src/model/stage.h"

/* `activate` is what comes behind the affine part in the same stage. */
struct cln_affine {
    /* Slices that the gradient of the weights comes in. */
    int (*slices)(const struct cln_plan *plan, const struct cln_stage *stage);
    /* Parts of an image, each of which leaves moments of its own. */
    int (*splits)(const struct cln_plan *plan, const struct cln_stage *stage);
    /* Takes over of `activate` what it can do on the way; NULL: nothing. */
    void (*fuse)(const struct cln_plan *plan, const struct cln_stage *stage, struct cln_activate *activate);
    /* The forward pass has z in registers long enough for its moments to cost less than a pass over z. */
    bool has_moments_at_hand;
    /* z; where `partials` has a buffer, its moments as well. */
    enum cln_status (*forward)(struct cln_plan *plan, const struct cln_stage *stage,
                               const struct cln_activate *activate, struct cln_weights weights, struct ocl_buffer *x,
                               struct ocl_buffer *z, struct cln_partials partials);
    /* NULL: there are no weights. */
    enum cln_status (*backward_weights)(struct cln_plan *plan, const struct cln_stage *stage,
                                        const struct cln_activate *activate, struct ocl_buffer *x,
                                        struct ocl_buffer *dz, struct cln_slices slices);
    enum cln_status (*backward_data)(struct cln_plan *plan, const struct cln_stage *stage,
                                     const struct cln_activate *activate, struct ocl_buffer *dz,
                                     struct cln_weights weights, struct ocl_buffer *dx);
};

const struct cln_affine *cln_affine_of(const struct cln_stage *stage);

#endif
