/* Applies a function of strict arithmetic, in one launch. */
#include "src/engine/arithmetic.h"

enum cln_status cln_arithmetic_apply(struct cln_plan *plan, const struct cln_arithmetic *g) {
    struct ocl_constants constants = {0};
    struct cln_plan usual = *plan; /* the kernel has nothing that a safe variant avoids */
    usual.tuning.safe = 0;
    const size_t vectors = g->count / (size_t)usual.tuning.vector;
    if (!g->numerators) /* sums cannot hold the remainder of a quotient of 2^-125, which all kernels take for 0 */
        ocl_constants_int(&constants, "FMA", plan->tuning.fma);
    ocl_constants_word(&constants, "FUNCTION", g->function);
    ocl_constants_int(&constants, "NUMERATORS", g->numerators != NULL);
    return cln_plan_items(&usual,
                          &(struct ocl_launch){
                              .source = "arithmetic.cl",
                              .kernel = "arithmetic_apply",
                              .constants = &constants,
                              .args = {OCL_BUFFER(g->x), OCL_BUFFER(g->numerators ? g->numerators : g->x),
                                       OCL_BUFFER(g->out), OCL_INT(vectors)},
                              .arg_count = 4,
                              .iterations = CLN_FEW_ITERATIONS,
                              .bytes = (g->numerators ? 3.0 : 2.0) * (double)(g->count * sizeof(float)),
                          },
                          vectors);
}
