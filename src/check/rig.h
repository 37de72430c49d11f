/* The rig runs one case of an operation on a device and compares the buffers. Every 4-byte cell of every buffer is
 * compared with an expected value, free (any value), or kept (must not change). So a write outside the operation's
 * range is found, too. For src/check alone. */
#ifndef SRC_CHECK_RIG_H
#define SRC_CHECK_RIG_H

#include <stdint.h>

#include "clenet/dataset.h"
#include "kernels/state.clh"
#include "src/check/cases.h"
#include "src/data/random.h"
#include "src/engine/plan.h"
#include "src/model/optimizer_table.h"

/* The relative distance of neighbouring float32 numbers. Every tolerance is a multiple of it. */
#define CLN_EPS32 0x1p-23

enum cln_cell { CLN_CELL_KEPT, CLN_CELL_FREE, CLN_CELL_COMPARED };

/* A buffer under test. All cells start as NaN and kept. */
struct cln_probe {
    const char *name;
    struct ocl_buffer *buffer;
    size_t count;     /* number of cells, the guard after them included */
    bool integer;     /* cells are int32, not float32 */
    uint32_t *before; /* bits before the run */
    uint32_t *after;  /* bits after the run */
    double *values;   /* `after` as numbers; may be changed before the comparison (cln_probe_fold) */
    double *expected, *tolerance;
    uint8_t *cells; /* enum cln_cell */
};

enum { CLN_RIG_PROBES = 16, CLN_RIG_ARENA = 96 << 20, CLN_WHERE_BYTES = 192 };

struct cln_rig {
    struct cln_plan plan;
    struct cln_state state; /* state uploaded before the run; afterwards the device's */
    struct cln_random random;
    const struct cln_operation *operation;
    int count;  /* samples in the batch */
    bool loose; /* a matrix product may write to lanes and blocks without a sample */
    struct cln_probe probes[CLN_RIG_PROBES];
    size_t probe_count;
    char *arena;
    size_t arena_used;
    enum cln_status status; /* status of the first buffer that could not be created */
    struct cln_check_result *result;
    char where[CLN_WHERE_BYTES]; /* operation, case, batch and tuning, for messages */
    bool failed;                 /* the current case has failed */
    char launches[4096];         /* the current case's kernels with their constants */
    size_t launches_used;
};

/* The first member of every case. */
struct cln_case {
    const char *name;
    int batch_size; /* batch size that the buffers are made for */
    int counts[12]; /* numbers of samples to run, ended by 0; none: batch_size */
    bool quick;     /* part of quick checks, and run under every setting */
};

struct cln_operation {
    const char *name;
    const void *cases; /* `count` structs of `stride` bytes */
    size_t count, stride;
    /* Runs a case: makes probes, adds launches, runs them, sets expected values, compares. Returns only errors of the
     * device. */
    enum cln_status (*run)(struct cln_rig *rig, const void *entry);
    /* Whether a training with this tuning may use the operation. NULL: always. */
    bool (*covers)(const struct cln_tuning *tuning);
};

/* Batches of one sample, and one below, at and above the widths of vectors and of the default batch; buffers are made
 * for 257. */
#define EVERY_BATCH                                                                                                    \
    { 1, 2, 7, 15, 16, 17, 255, 256, 257 }

#define CLN_OPERATION(operation_name, table, function)                                                                 \
    {                                                                                                                  \
        .name = (operation_name), .cases = (table), .count = sizeof(table) / sizeof(*(table)),                         \
        .stride = sizeof(*(table)), .run = (function)                                                                  \
    }

extern const struct cln_operation cln_device_activate, cln_device_arithmetic, cln_device_average, cln_device_batch,
    cln_device_batchnorm, cln_device_conv2d, cln_device_copy, cln_device_dropout, cln_device_gradient_norm,
    cln_device_groupnorm, cln_device_linear, cln_device_philox, cln_device_softmax_cross_entropy,
    cln_device_sum_gradients, cln_device_winograd, cln_device_optimizers[];

/* Allocates memory that lives until the case ends. Never NULL. */
double *cln_rig_alloc(struct cln_rig *rig, size_t count);
/* Fills `pixels` with values of a type: whole numbers of their whole range, floats from 0 to 1. */
void cln_check_draw_pixels(void *pixels, enum cln_pixel_type type, size_t count, struct cln_random *random);
/* Random values, uniform in centre ± scale, rounded to float32; in the arena. */
double *cln_rig_random(struct cln_rig *rig, size_t count, double centre, double scale);
/* The absolute values; in the arena. An operation's reference on absolute values gives the sum of its terms'
 * magnitudes. */
double *cln_rig_magnitudes(struct cln_rig *rig, const double *values, size_t count);

/* Makes a buffer of `cells` cells with a guard after them. Never NULL; rig->status says whether the device's buffer
 * exists. */
struct cln_probe *cln_rig_cells(struct cln_rig *rig, const char *name, size_t cells);
/* After the run: the device's values of a tensor, as [sample][element] of the batch. */
double *cln_rig_values(struct cln_rig *rig, const struct cln_probe *tensor, struct cln_shape shape);
/* Makes a tensor in lanes, for the plan's batch size. `values` is [sample][element] of the batch; NULL: all NaN. */
struct cln_probe *cln_rig_tensor(struct cln_rig *rig, const char *name, struct cln_shape shape, const double *values);
/* Makes a buffer of partials: `width` cells per channel, block and split. Those of the batch's blocks are free. */
struct cln_probe *cln_rig_partials(struct cln_rig *rig, const char *name, int channels, int splits, int width);

/* The number of blocks that the batch fills. */
size_t cln_rig_blocks(const struct cln_rig *rig);

/* The number of partials that kernels write for the samples of these (cln_plan_parts). */
size_t cln_rig_parts(const struct cln_rig *rig);

/* Sets the content before the run of `count` cells from `first` on; they stay kept. */
void cln_probe_put(struct cln_probe *probe, size_t first, const double *values, size_t count);
/* Makes `count` cells free. */
void cln_probe_free(struct cln_probe *probe, size_t first, size_t count);
/* Makes one cell compared with `expected`. */
void cln_probe_expect(struct cln_probe *probe, size_t first, double expected, double tolerance);
/* Adds slices 1, 2, … to slice 0, in double. Slice s starts at base + s·stride. Afterwards slices 1, 2, … are free. */
void cln_probe_fold(struct cln_probe *probe, size_t base, size_t stride, size_t slices, size_t count);
/* Expects a tensor's values, with tolerance = factor · CLN_EPS32 · magnitude per element. Lanes without a sample are
 * free. */
void cln_rig_expect_tensor(struct cln_rig *rig, struct cln_probe *probe, struct cln_shape shape, const double *expected,
                           const double *magnitude, double factor);

/* Uploads state and probes, runs the plan's sequence once, and reads everything back. */
enum cln_status cln_rig_run(struct cln_rig *rig) CLN_MUST_CHECK;
/* Compares every cell of every probe; the first failure of a case is recorded in rig->result. */
void cln_rig_compare(struct cln_rig *rig);
/* Compares one more number, such as a member of the state. */
void cln_rig_compare_value(struct cln_rig *rig, const char *what, double actual, double expected, double tolerance);

#endif
