/* The table of tuning values, and how those that no profile sets are worked out from the device. */
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "clenet/log.h"
#include "host/gemm.h"
#include "kernels/state.clh"
#include "src/engine/tuning_keys.h"

enum { WIDEST_VECTOR = 16 };

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

static long native_vector(const struct cln_fit *f) {
    long vector = ocl_profile_value(f->profile, "vector");
    if (vector == 0)
        for (vector = 1; vector < WIDEST_VECTOR && vector * 2 <= (long)f->device->native_float_vector;)
            vector *= 2;
    return vector;
}

/* In strict arithmetic a block has OCTET or STRANDS lanes. A work-item has all of them where it has a block to itself
 * anyway, and where the device cannot hold a group of several. */
static enum cln_status settle_vector(long *value, void *user) {
    const struct cln_fit *f = user;
    enum { SUMS = 128 }; /* of all lanes each, at most, that a group has in local memory */
    const long vector = *value = native_vector(f);
    if (f->out->strict && power_of_two(vector) &&
        (ocl_profile_value(f->profile, "lanes") <= vector || (size_t)(STRANDS / vector) > largest_group(f->device) ||
         f->device->local_memory_bytes < SUMS * (STRANDS + 4) * sizeof(float)))
        *value = vector > OCTET ? STRANDS : OCTET;
    if (power_of_two(*value))
        return CLN_OK;
    return cln_fail(CLN_INVALID, "%s: vector is %ld: it must be 1, 2, 4, 8 or 16",
                    ocl_profile_origin(f->profile, "vector"), *value);
}

static enum cln_status settle_accumulators(long *value, void *user) {
    const struct cln_fit *f = user;
    if (*value == 0)
        *value = native_vector(f) == 16 ? 24 : 12;
    if (f->out->strict && native_vector(f) > 0) /* where a vector became several of the device's, a tile has fewer */
        *value = *value * native_vector(f) / f->out->vector > 1 ? *value * native_vector(f) / f->out->vector : 1;
    return CLN_OK;
}

static enum cln_status settle_lanes(long *value, void *user) {
    struct cln_fit *f = user;
    const struct ocl_device *device = f->device;
    const long vector = f->out->vector;
    long accumulators = ocl_profile_value(f->profile, "accumulators");
    enum cln_status status = settle_accumulators(&accumulators, f);
    if (status != CLN_OK)
        return status;
    size_t count = 0;
    const struct ocl_profile_layer_value *layers = ocl_profile_layers(f->profile, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(cln_tuning_keys[layers[i].key].name, "accumulators") == 0 && layers[i].value > accumulators)
            accumulators = layers[i].value;
    if (*value == 0)
        *value = vector;
    if (f->out->strict)
        *value = vector < OCTET ? STRANDS : vector;
    if (*value % vector != 0 || !power_of_two(*value / vector))
        return cln_fail(CLN_INVALID, "%s: lanes is %ld: it must be vector (%ld) times a power of two",
                        ocl_profile_origin(f->profile, "lanes"), *value, vector);
    const long wanted = *value;
    while (!f->out->strict && *value > vector && !group_fits(device, *value / vector, accumulators))
        *value /= 2;
    if (*value < wanted)
        cln_log(CLN_LOG_WARNING,
                "%s: %ld lanes need work-groups of %ld items and up to %ld bytes of local memory, %s has %zu and %llu: "
                "using %ld lanes",
                ocl_profile_origin(f->profile, "lanes"), wanted, wanted / vector,
                scratch_bytes(wanted / vector, accumulators), device->name, largest_group(device),
                (unsigned long long)device->local_memory_bytes, *value);
    return CLN_OK;
}

/* Strict arithmetic has the same blocks for all operations, whatever their variant. */
static enum cln_status settle_safe_lanes(long *value, void *user) {
    const struct cln_fit *f = user;
    if (f->out->strict)
        *value = STRANDS;
    return CLN_OK;
}

static enum cln_status settle_max_team(long *value, void *user) {
    const struct cln_fit *f = user;
    const int vectors = f->out->lanes / f->out->vector;
    if (vectors == 1 || *value == 0 || f->out->strict)
        *value = 1;
    while (*value > 1 && (size_t)(vectors * *value) > largest_group(f->device))
        *value /= 2;
    return CLN_OK;
}

static enum cln_status settle_min_groups(long *value, void *user) {
    const struct cln_fit *f = user;
    if (*value == 0)
        *value = 8 * (long)f->device->compute_units;
    return CLN_OK;
}

static enum cln_status settle_min_whole_channels(long *value, void *user) {
    const struct cln_fit *f = user;
    if (*value == 0)
        *value = 3 * (long)f->device->compute_units;
    if (f->out->strict) /* which sums block by block */
        *value = INT_MAX;
    return CLN_OK;
}

static enum cln_status settle_max_loop_iterations(long *value, void *user) {
    (void)user;
    if (*value == 0)
        *value = INT_MAX;
    return CLN_OK;
}

static enum cln_status settle_channel_cache_kib(long *value, void *user) {
    const struct cln_fit *f = user;
    if (*value == 0)
        *value = (long)(f->device->cache_bytes / 8 / 1024);
    return CLN_OK;
}

static enum cln_status settle_min_gemm_weights(long *value, void *user) {
    const struct cln_fit *f = user;
    if (f->out->strict)
        *value = 0;
    if (*value == 0 || (ocl_gemm_available() && ocl_gemm_suits(f->device)))
        return CLN_OK;
    cln_log(CLN_LOG_WARNING, "%s asks for CLBlast, %s: using our own kernel",
            ocl_profile_origin(f->profile, "min_gemm_weights"),
            ocl_gemm_available() ? "which does not suit this device's limits" : "this build has none");
    *value = 0;
    return CLN_OK;
}

/* Minimal filtering needs work-items with a block for themselves, and long loops. */
static enum cln_status settle_winograd(long *value, void *user) {
    const struct cln_fit *f = user;
    if (f->out->lanes != f->out->vector || f->out->max_loop_iterations < INT_MAX || f->out->strict)
        *value = CLN_WINOGRAD_NEVER;
    return CLN_OK;
}

/* A joined launch has groups of one work-item. */
static enum cln_status settle_join_launches(long *value, void *user) {
    const struct cln_fit *f = user;
    *value = *value != 0 && f->out->lanes == f->out->vector;
    return CLN_OK;
}

static enum cln_status settle_command_buffer(long *value, void *user) {
    const struct cln_fit *f = user;
    *value = f->device->has_command_buffer && *value != 0;
    return CLN_OK;
}

#define MEMBER(name) .offset = offsetof(struct cln_tuning, name)

const struct ocl_profile_key cln_tuning_keys[] = {
    {"strict", 0, 1, 0, "sums in the order that suits the device",
     "1: strict arithmetic, the same bits on every device (docs/strict.md); other values are then fitted to it",
     MEMBER(strict)},
    {"vector", 0, 16, 0, "the device's native width for float", "samples that one work-item holds: 1, 2, 4, 8 or 16",
     MEMBER(vector), .settle = settle_vector},
    {"lanes", 0, 1024, 0, "as vector", "samples of a block: vector times a power of two", MEMBER(lanes),
     .settle = settle_lanes},
    {"safe_lanes", 1, WIDEST_VECTOR, WIDEST_VECTOR, NULL,
     "most samples of a block where an operation runs in its safe variant, in which one work-item holds them all, but "
     "not less than vector: fewer where the driver's compiler takes long for wide vectors; strict arithmetic ignores "
     "it",
     MEMBER(safe_lanes), .settle = settle_safe_lanes},
    {"max_team", 0, 64, 0, "1, and clenet check tries more",
     "most work-items that share the work on the same lanes, if a block has several work-items; a work-group then "
     "has up to lanes / vector × max_team of them; a profile sets 1 if the driver gets teams wrong",
     MEMBER(max_team), .was = "team", .settle = settle_max_team},
    {"accumulators", 0, 64, 0, "24 if vector is 16, else 12", "vectors of a register tile", MEMBER(accumulators),
     .settle = settle_accumulators, .per_layer = true},
    {"min_groups", 0, 1 << 20, 0, "8 per compute unit", "work-groups that a launch should have at least",
     MEMBER(min_groups), .was = "groups", .settle = settle_min_groups},
    {"min_whole_channels", 0, 1 << 20, 0, "3 per compute unit",
     "least number of channels for which a work-group takes whole channels, so that one launch reduces a channel and "
     "applies the result; not used where launches form chains",
     MEMBER(min_whole_channels), .was = "whole_channels", .settle = settle_min_whole_channels},
    {"channel_cache_kib", 0, 1 << 22, 0, "an eighth of the cache that the device reports; nothing if it reports none",
     "most memory, in KiB, that a launch over whole channels may touch, so that it stays in the shared cache; not "
     "used where launches form chains",
     MEMBER(channel_cache_kib), .was = "shared_cache", .settle = settle_channel_cache_kib},
    {"slice_cache_kib", 1, 1 << 20, 384, NULL,
     "cache of one compute unit, in KiB; the slices of the batch that weight gradients are summed over are made to "
     "fit in it, and so is the private memory of a filtered convolution",
     MEMBER(slice_cache_kib), .was = "cache", .per_layer = true},
    {"max_loop_iterations", 0, 1 << 30, 0, "no limit",
     "most loop iterations of a work-item, for drivers that cut loops off; work is split to stay below it, and what "
     "cannot be split is refused",
     MEMBER(max_loop_iterations), .was = "iterations", .settle = settle_max_loop_iterations},
    {"local_weights", 0, 1, 0, "weights are read from global memory",
     "1: work-groups of several work-items copy the weights of their tile to local memory, if the weights fit",
     MEMBER(local_weights), .was = "stage_weights"},
    {"fma", 0, 1, 1, "mad(), for drivers that compute fma() in software", "1: multiply-adds use fma()", MEMBER(fma)},
    {"min_gemm_weights", 0, 1 << 30, 0, "never",
     "least number of weights for which a linear layer uses CLBlast; 1: all linear layers", MEMBER(min_gemm_weights),
     .was = "linear_gemm", .settle = settle_min_gemm_weights},
    {"gemm_parameters", 0, OCL_GEMM_SETS - 1, 0, "CLBlast's own for the device",
     "set of parameters, from host/gemm.c, that CLBlast builds its kernel for small products with",
     MEMBER(gemm_parameters), .was = "gemm_tile"},
    {"winograd", 0, CLN_WINOGRAD_ALWAYS, CLN_WINOGRAD_NEVER, "never",
     "1: convolutions of stride 1 are computed by minimal filtering (Winograd) along rows where that is estimated "
     "to be faster; 2: wherever it is possible; only if a work-item has all lanes of a block",
     MEMBER(winograd), .settle = settle_winograd, .per_layer = true},
    {"fuse", 0, 1, 1, "kernels of their own do",
     "1: a convolution takes over the max pool behind it, and the first one the gradient of its output, where it can",
     MEMBER(fuse), .per_layer = true},
    {"join_launches", 0, 1, 1, "every kernel is launched by itself",
     "1: several kernels are launched as one where the results stay the same; only if a work-item has all lanes of a "
     "block",
     MEMBER(join_launches), .settle = settle_join_launches},
    {"command_buffer", 0, 1, 1, "every launch is enqueued by itself",
     "1: a step is recorded once and enqueued as a whole, if the device has cl_khr_command_buffer; the results are "
     "the same, and clenet bench measures both",
     MEMBER(command_buffer), .settle = settle_command_buffer},
};
const size_t cln_tuning_key_count = sizeof cln_tuning_keys / sizeof *cln_tuning_keys;
