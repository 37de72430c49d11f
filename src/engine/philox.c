/* Fills buffers with random numbers, in one launch. */
#include "src/engine/philox.h"

enum cln_status cln_philox_fill(struct cln_plan *plan, const struct cln_philox *g) {
    struct ocl_constants constants;
    cln_plan_constants(plan, &constants);
    struct ocl_launch launch = {
        .source = "philox.cl",
        .kernel = "philox_fill",
        .constants = &constants,
        .args = {OCL_BUFFER(g->bits), OCL_BUFFER(g->uniforms), OCL_INT(g->count), OCL_INT((uint32_t)g->seed),
                 OCL_INT(g->seed >> 32), OCL_INT(g->step), OCL_INT(g->stage), OCL_INT(g->first_quad)},
        .arg_count = 8,
        .bytes = 8 * (double)g->count,
    };
    return cln_plan_items(plan, &launch, (g->count + 3) / 4);
}
