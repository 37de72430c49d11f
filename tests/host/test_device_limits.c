/* $CLENET_LIMITS: what its text means, what it refuses, and that a device that pretends less gives no more. */
#include "host/device_limits.h"

#include <stdlib.h>
#include <string.h>

#include "host/buffer.h"
#include "host/gemm.h"
#include "host/internal.h"
#include "host/program.h"
#include "host/sequence.h"
#include "tests/host/support.h"
#include "tests/limits.h"

static const struct ocl_device large = {
    .name = "large",
    .opencl_major = 3,
    .has_fp64 = true,
    .has_command_buffer = true,
    .simultaneous_command_buffers = true,
    .compute_units = 80,
    .native_float_vector = 16,
    .max_work_group_size = 1024,
    .max_kernel_work_group_size = SIZE_MAX,
    .max_work_item_sizes = {1024, 512, 64},
    .global_memory_bytes = UINT64_C(8) << 30,
    .max_alloc_bytes = UINT64_C(2) << 30,
    .cache_bytes = 4 << 20,
    .local_memory_bytes = 48 << 10,
    .constant_buffer_bytes = 64 << 10,
};

static struct ocl_device limited(const char *text) {
    struct ocl_device device = large;
    assert_ok(ocl_limits_apply(&device, text));
    return device;
}

static void test_nothing_changes_nothing(void **state) {
    (void)state;
    static const char *const texts[] = {NULL, "", "work_group=4096,local_mem=1M,max_alloc=9G,fp64=1,opencl=3.0",
                                        "extensions=1,compute_units=81,global_mem=8G,cache=4M,native_vector=16"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct ocl_device device = limited(texts[i]);
        assert_memory_equal(&device, &large, sizeof device);
    }
}

static void test_each_key_lowers_what_it_names(void **state) {
    (void)state;
    struct ocl_device d = limited("work_group=100,local_mem=16K,constant_buffer=4096,max_alloc=64M,global_mem=1G");
    assert_int_equal(d.max_work_group_size, 100);
    assert_true(d.max_work_item_sizes[0] == 100 && d.max_work_item_sizes[1] == 100 && d.max_work_item_sizes[2] == 64);
    assert_int_equal(d.local_memory_bytes, 16384);
    assert_int_equal(d.constant_buffer_bytes, 4096);
    assert_int_equal(d.max_alloc_bytes, 64 << 20);
    assert_int_equal(d.global_memory_bytes, 1 << 30);
    assert_true(d.groups_pretended && d.has_fp64 && d.has_command_buffer);

    d = limited("global_mem=1m,cache=0,compute_units=2,native_vector=4,local_mem=0,opencl=1.2");
    assert_int_equal(d.global_memory_bytes, 1 << 20);
    assert_int_equal(d.max_alloc_bytes, 1 << 20); /* no more at once than in all */
    assert_int_equal(d.cache_bytes, 0);
    assert_true(d.compute_units == 2 && d.native_float_vector == 4);
    assert_int_equal(d.local_memory_bytes, 0);
    assert_true(d.opencl_major == 1 && d.opencl_minor == 2);
    assert_string_equal(d.device_version, "OpenCL 1.2 pretended");

    d = limited("fp64=0");
    assert_true(!d.has_fp64 && d.has_command_buffer && d.simultaneous_command_buffers && !d.groups_pretended);
    d = limited("command_buffer=0");
    assert_true(d.has_fp64 && !d.has_command_buffer && !d.simultaneous_command_buffers);
    d = limited("extensions=0");
    assert_true(!d.has_fp64 && !d.has_command_buffer && !d.simultaneous_command_buffers);
    d = limited("kernel_work_group=7");
    assert_true(d.max_kernel_work_group_size == 7 && d.max_work_group_size == 1024 && d.groups_pretended);
    d = limited("work_group=8,work_group=16"); /* the lower one counts */
    assert_int_equal(d.max_work_group_size, 8);
}

static void test_what_cannot_be_read_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"wrok_group=64", "CLENET_LIMITS: unknown limit \"wrok_group\"; known: work_group, "},
        {"work_group", "CLENET_LIMITS: \"work_group\" is not of the form key=value"},
        {"work_group=64,", "CLENET_LIMITS: \"\" is not of the form key=value"},
        {",", "is not of the form key=value"},
        {"work_group=64;local_mem=0", "work_group is \"64;local_mem=0\""},
        {" work_group=64", "unknown limit \" work_group\""},
        {"work_group=", "work_group is \"\": it has to be a whole number from 1 on"},
        {"work_group=0", "work_group is \"0\""},
        {"work_group=-1", "work_group is \"-1\""},
        {"work_group=1K", "work_group is \"1K\""},
        {"local_mem=16KB", "local_mem is \"16KB\": it has to be a size in bytes or with K, M or G behind"},
        {"local_mem=K", "local_mem is \"K\""},
        {"max_alloc=0", "max_alloc is \"0\": it has to be a size from 1 on"},
        {"max_alloc=1.5G", "max_alloc is \"1.5G\""},
        {"max_alloc=99999999999999999999", "max_alloc is \"99999999999999999999\""},
        {"max_alloc=18446744073709551615G", "max_alloc is \"18446744073709551615G\""},
        {"fp64=2", "fp64 is \"2\": it has to be 0, for none, or 1"},
        {"fp64=no", "fp64 is \"no\""},
        {"opencl=1", "opencl is \"1\": it has to be a version such as 1.2"},
        {"opencl=1.2.3", "opencl is \"1.2.3\""},
        {"opencl=CL1.2", "opencl is \"CL1.2\""},
        {"max_alloc=1M,fp64=2", "fp64 is \"2\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ocl_device device = large;
        assert_fails(ocl_limits_apply(&device, cases[i].text), CLN_INVALID, cases[i].message);
        assert_message("CLENET_LIMITS: ");
    }
}

static int restore(void **state) {
    limits_restore();
    return nothing_alive(state);
}

static void test_no_device_is_listed_under_a_wrong_limit(void **state) {
    (void)state;
    struct ocl_device *devices = NULL;
    size_t count = 1;
    struct ocl_device device;
    limits_set("memory=1");
    assert_fails(ocl_limits_check(), CLN_INVALID, "unknown limit \"memory\"");
    assert_fails(ocl_devices_list(&devices, &count), CLN_INVALID, "unknown limit \"memory\"");
    assert_null(devices);
    assert_int_equal(count, 0);
    assert_fails(ocl_device_find(&device, NULL), CLN_INVALID, "unknown limit \"memory\"");
}

static void test_a_device_older_than_1_2_is_of_no_use(void **state) {
    (void)state;
    struct ocl_device device;
    limits_set("opencl=1.1");
    assert_int_equal(ocl_device_find(&device, NULL), CLN_NO_DEVICE);
}

static void test_memory_is_kept_to(void **state) {
    (void)state;
    limits_set("max_alloc=4096,global_mem=10000");
    struct ocl_context *context = context_under_test(false);
    struct ocl_buffer *buffers[3] = {NULL}, *more = NULL;
    assert_fails(ocl_buffer_create(&more, context, 4097), CLN_OUT_OF_MEMORY, "gives at most 4096 bytes at once");
    assert_ok(ocl_buffer_create(&buffers[0], context, 4096));
    assert_ok(ocl_buffer_create(&buffers[1], context, 4096));
    assert_fails(ocl_buffer_create(&more, context, 1809), CLN_OUT_OF_MEMORY, "beside others of 8192;");
    assert_message("has 10000 bytes");
    assert_null(more);
    assert_ok(ocl_buffer_create(&buffers[2], context, 1808));
    assert_fails(ocl_buffer_create(&more, context, 1), CLN_OUT_OF_MEMORY, "beside others of 10000");
    ocl_buffer_destroy(&buffers[1]);
    assert_ok(ocl_buffer_create(&more, context, 4000));
    ocl_buffer_destroy(&more);
    ocl_buffer_destroy(&buffers[0]);
    ocl_buffer_destroy(&buffers[2]);
    ocl_context_destroy(&context);
}

/* Adding a launch of `kernel` in groups of `items`, whose first argument is a buffer and so the second where it has
 * one. */
static enum cln_status add_launch(struct ocl_context *context, const char *kernel, size_t arguments, size_t items,
                                  size_t bytes) {
    struct ocl_sequence *sequence = NULL;
    struct ocl_buffer *buffer = NULL;
    assert_ok(ocl_sequence_create(&sequence, context));
    assert_ok(ocl_buffer_create(&buffer, context, bytes));
    const enum cln_status status =
        ocl_sequence_add(sequence, &(struct ocl_launch){.source = "limits.cl",
                                                        .kernel = kernel,
                                                        .args = {OCL_BUFFER(buffer), OCL_BUFFER(buffer)},
                                                        .arg_count = arguments,
                                                        .local = {items}});
    ocl_sequence_destroy(&sequence);
    ocl_buffer_destroy(&buffer);
    return status;
}

static void test_work_groups_are_kept_to(void **state) {
    (void)state;
    limits_set("work_group=1");
    struct ocl_context *context = context_under_test(false);
    assert_fails(add_launch(context, "plain", 1, 2, 64), CLN_INVALID, "takes at most 1");
    assert_ok(add_launch(context, "plain", 1, 1, 64));
    ocl_context_destroy(&context);
}

static void test_work_groups_of_built_kernels_are_kept_to(void **state) {
    (void)state;
    limits_set("kernel_work_group=1");
    struct ocl_context *context = context_under_test(false);
    if (ocl_context_device(context)->max_work_group_size > 1)
        assert_fails(add_launch(context, "plain", 1, 2, 64), CLN_INVALID, "it takes at most 1");
    assert_ok(add_launch(context, "plain", 1, 1, 64));
    ocl_context_destroy(&context);
}

/* Whether the driver says how much local memory a kernel takes: PoCL 6.0 says 0 of every one. */
static bool counts_local_memory(struct ocl_context *context) {
    struct ocl_program *program = NULL;
    cl_kernel kernel = NULL;
    cl_ulong bytes = 0;
    assert_ok(ocl_program_get(&program, context, &(struct ocl_launch){.source = "limits.cl"}));
    assert_ok(ocl_program_kernel(&kernel, program, context, "in_local_memory"));
    assert_ok(OCL_CALL(clGetKernelWorkGroupInfo, kernel, ocl_context_device(context)->device_id,
                       CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL));
    OCL_RELEASE(clReleaseKernel, kernel);
    return bytes > 0;
}

static void test_local_memory_is_kept_to(void **state) {
    (void)state;
    limits_set("local_mem=255");
    struct ocl_context *context = context_under_test(false);
    if (!counts_local_memory(context)) {
        ocl_context_destroy(&context);
        skip();
    }
    assert_fails(add_launch(context, "in_local_memory", 1, 1, 64), CLN_INVALID, "bytes of local memory; ");
    assert_ok(add_launch(context, "plain", 1, 1, 64));
    ocl_context_destroy(&context);
}

static void test_constant_memory_is_kept_to(void **state) {
    (void)state;
    limits_set("constant_buffer=100");
    struct ocl_context *context = context_under_test(false);
    assert_fails(add_launch(context, "from_constant_memory", 2, 1, 101), CLN_INVALID, "the device takes 100");
    assert_ok(add_launch(context, "from_constant_memory", 2, 1, 100));
    ocl_context_destroy(&context);
}

/* What the driver may have all the same is neither used nor asked for. */
static void test_extensions_are_kept_to(void **state) {
    (void)state;
    limits_set("extensions=0,opencl=1.2");
    struct ocl_device device = device_under_test();
    struct ocl_context *context = NULL;
    assert_true(device.opencl_major == 1 && device.opencl_minor == 2 && !device.has_fp64);
    assert_ok(ocl_context_create(&context, &device,
                                 &(struct ocl_context_params){.kernel_folder = TEST_KERNELS, .replay = true}));
    struct ocl_sequence *sequence = NULL;
    struct ocl_buffer *buffer = NULL;
    assert_ok(ocl_sequence_create(&sequence, context));
    assert_ok(ocl_buffer_create(&buffer, context, 64));
    assert_ok(ocl_sequence_add(
        sequence,
        &(struct ocl_launch){.source = "limits.cl", .kernel = "plain", .args = {OCL_BUFFER(buffer)}, .arg_count = 1}));
    assert_ok(ocl_sequence_run(sequence));
    assert_ok(ocl_context_finish(context));
    assert_false(ocl_sequence_replays(sequence));
    ocl_sequence_destroy(&sequence);
    ocl_buffer_destroy(&buffer);
    ocl_context_destroy(&context);
}

/* CLBlast asks the driver, which knows of no limits. */
static void test_clblast_is_not_used_under_limits_of_groups(void **state) {
    (void)state;
    struct ocl_device device = limited("max_alloc=1M,extensions=0");
    assert_int_equal(ocl_gemm_suits(&device), ocl_gemm_available());
    static const char *const texts[] = {"work_group=256", "local_mem=16K", "kernel_work_group=64"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        device = limited(texts[i]);
        assert_false(ocl_gemm_suits(&device));
    }
}

int main(void) {
#define UNDER_LIMITS(test) cmocka_unit_test_teardown(test, restore)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_changes_nothing),
        cmocka_unit_test(test_each_key_lowers_what_it_names),
        cmocka_unit_test(test_what_cannot_be_read_is_refused),
        cmocka_unit_test(test_clblast_is_not_used_under_limits_of_groups),
        UNDER_LIMITS(test_no_device_is_listed_under_a_wrong_limit),
        UNDER_LIMITS(test_a_device_older_than_1_2_is_of_no_use),
        UNDER_LIMITS(test_memory_is_kept_to),
        UNDER_LIMITS(test_work_groups_are_kept_to),
        UNDER_LIMITS(test_work_groups_of_built_kernels_are_kept_to),
        UNDER_LIMITS(test_local_memory_is_kept_to),
        UNDER_LIMITS(test_constant_memory_is_kept_to),
        UNDER_LIMITS(test_extensions_are_kept_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
