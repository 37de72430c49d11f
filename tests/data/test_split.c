/* The split for validation: sizes by class, no image lost or twice, the seed alone, and what it refuses. */
#include <math.h>
#include <string.h>

#include "src/data/split.h"
#include "tests/assert.h"

enum { MOST = 4000 };

static int32_t labels[MOST];
static const char *const names[] = {"ant", "bee", "cat"};

/* A data set of `counts` images per class, in turn as long as a class has some left, without pixels. */
static struct cln_dataset dataset_of(const size_t *counts, size_t classes) {
    size_t left[256], count = 0;
    memcpy(left, counts, classes * sizeof *left);
    for (bool more = true; more;) {
        more = false;
        for (size_t k = 0; k < classes; k++)
            if (left[k] > 0) {
                assert_true(count < MOST);
                labels[count++] = (int32_t)k;
                left[k]--;
                more = true;
            }
    }
    return (struct cln_dataset){.train = {.count = count, .labels = labels},
                                .class_count = (int)classes,
                                .class_names = classes > 3 ? NULL : names};
}

/* Counts the validation images per class, and checks that the parts are ascending, disjoint and complete. */
static void count_classes(size_t *counts, const struct cln_split *split, const struct cln_dataset *data) {
    static uint8_t seen[MOST];
    memset(seen, 0, sizeof seen);
    memset(counts, 0, 256 * sizeof *counts);
    assert_int_equal(split->train_count + split->validation_count, data->train.count);
    for (size_t i = 0; i < split->train_count; i++) {
        assert_true(split->train[i] < data->train.count && (i == 0 || split->train[i] > split->train[i - 1]));
        seen[split->train[i]]++;
    }
    for (size_t i = 0; i < split->validation_count; i++) {
        const uint32_t at = split->validation[i];
        assert_true(at < data->train.count && (i == 0 || at > split->validation[i - 1]));
        seen[at]++;
        counts[data->train.labels[at]]++;
    }
    for (size_t i = 0; i < data->train.count; i++)
        assert_int_equal(seen[i], 1);
}

static void every_class_gives_its_share(void **state) {
    (void)state;
    static const struct {
        size_t counts[4], expected[4];
        double share;
    } cases[] = {
        {{100, 50, 20}, {10, 5, 2}, 0.1},      {{60, 60, 60}, {20, 20, 20}, 1.0 / 3},
        {{10, 10, 10}, {2, 2, 1}, 0.15},   /* 4.5 images are 5, and of equal rests the first classes' count */
        {{7, 5, 3}, {3, 2, 2}, 0.45},      /* 3.15, 2.25, 1.35 of 6.75: the third lost most */
        {{9, 9, 3}, {8, 8, 2}, 0.88},      /* 7.92, 7.92, 2.64 of 18.48 */
        {{100, 0, 50}, {29, 0, 15}, 0.29}, /* a class without images; 14.5 is the larger rest, 43.5 is 44 */
        {{2, 2, 2, 994}, {1, 1, 1, 497}, 0.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cln_dataset data = dataset_of(cases[i].counts, 4);
        struct cln_split split;
        size_t counts[256];
        assert_ok(cln_split_draw(&split, &data, cases[i].share, 7));
        count_classes(counts, &split, &data);
        assert_int_equal(split.validation_count, cln_split_count(cases[i].share, data.train.count));
        for (size_t k = 0; k < 4; k++)
            if (counts[k] != cases[i].expected[k])
                fail_msg("case %zu, class %zu: %zu, not %zu", i, k, counts[k], cases[i].expected[k]);
        cln_split_free(&split);
        assert_null(split.train);
    }
}

/* Whatever the numbers: the total is the rounded share, and no class is off by a whole image. */
static void many_splits_keep_to_the_shares(void **state) {
    (void)state;
    struct cln_random random;
    cln_random_seed(&random, 5, CLN_STREAM_CHECK);
    for (int i = 0; i < 300; i++) {
        size_t sizes[12], counts[256], total = 0;
        const size_t classes = 1 + cln_random_below(&random, 12);
        const double share = 0.05 + 0.9 * cln_random_uniform(&random);
        for (size_t k = 0; k < classes; k++)
            total += sizes[k] = 40 + cln_random_below(&random, 200);
        const struct cln_dataset data = dataset_of(sizes, classes);
        struct cln_split split;
        assert_ok(cln_split_draw(&split, &data, share, (uint64_t)i));
        count_classes(counts, &split, &data);
        assert_int_equal(split.validation_count, (size_t)round(share * (double)total));
        for (size_t k = 0; k < classes; k++)
            assert_true(fabs((double)counts[k] - share * (double)sizes[k]) < 1);
        cln_split_free(&split);
    }
}

static void the_seed_alone_draws_it(void **state) {
    (void)state;
    static const size_t sizes[] = {400, 300, 300};
    const struct cln_dataset data = dataset_of(sizes, 3);
    struct cln_split splits[3];
    for (uint64_t i = 0; i < 3; i++)
        assert_ok(cln_split_draw(&splits[i], &data, 0.3, i / 2)); /* seeds 0, 0, 1 */
    for (int i = 0; i < 3; i++)
        assert_int_equal(splits[i].validation_count, 300);
    assert_memory_equal(splits[0].validation, splits[1].validation, 300 * sizeof(uint32_t));
    assert_memory_not_equal(splits[0].validation, splits[2].validation, 300 * sizeof(uint32_t));
    /* Files of models depend on it. */
    static const uint32_t first[] = {5, 9, 13, 14, 17, 18, 20, 23};
    assert_memory_equal(splits[0].validation, first, sizeof first);
    /* Drawn, not taken from an end: about half of the 300 lie in the first half. */
    size_t early = 0;
    for (size_t i = 0; i < 300; i++)
        early += splits[0].validation[i] < 500;
    assert_in_range(early, 110, 190);
    for (int i = 0; i < 3; i++)
        cln_split_free(&splits[i]);
}

static void no_share_is_no_split(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 1, 1};
    const struct cln_dataset data = dataset_of(sizes, 3);
    struct cln_split split;
    uint32_t order[3], plain[3];
    assert_ok(cln_split_draw(&split, &data, 0, 7));
    assert_null(split.train);
    assert_int_equal(split.train_count, 3);
    assert_int_equal(split.validation_count, 0);
    struct cln_random a, b;
    cln_random_seed(&a, 3, CLN_STREAM_SHUFFLE);
    cln_random_seed(&b, 3, CLN_STREAM_SHUFFLE);
    cln_split_order(&split, &a, order);
    cln_random_permutation(&b, plain, 3);
    assert_memory_equal(order, plain, sizeof order);
    cln_split_free(&split);
}

static void an_order_is_of_the_training_part(void **state) {
    (void)state;
    static const size_t sizes[] = {40, 40};
    const struct cln_dataset data = dataset_of(sizes, 2);
    struct cln_split split;
    struct cln_random random;
    uint32_t order[80], again[80];
    size_t moved = 0;
    assert_ok(cln_split_draw(&split, &data, 0.25, 7));
    cln_random_seed(&random, 3, CLN_STREAM_SHUFFLE);
    cln_split_order(&split, &random, order);
    cln_split_order(&split, &random, again);
    assert_memory_not_equal(order, again, 60 * sizeof *order);
    uint8_t seen[80] = {0};
    for (size_t i = 0; i < 60; i++) {
        seen[order[i]]++;
        moved += order[i] != split.train[i];
    }
    for (size_t i = 0; i < 60; i++)
        assert_int_equal(seen[split.train[i]], 1);
    assert_true(moved > 40);
    cln_split_free(&split);
}

static void classes_without_a_part_are_refused(void **state) {
    (void)state;
    static const struct {
        size_t counts[3];
        double share;
        const char *words[3];
    } cases[] = {
        {{50, 3, 50}, 0.1, {"class 1 (bee) has 3 training images", "takes none", "Choose a larger share"}},
        {{50, 50, 2}, 0.9, {"class 2 (cat) has 2 training images", "takes all", "Choose a smaller share"}},
        {{1, 50, 50}, 0.5, {"class 0 (ant) has 1 training image,", "takes ", "Add images of this class"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cln_dataset data = dataset_of(cases[i].counts, 3);
        struct cln_split split;
        assert_int_equal(cln_split_draw(&split, &data, cases[i].share, 7), CLN_INVALID);
        for (int k = 0; k < 3; k++)
            if (!strstr(cln_error_message(), cases[i].words[k]))
                fail_msg("case %zu: no \"%s\" in: %s", i, cases[i].words[k], cln_error_message());
        cln_split_free(&split);
    }
    struct cln_dataset data = dataset_of((const size_t[]){50, 3}, 2);
    struct cln_split split;
    data.class_names = NULL;
    assert_int_equal(cln_split_draw(&split, &data, 0.1, 7), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "class 1 has 3"));
    cln_split_free(&split);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_gives_its_share),      cmocka_unit_test(many_splits_keep_to_the_shares),
        cmocka_unit_test(the_seed_alone_draws_it),          cmocka_unit_test(no_share_is_no_split),
        cmocka_unit_test(an_order_is_of_the_training_part), cmocka_unit_test(classes_without_a_part_are_refused),
    };
    return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
