/* Buffers with guards, and the comparison that all cases share: see rig.h. */
#include "src/check/rig.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/check/lanes.h"

/* The number of guard cells after every buffer, which nothing may write. */
enum { GUARD = 64 };

/* Poison: quiet NaNs that no arithmetic produces, a different one in every buffer. Cells that are no input hold poison,
 * cells that are no output must keep it, and a copy of poison is recognised. */
static const uint32_t poison = 0x7FC0DE00u;

static void *take(struct cln_rig *b, size_t bytes) {
    void *memory = b->arena + b->arena_used;
    b->arena_used += (bytes + 15) / 16 * 16;
    assert(b->arena_used <= CLN_RIG_ARENA && "a case of the table is too large");
    return memory;
}

double *cln_rig_alloc(struct cln_rig *b, size_t count) {
    return take(b, count * sizeof(double));
}

void cln_check_draw_pixels(void *pixels, enum cln_pixel_type type, size_t count, struct cln_random *random) {
    for (size_t i = 0; i < count; i++) {
        const double value = cln_random_uniform(random);
        if (type == CLN_PIXEL_U8)
            ((uint8_t *)pixels)[i] = (uint8_t)(256 * value);
        else if (type == CLN_PIXEL_U16)
            ((uint16_t *)pixels)[i] = (uint16_t)(65536 * value);
        else
            ((float *)pixels)[i] = (float)value;
    }
}

double *cln_rig_random(struct cln_rig *b, size_t count, double centre, double scale) {
    double *values = cln_rig_alloc(b, count);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(centre + scale * (2 * cln_random_uniform(&b->random) - 1));
    return values;
}

double *cln_rig_magnitudes(struct cln_rig *b, const double *values, size_t count) {
    double *magnitudes = cln_rig_alloc(b, count);
    for (size_t i = 0; i < count; i++)
        magnitudes[i] = fabs(values[i]);
    return magnitudes;
}

size_t cln_rig_blocks(const struct cln_rig *b) {
    return (size_t)cln_ceil_div(b->count, b->plan.tuning.lanes);
}

size_t cln_rig_parts(const struct cln_rig *b) {
    return cln_rig_blocks(b) * (size_t)(cln_plan_parts(&b->plan) / b->plan.blocks);
}

struct cln_probe *cln_rig_cells(struct cln_rig *b, const char *name, size_t cells) {
    assert(b->probe_count < CLN_RIG_PROBES);
    struct cln_probe *p = &b->probes[b->probe_count++];
    const size_t count = cells + GUARD;
    *p = (struct cln_probe){
        .name = name,
        .count = count,
        .before = take(b, count * sizeof *p->before),
        .after = take(b, count * sizeof *p->after),
        .values = cln_rig_alloc(b, count),
        .expected = cln_rig_alloc(b, count),
        .tolerance = cln_rig_alloc(b, count),
        .cells = take(b, count),
    };
    for (size_t i = 0; i < count; i++)
        p->before[i] = poison + (uint32_t)b->probe_count;
    memset(p->cells, CLN_CELL_KEPT, count);
    if (b->status == CLN_OK)
        b->status = ocl_buffer_create(&p->buffer, b->plan.context, count * sizeof *p->before);
    return p;
}

struct cln_probe *cln_rig_tensor(struct cln_rig *b, const char *name, struct cln_shape shape, const double *values) {
    const size_t lanes = (size_t)b->plan.tuning.lanes, elements = cln_shape_count(shape);
    struct cln_probe *p = cln_rig_cells(b, name, cln_plan_elements(&b->plan, shape));
    for (size_t n = 0; values && n < (size_t)b->count; n++)
        for (size_t e = 0; e < elements; e++)
            cln_probe_put(p, cln_lanes_index(lanes, elements, n, e), &values[n * elements + e], 1);
    if (b->loose) {
        const size_t capacity = (size_t)b->plan.blocks * lanes;
        for (size_t n = (size_t)b->count; n < capacity; n++)
            for (size_t e = 0; e < elements; e++)
                cln_probe_free(p, cln_lanes_index(lanes, elements, n, e), 1);
    }
    return p;
}

struct cln_probe *cln_rig_partials(struct cln_rig *b, const char *name, int channels, int splits, int width) {
    const size_t per_part = (size_t)(splits * width), per_channel = (size_t)cln_plan_parts(&b->plan) * per_part;
    struct cln_probe *p = cln_rig_cells(b, name, (size_t)channels * per_channel);
    for (size_t c = 0; c < (size_t)channels; c++)
        cln_probe_free(p, c * per_channel, cln_rig_parts(b) * per_part);
    return p;
}

double *cln_rig_values(struct cln_rig *b, const struct cln_probe *p, struct cln_shape shape) {
    const size_t lanes = (size_t)b->plan.tuning.lanes, elements = cln_shape_count(shape), samples = (size_t)b->count;
    double *values = cln_rig_alloc(b, samples * elements);
    for (size_t i = 0; i < samples * elements; i++)
        values[i] = p->values[cln_lanes_index(lanes, elements, i / elements, i % elements)];
    return values;
}

void cln_probe_put(struct cln_probe *p, size_t first, const double *values, size_t count) {
    assert(first + count <= p->count - GUARD);
    for (size_t i = 0; i < count; i++) {
        const float single = (float)values[i];
        const int32_t integer = p->integer ? (int32_t)values[i] : 0;
        memcpy(&p->before[first + i], p->integer ? (const void *)&integer : (const void *)&single, sizeof single);
    }
}

void cln_probe_free(struct cln_probe *p, size_t first, size_t count) {
    assert(first + count <= p->count - GUARD);
    memset(p->cells + first, CLN_CELL_FREE, count);
}

void cln_probe_expect(struct cln_probe *p, size_t at, double expected, double tolerance) {
    assert(at < p->count - GUARD);
    p->cells[at] = CLN_CELL_COMPARED;
    p->expected[at] = expected;
    p->tolerance[at] = tolerance;
}

void cln_probe_fold(struct cln_probe *p, size_t base, size_t stride, size_t slices, size_t count) {
    for (size_t s = 1; s < slices; s++) {
        cln_probe_free(p, base + s * stride, count);
        for (size_t i = 0; i < count; i++)
            p->values[base + i] += p->values[base + s * stride + i];
    }
}

void cln_rig_expect_tensor(struct cln_rig *b, struct cln_probe *p, struct cln_shape shape, const double *expected,
                           const double *magnitude, double factor) {
    const size_t lanes = (size_t)b->plan.tuning.lanes, elements = cln_shape_count(shape);
    for (size_t n = 0; n < cln_rig_blocks(b) * lanes; n++)
        for (size_t e = 0; e < elements; e++) {
            const size_t at = cln_lanes_index(lanes, elements, n, e), i = n * elements + e;
            if (n < (size_t)b->count)
                cln_probe_expect(p, at, expected[i], factor * CLN_EPS32 * magnitude[i]);
            else
                cln_probe_free(p, at, 1);
        }
}

enum cln_status cln_rig_run(struct cln_rig *b) {
    enum cln_status status = ocl_buffer_write(b->plan.state, 0, sizeof b->state, &b->state);
    for (size_t i = 0; i < b->probe_count && status == CLN_OK; i++) {
        struct cln_probe *p = &b->probes[i];
        status = ocl_buffer_write(p->buffer, 0, p->count * sizeof *p->before, p->before);
    }
    if (status == CLN_OK)
        status = ocl_sequence_run(b->plan.sequence);
    if (status == CLN_OK)
        status = ocl_buffer_read(b->plan.state, 0, sizeof b->state, &b->state);
    for (size_t i = 0; i < b->probe_count && status == CLN_OK; i++) {
        struct cln_probe *p = &b->probes[i];
        status = ocl_buffer_read(p->buffer, 0, p->count * sizeof *p->after, p->after);
        for (size_t k = 0; k < p->count && status == CLN_OK; k++) {
            float single;
            int32_t integer;
            memcpy(&single, &p->after[k], sizeof single);
            memcpy(&integer, &p->after[k], sizeof integer);
            p->values[k] = p->integer ? (double)integer : (double)single;
        }
    }
    return status;
}

static void fail(struct cln_rig *b, const char *name, size_t at, const char *what, double actual, double expected,
                 double tolerance) {
    b->failed = true;
    if (b->result->failure[0] == '\0')
        snprintf(b->result->failure, sizeof b->result->failure, "%s: %s[%zu] %s: %.9g, expected %.9g within %.3g",
                 b->where, name, at, what, actual, expected, tolerance);
}

static void compare(struct cln_rig *b, const char *name, size_t at, double actual, double expected, double tolerance) {
    const double error = fabs(actual - expected);
    if (!(error <= tolerance))
        fail(b, name, at, "is wrong", actual, expected, tolerance);
    else if (tolerance > 0 && error / tolerance > b->result->worst) {
        b->result->worst = error / tolerance;
        snprintf(b->result->worst_case, sizeof b->result->worst_case, "%.*s: %s", CLN_WHERE_BYTES, b->where, name);
    }
}

void cln_rig_compare(struct cln_rig *b) {
    for (size_t i = 0; i < b->probe_count; i++) {
        const struct cln_probe *p = &b->probes[i];
        for (size_t k = 0; k < p->count; k++)
            if (p->cells[k] == CLN_CELL_COMPARED)
                compare(b, p->name, k, p->values[k], p->expected[k], p->tolerance[k]);
            else if (p->cells[k] == CLN_CELL_KEPT && p->before[k] != p->after[k])
                fail(b, p->name, k, "was not to be written", p->values[k], NAN, 0);
    }
}

void cln_rig_compare_value(struct cln_rig *b, const char *what, double actual, double expected, double tolerance) {
    compare(b, what, 0, actual, expected, tolerance);
}
