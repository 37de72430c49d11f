/* Common to all launches: labels, lanes, work-group shapes. */
#include "src/engine/plan.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "kernels/state.clh"

size_t cln_plan_elements(const struct cln_plan *plan, struct cln_shape shape) {
    return (size_t)plan->blocks * (size_t)plan->tuning.lanes * cln_shape_count(shape);
}

size_t cln_plan_bytes(const struct cln_plan *plan, struct cln_shape shape) {
    return cln_plan_elements(plan, shape) * sizeof(float);
}

static bool is_safe(const struct cln_plan *plan, const char *operation) {
    return (plan->tuning.safe & cln_operation(operation)) != 0;
}

int cln_plan_vector(const struct cln_plan *plan, const char *operation) {
    return is_safe(plan, operation) ? plan->tuning.lanes : plan->tuning.vector;
}

void cln_plan_scope(struct cln_plan *plan, int stage) {
    plan->scope[0] = '\0';
    if (stage != CLN_NO_STAGE)
        snprintf(plan->scope, sizeof plan->scope, "stage %d", stage + 1);
}

void cln_plan_label(const struct cln_plan *plan, const char *name, char *label, size_t bytes) {
    snprintf(label, bytes, "%s%s%s", plan->scope, plan->scope[0] ? " " : "", name);
}

enum cln_status cln_plan_buffer(const struct cln_plan *plan, struct ocl_buffer **out, const char *name, size_t bytes) {
    struct cln_tally *tally = plan->tally;
    struct cln_pool *pool = plan->pool;
    const size_t alignment = pool ? ocl_context_device(plan->context)->part_alignment : 1;
    const size_t taken = (bytes + alignment - 1) / alignment * alignment;
    if (!tally && !pool)
        return ocl_buffer_create(out, plan->context, bytes);
    if (!tally) {
        pool->used += taken;
        return ocl_buffer_part(out, pool->buffer, pool->used - taken, bytes);
    }
    tally->total += (double)taken;
    if ((double)bytes > tally->largest) {
        tally->largest = (double)bytes;
        cln_plan_label(plan, name, tally->largest_name, sizeof tally->largest_name);
    }
    return CLN_OK;
}

void cln_plan_constants(const struct cln_plan *plan, struct ocl_constants *constants) {
    *constants = (struct ocl_constants){0};
    ocl_constants_int(constants, "LANES", plan->tuning.lanes);
    ocl_constants_int(constants, "FMA", plan->tuning.fma);
    if (plan->tuning.strict)
        ocl_constants_int(constants, "STRICT", 1);
}

bool cln_plan_is_limited(const struct cln_plan *plan) {
    return plan->tuning.max_loop_iterations < INT_MAX;
}

static enum cln_status check_iterations(const struct cln_plan *plan, const struct ocl_launch *launch) {
    if (!(launch->iterations > 0))
        return cln_fail(CLN_INVALID, "%s: the launch does not state its loop iterations", launch->kernel);
    if (launch->iterations <= plan->tuning.max_loop_iterations)
        return CLN_OK;
    return cln_fail(CLN_DEVICE, "%s: a work-item would make %.0f loop iterations, %s cuts loops off after %d",
                    launch->kernel, launch->iterations, ocl_context_device(plan->context)->name,
                    plan->tuning.max_loop_iterations);
}

static enum cln_status add(struct cln_plan *plan, struct ocl_launch *launch) {
    char label[96];
    struct ocl_constants constants = *launch->constants;
    cln_plan_label(plan, launch->kernel, label, sizeof label);
    ocl_constants_int(&constants, "VECTOR", cln_plan_vector(plan, launch->source));
    launch->label = label;
    launch->constants = &constants;
    if (plan->observe)
        plan->observe(plan->observer, launch);
    enum cln_status status = check_iterations(plan, launch);
    if (status == CLN_OK)
        status = ocl_sequence_add(plan->sequence, launch);
    launch->label = NULL;
    launch->constants = NULL;
    return status;
}

enum cln_status cln_plan_lanes(struct cln_plan *plan, struct ocl_launch *launch) {
    return cln_plan_teams(plan, launch, 1);
}

enum cln_status cln_plan_teams(struct cln_plan *plan, struct ocl_launch *launch, int team) {
    launch->local[0] = (size_t)(plan->tuning.lanes / cln_plan_vector(plan, launch->source) * team);
    if (launch->groups[1] == 0) {
        launch->groups[1] = (size_t)plan->blocks;
        launch->span = 1;
    }
    return add(plan, launch);
}

enum cln_status cln_plan_items(struct cln_plan *plan, struct ocl_launch *launch, size_t items) {
    enum { FEW = 16, MANY = 64 }; /* work-items per group on a CPU and on a GPU */
    const size_t limit = ocl_context_device(plan->context)->max_work_group_size;
    const size_t most = is_safe(plan, launch->source) ? 1 : plan->tuning.lanes > plan->tuning.vector ? MANY : FEW;
    const size_t wanted = items < most ? items : most;
    const struct ocl_constants *constants = launch->constants;
    enum cln_status status;
    launch->local[0] = wanted < limit ? wanted : limit;
    do {
        launch->constants = constants;
        launch->groups[0] = (items + launch->local[0] - 1) / launch->local[0];
        status = add(plan, launch);
    } while (status != CLN_OK && ocl_context_group_refused(plan->context) && (launch->local[0] /= 2) > 0);
    return status;
}

int cln_plan_units(const struct cln_plan *plan) {
    return cln_max(1, plan->tuning.min_groups / 8);
}

void cln_plan_chain(struct cln_plan *plan, double flops) {
    static const double quick = 10e6; /* operations of one unit in the 50 µs until another has woken up, about */
    const int units = cln_plan_units(plan);
    plan->chains = plan->tuning.lanes == plan->tuning.vector && !cln_plan_is_limited(plan) &&
                   (plan->blocks >= 2 * units || flops <= quick);
}

void cln_plan_join(struct cln_plan *plan) {
    if (plan->tuning.join_launches)
        ocl_sequence_join(plan->sequence);
}

enum cln_status cln_plan_follow(struct cln_plan *plan) {
    if (!plan->chains)
        return cln_plan_barrier(plan);
    ocl_sequence_follow(plan->sequence);
    return CLN_OK;
}

enum cln_status cln_plan_barrier(struct cln_plan *plan) {
    return ocl_sequence_barrier(plan->sequence);
}

enum cln_status cln_plan_joined(struct cln_plan *plan) {
    return plan->tuning.join_launches ? ocl_sequence_joined(plan->sequence) : CLN_OK;
}

enum cln_status cln_plan_call(struct cln_plan *plan, const char *name, enum ocl_call_time time,
                              ocl_host_function *function, void *user) {
    char label[96];
    cln_plan_label(plan, name, label, sizeof label);
    return ocl_sequence_call(plan->sequence, label, time, function, user);
}

int cln_plan_splits(const struct cln_plan *plan, int total, int others, double iterations) {
    const int busy = cln_ceil_div(plan->tuning.min_groups, others);
    const double units = fmax(1, floor(plan->tuning.max_loop_iterations / iterations)); /* the most of a part */
    const int needed = (int)ceil(total / units);
    return cln_min(total, cln_max(busy, needed));
}

int cln_plan_cache_slices(const struct cln_plan *plan, double bytes, double weights) {
    const double wanted = fmin(plan->blocks, ceil(bytes / (1024.0 * plan->tuning.slice_cache_kib)));
    const double most = bytes / (weights * sizeof(float));
    return (int)fmax(1, fmin(wanted, most));
}

int cln_plan_strict_slices(const struct cln_plan *plan) {
    return cln_ceil_div(plan->blocks * plan->tuning.lanes, SHARD_SAMPLES) * (STRANDS / plan->tuning.lanes);
}

int cln_plan_samples_per_part(const struct cln_plan *plan) {
    return plan->tuning.strict ? OCTET : plan->tuning.lanes;
}

int cln_plan_parts(const struct cln_plan *plan) {
    return plan->blocks * (plan->tuning.lanes / cln_plan_samples_per_part(plan));
}

int cln_plan_whole_parts(const struct cln_plan *plan) {
    struct cln_plan whole = *plan;
    if (plan->whole_batch > 0)
        whole.blocks = cln_ceil_div(plan->whole_batch, plan->tuning.lanes);
    return cln_plan_parts(&whole);
}

int cln_strict_splits(int total, double work) {
    enum { ENOUGH = 1 << 14 };
    int splits = 1;
    while (splits < total && work > (double)ENOUGH * splits)
        splits *= 2;
    return splits;
}

bool cln_plan_copies_weights(const struct cln_plan *plan, const char *operation, double floats, int scratch) {
    const int items = plan->tuning.lanes / cln_plan_vector(plan, operation);
    const double bytes = floats * sizeof(float) + 4.0 * sizeof(float) * scratch * (items + 1);
    /* Half of the local memory: a team's sums may take the other half (cln_plan_team), and Mesa 22.3's llvmpipe counts
     * arrays twice. */
    return plan->tuning.local_weights && items > 1 &&
           bytes <= (double)ocl_context_device(plan->context)->local_memory_bytes / 2;
}

int cln_plan_team(const struct cln_plan *plan, const char *operation, int wanted, int floats) {
    const int vector = cln_plan_vector(plan, operation), items = plan->tuning.lanes / vector;
    const double bytes = (double)sizeof(float) * floats * plan->tuning.lanes;
    int team = items > 1 ? cln_max(1, cln_min(wanted, plan->tuning.max_team)) : 1;
    while (team > 1 && team * bytes > (double)ocl_context_device(plan->context)->local_memory_bytes / 2)
        team--;
    return team;
}

double cln_plan_reduction(const struct cln_plan *plan, const char *operation) {
    const int items = plan->tuning.lanes / cln_plan_vector(plan, operation) * plan->tuning.max_team;
    return 8 + 2 * cln_loop(items, 0);
}

int cln_plan_channels_per_item(const struct cln_plan *plan, int channels, int positions) {
    enum { ENOUGH = 256 };
    const int worth = cln_max(1, ENOUGH / positions);
    const int busy = cln_max(1, (int)((long long)channels * plan->blocks / plan->tuning.min_groups));
    return cln_even_tile(channels, cln_min(worth, busy));
}

int cln_even_tile(int total, int limit) {
    limit = cln_max(1, cln_min(limit, total));
    return cln_ceil_div(total, cln_ceil_div(total, limit));
}
