/* The memory layout: block, then element, then lane; every place is taken once. */
#include "src/check/lanes.h"
#include "tests/engine/support.h"

static void test_lanes_of_a_sample_are_apart_and_of_an_element_together(void **state) {
    (void)state;
    assert_int_equal(cln_lanes_index(4, 3, 0, 0), 0);
    assert_int_equal(cln_lanes_index(4, 3, 1, 0), 1);  /* the next lane */
    assert_int_equal(cln_lanes_index(4, 3, 0, 1), 4);  /* the next element */
    assert_int_equal(cln_lanes_index(4, 3, 4, 0), 12); /* the next block */
    assert_int_equal(cln_lanes_index(4, 3, 7, 2), 23);
}

static void test_every_place_is_taken_once(void **state) {
    (void)state;
    enum { SAMPLES = 16, ELEMENTS = 5 };
    for (size_t lanes = 1; lanes <= SAMPLES; lanes *= 2) {
        int taken[SAMPLES * ELEMENTS] = {0};
        for (size_t n = 0; n < SAMPLES; n++)
            for (size_t e = 0; e < ELEMENTS; e++) {
                const size_t at = cln_lanes_index(lanes, ELEMENTS, n, e);
                assert_in_range(at, 0, SAMPLES * ELEMENTS - 1);
                assert_int_equal(taken[at]++, 0);
            }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lanes_of_a_sample_are_apart_and_of_an_element_together),
        cmocka_unit_test(test_every_place_is_taken_once),
    };
    return cmocka_run_group_tests_name("lanes", tests, NULL, NULL);
}
