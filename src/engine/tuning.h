/* How the engine fits itself to a device: the values that a profile may set, and what follows where it does not. */
#ifndef SRC_ENGINE_TUNING_H
#define SRC_ENGINE_TUNING_H

#include "host/profile.h"

/* The keys of "values" in devices/; see devices/README.md. */
extern const struct ocl_profile_key cln_tuning_keys[];
extern const size_t cln_tuning_key_count;

/* Operations by name, that of the kernel file. A set of them has bit 1 << i for number i of this table. */
extern const char *const cln_operations[];
extern const size_t cln_operation_count;

/* The set of the one whose name is `name`, up to a dot where it has one ("conv2d", "conv2d.cl"); it has to exist. */
unsigned cln_operation(const char *name);

/* The set of all. */
unsigned cln_all_operations(void);

/* The profile of a device by these tables; `file` as in struct ocl_profile_params. */
enum cln_status cln_tuning_profile(struct ocl_profile **out, const struct ocl_device *device,
                                   const char *file) CLN_MUST_CHECK;

struct cln_tuning {
    int vector;              /* lanes that a work-item owns: 1, 2, 4, 8, 16 */
    int lanes;               /* samples of a block: vector times a power of two */
    int team;                /* most work-items that share the work on the same lanes, where groups have several */
    int accumulators;        /* vectors of a register tile */
    int min_groups;          /* work-groups that a launch should have, so that every compute unit is busy */
    int whole_channels;      /* channels from which on a work-group takes whole ones */
    int max_loop_iterations; /* most loop iterations of a work-item */
    int slice_cache_kib;     /* KiB that a slice of the batch should fit in */
    int channel_cache_kib;   /* KiB that a launch over whole channels may touch */
    int stage_weights;       /* work-groups copy weights to local memory (1) or not (0) */
    int fma;                 /* multiply-adds are fused (1) or not (0) */
    int linear_gemm;         /* weights from which on a linear layer goes through CLBlast; 0: never */
    int gemm_tile;           /* CLBlast's parameters, see ocl_gemm */
    int command_buffer;      /* a step is enqueued as one command buffer (1) or not (0) */
    unsigned safe;           /* set of operations that run in their safe variant */
};

/* CLN_INVALID where lanes and vector do not go together. Where the device cannot hold such a work-group, by its items
 * or by its local memory, there are fewer lanes, down to one work-item, which needs neither; a warning says so. */
enum cln_status cln_tuning_create(struct cln_tuning *out, const struct ocl_profile *profile,
                                  const struct ocl_device *device) CLN_MUST_CHECK;

/* Sets values of a profile from text, "vector=4,lanes=16"; "" sets none. CLN_INVALID: the text is no such list, or a
 * value is out of range. */
enum cln_status cln_tuning_set(struct ocl_profile *profile, const char *values) CLN_MUST_CHECK;

/* Makes work-groups smaller, for a device that refuses one: smaller teams first, then fewer lanes. False where they are
 * of one work-item. */
bool cln_tuning_shrink(struct cln_tuning *tuning);

/* From now on a set of operations runs in its safe variant: one work-item per work-group, so that there is no barrier
 * and no local memory, and the project's own kernels. Blocks get narrower where a work-item could not hold all lanes of
 * one; nothing else changes for other operations. */
void cln_tuning_make_safe(struct cln_tuning *tuning, unsigned operations);

/* Whether nothing runs with barriers, local memory or CLBlast: by these values, or as all operations are safe. */
bool cln_tuning_is_plain(const struct cln_tuning *tuning);

/* What a key came out as; 0 where there is no limit. */
long cln_tuning_value(const struct cln_tuning *tuning, const char *key);

#endif
