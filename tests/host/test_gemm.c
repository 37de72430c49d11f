/* The matrix product against a plain loop: odd sizes, transposes, offsets, batches, guard bands. */
#include "host/gemm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/timeline.h"
#include "tests/host/support.h"

struct fixture {
    struct ocl_context *context;
};

static struct fixture fixture;

/* One context for all: CLBlast compiles for seconds, and again for every context. */
static int set_up(void **state) {
    *state = &fixture;
    fixture.context = context_under_test(true);
    return 0;
}

static int tear_down(void **state) {
    ocl_context_destroy(&fixture.context);
    return nothing_alive(state);
}

struct matrix {
    size_t rows, columns, offset, ld, stride, count;
    float *values;
    struct ocl_buffer *buffer;
};

static float noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 8) / (float)(1 << 23) - 1;
}

/* Rows a little apart, a lead-in, a gap between matrices and a band behind; what is no element is `rest`. */
static void matrix_create(struct matrix *out, size_t rows, size_t columns, size_t batch, float rest, uint32_t *seed) {
    *out = (struct matrix){.rows = rows, .columns = columns, .offset = 5, .ld = columns + 3};
    out->stride = rows * out->ld + 7;
    out->count = out->offset + batch * out->stride + 11;
    out->values = malloc(out->count * sizeof *out->values);
    assert_non_null(out->values);
    for (size_t i = 0; i < out->count; i++)
        out->values[i] = rest;
    for (size_t b = 0; seed && b < batch; b++)
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < columns; c++)
                out->values[out->offset + b * out->stride + r * out->ld + c] = noise(seed);
    assert_ok(ocl_buffer_create(&out->buffer, fixture.context, out->count * sizeof *out->values));
    assert_ok(ocl_buffer_write(out->buffer, 0, out->count * sizeof *out->values, out->values));
}

static void matrix_destroy(struct matrix *matrix) {
    free(matrix->values);
    ocl_buffer_destroy(&matrix->buffer);
}

static double element(const struct matrix *matrix, bool transpose, size_t batch, size_t row, size_t column) {
    size_t r = transpose ? column : row, c = transpose ? row : column;
    return (double)matrix->values[matrix->offset + batch * matrix->stride + r * matrix->ld + c];
}

struct sizes {
    size_t m, n, k, batch;
};

/* |error| ≤ (k + 2)·ε·Σ|a·b|: what rounding each of k additions can do. */
static void check_product(const struct ocl_gemm *g, const struct matrix *a, const struct matrix *b,
                          const struct matrix *c) {
    float *result = malloc(c->count * sizeof *result);
    unsigned char *written = calloc(c->count, 1);
    assert_true(result && written);
    assert_ok(ocl_buffer_read(c->buffer, 0, c->count * sizeof *result, result));
    for (size_t batch = 0; batch < g->batch_count; batch++)
        for (size_t row = 0; row < g->m; row++)
            for (size_t column = 0; column < g->n; column++) {
                size_t at = c->offset + batch * c->stride + row * c->ld + column;
                double sum = 0, magnitude = 0;
                for (size_t i = 0; i < g->k; i++) {
                    double term =
                        element(a, g->transpose_a, batch, row, i) * element(b, g->transpose_b, batch, i, column);
                    sum += term;
                    magnitude += fabs(term);
                }
                double old = g->beta != 0 ? (double)g->beta * (double)c->values[at] : 0;
                double expected = (double)g->alpha * sum + old;
                double tolerance = ((double)g->k + 2) * 0x1p-23 * (fabs((double)g->alpha) * magnitude + fabs(old));
                if (!(fabs((double)result[at] - expected) <= tolerance))
                    fail_msg("%zux%zux%zu, %d%d, batch %zu, element %zu,%zu: %.9g and not %.9g", g->m, g->n, g->k,
                             g->transpose_a, g->transpose_b, batch, row, column, (double)result[at], expected);
                written[at] = 1;
            }
    for (size_t i = 0; i < c->count; i++)
        if (!written[i] && memcmp(&result[i], &c->values[i], sizeof *result) != 0)
            fail_msg("%zux%zux%zu, %d%d: float %zu is no element and was written", g->m, g->n, g->k, g->transpose_a,
                     g->transpose_b, i);
    free(result);
    free(written);
}

static void run_case(const struct sizes *s, bool transpose_a, bool transpose_b, float alpha, float beta) {
    uint32_t seed = 1;
    struct matrix a, b, c;
    struct ocl_sequence *sequence = NULL;
    matrix_create(&a, transpose_a ? s->k : s->m, transpose_a ? s->m : s->k, s->batch, NAN, &seed);
    matrix_create(&b, transpose_b ? s->n : s->k, transpose_b ? s->k : s->n, s->batch, NAN, &seed);
    matrix_create(&c, s->m, s->n, s->batch, NAN, beta != 0 ? &seed : NULL);
    struct ocl_gemm gemm = {.label = "gemm under test",
                            .transpose_a = transpose_a,
                            .transpose_b = transpose_b,
                            .m = s->m,
                            .n = s->n,
                            .k = s->k,
                            .alpha = alpha,
                            .beta = beta,
                            .a = a.buffer,
                            .b = b.buffer,
                            .c = c.buffer,
                            .a_offset = a.offset,
                            .b_offset = b.offset,
                            .c_offset = c.offset,
                            .a_ld = a.ld,
                            .b_ld = b.ld,
                            .c_ld = c.ld,
                            .a_stride = a.stride,
                            .b_stride = b.stride,
                            .c_stride = c.stride,
                            .batch_count = s->batch};
    assert_ok(ocl_sequence_create(&sequence, fixture.context));
    assert_ok(ocl_sequence_add_gemm(sequence, &gemm));
    assert_int_equal(ocl_sequence_length(sequence), 1);
    assert_ok(ocl_sequence_run(sequence));
    check_product(&gemm, &a, &b, &c);
    ocl_sequence_destroy(&sequence);
    matrix_destroy(&a);
    matrix_destroy(&b);
    matrix_destroy(&c);
}

static void test_products(void **state) {
    (void)state;
    static const struct sizes sizes[] = {
        {1, 1, 1, 1}, {7, 5, 3, 1}, {10, 33, 84, 1}, {17, 16, 65, 1}, {5, 9, 4, 3}, {120, 32, 256, 2},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int transposes = 0; transposes < 4; transposes++) {
            run_case(&sizes[i], transposes & 1, transposes & 2, 1, 0);
            run_case(&sizes[i], transposes & 1, transposes & 2, -0.5f, 2);
        }
}

static void test_shared_operand(void **state) {
    (void)state;
    uint32_t seed = 7;
    struct matrix a, b, c;
    struct ocl_sequence *sequence = NULL;
    matrix_create(&a, 6, 4, 1, NAN, &seed);
    matrix_create(&b, 4, 5, 3, NAN, &seed);
    matrix_create(&c, 6, 5, 3, NAN, NULL);
    a.stride = 0;
    struct ocl_gemm gemm = {.m = 6,
                            .n = 5,
                            .k = 4,
                            .alpha = 1,
                            .a = a.buffer,
                            .b = b.buffer,
                            .c = c.buffer,
                            .a_offset = a.offset,
                            .b_offset = b.offset,
                            .c_offset = c.offset,
                            .a_ld = a.ld,
                            .b_ld = b.ld,
                            .c_ld = c.ld,
                            .b_stride = b.stride,
                            .c_stride = c.stride,
                            .batch_count = 3};
    assert_ok(ocl_sequence_create(&sequence, fixture.context));
    assert_ok(ocl_sequence_add_gemm(sequence, &gemm));
    assert_ok(ocl_sequence_run(sequence));
    check_product(&gemm, &a, &b, &c);
    ocl_sequence_destroy(&sequence);
    matrix_destroy(&a);
    matrix_destroy(&b);
    matrix_destroy(&c);
}

static void test_faults_are_refused(void **state) {
    (void)state;
    struct ocl_buffer *buffer = NULL;
    struct ocl_sequence *sequence = NULL;
    assert_ok(ocl_buffer_create(&buffer, fixture.context, 48 * sizeof(float)));
    assert_ok(ocl_sequence_create(&sequence, fixture.context));
    const struct ocl_gemm good = {.label = "product",
                                  .m = 4,
                                  .n = 4,
                                  .k = 4,
                                  .alpha = 1,
                                  .a = buffer,
                                  .b = buffer,
                                  .c = buffer,
                                  .b_offset = 16,
                                  .c_offset = 32,
                                  .a_ld = 4,
                                  .b_ld = 4,
                                  .c_ld = 4,
                                  .batch_count = 1};
    struct ocl_gemm g = good;
    g.c_offset = 33;
    assert_fails(ocl_sequence_add_gemm(sequence, &g), CLN_INVALID, "product: gemm: matrix C");
    assert_message("ends at float 49; its buffer holds 48");
    g = good;
    g.k = 5;
    assert_fails(ocl_sequence_add_gemm(sequence, &g), CLN_INVALID, "matrix A has rows of 5 values 4 apart");
    g = good;
    g.b = NULL;
    assert_fails(ocl_sequence_add_gemm(sequence, &g), CLN_INVALID, "matrix B is NULL");
    g = good;
    g.n = 0;
    assert_fails(ocl_sequence_add_gemm(sequence, &g), CLN_INVALID, "none may be 0");
    g = good;
    g.batch_count = 2;
    g.a_stride = 40;
    assert_fails(ocl_sequence_add_gemm(sequence, &g), CLN_INVALID, "matrix A");
    assert_int_equal(ocl_sequence_length(sequence), 0);

    ocl_sequence_destroy(&sequence);
    ocl_buffer_destroy(&buffer);
}

/* In a context with timings a product is three calls: CLBlast's, between two markers. */
static void test_every_call_may_fail(void **state) {
    (void)state;
    struct ocl_buffer *buffer = NULL;
    struct ocl_sequence *sequence = NULL;
    assert_ok(ocl_buffer_create(&buffer, fixture.context, 3 * sizeof(float)));
    assert_ok(ocl_sequence_create(&sequence, fixture.context));
    struct ocl_gemm gemm = {.label = "product",
                            .m = 1,
                            .n = 1,
                            .k = 1,
                            .alpha = 1,
                            .a = buffer,
                            .b = buffer,
                            .c = buffer,
                            .b_offset = 1,
                            .c_offset = 2,
                            .a_ld = 1,
                            .b_ld = 1,
                            .c_ld = 1,
                            .batch_count = 1};
    assert_ok(ocl_sequence_add_gemm(sequence, &gemm));
    assert_ok(ocl_sequence_run(sequence));
    assert_ok(ocl_timeline_reset(fixture.context));
    size_t before = ocl_live_handles();
    static const char *const functions[] = {"clEnqueueMarkerWithWaitList", "CLBlastSgemm",
                                            "clEnqueueMarkerWithWaitList"};
    for (size_t n = 1; n <= 3; n++) {
        ocl_fault_set(n, -5);
        assert_fails(ocl_sequence_run(sequence), CLN_DEVICE, functions[n - 1]);
        assert_message("product: ");
        assert_int_equal(ocl_live_handles(), before);
    }
    ocl_sequence_destroy(&sequence);
    ocl_buffer_destroy(&buffer);
}

static void test_products_are_timed(void **state) {
    (void)state;
    struct ocl_timing *rows = NULL;
    size_t count = 0;
    assert_ok(ocl_timeline_reset(fixture.context));
    run_case(&(struct sizes){64, 32, 16, 1}, false, false, 1, 0);
    assert_ok(ocl_timeline_read(fixture.context, &rows, &count));
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].label, "gemm under test");
    assert_true(rows[0].launches == 1 && rows[0].flops == 2.0 * 64 * 32 * 16);
    /* Not above 0: Mesa's rusticl says that every command took from 2 to 3 ns. */
    assert_true(rows[0].seconds >= 0 && rows[0].seconds < 60);
    free(rows);
}

static void test_build_without_clblast_says_so(void **state) {
    (void)state;
    struct ocl_gemm gemm = {.label = "product"};
    assert_fails(ocl_sequence_add_gemm(NULL, &gemm), CLN_INVALID, "product: this library was built without CLBlast");
}

static void test_a_device_that_it_does_not_suit_refuses(void **state) {
    (void)state;
    struct ocl_sequence *sequence = NULL;
    struct ocl_gemm gemm = {.label = "product"};
    assert_ok(ocl_sequence_create(&sequence, fixture.context));
    assert_fails(ocl_sequence_add_gemm(sequence, &gemm), CLN_INVALID, "product: gemm: CLBlast needs work-groups");
    ocl_sequence_destroy(&sequence);
}

int main(void) {
    const struct CMUnitTest with_clblast[] = {
        cmocka_unit_test(test_products),           cmocka_unit_test(test_shared_operand),
        cmocka_unit_test(test_faults_are_refused), cmocka_unit_test(test_every_call_may_fail),
        cmocka_unit_test(test_products_are_timed),
    };
    const struct CMUnitTest without_clblast[] = {cmocka_unit_test(test_build_without_clblast_says_so)};
    const struct CMUnitTest unsuited[] = {cmocka_unit_test(test_a_device_that_it_does_not_suit_refuses)};
    if (!ocl_gemm_available())
        return cmocka_run_group_tests(without_clblast, NULL, NULL);
    struct ocl_device device;
    if (ocl_device_find(&device, NULL) == CLN_OK && !ocl_gemm_suits(&device))
        return cmocka_run_group_tests(unsuited, set_up, tear_down);
    return cmocka_run_group_tests(with_clblast, set_up, tear_down);
}
