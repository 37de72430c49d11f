/* Programs that call a function for another type than ours do, or one that host/declarations.clh does not have. Where
 * programs bring these declarations (PoCL), the second is built with the driver's header, as are all programs after it.
 */
#include <math.h>

#include "clenet/log.h"
#include "host/sequence.h"
#include "tests/host/support.h"

enum { COUNT = 37 };

static int told; /* times that a program needed the header */

static void on_log(void *user, enum cln_log_level level, const char *message) {
    (void)user, (void)level;
    told += strstr(message, "needs the driver's header") != NULL;
}

/* Whether programs bring declarations at all. */
static bool device_declares(void) {
    const struct ocl_device device = device_under_test();
    return device.type == OCL_DEVICE_CPU && strcmp(device.platform, "Portable Computing Language") == 0;
}

static void test_what_is_not_declared(void **state) {
    struct ocl_context *context = context_under_test(false);
    cln_log_set_handler(on_log, NULL);
    struct ocl_sequence *sequence = NULL;
    struct ocl_buffer *x = NULL;
    float values[COUNT];
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)i;
    assert_ok(ocl_buffer_create(&x, context, sizeof values));
    assert_ok(ocl_buffer_write(x, 0, sizeof values, values));
    assert_ok(ocl_sequence_create(&sequence, context));
    static const char *const kernels[][2] = {
        {"scale.cl", "at_least"}, {"undeclared.cl", "length_with"}, {"scale.cl", "scale"}};
    for (int k = 0; k < 3; k++)
        assert_ok(ocl_sequence_add(
            sequence, &(struct ocl_launch){.source = kernels[k][0],
                                           .kernel = kernels[k][1],
                                           .args = {OCL_BUFFER(x), OCL_BUFFER(x), OCL_FLOAT(3), OCL_INT(COUNT)},
                                           .arg_count = 4,
                                           .groups = {COUNT},
                                           .local = {1}}));
    assert_int_equal(told, device_declares());
    assert_ok(ocl_sequence_run(sequence));
    assert_ok(ocl_buffer_read(x, 0, sizeof values, values));
    for (int i = 0; i < COUNT; i++)
        assert_float_equal(values[i], 3 * hypot(fmax(i, 10.5), 3), 1e-4);
    ocl_sequence_destroy(&sequence);
    ocl_buffer_destroy(&x);
    ocl_context_destroy(&context);
    assert_int_equal(nothing_alive(state), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_not_declared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
