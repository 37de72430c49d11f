/* The counter-based generator against its published vectors, and what its numbers look like. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/reference/philox.h"

static void test_published_vectors(void **state) {
    (void)state;
    for (size_t i = 0; i < CLN_PHILOX_VECTORS; i++) {
        const struct cln_philox_vector *v = &cln_philox_vectors[i];
        uint32_t out[4];
        cln_reference_philox(out, v->counter, v->key);
        assert_memory_equal(out, v->expected, sizeof out);
        cln_reference_random_bits(out, (uint64_t)v->key[1] << 32 | v->key[0], v->counter[2], v->counter[1],
                                  v->counter[3], v->counter[0]);
        assert_memory_equal(out, v->expected, sizeof out);
    }
}

static void test_the_ends_of_the_uniform_numbers(void **state) {
    (void)state;
    assert_true(cln_reference_random_uniform(0) == 0.0f);
    assert_true(cln_reference_random_uniform(0xff) == 0.0f);
    assert_true(cln_reference_random_uniform(0x100) == 0x1p-24f);
    assert_true(cln_reference_random_uniform(UINT32_MAX) == 1.0f - 0x1p-24f);
}

/* What a number depends on, but for its element. */
struct place {
    uint64_t seed;
    uint32_t step, stage, sample;
};

static const struct place base = {7, 5, 2, 3};
/* Neighbours of `base`: one part differs, or two are exchanged. */
static const struct place neighbours[] = {
    {8, 5, 2, 3}, {7 + (UINT64_C(1) << 32), 5, 2, 3},
    {7, 6, 2, 3}, {7, 5, 3, 3},
    {7, 5, 2, 4}, {5, 7, 2, 3},
    {7, 2, 5, 3}, {7, 3, 2, 5},
    {7, 5, 3, 2},
};
enum { NEIGHBOURS = sizeof neighbours / sizeof *neighbours };

static void random_bits(uint32_t out[4], struct place p, uint32_t quad) {
    cln_reference_random_bits(out, p.seed, p.step, p.stage, p.sample, quad);
}

/* Each part changes all four numbers. */
static void test_every_part_matters(void **state) {
    uint32_t expected[4], other[4];
    (void)state;
    random_bits(expected, base, 4);
    for (size_t i = 0; i <= NEIGHBOURS; i++) {
        if (i < NEIGHBOURS)
            random_bits(other, neighbours[i], 4);
        else
            random_bits(other, base, 5);
        for (int k = 0; k < 4; k++)
            assert_int_not_equal(expected[k], other[k]);
    }
}

enum { QUADS = 10000, BINS = 100, COUNT = 4 * QUADS };

static void fill(float numbers[COUNT], struct place p) {
    for (uint32_t quad = 0; quad < QUADS; quad++) {
        uint32_t four[4];
        random_bits(four, p, quad);
        for (uint32_t k = 0; k < 4; k++)
            numbers[4 * quad + k] = cln_reference_random_uniform(four[k]);
    }
}

/* The correlation of x[i] and y[i]; 1 for a uniform x and itself. */
static double correlation(const float *x, const float *y, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += ((double)x[i] - 0.5) * ((double)y[i] - 0.5);
    return 12 * sum / count;
}

/* Every bound is four standard deviations, which are: of the mean of 40,000 numbers sqrt(1/12/40,000) = 0.00144, of
 * chi-square over 100 bins sqrt(2 * 99) = 14.07 around 99, of a correlation 1/sqrt(40,000) = 0.005. */
static void check_evenness(const float numbers[COUNT]) {
    int bins[BINS] = {0};
    double sum = 0, chi_square = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_true(numbers[i] >= 0 && numbers[i] < 1);
        bins[(int)(BINS * numbers[i])]++;
        sum += (double)numbers[i];
    }
    for (int i = 0; i < BINS; i++)
        chi_square += pow(bins[i] - COUNT / BINS, 2) * BINS / COUNT;
    assert_true(fabs(sum / COUNT - 0.5) < 4 * 0.00144);
    assert_true(fabs(chi_square - 99) < 4 * 14.07);
}

static void test_numbers_are_even_and_unrelated(void **state) {
    static float numbers[COUNT], others[COUNT];
    (void)state;
    fill(numbers, base);
    check_evenness(numbers);
    assert_true(fabs(correlation(numbers, numbers, COUNT) - 1) < 0.02); /* so that a 0 below means something */
    for (int distance = 1; distance <= 8; distance++)
        assert_true(fabs(correlation(numbers, numbers + distance, COUNT - distance)) < 4 * 0.005);
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        fill(others, neighbours[i]);
        check_evenness(others);
        assert_true(fabs(correlation(numbers, others, COUNT)) < 4 * 0.005);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors),
        cmocka_unit_test(test_the_ends_of_the_uniform_numbers),
        cmocka_unit_test(test_every_part_matters),
        cmocka_unit_test(test_numbers_are_even_and_unrelated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
