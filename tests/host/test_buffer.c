/* Device memory: zero at first, ranges kept, copies whole. */
#include "host/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "tests/host/support.h"

static int open_context(void **state) {
    *state = context_under_test(false);
    return 0;
}

static int close_context(void **state) {
    struct ocl_context *context = *state;
    ocl_context_destroy(&context);
    return nothing_alive(state);
}

static void test_new_memory_is_zero(void **state) {
    static const size_t sizes[] = {1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 4095, 4096, 4097, 1000003, 5000001};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct ocl_buffer *buffer = NULL;
        assert_ok(ocl_buffer_create(&buffer, *state, sizes[i]));
        assert_int_equal(ocl_buffer_bytes(buffer), sizes[i]);
        unsigned char *data = malloc(sizes[i]);
        assert_non_null(data);
        memset(data, 0xAA, sizes[i]);
        assert_ok(ocl_buffer_read(buffer, 0, sizes[i], data));
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(data[k], 0);
        free(data);
        ocl_buffer_destroy(&buffer);
        assert_null(buffer);
    }
}

static void test_copies_keep_to_their_range(void **state) {
    struct ocl_buffer *buffer = NULL;
    unsigned char source[100], target[104];
    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (unsigned char)(i + 1);
    assert_ok(ocl_buffer_create(&buffer, *state, 100));
    assert_ok(ocl_buffer_write(buffer, 13, 31, source + 13));
    memset(target, 0xAA, sizeof target);
    assert_ok(ocl_buffer_read(buffer, 0, 100, target + 2));
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(target[i + 2], i >= 13 && i < 44 ? source[i] : 0);
    assert_true(target[0] == 0xAA && target[1] == 0xAA && target[102] == 0xAA && target[103] == 0xAA);
    ocl_buffer_destroy(&buffer);
}

/* Parts share the memory of their whole, are zero as it is, and end where they end. */
static void test_parts(void **state) {
    struct ocl_context *context = *state;
    const size_t apart = ocl_context_device(context)->part_alignment;
    struct ocl_buffer *whole = NULL, *parts[3] = {NULL}, *none = NULL;
    unsigned char *data = malloc(3 * apart);
    assert_non_null(data);
    assert_ok(ocl_buffer_create(&whole, context, 3 * apart));
    assert_ok(ocl_buffer_part(&parts[0], whole, 0, 5));
    assert_ok(ocl_buffer_part(&parts[1], whole, apart, apart));
    assert_ok(ocl_buffer_part(&parts[2], whole, 2 * apart, apart - 4));
    assert_int_equal(ocl_buffer_bytes(parts[0]), 5);
    memset(data, 7, 3 * apart);
    assert_ok(ocl_buffer_write(parts[1], 0, apart, data));
    assert_ok(ocl_buffer_fill(parts[2], 0, 8, 0x09090909u));
    assert_ok(ocl_buffer_write_queued(parts[0], 1, 3, data + 1));
    assert_ok(ocl_buffer_read(whole, 0, 3 * apart, data));
    for (size_t i = 0; i < 3 * apart; i++)
        assert_int_equal(data[i], i < apart           ? (i >= 1 && i < 4 ? 7 : 0)
                                  : i < 2 * apart     ? 7
                                  : i < 2 * apart + 8 ? 9
                                                      : 0);
    assert_ok(ocl_buffer_read(parts[2], 4, 8, data));
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(data[i], i < 4 ? 9 : 0);

    assert_fails(ocl_buffer_write(parts[0], 4, 2, data), CLN_INVALID, "outside a buffer of 5 bytes");
    assert_fails(ocl_buffer_part(&none, whole, apart + 4, 4), CLN_INVALID, "have to be multiples of");
    assert_fails(ocl_buffer_part(&none, whole, 2 * apart, apart + 1), CLN_INVALID, "outside a buffer");
    assert_fails(ocl_buffer_part(&none, whole, 0, 0), CLN_INVALID, "a part of 0 bytes");
    assert_fails(ocl_buffer_part(&none, parts[1], 0, 4), CLN_INVALID, "a part of a part");
    assert_null(none);
    for (int i = 0; i < 3; i++)
        ocl_buffer_destroy(&parts[i]);
    ocl_buffer_destroy(&whole);
    free(data);
}

static void test_fill(void **state) {
    struct ocl_buffer *buffer = NULL;
    uint32_t data[8];
    assert_ok(ocl_buffer_create(&buffer, *state, sizeof data));
    assert_ok(ocl_buffer_fill(buffer, 8, 12, 0x7FC00001u));
    assert_ok(ocl_buffer_read(buffer, 0, sizeof data, data));
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(data[i], i >= 2 && i < 5 ? 0x7FC00001u : 0);
    assert_fails(ocl_buffer_fill(buffer, 2, 4, 0), CLN_INVALID, "multiples of 4");
    assert_fails(ocl_buffer_fill(buffer, 4, 6, 0), CLN_INVALID, "multiples of 4");
    assert_fails(ocl_buffer_fill(buffer, 28, 8, 0), CLN_INVALID, "outside a buffer of 32 bytes");
    ocl_buffer_destroy(&buffer);
}

static void test_queued_work_outlives_its_buffer(void **state) {
    enum { LARGE = 8 << 20, TURNS = 20 };
    for (int i = 0; i < TURNS; i++) {
        struct ocl_buffer *buffer = NULL;
        assert_ok(ocl_buffer_create(&buffer, *state, LARGE));
        assert_ok(ocl_buffer_fill(buffer, 0, LARGE, 0x7FC00001u));
        ocl_buffer_destroy(&buffer);
    }
    assert_ok(ocl_context_finish(*state));
}

static void test_ranges_outside_are_refused(void **state) {
    static const struct {
        size_t offset, bytes;
    } ranges[] = {{0, 33}, {32, 1}, {33, 0}, {1, 32}, {SIZE_MAX, 1}, {1, SIZE_MAX}, {SIZE_MAX, SIZE_MAX}};
    struct ocl_buffer *buffer = NULL;
    struct ocl_ticket *ticket = NULL;
    char data[64] = {0};
    assert_ok(ocl_buffer_create(&buffer, *state, 32));
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        size_t offset = ranges[i].offset, bytes = ranges[i].bytes;
        assert_fails(ocl_buffer_write(buffer, offset, bytes, data), CLN_INVALID, "outside a buffer of 32 bytes");
        assert_fails(ocl_buffer_read(buffer, offset, bytes, data), CLN_INVALID, "outside a buffer of 32 bytes");
        assert_fails(ocl_buffer_fill(buffer, offset, bytes, 0), CLN_INVALID, "outside a buffer of 32 bytes");
        assert_fails(ocl_buffer_read_begin(&ticket, buffer, offset, bytes, data), CLN_INVALID, "outside a buffer");
        assert_null(ticket);
    }
    assert_ok(ocl_buffer_write(buffer, 32, 0, NULL));
    assert_ok(ocl_buffer_read(buffer, 32, 0, NULL));
    assert_ok(ocl_buffer_fill(buffer, 32, 0, 0));
    ocl_buffer_destroy(&buffer);
}

static void test_impossible_sizes_are_refused(void **state) {
    struct ocl_context *context = *state;
    struct ocl_buffer *buffer = NULL;
    assert_fails(ocl_buffer_create(&buffer, context, 0), CLN_INVALID, "0 bytes");
    assert_null(buffer);
    if (ocl_context_device(context)->max_alloc_bytes < SIZE_MAX) {
        size_t bytes = (size_t)ocl_context_device(context)->max_alloc_bytes + 1;
        assert_fails(ocl_buffer_create(&buffer, context, bytes), CLN_OUT_OF_MEMORY, "at most");
    }
    assert_null(buffer);
    ocl_buffer_destroy(&buffer);
}

static void test_read_in_the_background(void **state) {
    struct ocl_buffer *buffer = NULL;
    struct ocl_ticket *ticket = NULL;
    uint32_t data[4] = {0};
    assert_ok(ocl_buffer_create(&buffer, *state, 1024));
    assert_ok(ocl_buffer_fill(buffer, 512, 16, 42));
    assert_ok(ocl_buffer_read_begin(&ticket, buffer, 508, sizeof data, data));
    /* Work that is queued later must not be seen. */
    assert_ok(ocl_buffer_fill(buffer, 512, 16, 43));
    assert_ok(ocl_context_finish(*state));
    assert_true(ocl_ticket_done(ticket));
    assert_ok(ocl_ticket_wait(&ticket));
    assert_null(ticket);
    assert_ok(ocl_ticket_wait(&ticket));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(data[i], i == 0 ? 0 : 42);
    assert_ok(ocl_buffer_read_begin(&ticket, buffer, 0, 0, data));
    assert_true(ocl_ticket_done(ticket));
    assert_ok(ocl_ticket_wait(&ticket));
    ocl_buffer_destroy(&buffer);
}

/* Polling alone has to see the end, without anything else that pushes the queue. */
static void test_polling_ends(void **state) {
    struct ocl_buffer *buffer = NULL;
    struct ocl_ticket *ticket = NULL;
    char data[64];
    assert_ok(ocl_buffer_create(&buffer, *state, sizeof data));
    assert_ok(ocl_buffer_read_begin(&ticket, buffer, 0, sizeof data, data));
    size_t polls = 0;
    while (!ocl_ticket_done(ticket) && polls < 100000000)
        polls++;
    assert_true(ocl_ticket_done(ticket));
    assert_ok(ocl_ticket_wait(&ticket));
    ocl_buffer_destroy(&buffer);
}

/* A poll that cannot be answered is done, and so cannot hang its caller. */
static void test_failing_poll_is_done(void **state) {
    struct ocl_buffer *buffer = NULL;
    struct ocl_ticket *ticket = NULL;
    char data[64];
    assert_ok(ocl_buffer_create(&buffer, *state, sizeof data));
    assert_ok(ocl_buffer_read_begin(&ticket, buffer, 0, sizeof data, data));
    ocl_fault_set(1, -5);
    assert_true(ocl_ticket_done(ticket));
    assert_ok(ocl_ticket_wait(&ticket));
    ocl_buffer_destroy(&buffer);
}

int main(void) {
#define WITH_CONTEXT(test) cmocka_unit_test_setup_teardown(test, open_context, close_context)
    const struct CMUnitTest tests[] = {
        WITH_CONTEXT(test_new_memory_is_zero),
        WITH_CONTEXT(test_copies_keep_to_their_range),
        WITH_CONTEXT(test_parts),
        WITH_CONTEXT(test_fill),
        WITH_CONTEXT(test_queued_work_outlives_its_buffer),
        WITH_CONTEXT(test_ranges_outside_are_refused),
        WITH_CONTEXT(test_impossible_sizes_are_refused),
        WITH_CONTEXT(test_read_in_the_background),
        WITH_CONTEXT(test_polling_ends),
        WITH_CONTEXT(test_failing_poll_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
