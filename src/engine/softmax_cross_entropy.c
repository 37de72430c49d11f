/* Softmax cross-entropy: the loss of a batch. */
#include "src/engine/softmax_cross_entropy.h"

enum cln_status cln_softmax_cross_entropy(struct cln_plan *plan, const struct cln_softmax_cross_entropy *g) {
    struct ocl_constants constants;
    cln_plan_constants(plan, &constants);
    ocl_constants_int(&constants, "CLASSES", g->classes);
    return cln_plan_lanes(
        plan,
        &(struct ocl_launch){
            .source = "softmax_cross_entropy.cl",
            .kernel = "softmax_cross_entropy",
            .constants = &constants,
            .args = {OCL_BUFFER(g->logits), OCL_BUFFER(g->labels), OCL_BUFFER(g->gradient ? g->gradient : g->logits),
                     OCL_BUFFER(g->predicted ? g->predicted : g->labels), OCL_INT(g->gradient != NULL),
                     OCL_BUFFER(g->sums), OCL_BUFFER(plan->state)},
            .arg_count = 7,
        });
}
