/* One case of an operation on a device: buffers with guards, what they hold afterwards, and what they should hold.
 * Every 4-byte cell of every buffer is either compared with an expected value, free, or kept: a kept cell that
 * changed is a failure, as is one outside of what the operation may touch. Private to src/check. */
#ifndef SRC_CHECK_RIG_H
#define SRC_CHECK_RIG_H

#include <stdint.h>

#include "kernels/state.clh"
#include "src/check/cases.h"
#include "src/data/random.h"
#include "src/engine/plan.h"
#include "src/model/optimizer_table.h"

/* Relative distance of neighbouring float32 numbers: every tolerance is a multiple of it. */
#define CLN_EPS32 0x1p-23

enum cln_cell { CLN_CELL_KEPT, CLN_CELL_FREE, CLN_CELL_COMPARED };

/* A buffer. All cells begin as NaN and kept. */
struct cln_probe {
    const char *name;
    struct ocl_buffer *buffer;
    size_t count;     /* cells, with the guard behind them */
    bool integer;     /* cells are int32, not float32 */
    uint32_t *before; /* bits */
    uint32_t *after;  /* bits, once it ran */
    double *values;   /* the same as numbers; may be edited before the comparison (cln_probe_fold) */
    double *expected, *tolerance;
    uint8_t *cells; /* enum cln_cell */
};

enum { CLN_RIG_PROBES = 16, CLN_RIG_ARENA = 96 << 20, CLN_WHERE_BYTES = 192 };

struct cln_rig {
    struct cln_plan plan;
    struct cln_state state; /* as the device's is before the run, then as it is after */
    struct cln_random random;
    const struct cln_operation *operation;
    int count;  /* samples in the batch */
    bool loose; /* a matrix product may write lanes and blocks without a sample */
    struct cln_probe probes[CLN_RIG_PROBES];
    size_t probe_count;
    char *arena;
    size_t arena_used;
    enum cln_status status; /* of the first buffer that could not be made */
    struct cln_check_result *result;
    char where[CLN_WHERE_BYTES]; /* operation, case, batch and tuning, for messages */
    bool failed;                 /* this case */
    char launches[4096];         /* of it: kernels with their constants */
    size_t launches_used;
};

/* What every case begins with. */
struct cln_case {
    const char *name;
    int batch_size; /* that the buffers are made for */
    int counts[12]; /* samples in the batch, up to a 0; none: batch_size */
    bool quick;     /* also where time is short, and under every setting */
};

struct cln_operation {
    const char *name;
    const void *cases; /* `count` structs of `stride` bytes */
    size_t count, stride;
    /* Makes probes, adds launches, runs them, says what was to be expected, compares. Fails only where the device
     * does. */
    enum cln_status (*run)(struct cln_rig *rig, const void *entry);
};

/* One sample, and one below, at and above the width of vectors and of the default batch; made for 257. */
#define EVERY_BATCH                                                                                                    \
    { 1, 2, 7, 15, 16, 17, 255, 256, 257 }

#define CLN_OPERATION(operation_name, table, function)                                                                 \
    {                                                                                                                  \
        .name = (operation_name), .cases = (table), .count = sizeof(table) / sizeof(*(table)),                         \
        .stride = sizeof(*(table)), .run = (function)                                                                  \
    }

extern const struct cln_operation cln_device_activate, cln_device_batch, cln_device_batchnorm, cln_device_conv2d,
    cln_device_copy, cln_device_linear, cln_device_softmax_cross_entropy, cln_device_optimizers[];

/* Memory until the case ends; never NULL. */
double *cln_rig_alloc(struct cln_rig *rig, size_t count);
/* Uniform in centre ± scale, rounded to float32. */
double *cln_rig_random(struct cln_rig *rig, size_t count, double centre, double scale);
/* |values|: an operation's reference on those gives the sum of the terms' magnitudes. */
double *cln_rig_magnitudes(struct cln_rig *rig, const double *values, size_t count);

/* A buffer of `cells`, and a guard behind. Never NULL; rig->status says whether it has a buffer. */
struct cln_probe *cln_rig_cells(struct cln_rig *rig, const char *name, size_t cells);
/* After the run: what the device has in a tensor, as [sample][element] of the batch. */
double *cln_rig_values(struct cln_rig *rig, const struct cln_probe *tensor, struct cln_shape shape);
/* A tensor in lanes of the plan's size; `values` [sample][element] of the batch, NULL: all NaN. */
struct cln_probe *cln_rig_tensor(struct cln_rig *rig, const char *name, struct cln_shape shape, const double *values);
/* Per channel, block and split `width` cells, those of the batch's blocks free. */
struct cln_probe *cln_rig_partials(struct cln_rig *rig, const char *name, int channels, int splits, int width);

/* Blocks that the batch needs. */
size_t cln_rig_blocks(const struct cln_rig *rig);

void cln_probe_put(struct cln_probe *probe, size_t first, const double *values, size_t count);
void cln_probe_free(struct cln_probe *probe, size_t first, size_t count);
void cln_probe_expect(struct cln_probe *probe, size_t first, double expected, double tolerance);
/* Adds slices 1 … to slice 0, in double. Slice s is at base + s·stride; afterwards 1 … are free. */
void cln_probe_fold(struct cln_probe *probe, size_t base, size_t stride, size_t slices, size_t count);
/* tolerance = factor · CLN_EPS32 · magnitude, per element. Lanes without a sample are free. */
void cln_rig_expect_tensor(struct cln_rig *rig, struct cln_probe *probe, struct cln_shape shape, const double *expected,
                           const double *magnitude, double factor);

/* Uploads state and probes, runs the plan's sequence once, reads all back. */
enum cln_status cln_rig_run(struct cln_rig *rig) CLN_MUST_CHECK;
/* Compares every cell of every probe. */
void cln_rig_compare(struct cln_rig *rig);
/* One number more, such as of the state. */
void cln_rig_compare_value(struct cln_rig *rig, const char *what, double actual, double expected, double tolerance);

#endif
