/* The counter-based generator against its published vectors, and what its numbers look like. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/reference/philox.h"

/* Random123's known answers for philox4x32, 10 rounds. */
static void test_published_vectors(void **state) {
    static const struct {
        uint32_t counter[4], key[2], expected[4];
    } vectors[] = {
        {{0}, {0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint32_t out[4];
        cln_reference_philox(out, vectors[i].counter, vectors[i].key);
        assert_memory_equal(out, vectors[i].expected, sizeof out);
    }
}

static void test_the_ends_of_the_uniform_numbers(void **state) {
    (void)state;
    assert_true(cln_reference_random_uniform(0) == 0.0f);
    assert_true(cln_reference_random_uniform(0xff) == 0.0f);
    assert_true(cln_reference_random_uniform(0x100) == 0x1p-24f);
    assert_true(cln_reference_random_uniform(UINT32_MAX) == 1.0f - 0x1p-24f);
}

/* Seed, step, stage and element each change all four numbers. */
static void test_every_part_matters(void **state) {
    uint32_t base[4], other[4];
    (void)state;
    cln_reference_random_bits(base, 1, 2, 3, 4);
    const struct {
        uint64_t seed;
        uint32_t step, stage, quad;
    } others[] = {{2, 2, 3, 4}, {1 + (UINT64_C(1) << 32), 2, 3, 4}, {1, 3, 3, 4}, {1, 2, 4, 4}, {1, 2, 3, 5},
                  {1, 3, 2, 4}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cln_reference_random_bits(other, others[i].seed, others[i].step, others[i].stage, others[i].quad);
        for (int k = 0; k < 4; k++)
            assert_int_not_equal(base[k], other[k]);
    }
}

/* Of 40,000 numbers, in 100 bins: chi-square has mean 99 and deviation 14. Neighbouring steps and stages do not go
 * together: the correlation of 40,000 pairs has deviation 0.005. */
static void test_numbers_are_even_and_unrelated(void **state) {
    enum { QUADS = 10000, BINS = 100, COUNT = 4 * QUADS };
    static float numbers[3][COUNT];
    (void)state;
    for (uint32_t quad = 0; quad < QUADS; quad++) {
        const uint32_t steps[] = {5, 6, 5}, stages[] = {1, 1, 2};
        for (int which = 0; which < 3; which++) {
            uint32_t four[4];
            cln_reference_random_bits(four, 7, steps[which], stages[which], quad);
            for (int k = 0; k < 4; k++)
                numbers[which][4 * quad + (uint32_t)k] = cln_reference_random_uniform(four[k]);
        }
    }
    for (int which = 0; which < 3; which++) {
        int bins[BINS] = {0};
        double chi = 0, correlation = 0;
        for (int i = 0; i < COUNT; i++) {
            bins[(int)(BINS * numbers[which][i])]++;
            correlation += ((double)numbers[0][i] - 0.5) * ((double)numbers[which][i] - 0.5) * 12 / COUNT;
        }
        for (int i = 0; i < BINS; i++)
            chi += pow(bins[i] - COUNT / BINS, 2) * BINS / COUNT;
        assert_true(chi > 99 - 4 * 14 && chi < 99 + 4 * 14);
        assert_true(fabs(correlation - (which == 0)) < 0.02);
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
