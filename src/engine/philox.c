/* Fills tensors with random numbers, in one launch. */
#include "src/engine/philox.h"

enum cln_status cln_philox_fill(struct cln_plan *plan, const struct cln_philox *g) {
    struct ocl_constants constants;
    cln_plan_constants(plan, &constants);
    return cln_plan_lanes(
        plan, &(struct ocl_launch){
                  .source = "philox.cl",
                  .kernel = "philox_fill",
                  .constants = &constants,
                  .args = {OCL_BUFFER(g->bits), OCL_BUFFER(g->uniforms), OCL_INT(g->elements),
                           OCL_INT((uint32_t)g->seed), OCL_INT(g->seed >> 32), OCL_INT(g->step), OCL_INT(g->stage),
                           OCL_INT(g->first_sample), OCL_INT(g->first_quad), OCL_BUFFER(plan->state)},
                  .arg_count = 10,
                  .groups = {(size_t)cln_ceil_div(g->elements, 4)},
                  .iterations = CLN_FEW_ITERATIONS,
                  .bytes = 2.0 * (double)cln_plan_bytes(plan, (struct cln_shape){g->elements, 1, 1}),
              });
}
