/* Softmax cross-entropy: the loss of a batch. */
#include "src/engine/softmax_cross_entropy.h"

/* Each work-item sums the weights of all samples, so many at once. */
static double weights_iterations(const struct cln_plan *plan) {
    const int at_once = cln_plan_samples_per_part(plan);
    return cln_loop(cln_ceil_div(cln_max(plan->batch_size, plan->whole_batch), at_once), cln_loop(at_once, 0));
}

enum cln_status cln_softmax_cross_entropy(struct cln_plan *plan, const struct cln_softmax_cross_entropy *g) {
    static const char name[] = "softmax_cross_entropy";
    struct ocl_constants constants;
    cln_plan_constants(plan, &constants);
    ocl_constants_int(&constants, "CLASSES", g->classes);
    struct ocl_launch launch = {
        .source = "softmax_cross_entropy.cl",
        .kernel = name,
        .constants = &constants,
        .args = {OCL_BUFFER(g->logits), OCL_BUFFER(g->labels), OCL_BUFFER(g->gradient ? g->gradient : g->logits),
                 OCL_BUFFER(g->predicted ? g->predicted : g->labels), OCL_INT(g->gradient != NULL), OCL_BUFFER(g->sums),
                 OCL_BUFFER(plan->state)},
        .arg_count = 7,
        .iterations = (g->mixes ? 5 : 4) * cln_loop(g->classes, 0) + cln_plan_reduction(plan, name) +
                      2 * cln_loop(plan->tuning.vector, 0),
    };
    if (g->mixes) {
        ocl_constants_int(&constants, "MIX", 1);
        ocl_launch_argument(&launch, OCL_BUFFER(g->mixes));
    }
    if (g->class_weights) {
        ocl_constants_int(&constants, "CLASS_WEIGHTS", 1);
        ocl_launch_argument(&launch, OCL_BUFFER(g->class_weights));
        launch.iterations += weights_iterations(plan);
    }
    return cln_plan_lanes(plan, &launch);
}
