/* Joined launches: each kernel computes what it does by itself, whatever its file and its neighbours' files declare. */
#include <stdlib.h>
#include <string.h>

#include "host/sequence.h"
#include "tests/host/support.h"

enum { COUNT = 120, MOST = 20 };

struct fixture {
    struct ocl_context *context;
    struct ocl_sequence *sequence;
    struct ocl_buffer *whole;                    /* every `out` is a part of it */
    struct ocl_buffer *out[MOST], *visits[MOST]; /* COUNT ints or floats each */
    struct ocl_constants constants[MOST];
};

static struct fixture fixture;

static int set_up(void **state) {
    fixture.context = context_under_test(false);
    assert_ok(ocl_sequence_create(&fixture.sequence, fixture.context));
    const size_t alignment = ocl_context_device(fixture.context)->part_alignment;
    const size_t apart = (COUNT * sizeof(int) + alignment - 1) / alignment * alignment;
    assert_ok(ocl_buffer_create(&fixture.whole, fixture.context, MOST * apart));
    for (size_t i = 0; i < MOST; i++) {
        assert_ok(ocl_buffer_part(&fixture.out[i], fixture.whole, i * apart, COUNT * sizeof(int)));
        assert_ok(ocl_buffer_create(&fixture.visits[i], fixture.context, COUNT * sizeof(int)));
        fixture.constants[i] = (struct ocl_constants){0};
        ocl_constants_int(&fixture.constants[i], "FACTOR", (long)i);
    }
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    ocl_sequence_destroy(&fixture.sequence);
    for (int i = 0; i < MOST; i++) {
        ocl_buffer_destroy(&fixture.out[i]);
        ocl_buffer_destroy(&fixture.visits[i]);
    }
    ocl_buffer_destroy(&fixture.whole);
    ocl_context_destroy(&fixture.context);
    return nothing_alive(state);
}

/* out[n][place] = 1000 n + place */
static struct ocl_launch fill(const struct fixture *f, int n, size_t x, size_t y, size_t z) {
    return (struct ocl_launch){.label = "a label",
                               .source = "joined.cl",
                               .kernel = "fill",
                               .constants = &f->constants[n],
                               .args = {OCL_BUFFER(f->out[n]), OCL_BUFFER(f->visits[n])},
                               .arg_count = 2,
                               .groups = {x, y, z},
                               .local = {1}};
}

/* out[n][i] = 2 i − 5 */
static struct ocl_launch other(const struct fixture *f, int n, size_t count) {
    return (struct ocl_launch){.source = "other.cl",
                               .kernel = "fill",
                               .args = {OCL_BUFFER(f->out[n])},
                               .arg_count = 1,
                               .groups = {count},
                               .local = {1}};
}

static struct ocl_launch scale(const struct fixture *f, int n, size_t count, int factor, float offset) {
    return (struct ocl_launch){.source = "joined.cl",
                               .kernel = "scale",
                               .args = {OCL_BUFFER(f->out[n]), OCL_INT(factor), OCL_FLOAT(offset)},
                               .arg_count = 3,
                               .groups = {count},
                               .local = {1}};
}

static void add(const struct fixture *f, struct ocl_launch launch) {
    assert_ok(ocl_sequence_add(f->sequence, &launch));
    memset(&launch, 0xA5, sizeof launch); /* nothing of it is needed any more */
}

static void assert_filled(const struct fixture *f, int n, int count) {
    int out[COUNT], visits[COUNT];
    assert_ok(ocl_buffer_read(f->out[n], 0, sizeof out, out));
    assert_ok(ocl_buffer_read(f->visits[n], 0, sizeof visits, visits));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(out[i], i < count ? 1000 * n + i : 0);
        assert_int_equal(visits[i], i < count);
    }
}

static void assert_other(const struct fixture *f, int n, int count) {
    float out[COUNT];
    assert_ok(ocl_buffer_read(f->out[n], 0, sizeof out, out));
    for (int i = 0; i < COUNT; i++)
        assert_true(out[i] == (i < count ? (float)(2 * i - 5) : 0.0f));
}

/* Files that declare the same names, and one file with different constants; numbers of groups that do not divide each
 * other, in three dimensions. */
static void test_each_has_its_own_names(void **state) {
    struct fixture *f = *state;
    ocl_sequence_join(f->sequence);
    add(f, fill(f, 0, 3, 5, 7));
    add(f, other(f, 1, 4));
    add(f, fill(f, 2, 1, 1, 1));
    add(f, fill(f, 3, 0, 0, 0));
    add(f, fill(f, 4, 2, 31, 1));
    assert_int_equal(ocl_sequence_length(f->sequence), 0);
    assert_ok(ocl_sequence_joined(f->sequence));
    assert_int_equal(ocl_sequence_length(f->sequence), 1);
    assert_ok(ocl_sequence_run(f->sequence));
    assert_filled(f, 0, 105);
    assert_other(f, 1, 4);
    assert_filled(f, 2, 1);
    assert_filled(f, 3, 1);
    assert_filled(f, 4, 62);
}

static void test_a_barrier_keeps_the_order(void **state) {
    struct fixture *f = *state;
    ocl_sequence_join(f->sequence);
    add(f, fill(f, 1, 30, 1, 1));
    add(f, fill(f, 2, 30, 1, 1));
    assert_ok(ocl_sequence_barrier(f->sequence));
    add(f, scale(f, 1, 30, 3, 0));
    add(f, scale(f, 2, 20, -2, 1));
    assert_ok(ocl_sequence_joined(f->sequence));
    add(f, scale(f, 1, 10, 2, 0));
    assert_int_equal(ocl_sequence_length(f->sequence), 3);
    assert_ok(ocl_sequence_run(f->sequence));
    int first[30], second[30];
    assert_ok(ocl_buffer_read(f->out[1], 0, sizeof first, first));
    assert_ok(ocl_buffer_read(f->out[2], 0, sizeof second, second));
    for (int i = 0; i < 30; i++) {
        assert_int_equal(first[i], (i < 10 ? 6 : 3) * (1000 + i));
        assert_int_equal(second[i], i < 20 ? -2 * (2000 + i) + 1 : 2000 + i);
    }
}

enum { BLOCKS = 7, VALUES = 4 };

/* fill, the sums of its blocks, `span` at a time, and three times one more: as a chain, or as far as that is one. */
static void add_chain(const struct fixture *f, int n, size_t span, size_t last_span) {
    struct ocl_launch first = fill(f, n, VALUES, BLOCKS, 2);
    struct ocl_launch sums = {
        .label = "sums",
        .source = "joined.cl",
        .kernel = "add_up",
        .args = {OCL_BUFFER(f->out[n]), OCL_BUFFER(f->out[n + 1]), OCL_INT(span), OCL_INT(BLOCKS), OCL_INT(VALUES)},
        .arg_count = 5,
        .groups = {1, (BLOCKS + span - 1) / span, 1},
        .span = span,
        .flops = 1};
    struct ocl_launch more = {.source = "joined.cl",
                              .kernel = "count",
                              .args = {OCL_BUFFER(f->out[n + 1])},
                              .arg_count = 1,
                              .groups = {3, BLOCKS, 1},
                              .span = last_span};
    first.span = 1;
    add(f, first);
    ocl_sequence_follow(f->sequence);
    add(f, sums);
    ocl_sequence_follow(f->sequence);
    add(f, more);
}

static void assert_chained(const struct fixture *f, int n) {
    int sums[BLOCKS];
    assert_ok(ocl_buffer_read(f->out[n + 1], 0, sizeof sums, sums));
    for (int block = 0; block < BLOCKS; block++) {
        int sum = 3;
        for (int z = 0; z < 2; z++)
            for (int x = 0; x < VALUES; x++)
                sum += 1000 * n + (z * BLOCKS + block) * VALUES + x;
        assert_int_equal(sums[block], sum);
    }
}

/* Two chains of spans that divide each other, beside a launch and each other. */
static void test_chains(void **state) {
    struct fixture *f = *state;
    ocl_sequence_join(f->sequence);
    add(f, fill(f, 0, 50, 1, 1));
    add_chain(f, 1, 3, 1);
    add_chain(f, 3, 1, 1);
    assert_ok(ocl_sequence_joined(f->sequence));
    assert_int_equal(ocl_sequence_length(f->sequence), 1);
    assert_ok(ocl_sequence_run(f->sequence));
    assert_filled(f, 0, 50);
    assert_chained(f, 1);
    assert_chained(f, 3);
}

/* Where launches cannot be a chain, and outside of a pair, one follows the other as after a barrier. */
static void test_following_without_a_chain(void **state) {
    struct fixture *f = *state;
    ocl_sequence_follow(f->sequence); /* nothing is before it */
    add_chain(f, 1, 2, 1);
    assert_int_equal(ocl_sequence_length(f->sequence), 3);
    ocl_sequence_join(f->sequence);
    add_chain(f, 3, 2, 0); /* the last is not by block */
    assert_int_equal(ocl_sequence_length(f->sequence), 4);
    assert_ok(ocl_sequence_barrier(f->sequence));
    assert_int_equal(ocl_sequence_length(f->sequence), 5);
    assert_ok(ocl_sequence_joined(f->sequence));
    assert_ok(ocl_sequence_run(f->sequence));
    assert_chained(f, 1);
    assert_chained(f, 3);
}

/* Launches of several work-items per group, and everything outside of a pair, are launches of their own, in order. */
static void test_others_are_not_joined(void **state) {
    struct fixture *f = *state;
    struct ocl_launch wide = scale(f, 1, 5, 2, 0);
    wide.local[0] = 2;
    ocl_sequence_join(f->sequence);
    ocl_sequence_join(f->sequence);
    add(f, fill(f, 1, 10, 1, 1));
    add(f, fill(f, 2, 10, 1, 1));
    assert_ok(ocl_sequence_joined(f->sequence));
    assert_int_equal(ocl_sequence_length(f->sequence), 0);
    add(f, wide); /* depends on the first */
    assert_int_equal(ocl_sequence_length(f->sequence), 2);
    add(f, fill(f, 3, 10, 1, 1));
    assert_ok(ocl_sequence_joined(f->sequence));
    assert_int_equal(ocl_sequence_length(f->sequence), 3);
    assert_ok(ocl_sequence_run(f->sequence));
    int out[10];
    assert_ok(ocl_buffer_read(f->out[1], 0, sizeof out, out));
    for (int i = 0; i < 10; i++)
        assert_int_equal(out[i], 2 * (1000 + i));
    assert_filled(f, 2, 10);
    assert_filled(f, 3, 10);
}

/* More launches than one can take become several. */
static void test_many(void **state) {
    struct fixture *f = *state;
    ocl_sequence_join(f->sequence);
    for (int n = 0; n < MOST; n++)
        add(f, fill(f, n, (size_t)(n + 1), 1, 1));
    assert_ok(ocl_sequence_joined(f->sequence));
    assert_true(ocl_sequence_length(f->sequence) > 1 && ocl_sequence_length(f->sequence) < MOST / 4);
    assert_ok(ocl_sequence_run(f->sequence));
    for (int n = 0; n < MOST; n++)
        assert_filled(f, n, n + 1);
}

/* Faults are told when the launches are appended, with the label, and leave nothing behind. */
static void test_faults(void **state) {
    struct fixture *f = *state;
    struct ocl_launch wrong = fill(f, 2, 1, 1, 1);
    wrong.args[1] = OCL_BUFFER(NULL);
    ocl_sequence_join(f->sequence);
    add(f, fill(f, 1, 1, 1, 1));
    add(f, wrong);
    assert_fails(ocl_sequence_joined(f->sequence), CLN_INVALID, "is a buffer and was given NULL");
    assert_message("a label: kernel fill, argument 1 ");
    assert_int_equal(ocl_sequence_length(f->sequence), 0);

    wrong = fill(f, 2, 1, 1, 1);
    wrong.source = "none.cl";
    ocl_sequence_join(f->sequence);
    add(f, fill(f, 1, 1, 1, 1));
    add(f, wrong);
    assert_fails(ocl_sequence_joined(f->sequence), CLN_NOT_FOUND, "none.cl");

    wrong.source = "broken.cl";
    ocl_sequence_join(f->sequence);
    add(f, fill(f, 1, 1, 1, 1));
    add(f, wrong);
    assert_fails(ocl_sequence_joined(f->sequence), CLN_BUILD, "no_such_thing");

    ocl_sequence_join(f->sequence);
    add(f, fill(f, 1, 1, 1, 1)); /* the sequence is destroyed with it */
}

static void assert_refused(const struct fixture *f, struct ocl_launch wrong, enum cln_status expected,
                           const char *message) {
    ocl_sequence_join(f->sequence);
    add(f, fill(f, 1, 1, 1, 1));
    add(f, wrong);
    assert_fails(ocl_sequence_joined(f->sequence), expected, message);
    assert_int_equal(ocl_sequence_length(f->sequence), 0);
}

/* The compiler tells of a wrong number of arguments. */
static void test_number_of_arguments(void **state) {
    struct fixture *f = *state;
    struct ocl_launch wrong = scale(f, 2, 1, 3, 1);
    wrong.arg_count = 2;
    assert_refused(f, wrong, CLN_BUILD, "joined");
}

/* A launch with more constants than fit is refused as it is by itself. */
static void test_too_many_constants(void **state) {
    struct fixture *f = *state;
    struct ocl_constants many = {.length = 0};
    for (int i = 0; i < 1000; i++)
        ocl_constants_int(&many, "ANOTHER", i);
    assert_true(many.overflow);
    struct ocl_launch wrong = fill(f, 2, 1, 1, 1);
    wrong.constants = &many;
    ocl_sequence_join(f->sequence);
    add(f, fill(f, 1, 1, 1, 1));
    assert_fails(ocl_sequence_add(f->sequence, &wrong), CLN_INVALID, "constants");
    assert_ok(ocl_sequence_joined(f->sequence));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_has_its_own_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_barrier_keeps_the_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chains, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_following_without_a_chain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_others_are_not_joined, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_faults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_number_of_arguments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_constants, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("host join", tests, NULL, NULL);
}
