/* A race on the device: both sides are timed, a wrong candidate is not, and nothing stays alive. */
#include "src/tune/race.h"

#include "tests/engine/support.h"

static const char text[] =
    "{\"name\": \"tiny\", \"input\": [1, 8, 8], \"layers\": [{\"type\": \"Flatten\"}, {\"type\": \"Linear\", "
    "\"out_features\": 16}, {\"type\": \"ReLU\"}, {\"type\": \"Linear\", \"out_features\": 10}]}";

static struct cln_network *network;

static int begin(void **state) {
    (void)state;
    assert_ok(cln_network_parse(&network, text, sizeof text - 1, "tiny", NULL));
    return 0;
}

static int end(void **state) {
    (void)state;
    cln_network_destroy(&network);
    return 0;
}

static enum cln_status run(struct cln_race *race, const char *incumbent, const char *candidate) {
    return cln_race_run(race, &(struct cln_race_params){.network = network,
                                                        .session.no_cache = true,
                                                        .values = {incumbent, candidate},
                                                        .batch_size = 32,
                                                        .seconds = 0.2});
}

static void test_both_are_timed(void **state) {
    (void)state;
    struct cln_race race;
    assert_ok(run(&race, "", "vector=4,lanes=4"));
    assert_string_equal(race.wrong, "");
    assert_true(race.seconds[0] > 0 && race.seconds[0] < 10);
    assert_true(race.seconds[1] > 0 && race.seconds[1] < 10);
}

static void test_values_that_make_no_sense_are_refused(void **state) {
    (void)state;
    struct cln_race race;
    assert_int_equal(run(&race, "", "vector=3"), CLN_INVALID);
    assert_int_equal(run(&race, "", "nonsense=3"), CLN_INVALID);
    assert_int_equal(run(&race, "lanes", ""), CLN_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_both_are_timed, nothing_alive),
        cmocka_unit_test_teardown(test_values_that_make_no_sense_are_refused, nothing_alive),
    };
    return cmocka_run_group_tests_name("race", tests, begin, end);
}
