/* The tuning of the engine to a device: the values that a profile may set, and those computed where it sets none. */
#ifndef SRC_ENGINE_TUNING_H
#define SRC_ENGINE_TUNING_H

#include "host/profile.h"
#include "src/model/stage.h"

/* The keys of "values" in devices/; see devices/README.md. */
extern const struct ocl_profile_key cln_tuning_keys[];
extern const size_t cln_tuning_key_count;

/* The names of the operations, those of the kernel files. A set of operations has bit 1 << i for operation i of this
 * table. */
extern const char *const cln_operations[];
extern const size_t cln_operation_count;

/* The set of one operation, by its name or the name of its file ("conv2d", "conv2d.cl"); it must exist. */
unsigned cln_operation(const char *name);

/* The set of all operations that a training launches by itself. */
unsigned cln_all_operations(void);

/* Loads the profile of a device with these tables; `file` is as in struct ocl_profile_params. */
enum cln_status cln_tuning_profile(struct ocl_profile **out, const struct ocl_device *device,
                                   const char *file) CLN_MUST_CHECK;

/* When convolutions are computed by minimal filtering (src/engine/winograd.h). */
enum cln_winograd_use { CLN_WINOGRAD_NEVER, CLN_WINOGRAD_WHERE_FASTER, CLN_WINOGRAD_ALWAYS };

/* A value of one layer by itself. */
enum { CLN_MOST_LAYER_VALUES = 128 };
struct cln_layer_value {
    char layer[CLN_LAYER_TEXT]; /* cln_layer_text */
    size_t key;                 /* index into cln_tuning_keys */
    int value;
};

struct cln_tuning {
    int strict;              /* sums in the order of the training (1; docs/strict.md) or in that of the device (0) */
    int vector;              /* lanes that a work-item owns: 1, 2, 4, 8, 16 */
    int lanes;               /* samples of a block: vector times a power of two */
    int safe_lanes;          /* most samples of a block, if an operation runs in its safe variant */
    int max_team;            /* most work-items in a team for the same lanes, if a block has several */
    int accumulators;        /* vectors of a register tile */
    int min_groups;          /* work-groups that a launch should have, to keep every compute unit busy */
    int min_whole_channels;  /* least number of channels for which a work-group takes whole channels */
    int max_loop_iterations; /* limit of a work-item's loop iterations */
    int slice_cache_kib;     /* KiB that a slice of the batch should fit in */
    int channel_cache_kib;   /* KiB that a launch over whole channels may touch */
    int local_weights;       /* work-groups copy weights to local memory (1) or not (0) */
    int fma;                 /* multiply-adds are fused (1) or not (0) */
    int min_gemm_weights;    /* least number of weights for which a linear layer uses CLBlast; 0: never */
    int gemm_parameters;     /* CLBlast's parameters, see ocl_gemm */
    int winograd;            /* enum cln_winograd_use */
    int join_launches;       /* several kernels are launched as one (1) or not (0) */
    int fuse;                /* convolutions take over the max pool and dz (1) or not (0) */
    int command_buffer;      /* a step is enqueued as one command buffer (1) or not (0) */
    unsigned safe;           /* set of operations that run in their safe variant */
    struct cln_layer_value layers[CLN_MOST_LAYER_VALUES];
    size_t layer_count;
};

/* Makes the tuning from a profile. CLN_INVALID: lanes and vector do not fit together. If the device cannot hold such a
 * work-group, because of its work-items or its local memory, there are fewer lanes, down to one work-item, which needs
 * no local memory; a warning says so. */
enum cln_status cln_tuning_create(struct cln_tuning *out, const struct ocl_profile *profile,
                                  const struct ocl_device *device) CLN_MUST_CHECK;

/* Sets values of a profile from text, "vector=4,lanes=16"; "" sets none. "LAYER:key=value" sets it for one layer
 * (cln_layer_text). CLN_INVALID: the text is no such list, or a value is out of range. */
enum cln_status cln_tuning_set(struct ocl_profile *profile, const char *values) CLN_MUST_CHECK;

/* Makes work-groups smaller, for a device that refuses one: first smaller teams, then fewer lanes, or in strict
 * arithmetic wider vectors. False: they already have a single work-item. */
bool cln_tuning_shrink(struct cln_tuning *tuning);

/* Makes a set of operations run in their safe variants: our own kernels with one work-item per work-group, so that
 * there is no barrier and no local memory. Blocks become narrower, down to safe_lanes, since a work-item owns all
 * lanes of one. If all operations are safe, each is launched by itself. Nothing else changes for other operations. */
void cln_tuning_make_safe(struct cln_tuning *tuning, unsigned operations);

/* Whether nothing uses barriers, local memory or CLBlast, because of the values or because all operations are safe. */
bool cln_tuning_is_plain(const struct cln_tuning *tuning);

/* The tuning of a stage: with the values of its layer by itself. */
struct cln_tuning cln_tuning_of_stage(const struct cln_tuning *tuning, const struct cln_stage *stage);

/* Whether some convolution may be filtered: by the value for all layers, or by one of a layer by itself. */
bool cln_tuning_filters(const struct cln_tuning *tuning);

/* The value that is used for a key; 0: no limit. */
long cln_tuning_value(const struct cln_tuning *tuning, const char *key);

#endif
