/* Normalise, activate, pool: three memory-bound launches. */
#include "src/engine/activate.h"

static int per_item(const struct cln_plan *plan, const struct cln_activate *g) {
    return cln_plan_channels_per_item(plan, g->pool.in.channels, g->pool.in.height * g->pool.in.width);
}

static void constants_of(struct ocl_constants *c, const struct cln_plan *plan, const struct cln_activate *g) {
    const struct cln_pool2d *p = &g->pool;
    const struct {
        const char *name;
        int value;
    } values[] = {
        {"ACTIVATION", (int)g->activation},
        {"CHANNELS", p->in.channels},
        {"IN_H", p->in.height},
        {"IN_W", p->in.width},
        {"OUT_H", p->out.height},
        {"OUT_W", p->out.width},
        {"POOL", (int)p->kind},
        {"POOL_H", p->kernel_h},
        {"POOL_W", p->kernel_w},
        {"STRIDE_H", p->stride_h},
        {"STRIDE_W", p->stride_w},
        {"PADDING_H", p->padding_h},
        {"PADDING_W", p->padding_w},
        {"NORMALISE", g->normal != NULL},
        {"CHANNELS_PER_ITEM", per_item(plan, g)},
        {"PARTIAL_BLOCKS", plan->blocks},
    };
    cln_plan_constants(plan, c);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        ocl_constants_int(c, values[i].name, values[i].value);
}

static enum cln_status launch(struct cln_plan *plan, const struct cln_activate *g, struct ocl_launch launch) {
    const struct cln_pool2d *p = &g->pool;
    const double windows = (double)cln_ceil_div(p->kernel_h, p->stride_h) * cln_ceil_div(p->kernel_w, p->stride_w);
    const double forward = (double)p->out.height * p->out.width * (p->kernel_h * (p->kernel_w + 1.0) + 1);
    const double backward = (double)p->in.height * p->in.width * (2 * windows + 1);
    const enum cln_status status =
        cln_plan_check_iterations(plan, launch.kernel, per_item(plan, g) * (forward > backward ? forward : backward));
    if (status != CLN_OK)
        return status;
    struct ocl_constants constants;
    constants_of(&constants, plan, g);
    launch.source = "activate.cl";
    launch.constants = &constants;
    launch.groups[0] = (size_t)cln_ceil_div(g->pool.in.channels, per_item(plan, g));
    return cln_plan_lanes(plan, &launch);
}

/* A kernel's argument that this stage has no use for: any buffer will do, it is not read. */
static struct ocl_arg optional(struct ocl_buffer *buffer, const struct cln_activate *g) {
    return OCL_BUFFER(buffer ? buffer : g->z);
}

enum cln_status cln_activate_forward(struct cln_plan *plan, const struct cln_activate *g) {
    return launch(plan, g,
                  (struct ocl_launch){
                      .kernel = "activate_forward",
                      .args = {OCL_BUFFER(g->z), optional(g->normal, g), OCL_BUFFER(g->a), optional(g->chosen, g),
                               optional(g->winner, g), OCL_BUFFER(plan->state)},
                      .arg_count = 6,
                      .bytes = (double)(cln_plan_bytes(plan, g->pool.in) + cln_plan_bytes(plan, g->pool.out)),
                  });
}

enum cln_status cln_activate_backward(struct cln_plan *plan, const struct cln_activate *g, struct cln_partials sums) {
    return launch(
        plan, g,
        (struct ocl_launch){
            .kernel = "activate_backward",
            .args = {OCL_BUFFER(g->da), OCL_BUFFER(g->a), OCL_BUFFER(g->z), optional(g->chosen, g),
                     optional(g->winner, g), optional(g->normal, g), OCL_BUFFER(sums.buffer), OCL_BUFFER(plan->state)},
            .arg_count = 8,
            .bytes = 4.0 * (double)cln_plan_bytes(plan, g->pool.out),
        });
}

enum cln_status cln_activate_spread(struct cln_plan *plan, const struct cln_activate *g) {
    return launch(plan, g,
                  (struct ocl_launch){
                      .kernel = "activate_spread",
                      .args = {OCL_BUFFER(g->da), OCL_BUFFER(g->z), optional(g->winner, g), optional(g->normal, g),
                               optional(g->gradient, g), OCL_BUFFER(plan->state)},
                      .arg_count = 6,
                      .bytes = (double)(2 * cln_plan_bytes(plan, g->pool.in) + cln_plan_bytes(plan, g->pool.out)),
                  });
}
