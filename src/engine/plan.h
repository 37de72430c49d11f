/* The plan: the sequence that operations add their launches to, and the settings that all of them share. */
#ifndef SRC_ENGINE_PLAN_H
#define SRC_ENGINE_PLAN_H

#include "clenet/geometry.h"
#include "host/sequence.h"
#include "src/engine/tuning.h"

/* The bytes that buffers would take. */
struct cln_tally {
    double total, largest;
    char largest_name[64];
};

/* One buffer for all that a plan needs: its buffers are parts of it, one after the other. */
struct cln_pool {
    struct ocl_buffer *buffer;
    size_t used; /* bytes */
};

struct cln_plan {
    struct ocl_context *context;
    struct cln_pool *pool;   /* NULL: buffers are created one by one */
    struct cln_tally *tally; /* NULL: buffers are created; else their sizes are only added up in it */
    struct cln_tuning tuning;
    int batch_size;           /* largest batch, of this process */
    int whole_batch;          /* of all processes that share it; 0: there is but one */
    int blocks;               /* ceil(batch_size / lanes) */
    bool chains;              /* launches form chains where they can (cln_plan_chain) */
    struct ocl_buffer *state; /* struct cln_state of kernels/state.clh */
    struct ocl_sequence *sequence;
    struct cln_exchange_rounds *rounds; /* of the sequence; NULL: no other process shares the batch */
    char scope[32];                     /* prefix of labels, "stage 1"; "": none */
    /* Called with every launch of a kernel of ours before it is added, also if it is then refused; NULL: none. A launch
     * that is tried again with a smaller work-group (cln_plan_items) is observed each time. Not called for CLBlast's
     * products and actions of the host. */
    void (*observe)(void *observer, const struct ocl_launch *launch);
    void *observer;
};

/* The number of elements and of bytes of a tensor in lanes, [block][channel][row][column][lane] float32. */
size_t cln_plan_elements(const struct cln_plan *plan, struct cln_shape shape);
size_t cln_plan_bytes(const struct cln_plan *plan, struct cln_shape shape);

/* The number of compute units that the tuning stands for: an eighth of tuning.min_groups, at least 1. The device may
 * have another number. */
int cln_plan_units(const struct cln_plan *plan);

/* Sets plan->chains. `flops` is the number of operations of a chain for a whole batch. Chains pay if there are at
 * least two blocks for each compute unit. They also pay if one unit does `flops` operations before a second unit
 * would have woken up. They are possible only if a work-item holds a whole block (lanes equals vector) and
 * tuning.max_loop_iterations sets no limit. Without tuning.join_launches the kernels are the same, but each is
 * launched by itself. */
void cln_plan_chain(struct cln_plan *plan, double flops);

/* Sets the scope to a stage. `stage` counts from 0, labels count from 1: 0 gives "stage 1". CLN_NO_STAGE: none. */
enum { CLN_NO_STAGE = -1 };
void cln_plan_scope(struct cln_plan *plan, int stage);
/* Writes "scope name", or "name" without a scope. */
void cln_plan_label(const struct cln_plan *plan, const char *name, char *label, size_t bytes);

/* Creates a buffer of zeros, which the caller destroys after the sequence and before the pool's buffer. With a tally it
 * creates none: it adds to the tally what the buffer takes, and *out stays unchanged. The tally remembers the largest
 * buffer as "scope name". */
enum cln_status cln_plan_buffer(const struct cln_plan *plan, struct ocl_buffer **out, const char *name,
                                size_t bytes) CLN_MUST_CHECK;

/* The number of lanes that a work-item of an operation owns: tuning.vector, or in the operation's safe variant all
 * lanes of a block. `operation` is the name of its kernel file. */
int cln_plan_vector(const struct cln_plan *plan, const char *operation);

/* Starts a set of constants with LANES, FMA and STRICT. VECTOR is added with the launch, because it depends on the
 * launch's operation. */
void cln_plan_constants(const struct cln_plan *plan, struct ocl_constants *constants);

/* Adding a launch fails with CLN_DEVICE if a work-item would make more loop iterations than tuning.max_loop_iterations
 * allows, and with CLN_INVALID if the launch does not state them (launch->iterations). All loops count, as if none were
 * unrolled. A driver that cuts loops off counts once more per loop, where it finds the loop at its end.
 * cln_loop: the iterations of a loop of `n`, each with `body` iterations of inner loops.
 * cln_tile_loop: the same of a loop over a tile, whose bounds are constants. A compiler leaves no loop of one
 * iteration.
 */
static inline double cln_loop(double n, double body) {
    return n * (1 + body) + 1;
}
static inline double cln_tile_loop(int n, double body) {
    return n == 1 ? body : cln_loop(n, body);
}
enum { CLN_FEW_ITERATIONS = 100 }; /* of a kernel whose loops are short whatever the shapes are */

/* Whether tuning.max_loop_iterations sets a limit. */
bool cln_plan_is_limited(const struct cln_plan *plan);

/* Adds a launch. Along dimension 0 a work-group has the lanes of a block: lanes / vector work-items. Along dimension 1
 * there is one group per block, which sets span to 1, unless the caller sets groups[1]. groups[0] and groups[2] are the
 * caller's. launch->constants must not be NULL. The label becomes "scope kernel". Afterwards launch->constants is NULL:
 * set it again before the launch is added once more. */
enum cln_status cln_plan_lanes(struct cln_plan *plan, struct ocl_launch *launch) CLN_MUST_CHECK;

/* Like cln_plan_lanes, with `team` work-items for each vector of lanes (cln_plan_team): local[0] = team × lanes /
 * vector. */
enum cln_status cln_plan_teams(struct cln_plan *plan, struct ocl_launch *launch, int team) CLN_MUST_CHECK;

/* Adds a launch of `items` independent work-items along dimension 0, in small work-groups (of one work-item in the
 * operation's safe variant). The kernel must ignore the work-items after the last. Sets groups[0] and local[0];
 * constants and label are as in cln_plan_lanes. */
enum cln_status cln_plan_items(struct cln_plan *plan, struct ocl_launch *launch, size_t items) CLN_MUST_CHECK;

/* Joins launches until cln_plan_joined, as ocl_sequence_join does, if tuning.join_launches is set. cln_plan_barrier
 * stands between two launches if the second needs the first; cln_plan_follow if it needs it only within each block. In
 * a plan without `chains`, follow is a barrier. */
void cln_plan_join(struct cln_plan *plan);
enum cln_status cln_plan_follow(struct cln_plan *plan) CLN_MUST_CHECK;
enum cln_status cln_plan_barrier(struct cln_plan *plan) CLN_MUST_CHECK;
enum cln_status cln_plan_joined(struct cln_plan *plan) CLN_MUST_CHECK;

/* Adds an action of the host, as ocl_sequence_call does. Its label becomes "scope name". */
enum cln_status cln_plan_call(struct cln_plan *plan, const char *name, enum ocl_call_time time,
                              ocl_host_function *function, void *user) CLN_MUST_CHECK;

/* The number of parts to split `total` units of work (such as rows) into. The launch has `others` work-groups for
 * each part. A work-item makes `iterations` loop iterations for each unit of its part. A part has at most
 * ceil(total / parts) units. The result is the smallest number of parts that meets both limits: all parts together
 * have at least tuning.min_groups work-groups, and no part takes more than tuning.max_loop_iterations loop
 * iterations. If `total` parts are too few for a limit, the result is `total`. */
int cln_plan_splits(const struct cln_plan *plan, int total, int others, double iterations);

/* The number of slices of the batch for a weight gradient. `bytes` is the size of the data that every work-group reads;
 * a slice's share of it should fit tuning.slice_cache_kib. So the number of slices is `bytes` divided by that size and
 * rounded up, but at most the number of blocks. If the partial sums (`weights` floats per slice) would take
 * more memory than `bytes`, there are fewer slices; there is always one. */
int cln_plan_cache_slices(const struct cln_plan *plan, double bytes, double weights);

/* In strict arithmetic (tuning.strict) what is summed apart follows from the geometry alone, and not from the device.
 * cln_plan_strict_slices: the slices of the batch for a weight gradient, one for each shard of SHARD_SAMPLES samples,
 * or one for each half of it. cln_strict_splits: a power of two, the parts to split `total` rows into, whose `work`
 * multiply-adds a work-item would do in one go. A part may have no row. */
int cln_plan_strict_slices(const struct cln_plan *plan);
int cln_strict_splits(int total, double work);

/* The samples of a partial: those of a block, or in strict arithmetic an octet (LANE_PARTS of kernels/lanes.clh). The
 * number of partials of a batch, and of the whole batch where processes share it. */
int cln_plan_samples_per_part(const struct cln_plan *plan);
int cln_plan_parts(const struct cln_plan *plan);
int cln_plan_whole_parts(const struct cln_plan *plan);

/* Whether an operation copies its tiles of weights to local memory. It does so if tuning.local_weights is set, its
 * work-groups have several work-items, and half of the local memory is enough. A work-group without a team has n =
 * lanes / vector work-items. It needs `floats` floats for the weights, and (n + 1) × `scratch` float4 for its sums. */
bool cln_plan_copies_weights(const struct cln_plan *plan, const char *operation, double floats, int scratch);

/* The number of work-items in a team. `wanted` is the number that is useful; the result is at most `wanted` and at most
 * tuning.max_team. The team's sums, team × lanes × `floats` floats, must fit half of the local memory. The result is 1
 * if the operation's work-groups have a single work-item. */
int cln_plan_team(const struct cln_plan *plan, const char *operation, int wanted, int floats);

/* The iterations in which the work-items of a group add up what each of them has: a few sums. */
double cln_plan_reduction(const struct cln_plan *plan, const char *operation);

/* The number of consecutive channels that one work-item processes. A channel has `positions` vectors, and a work-item
 * gets about 256 vectors. It gets fewer if otherwise there would be less than tuning.min_groups work-groups. */
int cln_plan_channels_per_item(const struct cln_plan *plan, int channels, int positions);

/* The tile size, at most `limit`, that splits `total` most evenly: ceil(total / ceil(total / limit)). */
int cln_even_tile(int total, int limit);

static inline int cln_ceil_div(int a, int b) {
    return (a + b - 1) / b;
}
static inline int cln_min(int a, int b) {
    return a < b ? a : b;
}
static inline int cln_max(int a, int b) {
    return a > b ? a : b;
}

/* The place of an operation's parameters: offsets in floats in one buffer; bias −1: none. */
struct cln_weights {
    struct ocl_buffer *buffer;
    int weight, bias;
    struct ocl_buffer *statistics; /* of a group norm (cln_groupnorm_statistic_floats); NULL: none */
    struct ocl_buffer *filters[2]; /* scratch of a filtered convolution (cln_conv2d_filter_floats); NULL: none */
};

/* The place of a tensor's gradient. The gradient is stored in slices: each is the partial sum over a part of the batch.
 * Slice s starts at base + s·stride, in floats. Each operation says how many slices it makes, before the buffer exists
 * (cln_conv2d_slices, cln_linear_slices). */
struct cln_slices {
    struct ocl_buffer *buffer;
    int base, stride;
};

/* Partials: moments (float4) or sums (float2) per channel, part (cln_plan_parts) and split of an image, which the next
 * launch combines. NULL buffer: not wanted. */
struct cln_partials {
    struct ocl_buffer *buffer;
    int splits;
};

#endif
