/* The table of cases (src/check) on the device, under settings from one lane to many: a test per operation and
 * setting. An argument takes only those whose name has it. */
#include <assert.h>
#include <stdio.h>

#include "host/gemm.h"
#include "src/check/cases.h"
#include "tests/engine/support.h"

struct check {
    char name[96];
    size_t operation, tuning;
};

static struct ocl_context *context;

static int open_context(void **state) {
    (void)state;
    context = context_under_test();
    return 0;
}

static int close_context(void **state) {
    ocl_context_destroy(&context);
    return nothing_alive(state);
}

static void test_operation(void **state) {
    const struct check *c = *state;
    const char *tuning_name = cln_check_tuning_name(c->tuning);
    if (strcmp(tuning_name, "CLBlast") == 0 && !ocl_gemm_available())
        skip();
    struct cln_tuning tuning;
    struct cln_check_result result;
    assert_ok(cln_check_tuning(&tuning, c->tuning, ocl_context_device(context)));
    assert_ok(
        cln_check_run(&result, c->operation,
                      &(struct cln_check_params){.context = context,
                                                 .tuning = &tuning,
                                                 .tuning_name = tuning_name,
                                                 .safe = cln_check_tuning_is_safe(c->tuning),
                                                 .quick = quick_check() || !cln_check_tuning_is_thorough(c->tuning)}));
    print_message("%zu cases, %.1f s, worst error %.3f of the tolerance: %s\n", result.cases, result.seconds,
                  result.worst, result.worst_case);
    assert_true(result.cases > 0);
    if (result.failed > 0)
        fail_msg("%zu of %zu cases: %s", result.failed, result.cases, result.failure);
}

int main(int argc, char **argv) {
    enum { MOST = 100 };
    static struct check checks[MOST];
    static struct CMUnitTest tests[MOST];
    struct ocl_device device;
    size_t count = 0;
    if (ocl_device_find(&device, NULL) != CLN_OK) {
        fprintf(stderr, "%s\n", cln_error_message());
        return 1;
    }
    for (size_t t = 0; cln_check_tuning_name(t); t++)
        for (size_t o = 0; cln_check_operation(o); o++) {
            struct check *c = &checks[count];
            *c = (struct check){.operation = o, .tuning = t};
            snprintf(c->name, sizeof c->name, "%s, %s", cln_check_operation(o), cln_check_tuning_name(t));
            if (!cln_check_tuning_covers(t, o, &device, quick_check()) || (argc > 1 && !strstr(c->name, argv[1])))
                continue;
            assert(count < MOST);
            tests[count++] = (struct CMUnitTest){.name = c->name, .test_func = test_operation, .initial_state = c};
        }
    return _cmocka_run_group_tests("operations", tests, count, open_context, close_context);
}
