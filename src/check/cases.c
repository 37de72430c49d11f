/* The table of operations and of settings, and the loop over an operation's cases. */
#include "src/check/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/profile.h"
#include "src/base/clock.h"
#include "src/check/rig.h"

static const struct cln_operation *const without_optimizers[] = {
    &cln_device_batch,         &cln_device_copy,          &cln_device_conv2d,
    &cln_device_winograd,      &cln_device_dropout,       &cln_device_linear,
    &cln_device_batchnorm,     &cln_device_activate,      &cln_device_softmax_cross_entropy,
    &cln_device_sum_gradients, &cln_device_gradient_norm, &cln_device_groupnorm,
    &cln_device_average,
};

/* See cln_check_operation_is_spare. */
static const struct cln_operation *const spares[] = {&cln_device_philox, &cln_device_arithmetic};

enum {
    OPTIMIZERS_AT = sizeof without_optimizers / sizeof *without_optimizers,
    SPARES_AT = OPTIMIZERS_AT + CLN_OPTIMIZER_COUNT,
    OPERATION_COUNT = SPARES_AT + sizeof spares / sizeof *spares
};

static const struct cln_operation *operation_at(size_t operation) {
    return operation < OPTIMIZERS_AT ? without_optimizers[operation]
           : operation < SPARES_AT   ? &cln_device_optimizers[operation - OPTIMIZERS_AT]
                                     : spares[operation - SPARES_AT];
}

const char *cln_check_operation(size_t operation) {
    return operation < OPERATION_COUNT ? operation_at(operation)->name : NULL;
}

bool cln_check_operation_is_spare(size_t operation) {
    return operation >= SPARES_AT;
}

/* The settings: few lanes and many, with and without work-groups, tiles of every size, launches with few and many
 * groups. */
static const struct {
    const char *name;
    bool quick;                       /* in quick checks, too */
    bool thorough;                    /* runs all cases */
    int vector;                       /* 0: the device's profile. Also decides whether the setting suits the device */
    const char *values;               /* tuning values besides, as cln_tuning_set takes them; NULL: none */
    const struct cln_operation *only; /* NULL: all operations */
    bool safe;                        /* the checked operation runs in its safe variant */
} tunings[] = {
    {.name = "the device's profile", .thorough = true},
    {"one lane", true, false, 1, "lanes=1,accumulators=12,min_groups=16,min_whole_channels=1048576"},
    {"groups of 8", true, true, 1,
     "lanes=8,accumulators=12,min_groups=64,min_whole_channels=1,channel_cache_kib=1048576,slice_cache_kib=1,"
     "local_weights=1,max_team=5"},
    {"groups of 32", false, false, 1,
     "lanes=32,accumulators=12,min_groups=64,min_whole_channels=1048576,local_weights=1,max_team=4"},
    {"groups of 4 × 4", false, false, 4,
     "lanes=16,accumulators=12,min_groups=64,min_whole_channels=1,channel_cache_kib=1048576,max_team=2"},
    {"vectors of 16", false, false, 16, "lanes=16,accumulators=24,min_groups=16,min_whole_channels=1048576"},
    {"vectors of 2, small tiles", false, false, 2,
     "lanes=2,accumulators=4,min_groups=6,min_whole_channels=1048576,slice_cache_kib=1"},
    {"vectors of 2, filtered", false, false, 2, "lanes=2,accumulators=4,min_groups=6,slice_cache_kib=8",
     .only = &cln_device_winograd},
    {"strict", false, false, 0, "strict=1"},
    /* So few that small cases have to be divided, too. */
    {"few iterations", false, false, 1, "lanes=8,accumulators=12,min_groups=16,max_loop_iterations=2000"},
    {"strict, groups of 16", false, false, 1, "lanes=16,accumulators=12,min_groups=64,local_weights=1,strict=1"},
    {"strict, groups of 4 × 4", false, false, 4, "lanes=16,accumulators=12,min_groups=64,max_team=2,strict=1"},
    {"strict, fma in software", false, false, 0, "strict=1,fma=0"},
    {"CLBlast", false, true, 4, "lanes=8,accumulators=12,min_groups=16,min_gemm_weights=1", .only = &cln_device_linear},
    {"safe among groups of 32", false, true, 1,
     "lanes=32,accumulators=12,min_groups=64,min_whole_channels=1048576,local_weights=1", .safe = true},
};

enum { TUNING_COUNT = sizeof tunings / sizeof *tunings };

const char *cln_check_tuning_name(size_t tuning) {
    return tuning < TUNING_COUNT ? tunings[tuning].name : NULL;
}

bool cln_check_covers(size_t operation, const struct cln_tuning *tuning, bool safe) {
    const struct cln_operation *o = operation_at(operation);
    struct cln_tuning used = *tuning;
    if (safe)
        cln_tuning_make_safe(&used, cln_operation(o->name));
    return !o->covers || o->covers(&used);
}

bool cln_check_tuning_covers(size_t tuning, size_t operation, const struct ocl_device *device, bool quick) {
    const long widest = device->native_float_vector > 4 ? (long)device->native_float_vector : 4;
    return (!quick || tunings[tuning].quick) && tunings[tuning].vector <= widest &&
           (!tunings[tuning].only || tunings[tuning].only == operation_at(operation));
}

bool cln_check_tuning_is_thorough(size_t tuning) {
    return tunings[tuning].thorough;
}

bool cln_check_tuning_is_safe(size_t tuning) {
    return tunings[tuning].safe;
}

enum cln_status cln_check_tuning(struct cln_tuning *out, size_t tuning, const struct ocl_device *device) {
    struct ocl_profile *profile = NULL;
    enum cln_status status = cln_tuning_profile(&profile, device, NULL);
    /* A profile that sets 1 has a reason. */
    const bool no_teams = status == CLN_OK && ocl_profile_value(profile, "max_team") == 1;
    if (status == CLN_OK && tunings[tuning].values)
        status = cln_tuning_set(profile, tunings[tuning].values);
    if (status == CLN_OK && tunings[tuning].vector > 0)
        status = ocl_profile_set(profile, "vector", tunings[tuning].vector);
    if (status == CLN_OK && no_teams)
        status = ocl_profile_set(profile, "max_team", 1);
    if (status == CLN_OK)
        status = cln_tuning_create(out, profile, device);
    ocl_profile_destroy(&profile);
    return status;
}

/* The length of the name, at *name, of a kernel that was noted with the same constants; 0: none. */
static size_t find_noted(const char **name, const struct cln_rig *b, const char *constants) {
    const char *at = *constants ? strstr(b->launches, constants) : NULL;
    if (!at || at[strlen(constants)] != '\n')
        return 0;
    *name = at;
    while (*name > b->launches && (*name)[-1] != '\n')
        --*name;
    return (size_t)(at - *name);
}

/* Notes the kernel and constants of every launch for messages, one line each. */
static void note_launch(void *user, const struct ocl_launch *launch) {
    struct cln_rig *b = user;
    const char *constants = launch->constants ? launch->constants->text : "", *noted = NULL;
    char *out = b->launches + b->launches_used;
    const size_t room = sizeof b->launches - b->launches_used, as = find_noted(&noted, b, constants);
    const int length = as > 0 ? snprintf(out, room, "%s as %.*s\n", launch->kernel, (int)as, noted)
                              : snprintf(out, room, "%s%s\n", launch->kernel, constants);
    if (length > 0 && (size_t)length < room)
        b->launches_used += (size_t)length;
    else
        *out = '\0'; /* whole lines only */
}

/* Runs one case with one batch; the rig is empty before and after. */
static enum cln_status run_case(struct cln_rig *b, const struct cln_operation *operation, const struct cln_case *c,
                                int count) {
    b->plan.batch_size = c->batch_size;
    b->plan.blocks = cln_ceil_div(c->batch_size, b->plan.tuning.lanes);
    b->operation = operation;
    b->count = count;
    b->state =
        (struct cln_state){.batch_size = c->batch_size, .samples = count, .whole = count, .count = count, .step = 1};
    b->arena_used = b->probe_count = b->launches_used = 0;
    b->status = CLN_OK;
    b->failed = b->loose = false;
    cln_random_seed(&b->random, (uint64_t)count, CLN_STREAM_CHECK);

    enum cln_status status = ocl_sequence_create(&b->plan.sequence, b->plan.context);
    if (status == CLN_OK)
        status = operation->run(b, c);
    ocl_sequence_destroy(&b->plan.sequence);
    for (size_t i = 0; i < b->probe_count; i++)
        ocl_buffer_destroy(&b->probes[i].buffer);
    b->result->cases += status == CLN_OK;
    b->result->failed += b->failed;
    if ((b->failed || status != CLN_OK) && b->result->failed_case[0] == '\0') {
        snprintf(b->result->failed_case, sizeof b->result->failed_case, "%s, %s", operation->name, c->name);
        snprintf(b->result->launches, sizeof b->result->launches, "%s", b->launches);
    }
    return status == CLN_OK ? status : cln_fail_within(status, "%s", b->where);
}

static enum cln_status run_cases(struct cln_rig *b, const struct cln_operation *operation,
                                 const struct cln_check_params *params, bool covered) {
    const struct cln_tuning *t = &b->plan.tuning;
    for (size_t i = 0; i < operation->count; i++) {
        const struct cln_case *c = (const void *)((const char *)operation->cases + i * operation->stride);
        char name[96];
        snprintf(name, sizeof name, "%s, %s", operation->name, c->name);
        if (params->only && !strstr(name, params->only))
            continue;
        if (!covered || (params->quick && !c->quick)) {
            b->result->left_out++;
            continue;
        }
        const int *counts = c->counts[0] > 0 ? c->counts : (const int[]){c->batch_size, 0};
        for (; *counts > 0; counts++) {
            snprintf(b->where, sizeof b->where,
                     "%s, %s, %d of %d samples, %s (vector %d, lanes %d, team %d, accumulators %d)", operation->name,
                     c->name, *counts, c->batch_size, params->tuning_name, t->vector, t->lanes, t->max_team,
                     t->accumulators);
            const bool first = b->result->failed_case[0] == '\0';
            enum cln_status status = run_case(b, operation, c, *counts);
            /* Like the engine, if a built kernel allows smaller work-groups than the device. */
            while (status != CLN_OK && ocl_context_group_refused(params->context) &&
                   cln_tuning_shrink(&b->plan.tuning)) {
                if (first)
                    b->result->failed_case[0] = b->result->launches[0] = '\0';
                status = run_case(b, operation, c, *counts);
            }
            if (status != CLN_OK)
                return status;
        }
    }
    return CLN_OK;
}

/* Maps the arena: what no case uses of it is never touched. malloc would fill all of it where tests ask for that
 * (MALLOC_PERTURB_), which takes longer than the cases. NULL: no memory. */
static char *map_arena(void) {
    void *arena = mmap(NULL, CLN_RIG_ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return arena == MAP_FAILED ? NULL : arena;
}

enum cln_status cln_check_run(struct cln_check_result *out, size_t operation, const struct cln_check_params *params) {
    struct cln_rig *b = calloc(1, sizeof *b);
    *out = (struct cln_check_result){0};
    if (!b || !(b->arena = map_arena())) {
        free(b);
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for checking %s", operation_at(operation)->name);
    }
    b->result = out;
    b->plan.context = params->context;
    b->plan.tuning = *params->tuning;
    b->plan.observe = note_launch;
    b->plan.observer = b;
    if (params->safe)
        cln_tuning_make_safe(&b->plan.tuning, cln_operation(operation_at(operation)->name));
    const double start = cln_clock_seconds();
    const bool covered = cln_check_covers(operation, params->tuning, params->safe);
    enum cln_status status = ocl_buffer_create(&b->plan.state, params->context, sizeof b->state);
    if (status == CLN_OK)
        status = run_cases(b, operation_at(operation), params, covered);
    ocl_buffer_destroy(&b->plan.state);
    out->seconds = cln_clock_seconds() - start;
    munmap(b->arena, CLN_RIG_ARENA);
    free(b);
    return status;
}
