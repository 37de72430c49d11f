/* What every operation adds its launches to: the sequence being made, and what is the same for all of them. */
#ifndef SRC_ENGINE_PLAN_H
#define SRC_ENGINE_PLAN_H

#include "clenet/geometry.h"
#include "host/sequence.h"
#include "src/engine/tuning.h"

/* What buffers would take, in bytes. */
struct cln_tally {
    double total, largest;
    char largest_name[64];
};

struct cln_plan {
    struct ocl_context *context;
    struct cln_tally *tally; /* NULL: buffers are created; else they are only added up there */
    struct cln_tuning tuning;
    int batch_size;           /* largest batch */
    int blocks;               /* ceil(batch_size / lanes) */
    struct ocl_buffer *state; /* struct cln_state of kernels/state.clh */
    struct ocl_sequence *sequence;
    const char *scope;                                                /* what labels begin with, such as "stage 1" */
    void (*observe)(void *observer, const struct ocl_launch *launch); /* told of every launch; NULL: nobody is */
    void *observer;
};

/* Tensors in lanes: [block][channel][row][column][lane] float32. */
size_t cln_plan_elements(const struct cln_plan *plan, struct cln_shape shape);
size_t cln_plan_bytes(const struct cln_plan *plan, struct cln_shape shape);

/* A buffer of zeros; "scope name" says what it is for where it is too large. With a tally *out stays as it is. */
enum cln_status cln_plan_buffer(const struct cln_plan *plan, struct ocl_buffer **out, const char *name,
                                size_t bytes) CLN_MUST_CHECK;

/* Lanes that a work-item of an operation owns, named as its kernel file is: tuning.vector, or in its safe variant all
 * lanes of a block. */
int cln_plan_vector(const struct cln_plan *plan, const char *operation);

/* Starts a set of constants with LANES and FMA; a launch's VECTOR is added when it is, as its source's operation has
 * it. */
void cln_plan_constants(const struct cln_plan *plan, struct ocl_constants *constants);

/* Adds a launch whose work-groups cover the lanes of a block along dimension 0; the label becomes
 * "scope kernel". groups[1] = 0 means one per block. */
enum cln_status cln_plan_lanes(struct cln_plan *plan, struct ocl_launch *launch) CLN_MUST_CHECK;

/* The same with so many work-items for the same lanes (cln_plan_team). */
enum cln_status cln_plan_teams(struct cln_plan *plan, struct ocl_launch *launch, int team) CLN_MUST_CHECK;

/* Adds a launch of `items` independent work-items along dimension 0, in small groups (of one in the operation's safe
 * variant); the kernel ignores those past the last. */
enum cln_status cln_plan_items(struct cln_plan *plan, struct ocl_launch *launch, size_t items) CLN_MUST_CHECK;

/* How many parts `total` units of work (rows, say) should be split into, where `others` work-groups come about for
 * every part and a unit costs `iterations` loop iterations: tuning.min_groups and tuning.max_loop_iterations are kept.
 */
int cln_plan_splits(const struct cln_plan *plan, int total, int others, double iterations);

/* How many slices of the batch a weight gradient should be summed in, one after the other, where every work-group reads
 * its slice's share of `bytes` again: so many that a share stays in tuning.slice_cache_kib, but no more than that the
 * slices' sums, of `weights` floats each, take as much memory as what they are made from. */
int cln_plan_cache_slices(const struct cln_plan *plan, double bytes, double weights);

/* Whether an operation's tiles of weights are copied to local memory: tuning.stage_weights, groups of several
 * work-items, and `floats` of them fit into half of it beside what `scratch` float4 of every work-item of a group take.
 */
bool cln_plan_stages_weights(const struct cln_plan *plan, const char *operation, double floats, int scratch);

/* Work-items of a team, where `wanted` would do some good: no more than tuning.team, nor than half of the device's
 * local memory holds where each puts `floats` of every vector element there; 1 where an operation's groups are of one
 * work-item. */
int cln_plan_team(const struct cln_plan *plan, const char *operation, int wanted, int floats);

/* CLN_DEVICE where a work-item of `what` has to make more loop iterations than tuning.max_loop_iterations allows. */
enum cln_status cln_plan_check_iterations(const struct cln_plan *plan, const char *what,
                                          double iterations) CLN_MUST_CHECK;

/* How many consecutive channels one work-item takes, where a channel is `positions` vectors of work: enough to
 * be worth a work-group, few enough for tuning.min_groups of them. */
int cln_plan_channels_per_item(const struct cln_plan *plan, int channels, int positions);

/* Largest tile not above `limit` that splits `total` most evenly: ceil(total / ceil(total / limit)). */
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

/* Where an operation finds its parameters: offsets in floats into one buffer; bias −1: none. */
struct cln_weights {
    struct ocl_buffer *buffer;
    int weight, bias;
};

/* Where it leaves partial sums of a tensor's gradient: slice s begins at base + s·stride. The number of slices is
 * the operation's to say, before the buffer exists (cln_conv2d_slices, cln_linear_slices). */
struct cln_slices {
    struct ocl_buffer *buffer;
    int base, stride;
};

/* Moments (float4) or sums (float2) per channel, block and split, to be combined by the next launch. NULL buffer: not
 * wanted. */
struct cln_partials {
    struct ocl_buffer *buffer;
    int splits;
};

#endif
