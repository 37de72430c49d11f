/* Images that come one by one: which one is decoded next, and who waits for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "src/base/parallel.h"
#include "src/data/arrival.h"

enum { IMAGES = 5000 };

static size_t take(struct cln_arrival *a, size_t number) {
    size_t image;
    return cln_arrival_take(a, number, &image) ? image : SIZE_MAX;
}

static void begin(struct cln_arrival *a, const void *pixels, size_t count) {
    assert_int_equal(cln_arrival_create(a, count), CLN_OK);
    cln_arrival_begin(a, pixels, 2);
}

static void without_a_wish_numbers_are_images(void **state) {
    (void)state;
    static const size_t numbers[] = {3, 0, 1, 4, 2};
    struct cln_arrival a;
    begin(&a, "", 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(take(&a, numbers[i]), numbers[i]);
    cln_arrival_free(&a);
}

static void what_is_wanted_comes_first_and_all_come_once(void **state) {
    (void)state;
    static const uint32_t wanted[] = {5, 2, 0};
    struct cln_arrival a;
    begin(&a, "", 6);
    assert_int_equal(take(&a, 0), 0);
    cln_arrival_want(&a, wanted, 3);
    cln_arrival_want(&a, (const uint32_t[]){4, 3}, 2); /* too late */
    assert_int_equal(take(&a, 1), 5);
    assert_int_equal(take(&a, 2), 2);
    assert_int_equal(take(&a, 3), 3); /* nothing else was asked for */
    assert_int_equal(take(&a, 4), 4);
    assert_int_equal(take(&a, 5), 1);
    cln_arrival_free(&a);
}

static void who_waits_gets_what_came_and_learns_of_the_end(void **state) {
    (void)state;
    static const char pixels[] = "aabbcc";
    struct cln_arrival a;
    begin(&a, pixels, 3);
    cln_arrival_note(&a, take(&a, 1));
    assert_ptr_equal(cln_arrival_await(&a, 1), pixels + 2);
    cln_arrival_end(&a, false);
    assert_ptr_equal(cln_arrival_await(&a, 1), pixels + 2);
    assert_null(cln_arrival_await(&a, 2));
    cln_arrival_free(&a);
}

static void nobody_needs_what_is_stopped(void **state) {
    (void)state;
    struct cln_arrival a;
    begin(&a, "", 3);
    cln_arrival_stop(&a);
    assert_int_equal(take(&a, 0), SIZE_MAX);
    cln_arrival_free(&a);
}

static struct cln_arrival shared;
static uint16_t values[IMAGES];

static enum cln_status decode(void *user, size_t number) {
    size_t image;
    (void)user;
    if (cln_arrival_take(&shared, number, &image)) {
        values[image] = (uint16_t)(values[image] + image + 1); /* once */
        cln_arrival_note(&shared, image);
    }
    return CLN_OK;
}

static void *decode_all(void *user) {
    const enum cln_status status = cln_parallel(IMAGES, decode, NULL, user);
    cln_arrival_end(&shared, status != CLN_OK);
    return status == CLN_OK ? NULL : &shared;
}

static void threads_agree(void **state) {
    (void)state;
    uint32_t order[IMAGES];
    pthread_t thread;
    void *wrong;
    for (int round = 0; round < 20; round++) {
        memset(values, 0, sizeof values);
        begin(&shared, values, IMAGES);
        assert_int_equal(pthread_create(&thread, NULL, decode_all, NULL), 0);
        for (uint32_t i = 0; i < IMAGES; i++)
            order[i] = (i * 1237 + (uint32_t)round) % IMAGES; /* which is prime to it */
        cln_arrival_want(&shared, order, IMAGES - (uint32_t)round);
        for (size_t i = 0; i < IMAGES; i++) {
            const uint16_t *there = cln_arrival_await(&shared, order[i]);
            assert_non_null(there);
            assert_int_equal(*there, order[i] + 1);
        }
        assert_int_equal(pthread_join(thread, &wrong), 0);
        assert_null(wrong);
        cln_arrival_free(&shared);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_wish_numbers_are_images),
        cmocka_unit_test(what_is_wanted_comes_first_and_all_come_once),
        cmocka_unit_test(who_waits_gets_what_came_and_learns_of_the_end),
        cmocka_unit_test(nobody_needs_what_is_stopped),
        cmocka_unit_test(threads_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
