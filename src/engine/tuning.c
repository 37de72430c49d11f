/* Tuning values: from the profile, else from what the device says of itself. */
#include "src/engine/tuning.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "host/gemm.h"
#include "host/log.h"
#include "src/model/optimizer.h"

const struct ocl_profile_key cln_tuning_keys[] = {
    {"vector", 0, 16, 0, "lanes that a work-item owns: 1, 2, 4, 8 or 16; 0: the device's native width for float"},
    {"lanes", 0, 1024, 0, "samples of a block: vector times a power of two; 0: vector"},
    {"team", 0, 64, 0,
     "most work-items of a group that share what there is to do for the same lanes, where a block has several; 0: 1"},
    {"accumulators", 0, 64, 0, "vectors of a register tile; 0: 24 where vector is 16, else 12"},
    {"groups", 0, 1 << 20, 0, "work-groups that a launch should have at least; 0: 8 per compute unit"},
    {"whole_channels", 0, 1 << 20, 0,
     "channels from which on a work-group takes whole ones, so that launches are fewer; 0: 3 per compute unit"},
    {"iterations", 0, 1 << 30, 0,
     "most loop iterations that a work-item may make, for drivers that cut loops off; 0: no limit"},
    {"cache", 1, 1 << 20, 384, "KiB of cache that a work-group's compute unit has to itself"},
    {"shared_cache", 0, 1 << 22, 0,
     "KiB that a launch may touch where it takes whole channels; 0: an eighth of the cache that the device says"},
    {"stage_weights", 0, 1, 0, "work-groups of several work-items copy their weights to local memory (1) or not (0)"},
    {"fma", 0, 1, 1, "multiply-adds by fma() (1) or mad() (0), for drivers that work fma() out in software"},
    {"linear_gemm", 0, 1 << 30, 0, "linear layers of so many weights or more go through CLBlast: 1: all; 0: none"},
    {"gemm_tile", 0, OCL_GEMM_TILES - 1, 0, "CLBlast's parameters: a set of host/gemm.c; 0: its own for the device"},
    {"command_buffer", 0, 1, 1, "a step as one command buffer where the device has them (1), or launch by launch (0)"},
};
const size_t cln_tuning_key_count = sizeof cln_tuning_keys / sizeof *cln_tuning_keys;

const char *const cln_operations[] = {
    "activate", "batch", "batchnorm", "conv2d", "copy", "linear", "softmax_cross_entropy", CLN_OPTIMIZER_NAMES};
const size_t cln_operation_count = sizeof cln_operations / sizeof *cln_operations;

unsigned cln_operation(const char *name) {
    const size_t length = strcspn(name, ".");
    size_t i = 0;
    while (i < cln_operation_count &&
           (strncmp(cln_operations[i], name, length) != 0 || cln_operations[i][length] != '\0'))
        i++;
    assert(i < cln_operation_count);
    return 1u << i;
}

unsigned cln_all_operations(void) {
    return (1u << cln_operation_count) - 1;
}

enum cln_status cln_tuning_profile(struct ocl_profile **out, const struct ocl_device *device, const char *file) {
    return ocl_profile_load(out, device,
                            &(struct ocl_profile_params){.keys = cln_tuning_keys,
                                                         .key_count = cln_tuning_key_count,
                                                         .operations = cln_operations,
                                                         .operation_count = cln_operation_count,
                                                         .file = file});
}

static bool power_of_two(long n) {
    return n > 0 && (n & (n - 1)) == 0;
}

static size_t largest_group(const struct ocl_device *device) {
    return device->max_work_group_size < device->max_work_item_sizes[0] ? device->max_work_group_size
                                                                        : device->max_work_item_sizes[0];
}

/* Most local memory that a group's sums take (LANE_SCRATCH of kernels/lanes.clh): a float4 per accumulator. */
static long scratch_bytes(long items, long accumulators) {
    return items > 1 ? 4 * (long)sizeof(float) * accumulators * (items + 1) : 0;
}

static bool group_fits(const struct ocl_device *device, long items, long accumulators) {
    return (size_t)items <= largest_group(device) &&
           (uint64_t)scratch_bytes(items, accumulators) <= device->local_memory_bytes;
}

enum cln_status cln_tuning_create(struct cln_tuning *out, const struct ocl_profile *profile,
                                  const struct ocl_device *device) {
    long vector = ocl_profile_value(profile, "vector");
    if (vector == 0)
        for (vector = 1; vector < 16 && vector * 2 <= (long)device->native_float_vector;)
            vector *= 2;
    if (!power_of_two(vector))
        return cln_fail(CLN_INVALID, "%s: vector is %ld: it must be 1, 2, 4, 8 or 16",
                        ocl_profile_origin(profile, "vector"), vector);

    long lanes = ocl_profile_value(profile, "lanes");
    if (lanes == 0)
        lanes = vector;
    if (lanes % vector != 0 || !power_of_two(lanes / vector))
        return cln_fail(CLN_INVALID, "%s: lanes is %ld: it must be vector (%ld) times a power of two",
                        ocl_profile_origin(profile, "lanes"), lanes, vector);
    long accumulators = ocl_profile_value(profile, "accumulators");
    if (accumulators == 0)
        accumulators = vector == 16 ? 24 : 12;

    const long wanted = lanes;
    while (lanes > vector && !group_fits(device, lanes / vector, accumulators))
        lanes /= 2;
    if (lanes < wanted)
        cln_log(CLN_LOG_WARNING,
                "%s: %ld lanes need work-groups of %ld items and up to %ld bytes of local memory, %s has %zu and %llu: "
                "using %ld lanes",
                ocl_profile_origin(profile, "lanes"), wanted, wanted / vector,
                scratch_bytes(wanted / vector, accumulators), device->name, largest_group(device),
                (unsigned long long)device->local_memory_bytes, lanes);

    long team = lanes > vector ? ocl_profile_value(profile, "team") : 1;
    if (team == 0)
        team = 1;
    while (team > 1 && (size_t)(lanes / vector * team) > largest_group(device))
        team /= 2;

    long groups = ocl_profile_value(profile, "groups");
    if (groups == 0)
        groups = 8 * (long)device->compute_units;

    long whole_channels = ocl_profile_value(profile, "whole_channels");
    if (whole_channels == 0)
        whole_channels = 3 * (long)device->compute_units;

    long shared_cache = ocl_profile_value(profile, "shared_cache");
    if (shared_cache == 0)
        shared_cache = (long)(device->cache_bytes / 8 / 1024);

    const long iterations = ocl_profile_value(profile, "iterations");

    long gemm = ocl_profile_value(profile, "linear_gemm");
    if (gemm > 0 && !(ocl_gemm_available() && ocl_gemm_suits(device))) {
        cln_log(CLN_LOG_WARNING, "%s asks for CLBlast, %s: using our own kernel",
                ocl_profile_origin(profile, "linear_gemm"),
                ocl_gemm_available() ? "which does not suit this device's limits" : "this build has none");
        gemm = 0;
    }
    *out = (struct cln_tuning){
        .vector = (int)vector,
        .lanes = (int)lanes,
        .team = (int)team,
        .accumulators = (int)accumulators,
        .groups = (int)groups,
        .whole_channels = (int)whole_channels,
        .iterations = iterations > 0 ? (int)iterations : INT_MAX,
        .cache = (int)ocl_profile_value(profile, "cache"),
        .shared_cache = (int)shared_cache,
        .stage_weights = ocl_profile_value(profile, "stage_weights") != 0,
        .fma = ocl_profile_value(profile, "fma") != 0,
        .linear_gemm = (int)gemm,
        .gemm_tile = (int)ocl_profile_value(profile, "gemm_tile"),
        .replay = device->has_command_buffer && ocl_profile_value(profile, "command_buffer") != 0,
    };
    size_t quirk_count = 0;
    const struct ocl_profile_quirk *quirks = ocl_profile_quirks(profile, &quirk_count);
    for (size_t i = 0; i < quirk_count; i++)
        cln_tuning_make_safe(out, 1u << quirks[i].operation);
    return CLN_OK;
}

bool cln_tuning_shrink(struct cln_tuning *tuning) {
    if (tuning->lanes == tuning->vector)
        return false;
    if (tuning->team > 1)
        tuning->team /= 2;
    else
        tuning->lanes /= 2;
    return true;
}

void cln_tuning_make_safe(struct cln_tuning *tuning, unsigned operations) {
    enum { WIDEST_VECTOR = 16 };
    tuning->safe |= operations;
    if (tuning->safe && tuning->lanes > WIDEST_VECTOR)
        tuning->lanes = WIDEST_VECTOR;
    if (tuning->safe & cln_operation("linear"))
        tuning->linear_gemm = 0;
}

bool cln_tuning_is_plain(const struct cln_tuning *tuning) {
    return (tuning->lanes == tuning->vector || tuning->safe == cln_all_operations()) && tuning->linear_gemm == 0;
}

long cln_tuning_value(const struct cln_tuning *t, const char *key) {
    const struct {
        const char *key;
        long value;
    } values[] = {
        {"vector", t->vector},
        {"lanes", t->lanes},
        {"team", t->team},
        {"accumulators", t->accumulators},
        {"groups", t->groups},
        {"whole_channels", t->whole_channels},
        {"iterations", t->iterations == INT_MAX ? 0 : t->iterations},
        {"cache", t->cache},
        {"shared_cache", t->shared_cache},
        {"stage_weights", t->stage_weights},
        {"fma", t->fma},
        {"linear_gemm", t->linear_gemm},
        {"gemm_tile", t->gemm_tile},
        {"command_buffer", t->replay},
    };
    enum { COUNT = sizeof values / sizeof *values };
    size_t i = 0;
    while (i < COUNT && strcmp(values[i].key, key) != 0)
        i++;
    assert(i < COUNT);
    return values[i].value;
}
