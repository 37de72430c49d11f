/* The generator against its author's published numbers, and what is drawn from it against what it promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/data/random.h"

/* The reference program's demo: state and sequence seeded with 42 and 54 by pcg32_srandom. */
static void pcg32_gives_the_published_numbers(void **state) {
    (void)state;
    static const uint32_t published[] = {0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e};
    struct cln_random random = {.state = 0, .increment = 54u << 1 | 1u};
    cln_random_u32(&random);
    random.state += 42;
    cln_random_u32(&random);
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++)
        assert_int_equal(cln_random_u32(&random), published[i]);
}

/* Files and results that were made with a seed depend on these. */
static void seeding_stays_as_it_is(void **state) {
    (void)state;
    struct cln_random random;
    cln_random_seed(&random, 0, CLN_STREAM_INIT);
    assert_int_equal(cln_random_u32(&random), 0x8cc05072);
    cln_random_seed(&random, 7, CLN_STREAM_SHUFFLE);
    assert_int_equal(cln_random_u32(&random), 0xf8273d15);
}

static void seeds_and_streams_differ(void **state) {
    (void)state;
    enum { SEEDS = 16, STREAMS = 5 };
    uint32_t first[SEEDS * STREAMS];
    for (uint32_t i = 0; i < SEEDS * STREAMS; i++) {
        struct cln_random random, again;
        cln_random_seed(&random, i / STREAMS, i % STREAMS + 1);
        cln_random_seed(&again, i / STREAMS, i % STREAMS + 1);
        assert_int_equal(random.increment & 1, 1);
        first[i] = cln_random_u32(&random);
        assert_int_equal(first[i], cln_random_u32(&again));
        for (uint32_t j = 0; j < i; j++)
            assert_int_not_equal(first[i], first[j]);
    }
}

static void below_is_in_range_and_even(void **state) {
    (void)state;
    enum { DRAWS = 70000, BOUND = 7 };
    struct cln_random random;
    cln_random_seed(&random, 1, CLN_STREAM_CHECK);
    size_t counts[BOUND] = {0};
    for (size_t i = 0; i < DRAWS; i++) {
        uint32_t number = cln_random_below(&random, BOUND);
        assert_in_range(number, 0, BOUND - 1);
        counts[number]++;
    }
    for (size_t i = 0; i < BOUND; i++)
        assert_in_range(counts[i], 9600, 10400); /* 10000 ± 4 deviations */
    assert_int_equal(cln_random_below(&random, 1), 0);
    /* A remainder of 2³² alone would be below 2³¹ twice as often as not. */
    size_t low = 0;
    for (size_t i = 0; i < 10000; i++)
        low += cln_random_below(&random, 0xc0000000u) < 0x60000000u;
    assert_in_range(low, 4800, 5200);
}

static void uniform_and_normal_have_their_moments(void **state) {
    (void)state;
    enum { DRAWS = 100000 };
    struct cln_random random;
    cln_random_seed(&random, 2, CLN_STREAM_CHECK);
    double sum = 0, sum2 = 0, normal = 0, normal2 = 0;
    for (size_t i = 0; i < DRAWS; i++) {
        double u = cln_random_uniform(&random), n = cln_random_normal(&random);
        assert_true(u >= 0 && u < 1 && (double)(float)u == u);
        assert_true(n > -7 && n < 7);
        sum += u, sum2 += u * u, normal += n, normal2 += n * n;
    }
    assert_true(sum / DRAWS > 0.496 && sum / DRAWS < 0.504);
    assert_true(sum2 / DRAWS > 0.329 && sum2 / DRAWS < 0.338);
    assert_true(normal / DRAWS > -0.013 && normal / DRAWS < 0.013);
    assert_true(normal2 / DRAWS > 0.98 && normal2 / DRAWS < 1.02);
}

static void permutations_hold_every_index_once(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 2, 7, 255, 256, 257, 60000};
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        size_t count = counts[c], moved = 0;
        uint32_t *indices = malloc((count + 1) * sizeof(*indices));
        char *seen = calloc(count + 1, 1);
        assert_true(indices && seen);
        indices[count] = 0xdeadbeef;
        struct cln_random random;
        cln_random_seed(&random, 3, CLN_STREAM_SHUFFLE);
        cln_random_permutation(&random, indices, count);
        for (size_t i = 0; i < count; i++) {
            assert_true(indices[i] < count && !seen[indices[i]]);
            seen[indices[i]] = 1;
            moved += indices[i] != i;
        }
        assert_true(count < 100 || moved > count - 20);
        assert_int_equal(indices[count], 0xdeadbeef);
        free(indices);
        free(seen);
    }
}

/* All six orders of three are equally likely. */
static void permutations_are_even(void **state) {
    (void)state;
    struct cln_random random;
    size_t counts[27] = {0};
    cln_random_seed(&random, 4, CLN_STREAM_SHUFFLE);
    for (size_t i = 0; i < 60000; i++) {
        uint32_t p[3];
        cln_random_permutation(&random, p, 3);
        counts[p[0] * 9 + p[1] * 3 + p[2]]++;
    }
    static const size_t orders[] = {5, 7, 11, 15, 19, 21};
    for (size_t i = 0; i < 6; i++)
        assert_in_range(counts[orders[i]], 9600, 10400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcg32_gives_the_published_numbers),
        cmocka_unit_test(seeding_stays_as_it_is),
        cmocka_unit_test(seeds_and_streams_differ),
        cmocka_unit_test(below_is_in_range_and_even),
        cmocka_unit_test(uniform_and_normal_have_their_moments),
        cmocka_unit_test(permutations_hold_every_index_once),
        cmocka_unit_test(permutations_are_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
