/* Any optimizer: one launch over all parameters. */
#include "src/engine/optimizer.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "clenet/network.h"
#include "kernels/state.clh"

/* Loop iterations of adding up a gradient's slices: in strict arithmetic by eights, in a tree. */
static double sum_iterations(const struct cln_plan *plan, const struct cln_optimizer *g) {
    if (g->nodes > 0)
        return cln_loop(g->most_slices, 1) + cln_loop(24, 0) + cln_loop(g->nodes, 0);
    const double of_eight = cln_loop(8, 0) + cln_loop(3, 4) + cln_loop(2, 0), levels = cln_loop(24, 0);
    return plan->tuning.strict ? cln_loop(cln_ceil_div(g->most_slices, 8), of_eight) + 2 * levels
                               : cln_loop(g->most_slices, 0);
}

enum cln_status cln_optimizer_update(struct cln_plan *plan, const struct cln_optimizer *g) {
    const struct cln_optimizer_row *row = &cln_optimizers[g->kind];
    const char *name = cln_optimizer_name(g->kind);
    struct ocl_constants constants;
    char source[32];
    snprintf(source, sizeof source, "%s.cl", name);
    cln_plan_constants(plan, &constants);
    ocl_constants_int(&constants, "TENSOR_ALIGN", CLN_TENSOR_ALIGN);
    if (g->norm_parts > 0)
        ocl_constants_int(&constants, "NORM_PARTS", g->norm_parts);
    struct ocl_launch launch = {
        .source = source,
        .kernel = name,
        .constants = &constants,
        .args = {OCL_BUFFER(g->parameters), OCL_BUFFER(g->gradients), OCL_BUFFER(g->partials),
                 OCL_BUFFER(g->slice_table)},
        .arg_count = 4,
    };
    double passes = 3; /* reads or writes of all parameters: these, their gradients, and their new values */
    for (int i = 0; i < CLN_MOMENT_COUNT; i++)
        if (row->moments[i].name) {
            ocl_launch_argument(&launch, OCL_BUFFER(g->moments[i]));
            passes += 2;
        }
    ocl_launch_argument(&launch, OCL_INT(g->floats));
    ocl_launch_argument(&launch, OCL_BUFFER(plan->state));
    launch.iterations = sum_iterations(plan, g) + cln_loop(g->norm_parts, 0);
    launch.bytes = passes * (double)g->floats * sizeof(float);
    return cln_plan_items(plan, &launch, g->floats / (size_t)cln_plan_vector(plan, name));
}

enum cln_status cln_optimizer_sum(struct cln_plan *plan, const struct cln_optimizer *g) {
    static const char name[] = "sum_gradients";
    struct ocl_constants constants;
    cln_plan_constants(plan, &constants);
    ocl_constants_int(&constants, "TENSOR_ALIGN", CLN_TENSOR_ALIGN);
    if (g->accumulates)
        ocl_constants_int(&constants, "ACCUMULATE", 1);
    if (g->nodes > 0) {
        ocl_constants_int(&constants, "NODES", g->nodes);
        ocl_constants_int(&constants, "SHARDS", cln_ceil_div(plan->batch_size, SHARD_SAMPLES));
    }
    struct ocl_launch launch = {
        .source = "sum_gradients.cl",
        .kernel = name,
        .constants = &constants,
        .args = {OCL_BUFFER(g->gradients), OCL_BUFFER(g->partials), OCL_BUFFER(g->slice_table), OCL_INT(g->floats),
                 OCL_BUFFER(plan->state)},
        .arg_count = 5,
        .iterations = sum_iterations(plan, g),
        .bytes = (g->accumulates ? 3 : 2) * (double)g->floats * sizeof(float),
    };
    return cln_plan_items(plan, &launch, g->floats / (size_t)cln_plan_vector(plan, name));
}

/* Loop iterations of a part of the norm besides those for its gradients. */
static double part_iterations(const struct cln_plan *plan) {
    return CLN_TENSOR_ALIGN + 2 * (2 + cln_plan_reduction(plan, "gradient_norm"));
}

/* Each work-item of an update reads all parts, so they are few. */
int cln_optimizer_norm_parts(const struct cln_plan *plan, size_t floats) {
    enum { ENOUGH = 16, STRICT_FLOATS = 1 << 16 };
    const double most = plan->tuning.strict
                            ? STRICT_FLOATS /* floats of a part */
                            : plan->tuning.lanes * fmax(1, plan->tuning.max_loop_iterations - part_iterations(plan));
    return cln_max(ENOUGH, (int)ceil((double)floats / most));
}

enum cln_status cln_optimizer_norm(struct cln_plan *plan, const struct cln_optimizer *g) {
    static const char name[] = "gradient_norm";
    enum { TEAM = 8, FLOATS = 2 };
    const int team = cln_plan_team(plan, name, TEAM, FLOATS);
    struct ocl_constants constants;
    cln_plan_constants(plan, &constants);
    ocl_constants_int(&constants, "TENSOR_ALIGN", CLN_TENSOR_ALIGN);
    ocl_constants_int(&constants, "TEAM", team);
    struct ocl_launch launch = {
        .source = "gradient_norm.cl",
        .kernel = name,
        .constants = &constants,
        .args = {OCL_BUFFER(g->partials), OCL_INT(g->floats), OCL_BUFFER(plan->state)},
        .arg_count = 3,
        .groups = {(size_t)g->norm_parts, 1},
        .iterations = (double)(g->floats / (size_t)g->norm_parts / (size_t)plan->tuning.lanes) + part_iterations(plan),
        .bytes = (double)g->floats * sizeof(float),
    };
    return cln_plan_teams(plan, &launch, team);
}

enum cln_status cln_optimizer_average(struct cln_plan *plan, const struct cln_average *g) {
    static const char name[] = "average";
    const size_t floats = g->parameter_floats + g->running_floats;
    struct ocl_constants constants;
    cln_plan_constants(plan, &constants);
    ocl_constants_int(&constants, "TENSOR_ALIGN", CLN_TENSOR_ALIGN);
    struct ocl_launch launch = {
        .source = "average.cl",
        .kernel = name,
        .constants = &constants,
        /* A kernel needs some buffer, also for no statistics. */
        .args = {OCL_BUFFER(g->parameter_averages), OCL_BUFFER(g->parameters), OCL_INT(g->parameter_floats),
                 OCL_BUFFER(g->running_floats > 0 ? g->running_averages : g->parameter_averages),
                 OCL_BUFFER(g->running_floats > 0 ? g->running : g->parameters), OCL_INT(g->running_floats),
                 OCL_BUFFER(plan->state)},
        .arg_count = 7,
        .iterations = CLN_FEW_ITERATIONS,
        .bytes = 3 * (double)floats * sizeof(float),
    };
    return cln_plan_items(plan, &launch, floats / (size_t)cln_plan_vector(plan, name));
}

void cln_optimizer_begin(struct cln_state *state, const struct cln_optimizer_params *params) {
    const struct cln_optimizer_params p = cln_optimizer_resolve(*params);
    state->beta1 = (float)p.beta1;
    state->beta2 = (float)p.beta2;
    state->one_minus_beta1 = (float)(1.0 - p.beta1);
    state->one_minus_beta2 = (float)(1.0 - p.beta2);
    state->log_beta1 = (float)log(p.beta1);
    state->log_beta2 = (float)log(p.beta2);
    state->alpha = (float)p.alpha;
    state->one_minus_alpha = (float)(1.0 - p.alpha);
    state->eps = (float)fmax(p.eps, (double)FLT_MIN); /* 0 would make 0/0 of a gradient that is always 0 */
    state->momentum = (float)p.momentum;
    state->nesterov = p.nesterov > 0;
    state->weight_decay = (float)p.weight_decay;
    state->label_smoothing = (float)p.label_smoothing;
    state->clip_norm = (float)p.clip_norm;
    state->one_minus_ema = (float)(1.0 - p.ema);
    state->accumulate = (int)p.accumulate;
}
