/* A short benchmark on the device under test: its numbers have to agree with each other. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "host/select.h"
#include "host/testing.h"
#include "src/bench/benchmark_text.h"
#include "tests/assert.h"

static struct cln_network *network;
static struct cln_benchmark *benchmark;
static struct ocl_device device_used;
static int times_told;

static void on_progress(void *user, const char *doing) {
    assert_ptr_equal(user, &times_told);
    assert_non_null(strstr(doing, "batch size "));
    times_told++;
}

static int set_up(void **state) {
    (void)state;
    const int batch_sizes[] = {64, 7};
    assert_ok(ocl_device_find(&device_used, NULL));
    assert_ok(cln_network_load(&network, "bn-lenet", NULL));
    const struct cln_benchmark_params params = {.network = network,
                                                .batch_sizes = batch_sizes,
                                                .batch_size_count = 2,
                                                .seconds = 0.3,
                                                .progress = on_progress,
                                                .user = &times_told};
    assert_ok(cln_benchmark_create(&benchmark, &params));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    cln_benchmark_destroy(&benchmark);
    cln_network_destroy(&network);
    assert_null(benchmark);
    assert_int_equal(ocl_live_handles(), 0);
    return 0;
}

static void test_numbers_agree(void **state) {
    (void)state;
    double forward = 0, training = 0;
    cln_network_multiply_adds(network, &forward, &training);
    assert_true(benchmark->flops_per_image == 2 * training);
    assert_true(benchmark->peak.flops > 1e6 && benchmark->peak.bytes > 1e6);
    assert_true(benchmark->copy_bytes > 0 && benchmark->device[0] && times_told >= 4);
    assert_true(benchmark->latency.measurements >= 3 && benchmark->latency.best > 0);
    assert_true(benchmark->latency.median >= benchmark->latency.best);
    assert_int_equal(benchmark->run_count, 2);
    assert_int_equal(benchmark->runs[0].batch_size, 64);
    assert_int_equal(benchmark->runs[1].batch_size, 7);
    for (size_t i = 0; i < benchmark->run_count; i++) {
        const struct cln_benchmark_run *run = &benchmark->runs[i];
        double seconds = 0, launches = 0, flops = 0;
        for (size_t k = 0; k < run->kernel_count; k++) {
            seconds += run->kernels[k].seconds;
            launches += (double)run->kernels[k].launches;
            flops += run->kernels[k].flops;
            assert_true(k == 0 || run->kernels[k].seconds <= run->kernels[k - 1].seconds);
        }
        assert_true(run->measurements > 0 && run->median > 0 && run->best >= run->median);
        assert_true(run->launches_per_step >= 10 && run->kernel_count >= 10);
        /* Whole steps were timed, and every launch of theirs. */
        assert_true(run->timed_steps >= 1 && run->timed_steps == floor(run->timed_steps));
        assert_true(launches == run->timed_steps * (double)run->launches_per_step);
        /* Launches count useful operations, however their kernels compute. */
        assert_true(fabs(flops / run->timed_steps / run->batch_size - benchmark->flops_per_image) <=
                    1e-6 * benchmark->flops_per_image);
        assert_true(fabs(seconds - run->totals.busy_seconds) <= 1e-9 * seconds + 1e-12);
        assert_true(run->totals.busy_seconds > 0 && run->totals.gap_seconds >= 0);
        assert_true(run->totals.enqueue_seconds > 0 && run->totals.enqueue_seconds < run->timed_seconds);
        assert_true(run->totals.wait_seconds < run->timed_seconds);
        assert_true(run->bottleneck[0] != '\0');
        const struct cln_benchmark_replay *r = &run->replay;
        /* A profile of GPUs may take CLBlast, whose products cannot be recorded. */
        assert_true(device_used.has_command_buffer ? r->compared || device_used.type != OCL_DEVICE_CPU : !r->compared);
        if (r->compared) {
            const double step = run->batch_size / r->without;
            assert_true(r->with > 0 && r->without > 0 && (r->used ? r->with : r->without) == run->best);
            assert_true(fabs(step - r->gained - run->batch_size / r->with) <= 1e-9 * step);
        }
    }
}

static void test_reports_say_the_same(void **state) {
    (void)state;
    char *text = NULL, *json = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    cln_benchmark_print(benchmark, stream);
    fclose(stream);
    stream = open_memstream(&json, &bytes);
    assert_ok(cln_benchmark_print_json(benchmark, stream));
    fclose(stream);

    json_t *root = json_loads(json, 0, NULL);
    const char *device = NULL, *bottleneck = NULL;
    double peak = 0, rate = 0, share = 0, latency = 0, median = 0;
    int host_times = -1;
    json_t *runs = NULL, *kernels = NULL;
    assert_non_null(root);
    assert_int_equal(json_unpack(root, "{s:s, s:{s:F}, s:{s:F, s:F}, s:o}", "device", &device, "peak",
                                 "flops_per_second", &peak, "latency", "seconds", &latency, "seconds_median", &median,
                                 "runs", &runs),
                     0);
    assert_true(fabs(latency - benchmark->latency.best) <= 1e-6 * latency);
    assert_true(fabs(median - benchmark->latency.median) <= 1e-6 * median);
    char image[64];
    snprintf(image, sizeof image, "to probabilities: %.0f µs, median %.0f µs of %zu", 1e6 * latency, 1e6 * median,
             benchmark->latency.measurements);
    assert_non_null(strstr(text, image));
    assert_int_equal(json_array_size(runs), 2);
    assert_non_null(strstr(text, device));
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(json_unpack(json_array_get(runs, i), "{s:F, s:F, s:{s:b, s:o}, s:s}", "images_per_second",
                                     &rate, "share_of_peak", &share, "timed", "host_times", &host_times, "kernels",
                                     &kernels, "bottleneck", &bottleneck),
                         0);
        assert_int_equal(json_array_size(kernels), benchmark->runs[i].kernel_count);
        assert_true(fabs(share - rate * benchmark->flops_per_image / peak) <= 1e-6 * share);
        assert_int_equal(host_times, benchmark->runs[i].totals.host_times);
        assert_non_null(strstr(text, bottleneck));
        json_t *replay = json_object_get(json_array_get(runs, i), "command_buffer");
        char line[32];
        snprintf(line, sizeof line, "batch %d: as a command buffer", benchmark->runs[i].batch_size);
        const bool compared = benchmark->runs[i].replay.compared;
        assert_true(compared ? json_is_object(replay) : json_is_null(replay));
        assert_int_equal(strstr(text, line) != NULL, compared);
    }
    json_decref(root);
    free(text);
    free(json);
}

/* Filtered convolutions need fewer operations than the useful ones: a share above 100 % is told as it is. */
static void test_a_share_may_exceed_the_peak(void **state) {
    (void)state;
    struct cln_benchmark fast = *benchmark;
    char *text = NULL, *json = NULL;
    size_t bytes = 0;
    double share = 0;
    fast.run_count = 1;
    fast.peak.flops = fast.runs[0].best * fast.flops_per_image / 1.38;
    FILE *stream = open_memstream(&text, &bytes);
    cln_benchmark_print(&fast, stream);
    fclose(stream);
    stream = open_memstream(&json, &bytes);
    assert_ok(cln_benchmark_print_json(&fast, stream));
    fclose(stream);
    assert_non_null(strstr(text, " 138.0 % "));
    json_t *root = json_loads(json, 0, NULL);
    assert_int_equal(json_unpack(root, "{s:[{s:F}]}", "runs", "share_of_peak", &share), 0);
    assert_true(fabs(share - 1.38) <= 1e-6);
    json_decref(root);
    free(text);
    free(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_agree),
        cmocka_unit_test(test_reports_say_the_same),
        cmocka_unit_test(test_a_share_may_exceed_the_peak),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
