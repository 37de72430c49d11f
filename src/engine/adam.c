/* Adam: one launch over all parameters. */
#include "src/engine/optimizer.h"
#include "src/model/network.h"

enum cln_status cln_adam(struct cln_plan *plan, const struct cln_optimizer *g) {
    struct ocl_constants constants;
    cln_plan_constants(plan, &constants);
    ocl_constants_int(&constants, "CHUNK", CLN_TENSOR_ALIGN);
    return cln_plan_items(plan,
                          &(struct ocl_launch){
                              .source = "adam.cl",
                              .kernel = "adam",
                              .constants = &constants,
                              .args = {OCL_BUFFER(g->parameters), OCL_BUFFER(g->gradients), OCL_BUFFER(g->partials),
                                       OCL_BUFFER(g->chunks), OCL_BUFFER(g->first_moments),
                                       OCL_BUFFER(g->second_moments), OCL_INT(g->floats), OCL_BUFFER(plan->state)},
                              .arg_count = 8,
                              .bytes = 7.0 * (double)g->floats * sizeof(float),
                          },
                          g->floats / (size_t)cln_plan_vector(plan, "adam"));
}
