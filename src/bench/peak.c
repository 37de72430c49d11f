/* Measures a device's peak. Each limit is the best of several candidates: one work-item per group, which suits a CPU,
 * or many, which suit a GPU; fma(), which a device without that instruction emulates, or mad(). The host times each
 * over so many launches that neither clock resolution nor launching matters. */
#include "src/bench/peak.h"

#include <stdlib.h>

#include "host/buffer.h"
#include "host/sequence.h"
#include "src/base/clock.h"

enum {
    CHAINS = 12, /* as in the kernel */
    GROUPS_PER_UNIT = 16,
    MOST_ITEMS = 256,
    MOST_ROUNDS = 1 << 14, /* some drivers cut longer loops off */
    COPY_RUN = 1 << 12,    /* vectors per work-group */
    COPY_BYTES = 1 << 28,  /* larger than today's caches; less if the device has little memory */
    CANDIDATES = 6,
};

/* A kind of launch that is timed several times together. */
struct candidate {
    struct ocl_sequence *sequence;
    int repeats;
    double flops, bytes; /* operations and bytes of one launch */
};

struct cln_peak_meter {
    struct ocl_context *context;
    int vector;
    size_t copy_bytes;
    struct ocl_buffer *sums, *x, *y;
    struct candidate candidates[CANDIDATES];
    size_t count;
};

static enum cln_status time_candidate(double *seconds, struct cln_peak_meter *m, const struct candidate *c) {
    enum cln_status status = ocl_context_finish(m->context);
    const double start = cln_clock_seconds();
    for (int i = 0; i < c->repeats && status == CLN_OK; i++)
        status = ocl_sequence_run(c->sequence);
    if (status == CLN_OK)
        status = ocl_context_finish(m->context);
    *seconds = cln_clock_seconds() - start;
    return status;
}

static enum cln_status add_candidate(struct cln_peak_meter *m, const struct ocl_launch *launch) {
    struct candidate *c = &m->candidates[m->count];
    ocl_sequence_destroy(&c->sequence);
    *c = (struct candidate){.repeats = 1, .flops = launch->flops, .bytes = launch->bytes};
    enum cln_status status = ocl_sequence_create(&c->sequence, m->context);
    return status == CLN_OK ? ocl_sequence_add(c->sequence, launch) : status;
}

/* Chooses the repeats of each candidate so that a measurement takes about 20 ms. */
static enum cln_status choose_repeats(struct cln_peak_meter *m) {
    struct candidate *c = &m->candidates[m->count++];
    double seconds = 0;
    enum cln_status status = CLN_OK;
    for (; status == CLN_OK && c->repeats < 1 << 16; c->repeats *= 2) {
        status = time_candidate(&seconds, m, c);
        if (seconds > 0.01)
            break;
    }
    return status;
}

/* Adds a candidate of multiply-adds. A slow device gets few rounds, so that one launch does not take minutes. */
static enum cln_status add_multiply_add(struct cln_peak_meter *m, struct ocl_launch launch, size_t items) {
    const size_t groups = GROUPS_PER_UNIT * (size_t)ocl_context_device(m->context)->compute_units;
    enum cln_status status = CLN_OK;
    double seconds = 0;
    launch.kernel = "multiply_add";
    launch.arg_count = 2;
    launch.groups[0] = groups;
    launch.local[0] = items;
    for (int rounds = 64; status == CLN_OK && rounds <= MOST_ROUNDS && seconds < 1e-3; rounds *= 4) {
        launch.args[0] = OCL_BUFFER(m->sums);
        launch.args[1] = OCL_INT(rounds);
        launch.flops = 2.0 * CHAINS * m->vector * rounds * (double)(groups * items);
        status = add_candidate(m, &launch);
        for (int i = 0; i < 2 && status == CLN_OK; i++) /* the first time is not typical */
            status = time_candidate(&seconds, m, &m->candidates[m->count]);
    }
    return status == CLN_OK ? choose_repeats(m) : status;
}

static enum cln_status add_copy(struct cln_peak_meter *m, struct ocl_launch launch, size_t items) {
    launch.kernel = "copy";
    launch.args[0] = OCL_BUFFER(m->x);
    launch.args[1] = OCL_BUFFER(m->y);
    launch.args[2] = OCL_INT(COPY_RUN);
    launch.arg_count = 3;
    launch.groups[0] = m->copy_bytes / (COPY_RUN * sizeof(float) * (size_t)m->vector);
    launch.local[0] = items;
    launch.bytes = 2.0 * (double)m->copy_bytes;
    enum cln_status status = add_candidate(m, &launch);
    return status == CLN_OK ? choose_repeats(m) : status;
}

/* Adds a candidate, with smaller work-groups if the built kernel needs them. */
static enum cln_status add_fitting(enum cln_status (*add)(struct cln_peak_meter *, struct ocl_launch, size_t),
                                   struct cln_peak_meter *m, const char *multiply_add, size_t items) {
    struct ocl_constants constants = {0};
    ocl_constants_int(&constants, "VECTOR", m->vector);
    ocl_constants_word(&constants, "MULTIPLY_ADD", multiply_add);
    const struct ocl_launch launch = {.source = "peak.cl", .constants = &constants};
    enum cln_status status = add(m, launch, items);
    while (status == CLN_INVALID && (items /= 2) > 0)
        status = add(m, launch, items);
    return status;
}

static size_t copy_bytes(const struct ocl_device *device) {
    size_t bytes = COPY_BYTES;
    while (bytes > device->max_alloc_bytes || bytes > device->global_memory_bytes / 8)
        bytes /= 2;
    return bytes;
}

static enum cln_status prepare(struct cln_peak_meter *m) {
    const struct ocl_device *device = ocl_context_device(m->context);
    const size_t limit = device->max_work_group_size < device->max_work_item_sizes[0] ? device->max_work_group_size
                                                                                      : device->max_work_item_sizes[0];
    const size_t shapes[] = {1, limit < MOST_ITEMS ? limit : MOST_ITEMS};
    for (m->vector = 1; m->vector < 16 && 2 * m->vector <= (int)device->native_float_vector;)
        m->vector *= 2;
    m->copy_bytes = copy_bytes(device);
    enum cln_status status = ocl_buffer_create(
        &m->sums, m->context, GROUPS_PER_UNIT * device->compute_units * shapes[1] * sizeof(float) * (size_t)m->vector);
    if (status == CLN_OK)
        status = ocl_buffer_create(&m->x, m->context, m->copy_bytes);
    if (status == CLN_OK)
        status = ocl_buffer_create(&m->y, m->context, m->copy_bytes);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && status == CLN_OK; i++) {
        status = add_fitting(add_multiply_add, m, "fma", shapes[i]);
        if (status == CLN_OK)
            status = add_fitting(add_multiply_add, m, "mad", shapes[i]);
        if (status == CLN_OK)
            status = add_fitting(add_copy, m, "fma", shapes[i]);
    }
    return status;
}

enum cln_status cln_peak_meter_create(struct cln_peak_meter **out, struct ocl_context *context) {
    struct cln_peak_meter *m = *out = calloc(1, sizeof *m);
    if (!m)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for measuring the device's peak");
    m->context = context;
    enum cln_status status = prepare(m);
    if (status != CLN_OK)
        cln_peak_meter_destroy(out);
    return status;
}

void cln_peak_meter_destroy(struct cln_peak_meter **meter) {
    struct cln_peak_meter *m = *meter;
    if (!m)
        return;
    *meter = NULL;
    for (size_t i = 0; i < CANDIDATES; i++)
        ocl_sequence_destroy(&m->candidates[i].sequence);
    ocl_buffer_destroy(&m->sums);
    ocl_buffer_destroy(&m->x);
    ocl_buffer_destroy(&m->y);
    free(m);
}

enum cln_status cln_peak_measure(struct cln_peak_meter *m, struct cln_peak *best) {
    for (size_t i = 0; i < m->count; i++) {
        const struct candidate *c = &m->candidates[i];
        double seconds = 0;
        enum cln_status status = time_candidate(&seconds, m, c);
        if (status != CLN_OK)
            return status;
        const double flops = c->repeats * c->flops / seconds, bytes = c->repeats * c->bytes / seconds;
        best->flops = flops > best->flops ? flops : best->flops;
        best->bytes = bytes > best->bytes ? bytes : best->bytes;
    }
    return CLN_OK;
}

size_t cln_peak_buffer_bytes(const struct cln_peak_meter *m) {
    return m->copy_bytes;
}
