/* Building shared between contexts: who builds what, who is told, and that nothing is built twice for nothing. */
#include <stdio.h>
#include <string.h>

#include "host/buffer.h"
#include "host/sequence.h"
#include "tests/host/programs.h"
#include "tests/host/support.h"
#include "tests/temporary.h"

enum { PROGRAMS = 3 };

static struct ocl_device device;

static int begin(void **state) {
    device = device_under_test();
    return temporary_create(state);
}

/* What a context is told and asks. */
struct share {
    size_t calls;                             /* of before_building */
    enum cln_status answer;                   /* to it */
    const char *build_in;                     /* a cache that another context is to fill then; or NULL */
    size_t own, asked[PROGRAMS], asked_count; /* the program that falls to it; PROGRAMS: none */
};

static bool is_own(void *user, size_t number) {
    struct share *share = user;
    share->asked[share->asked_count++] = number;
    return number == share->own;
}

static enum cln_status build_elsewhere(void *user);

struct life {
    struct ocl_context *context;
    struct ocl_buffer *x; /* one float, 1 at first */
    struct ocl_sequence *sequence;
};

/* Adds a launch that multiplies x. */
static enum cln_status multiply(const struct life *life, int factor) {
    struct ocl_constants constants = {0};
    ocl_constants_int(&constants, "FACTOR", factor);
    return ocl_sequence_add(life->sequence, &(struct ocl_launch){.source = "scale.cl",
                                                                 .kernel = "scale",
                                                                 .constants = &constants,
                                                                 .args = {OCL_BUFFER(life->x), OCL_BUFFER(life->x),
                                                                          OCL_FLOAT(1), OCL_INT(1)},
                                                                 .arg_count = 4});
}

/* A life with PROGRAMS programs, each launched twice: they multiply x by 2, 3, 4, 2, 3, 4. */
static enum cln_status live(struct life *life, const char *folder, struct share *share, bool builder) {
    const struct ocl_context_params params = {.kernel_folder = TEST_KERNELS,
                                              .cache_folder = temporary_path(folder),
                                              .before_building = builder ? NULL : build_elsewhere,
                                              .builds = builder ? is_own : NULL,
                                              .building_user = share};
    const float one = 1;
    *life = (struct life){.context = NULL};
    assert_ok(ocl_context_create(&life->context, &device, &params));
    assert_ok(ocl_buffer_create(&life->x, life->context, sizeof one));
    assert_ok(ocl_buffer_write(life->x, 0, sizeof one, &one));
    assert_ok(ocl_sequence_create(&life->sequence, life->context));
    enum cln_status status = CLN_OK;
    for (int i = 0; i < 2 * PROGRAMS && !status; i++)
        status = multiply(life, 2 + i % PROGRAMS);
    return status;
}

/* What became of x. */
static float end(struct life *life) {
    float x = 0;
    assert_ok(ocl_buffer_read(life->x, 0, sizeof x, &x));
    ocl_sequence_destroy(&life->sequence);
    ocl_buffer_destroy(&life->x);
    ocl_context_destroy(&life->context);
    return x;
}

static float train(const char *folder, struct share *share) {
    struct life life;
    assert_ok(live(&life, folder, share, false));
    assert_int_equal(ocl_sequence_length(life.sequence), 2 * PROGRAMS);
    assert_ok(ocl_sequence_run(life.sequence));
    return end(&life);
}

static enum cln_status build_elsewhere(void *user) {
    struct share *share = user;
    share->calls++;
    for (size_t own = 0; share->build_in && own < PROGRAMS; own++) {
        struct life life;
        assert_ok(live(&life, share->build_in, &(struct share){.own = own}, true));
        (void)end(&life);
    }
    return share->answer ? cln_fail(share->answer, "told so") : CLN_OK;
}

static const float product = 2 * 3 * 4 * 2 * 3 * 4;

static void test_a_builder_runs_its_own_and_leaves_out_the_rest(void **state) {
    (void)state;
    for (size_t own = 0; own <= PROGRAMS; own++) {
        struct share share = {.own = own};
        struct life life;
        char folder[16];
        snprintf(folder, sizeof folder, "own%zu", own);
        assert_ok(live(&life, folder, &share, true));
        assert_int_equal(share.asked_count, PROGRAMS);
        for (size_t i = 0; i < PROGRAMS; i++)
            assert_int_equal(share.asked[i], i);
        assert_int_equal(ocl_sequence_length(life.sequence), own < PROGRAMS ? 2 : 0);
        const float factor = own < PROGRAMS ? 2 + (float)own : 1;
        assert_true(end(&life) == factor * factor); /* each launch was run when it was added */
        assert_int_equal(programs_in(folder), own < PROGRAMS);
    }
}

static enum cln_status count_call(void *user) {
    ++*(int *)user;
    return CLN_OK;
}

static void test_a_builder_calls_nobody(void **state) {
    (void)state;
    struct share share = {.own = 0};
    struct life life;
    int calls = 0;
    assert_ok(live(&life, "calls", &share, true));
    assert_ok(ocl_sequence_call(life.sequence, "the host", OCL_WHEN_DONE, count_call, &calls));
    assert_ok(multiply(&life, 2));
    assert_ok(multiply(&life, 3));
    assert_int_equal(ocl_sequence_length(life.sequence), 2 + 1 + 1);
    assert_int_equal(calls, 0);
    assert_true(end(&life) == 2 * 2 * 2);
}

static void test_who_needs_programs_is_told_once(void **state) {
    (void)state;
    struct share alone = {0}, helped = {.build_in = "helped"}, again = {0};
    assert_true(train("alone", &alone) == product);
    assert_int_equal(alone.calls, 1);
    assert_true(train("helped", &helped) == product);
    assert_int_equal(helped.calls, 1);
    assert_int_equal(programs_in("helped"), PROGRAMS);
    /* And nobody is told who finds them all, be it as binaries or as notes. */
    assert_true(train("helped", &again) == product);
    assert_true(train("alone", &again) == product);
    assert_int_equal(again.calls, 0);
}

static void test_what_is_known_is_not_built_again(void **state) {
    (void)state;
    struct share first = {0}, builder = {.own = 1};
    struct life life;
    assert_true(train("known", &first) == product);
    assert_ok(live(&life, "known", &builder, true));
    assert_int_equal(builder.asked_count, PROGRAMS);
    assert_int_equal(ocl_sequence_length(life.sequence), 0);
    assert_true(end(&life) == 1);
}

static void test_who_is_told_may_refuse(void **state) {
    (void)state;
    struct share share = {.answer = CLN_IO};
    struct life life;
    assert_fails(live(&life, "refused", &share, false), CLN_IO, "told so");
    assert_int_equal(share.calls, 1);
    (void)end(&life);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_builder_runs_its_own_and_leaves_out_the_rest, nothing_alive),
        cmocka_unit_test_teardown(test_a_builder_calls_nobody, nothing_alive),
        cmocka_unit_test_teardown(test_who_needs_programs_is_told_once, nothing_alive),
        cmocka_unit_test_teardown(test_what_is_known_is_not_built_again, nothing_alive),
        cmocka_unit_test_teardown(test_who_is_told_may_refuse, nothing_alive),
    };
    return cmocka_run_group_tests_name("program share", tests, begin, temporary_remove);
}
