/* The normalise, activate and pool part of a stage: memory-bound launches, over blocks or over whole channels. */
#include "src/engine/activate.h"

#include <math.h>

#include "src/model/layer.h"

static int per_item(const struct cln_plan *plan, const struct cln_activate *g) {
    return cln_plan_channels_per_item(plan, g->pool.in.channels, g->pool.in.height * g->pool.in.width);
}

/* Loop iterations for a plane; the larger of the two ways. */
static double plane_iterations(const struct cln_activate *g) {
    const struct cln_pool2d *p = &g->pool;
    const int windows_h = cln_ceil_div(p->kernel_h, p->stride_h), windows_w = cln_ceil_div(p->kernel_w, p->stride_w);
    const bool pools = p->kind != CLN_POOL_NONE;
    const double window = pools ? cln_tile_loop(p->kernel_h, cln_tile_loop(p->kernel_w, 0)) : 0;
    const double windows = pools ? cln_tile_loop(windows_h, cln_tile_loop(windows_w, 0)) : 0;
    return fmax(cln_loop(p->out.height, cln_loop(p->out.width, window)),
                cln_loop(p->in.height, 2 + cln_loop(p->in.width, windows)));
}

/* How a team divides planes: team_rows work-items divide the rows, and if a group has all blocks, team_blocks divide
 * the blocks. */
static int team_rows(const struct cln_plan *plan, const struct cln_activate *g) {
    return cln_plan_team(plan, "activate", cln_even_tile(g->pool.out.height, plan->tuning.max_team), 2);
}
static int team_blocks(const struct cln_plan *plan, const struct cln_activate *g) {
    const int most = cln_plan_team(plan, "activate", plan->tuning.max_team, 2) / team_rows(plan, g);
    return cln_even_tile(plan->blocks, most);
}

static int per_group(const struct cln_plan *plan, const struct cln_activate *g) {
    enum { ENOUGH = 1024 };
    const int channels = g->pool.in.channels, positions = g->pool.in.height * g->pool.in.width;
    const int worth = cln_max(1, ENOUGH / positions / plan->blocks);
    return cln_even_tile(channels, cln_min(worth, cln_max(1, channels / plan->tuning.min_groups)));
}

/* Whether a launch of this part makes dz: not if dz is da, and not if the consumer of dz makes it. */
static bool spreads_here(const struct cln_activate *g) {
    return !g->fuses_dz && g->a != g->z;
}

static double z_bytes(const struct cln_plan *plan, const struct cln_activate *g) {
    return (double)cln_plan_bytes(plan, g->pool.in);
}
static double a_bytes(const struct cln_plan *plan, const struct cln_activate *g) {
    return (double)cln_plan_bytes(plan, g->pool.out);
}

/* Bytes that the passes must touch. Forward: z, or only its maxima, and what is added. Backward: a, da and the maxima,
 * and z twice if it is overwritten by dz. */
static double forward_bytes(const struct cln_plan *plan, const struct cln_activate *g) {
    return (double)cln_plan_bytes(plan, g->fuses_max ? g->pool.out : g->pool.in) + (g->adds ? 2 : 1) * a_bytes(plan, g);
}
static double backward_bytes(const struct cln_plan *plan, const struct cln_activate *g) {
    return (g->further ? 5 : 4) * a_bytes(plan, g) + (spreads_here(g) ? 2 * z_bytes(plan, g) : 0);
}

/* Loop iterations of a group of whole channels, which goes through its blocks three times. */
static double whole_iterations(const struct cln_plan *plan, const struct cln_activate *g) {
    const double blocks = cln_loop(plan->blocks, plane_iterations(g));
    return cln_loop(per_group(plan, g), 3 * (blocks + cln_plan_reduction(plan, "activate")));
}

static bool whole_channels_pay(const struct cln_plan *plan, const struct cln_activate *g, double bytes) {
    return !plan->chains && g->pool.in.channels >= plan->tuning.min_whole_channels &&
           bytes <= 1024.0 * plan->tuning.channel_cache_kib &&
           whole_iterations(plan, g) <= plan->tuning.max_loop_iterations;
}

bool cln_channel_forward_pays(const struct cln_plan *plan, const struct cln_activate *g) {
    return whole_channels_pay(plan, g, forward_bytes(plan, g));
}

bool cln_channel_backward_pays(const struct cln_plan *plan, const struct cln_activate *g) {
    return whole_channels_pay(plan, g, backward_bytes(plan, g));
}

void cln_pool_constants(struct ocl_constants *constants, const struct cln_activate *g) {
    const struct cln_pool2d *p = &g->pool;
    const struct {
        const char *name;
        int value;
    } values[] = {
        {"ACTIVATION", (int)g->activation.kind},
        {"Z_H", p->in.height},
        {"Z_W", p->in.width},
        {"A_H", p->out.height},
        {"A_W", p->out.width},
        {"POOL", (int)p->kind},
        {"POOL_H", p->kernel_h},
        {"POOL_W", p->kernel_w},
        {"POOL_STRIDE_H", p->stride_h},
        {"POOL_STRIDE_W", p->stride_w},
        {"POOL_PADDING_H", p->padding_h},
        {"POOL_PADDING_W", p->padding_w},
        {"NORMALISE", g->norm != NULL},
        {"ACTIVATION_OF_INPUT", cln_activation_is_of_input(g->activation.kind)},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        ocl_constants_int(constants, values[i].name, values[i].value);
    if (cln_layer_type_of_activation(g->activation.kind)->option_count > 0)
        ocl_constants_float(constants, "ACTIVATION_PARAMETER", g->activation.parameter);
}

static void constants_of(struct ocl_constants *c, const struct cln_plan *plan, const struct cln_activate *g) {
    cln_plan_constants(plan, c);
    cln_pool_constants(c, g);
    ocl_constants_int(c, "FUSES_MAX", g->fuses_max);
    ocl_constants_int(c, "ADDS", g->adds);
    ocl_constants_int(c, "SUMS_GRADIENTS", g->further != NULL);
    ocl_constants_int(c, "TEAM", team_rows(plan, g) * team_blocks(plan, g));
    ocl_constants_int(c, "TEAM_ROWS", team_rows(plan, g));
    if (g->norm)
        cln_norm_constants(c, g->norm);
}

/* Completes and adds a launch: appends the two arguments that all these kernels have last, channels and state. */
static enum cln_status launch(struct cln_plan *plan, const struct cln_activate *g, struct ocl_launch launch, int team) {
    struct ocl_constants constants;
    constants_of(&constants, plan, g);
    launch.source = "activate.cl";
    launch.constants = &constants;
    ocl_launch_argument(&launch, OCL_INT(g->pool.in.channels));
    ocl_launch_argument(&launch, OCL_BUFFER(plan->state));
    return cln_plan_teams(plan, &launch, team);
}

static enum cln_status launch_blocks(struct cln_plan *plan, const struct cln_activate *g, struct ocl_launch blocks) {
    blocks.iterations = cln_loop(per_item(plan, g), plane_iterations(g) + cln_plan_reduction(plan, "activate"));
    blocks.groups[0] = (size_t)cln_ceil_div(g->pool.in.channels, per_item(plan, g));
    return launch(plan, g, blocks, team_rows(plan, g));
}

static enum cln_status launch_channels(struct cln_plan *plan, const struct cln_activate *g,
                                       struct ocl_launch channels) {
    channels.groups[0] = (size_t)cln_ceil_div(g->pool.in.channels, per_group(plan, g));
    channels.groups[1] = 1;
    channels.iterations = whole_iterations(plan, g);
    return launch(plan, g, channels, team_rows(plan, g) * team_blocks(plan, g));
}

/* An argument that this stage may not need: any buffer will do then, since it is not read. */
static struct ocl_arg optional(struct ocl_buffer *buffer, const struct cln_activate *g) {
    return OCL_BUFFER(buffer ? buffer : g->z);
}

static int normal_span_of(const struct cln_activate *g) {
    return g->norm ? g->norm->normal_span : 1;
}

static struct ocl_buffer *normal_of(const struct cln_activate *g) {
    return g->norm ? g->norm->normal : NULL;
}

enum cln_status cln_activate_predict(struct cln_plan *plan, const struct cln_activate *g) {
    const struct cln_norm none = {0}, *n = g->norm ? g->norm : &none;
    return launch_blocks(plan, g,
                         (struct ocl_launch){
                             .kernel = "activate_predict",
                             .args = {OCL_BUFFER(g->z), optional(n->parameters, g), OCL_INT(n->gamma), OCL_INT(n->beta),
                                      optional(n->running, g), OCL_INT(n->running_mean), OCL_INT(n->running_var),
                                      optional(g->addend, g), OCL_BUFFER(g->a)},
                             .arg_count = 9,
                             .bytes = z_bytes(plan, g) + (g->adds ? 2 : 1) * a_bytes(plan, g),
                         });
}

enum cln_status cln_activate_forward(struct cln_plan *plan, const struct cln_activate *g) {
    return launch_blocks(
        plan, g,
        (struct ocl_launch){
            .kernel = "activate_forward",
            .args = {OCL_BUFFER(g->z), optional(normal_of(g), g), OCL_INT(normal_span_of(g)), optional(g->addend, g),
                     OCL_BUFFER(g->a), optional(g->max_value, g), optional(g->max_index, g)},
            .arg_count = 7,
            .bytes = forward_bytes(plan, g),
        });
}

enum cln_status cln_activate_backward(struct cln_plan *plan, const struct cln_activate *g, struct cln_partials sums) {
    return launch_blocks(plan, g,
                         (struct ocl_launch){
                             .kernel = "activate_backward",
                             .args = {OCL_BUFFER(g->da), OCL_BUFFER(g->a), OCL_BUFFER(g->z), optional(g->max_value, g),
                                      optional(g->max_index, g), optional(normal_of(g), g), OCL_INT(normal_span_of(g)),
                                      optional(g->further, g), OCL_BUFFER(sums.buffer)},
                             .arg_count = 9,
                             .bytes = (g->further ? 5 : 4) * a_bytes(plan, g),
                         });
}

enum cln_status cln_activate_spread(struct cln_plan *plan, const struct cln_activate *g) {
    return launch_blocks(
        plan, g,
        (struct ocl_launch){
            .kernel = "activate_spread",
            .args = {OCL_BUFFER(g->da), OCL_BUFFER(g->z), optional(g->max_index, g), optional(normal_of(g), g),
                     optional(g->norm ? g->norm->dz_coefficients : NULL, g), OCL_INT(g->norm ? g->norm->dz_span : 1)},
            .arg_count = 6,
            .bytes = 2 * z_bytes(plan, g) + a_bytes(plan, g),
        });
}

enum cln_status cln_channel_forward(struct cln_plan *plan, const struct cln_activate *g, struct cln_partials partials) {
    const struct cln_norm *n = g->norm;
    return launch_channels(
        plan, g,
        (struct ocl_launch){
            .kernel = "channel_forward",
            .args = {OCL_BUFFER(g->z), optional(partials.buffer, g), OCL_INT(plan->blocks),
                     OCL_INT(partials.buffer ? partials.splits : 0), OCL_BUFFER(n->parameters), OCL_INT(n->gamma),
                     OCL_INT(n->beta), OCL_BUFFER(n->normal), OCL_BUFFER(n->running), OCL_INT(n->running_mean),
                     OCL_INT(n->running_var), optional(g->addend, g), OCL_BUFFER(g->a), optional(g->max_value, g),
                     optional(g->max_index, g)},
            .arg_count = 15,
            .bytes = forward_bytes(plan, g),
        });
}

enum cln_status cln_channel_backward(struct cln_plan *plan, const struct cln_activate *g, struct cln_slices gamma,
                                     struct cln_slices beta) {
    struct ocl_buffer *gradients = beta.buffer ? beta.buffer : gamma.buffer;
    return launch_channels(plan, g,
                           (struct ocl_launch){
                               .kernel = "channel_backward",
                               .args = {OCL_BUFFER(g->da), OCL_BUFFER(g->a), OCL_BUFFER(g->z),
                                        optional(g->max_value, g), optional(g->max_index, g), optional(normal_of(g), g),
                                        optional(g->norm ? g->norm->dz_coefficients : NULL, g), optional(g->further, g),
                                        optional(gradients, g), OCL_INT(gamma.base),
                                        OCL_INT(beta.buffer ? beta.base : -1), OCL_INT(spreads_here(g))},
                               .arg_count = 12,
                               .bytes = backward_bytes(plan, g),
                           });
}
