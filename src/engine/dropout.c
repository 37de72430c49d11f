/* Dropout, in one launch forward and one backward. */
#include "src/engine/dropout.h"

#include <math.h>

enum { ROUNDS = 11 }; /* loop iterations of kernels/philox.clh */

static enum cln_status launch(struct cln_plan *plan, const struct cln_dropout_units *g, struct ocl_launch *launch) {
    const int plane = g->shape.height * g->shape.width;
    const int units = g->dropout.by_channel ? g->shape.channels : (int)cln_shape_count(g->shape);
    const int quads = cln_ceil_div(units, 4), run = g->dropout.by_channel ? plane : 1;
    const double of_quad = ROUNDS + cln_loop(4, cln_loop(run, 0)),
                 most = plan->tuning.max_loop_iterations / (1 + of_quad);
    const int per_item = (int)fmax(1, fmin(cln_plan_channels_per_item(plan, quads, 1), floor(most)));
    struct ocl_constants constants;
    cln_plan_constants(plan, &constants);
    ocl_constants_int(&constants, "UNITS", units);
    ocl_constants_int(&constants, "RUN", run);
    ocl_constants_int(&constants, "QUADS_PER_ITEM", per_item);
    ocl_constants_float(&constants, "P", g->dropout.p);
    ocl_constants_float(&constants, "SCALE", 1 / (1 - g->dropout.p));
    launch->source = "dropout.cl";
    launch->constants = &constants;
    launch->groups[0] = (size_t)cln_ceil_div(quads, per_item);
    launch->iterations = cln_loop(per_item, of_quad);
    launch->bytes = 2.0 * (double)cln_plan_bytes(plan, g->shape);
    ocl_launch_argument(launch, OCL_INT((uint32_t)g->seed));
    ocl_launch_argument(launch, OCL_INT(g->seed >> 32));
    ocl_launch_argument(launch, OCL_INT(g->layer));
    ocl_launch_argument(launch, OCL_BUFFER(plan->state));
    return cln_plan_lanes(plan, launch);
}

enum cln_status cln_dropout_forward(struct cln_plan *plan, const struct cln_dropout_units *g, struct ocl_buffer *x,
                                    struct ocl_buffer *y) {
    return launch(
        plan, g,
        &(struct ocl_launch){.kernel = "dropout_forward", .args = {OCL_BUFFER(x), OCL_BUFFER(y)}, .arg_count = 2});
}

enum cln_status cln_dropout_backward(struct cln_plan *plan, const struct cln_dropout_units *g, struct ocl_buffer *d) {
    return launch(plan, g, &(struct ocl_launch){.kernel = "dropout_backward", .args = {OCL_BUFFER(d)}, .arg_count = 1});
}
