/* Jobs of many pieces: each is done once, and of several failures the first in order is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "src/base/parallel.h"

enum { MOST = 1000 };

struct job {
    atomic_int done[MOST];
    size_t begun, fails_from; /* what was told last; the first index that fails */
    bool first_is_last;       /* whether later ones fail before it, or after */
};

/* Long enough for all threads to take part; failures that are to come last take longer. */
static enum cln_status work(void *user, size_t index) {
    struct job *job = user;
    const bool fails = index >= job->fails_from, is_last = fails && (index == job->fails_from) == job->first_is_last;
    atomic_fetch_add(&job->done[index], 1);
    nanosleep(&(struct timespec){.tv_nsec = is_last ? 20000000 : 100000}, NULL);
    return fails ? cln_fail(CLN_INVALID, "item %zu", index) : CLN_OK;
}

static void tell(void *user, size_t begun) {
    struct job *job = user;
    assert_true(begun >= job->begun);
    job->begun = begun;
}

static void every_item_is_done_once(void **state) {
    (void)state;
    for (size_t count = 0; count <= MOST; count += count < 40 ? 1 : 320) {
        struct job job = {.fails_from = MOST};
        assert_int_equal(cln_parallel(count, work, tell, &job), CLN_OK);
        for (size_t i = 0; i < MOST; i++)
            assert_int_equal(atomic_load(&job.done[i]), i < count);
        assert_int_equal(job.begun, count);
    }
}

static void the_first_failure_is_told(void **state) {
    (void)state;
    for (size_t first = 0; first < MOST; first += 111) {
        struct job job = {.fails_from = first, .first_is_last = first % 2 == 0};
        char expected[32];
        assert_int_equal(cln_parallel(MOST, work, NULL, &job), CLN_INVALID);
        snprintf(expected, sizeof expected, "item %zu", first);
        assert_string_equal(cln_error_message(), expected);
        for (size_t i = 0; i <= first; i++)
            assert_int_equal(atomic_load(&job.done[i]), 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_done_once),
        cmocka_unit_test(the_first_failure_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
