/* A program that calls a function which kernels/declarations.clh does not have. Where programs bring these declarations
 * (PoCL), it is built with the driver's header, as are all programs after it. */
#include <math.h>

#include "host/sequence.h"
#include "tests/host/support.h"

enum { COUNT = 37 };

static void test_a_function_that_is_not_declared(void **state) {
    struct ocl_context *context = context_under_test(false);
    struct ocl_sequence *sequence = NULL;
    struct ocl_buffer *x = NULL;
    float values[COUNT];
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)i;
    assert_ok(ocl_buffer_create(&x, context, sizeof values));
    assert_ok(ocl_buffer_write(x, 0, sizeof values, values));
    assert_ok(ocl_sequence_create(&sequence, context));
    for (int step = 0; step < 2; step++)
        assert_ok(ocl_sequence_add(
            sequence, &(struct ocl_launch){.source = step == 0 ? "undeclared.cl" : "scale.cl",
                                           .kernel = "scale",
                                           .args = {OCL_BUFFER(x), OCL_BUFFER(x), OCL_FLOAT(3), OCL_INT(COUNT)},
                                           .arg_count = 4,
                                           .groups = {COUNT},
                                           .local = {1}}));
    assert_ok(ocl_sequence_run(sequence));
    assert_ok(ocl_buffer_read(x, 0, sizeof values, values));
    for (int i = 0; i < COUNT; i++)
        assert_float_equal(values[i], 3 * sqrt(i * i + 9.0), 1e-4);
    ocl_sequence_destroy(&sequence);
    ocl_buffer_destroy(&x);
    ocl_context_destroy(&context);
    assert_int_equal(nothing_alive(state), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_function_that_is_not_declared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
