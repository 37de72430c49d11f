/* What is kept for the next start, and when: after the first launches, never at the end; as binaries or as notes, as
 * the driver is. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/buffer.h"
#include "host/habit.h"
#include "host/program_cache.h"
#include "host/sequence.h"
#include "tests/host/support.h"
#include "tests/temporary.h"

enum { PROGRAMS = 5, AT_A_TIME = 2, HEADER_BYTES = 88 };

static struct ocl_device device;

static int begin(void **state) {
    device = device_under_test();
    return temporary_create(state);
}

struct life {
    struct ocl_context *context;
    struct ocl_buffer *x; /* one float, 1 at first */
    struct ocl_sequence *sequence;
    size_t told; /* how often others might have built */
};

static enum cln_status count_calls(void *user) {
    struct life *life = user;
    life->told++;
    return CLN_OK;
}

/* PROGRAMS programs, which multiply x by 2, 3, 4, 5 and 6, are run twice. `variant`: programs of one are not those of
 * another. */
static void live_as(struct life *life, const char *folder, int variant) {
    const float one = 1;
    float x = 0;
    *life = (struct life){.context = NULL};
    assert_ok(ocl_context_create(&life->context, &device,
                                 &(struct ocl_context_params){.kernel_folder = TEST_KERNELS,
                                                              .cache_folder = folder ? temporary_path(folder) : NULL,
                                                              .before_building = count_calls,
                                                              .building_user = life}));
    assert_ok(ocl_buffer_create(&life->x, life->context, sizeof one));
    assert_ok(ocl_buffer_write(life->x, 0, sizeof one, &one));
    assert_ok(ocl_sequence_create(&life->sequence, life->context));
    for (int i = 0; i < PROGRAMS; i++) {
        struct ocl_constants constants = {0};
        ocl_constants_int(&constants, "FACTOR", 2 + i);
        ocl_constants_int(&constants, "VARIANT", variant);
        assert_ok(ocl_sequence_add(
            life->sequence,
            &(struct ocl_launch){.source = "scale.cl",
                                 .kernel = "scale",
                                 .constants = &constants,
                                 .args = {OCL_BUFFER(life->x), OCL_BUFFER(life->x), OCL_FLOAT(1), OCL_INT(1)},
                                 .arg_count = 4}));
    }
    for (int run = 0; run < 2; run++)
        assert_ok(ocl_sequence_run(life->sequence));
    assert_ok(ocl_buffer_read(life->x, 0, sizeof x, &x));
    assert_true(x == 720 * 720);
}

static void live(struct life *life, const char *folder) {
    live_as(life, folder, 0);
}

static void end(struct life *life) {
    ocl_sequence_destroy(&life->sequence);
    ocl_buffer_destroy(&life->x);
    ocl_context_destroy(&life->context);
}

static void live_and_end(const char *folder) {
    struct life life;
    live(&life, folder);
    end(&life);
}

struct kept {
    size_t binaries, notes;
};

static struct kept kept_in(const char *folder) {
    struct kept kept = {0};
    char name[600];
    DIR *opened = opendir(temporary_path(folder));
    assert_non_null(opened);
    for (struct dirent *entry; (entry = readdir(opened)) != NULL;) {
        struct stat info;
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        if (stat(temporary_path(name), &info) != 0 || !S_ISREG(info.st_mode))
            continue;
        kept.notes += info.st_size == HEADER_BYTES;
        kept.binaries += info.st_size > HEADER_BYTES + 128; /* the habit is a line of text */
    }
    closedir(opened);
    return kept;
}

static struct ocl_habit recall(const char *folder) {
    struct ocl_context *context = NULL;
    struct ocl_habit habit;
    assert_ok(
        ocl_context_create(&context, &device, &(struct ocl_context_params){.cache_folder = temporary_path(folder)}));
    ocl_habit_recall(&habit, context);
    ocl_context_destroy(&context);
    return habit;
}

static void remember(const char *folder, const struct ocl_habit *habit) {
    struct ocl_context *context = NULL;
    assert_ok(
        ocl_context_create(&context, &device, &(struct ocl_context_params){.cache_folder = temporary_path(folder)}));
    ocl_habit_remember(habit, context);
    ocl_context_destroy(&context);
}

static void test_the_end_asks_the_driver_for_nothing(void **state) {
    (void)state;
    for (int start = 0; start < 3; start++) {
        struct life life;
        live(&life, "end");
        const struct kept before = kept_in("end");
        assert_int_equal(before.binaries + before.notes, PROGRAMS);
        ocl_fault_set(0, 0);
        end(&life);
        assert_int_equal(ocl_fault_calls(), 0); /* every call but releases */
        const struct kept after = kept_in("end");
        assert_memory_equal(&before, &after, sizeof before);
    }
}

/* A first start, which calls builders, notes everything; from then on binaries become complete, at once where they are
 * cheap, else a few a start. */
static void test_binaries_become_complete(void **state) {
    (void)state;
    size_t binaries[5];
    for (size_t start = 0; start < 5; start++) {
        struct life life;
        live_as(&life, "first", (int)getpid()); /* which no cache of the driver has */
        end(&life);
        const struct kept kept = kept_in("first");
        assert_int_equal(kept.binaries + kept.notes, PROGRAMS);
        binaries[start] = kept.binaries;
    }
    assert_int_equal(binaries[0], 0);
    const struct ocl_habit habit = recall("first");
    const bool few = habit.dear && ocl_habit_has_cache(&habit);
    if (strstr(device.platform, "Portable")) /* what PoCL is known to be like */
        assert_true(few && habit.first_cpu > 0);
    if (binaries[4] == 0)
        return; /* some drivers have none */
    for (size_t start = 1; start < 5; start++)
        assert_int_equal(binaries[start], few && start * AT_A_TIME < PROGRAMS ? start * AT_A_TIME : PROGRAMS);
}

static void test_a_driver_that_keeps_nothing_is_asked_at_any_price(void **state) {
    (void)state;
    const struct ocl_habit forgetful = {.dear = true, .first_cpu = 1, .again_cpu = 0.9};
    const struct ocl_habit keeping = {.dear = true, .first_cpu = 1e6, .again_cpu = 0.1};
    remember("keeping", &keeping);
    const bool has_binaries = kept_in("first").binaries > 0;
    live_and_end("keeping"); /* which calls builders */
    live_and_end("keeping");
    assert_int_equal(kept_in("keeping").binaries, has_binaries ? AT_A_TIME : 0);
    assert_int_equal(kept_in("keeping").notes, has_binaries ? PROGRAMS - AT_A_TIME : PROGRAMS);
    /* Notes alone do not stop it, once that is known. */
    remember("keeping", &forgetful);
    live_and_end("keeping");
    assert_int_equal(kept_in("keeping").binaries, has_binaries ? PROGRAMS : 0);
    assert_int_equal(kept_in("keeping").notes, has_binaries ? 0 : PROGRAMS);
}

/* The driver's cache was cleared: the first program that has to be compiled again tells, and others may build the
 * rest. */
static void test_a_driver_that_lost_its_cache_is_noticed(void **state) {
    (void)state;
    const struct ocl_habit keeping = {.dear = true, .first_cpu = 1e6, .again_cpu = 0.1};
    const struct ocl_habit lost = {.dear = true, .first_cpu = 1e-9, .again_cpu = 1e-10};
    struct life life;
    remember("lost", &keeping);
    for (int start = 0; start < 1; start++) { /* three notes are left */
        live(&life, "lost");
        end(&life);
        assert_int_equal(life.told, start == 0);
        assert_int_equal(kept_in("lost").notes + kept_in("lost").binaries, PROGRAMS);
    }
    remember("lost", &lost);
    live(&life, "lost");
    assert_int_equal(life.told, 1);
    end(&life);
    assert_int_equal(kept_in("lost").notes + kept_in("lost").binaries, PROGRAMS); /* noted anew */
}

static void test_times_tell_what_a_driver_keeps(void **state) {
    (void)state;
    const struct {
        double first, again, build;
        bool cache, lost;
    } cases[] = {{0, 0, 1, false, false},         {0.15, 0.03, 0.03, true, false}, {0.15, 0.03, 0.2, true, true},
                 {0.15, 0.14, 0.2, false, false}, {0.15, 0.16, 0.2, false, false}, {0.15, 0.03, 0, true, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct ocl_habit habit = {.first_cpu = cases[i].first, .again_cpu = cases[i].again};
        assert_int_equal(ocl_habit_has_cache(&habit), cases[i].cache);
        assert_int_equal(ocl_habit_has_lost(&habit, cases[i].build), cases[i].lost);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_the_end_asks_the_driver_for_nothing, nothing_alive),
        cmocka_unit_test_teardown(test_binaries_become_complete, nothing_alive),
        cmocka_unit_test_teardown(test_a_driver_that_keeps_nothing_is_asked_at_any_price, nothing_alive),
        cmocka_unit_test_teardown(test_a_driver_that_lost_its_cache_is_noticed, nothing_alive),
        cmocka_unit_test_teardown(test_times_tell_what_a_driver_keeps, nothing_alive),
    };
    return cmocka_run_group_tests_name("habits of drivers", tests, begin, temporary_remove);
}
