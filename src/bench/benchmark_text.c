/* Prints a benchmark as text and as JSON, with the same numbers. Shares are computed here for both. */
#include "src/bench/benchmark_text.h"

#include <math.h>
#include <stdlib.h>

#include "clenet/text.h"
#include "clenet/version.h"
#include "src/base/json_text.h"
#include "src/bench/bottleneck.h"

static double ratio(double a, double b) {
    return b > 0 ? a / b : 0;
}

/* Smaller shares of the time are printed together. */
#define WORTH_A_ROW 0.005

static void print_row(const struct cln_benchmark *b, const struct cln_benchmark_run *run, const char *label,
                      const struct ocl_timing *row, FILE *stream) {
    const double roofline = cln_roofline_share(row, &b->peak);
    cln_text_print(stream, "  %-42s %9.1f %5.1f %%", label, 1e6 * ratio(row->seconds, run->timed_steps),
                   100 * ratio(row->seconds, run->totals.busy_seconds + run->totals.gap_seconds));
    if (row->flops > 0)
        cln_text_print(stream, " %9.1f", 1e-9 * ratio(row->flops, row->seconds));
    else if (row->bytes > 0)
        cln_text_print(stream, " %9s", "");
    if (row->bytes > 0)
        cln_text_print(stream, " %8.1f", 1e-9 * ratio(row->bytes, row->seconds));
    if (roofline > 0)
        cln_text_print(stream, " %7.0f %%", 100 * roofline);
    cln_text_print(stream, "\n");
}

static void print_kernels(const struct cln_benchmark *b, const struct cln_benchmark_run *run, FILE *stream) {
    const struct ocl_timeline_totals *totals = &run->totals;
    struct ocl_timing rest = {.seconds = 0};
    int rest_count = 0;
    cln_text_print(stream, "\nbatch %d, %.0f steps with timings on\n", run->batch_size, run->timed_steps);
    cln_text_print(stream, "  %-42s %9s %7s %9s %8s %9s\n", "kernel", "µs/step", "share", "GFLOP/s", "GB/s",
                   "roofline");
    for (size_t i = 0; i < run->kernel_count; i++) {
        const struct ocl_timing *row = &run->kernels[i];
        if (row->seconds >= WORTH_A_ROW * totals->busy_seconds) {
            print_row(b, run, row->label, row, stream);
        } else {
            rest.seconds += row->seconds;
            rest_count++;
        }
    }
    snprintf(rest.label, sizeof rest.label, "%d others", rest_count);
    if (rest_count > 0)
        print_row(b, run, rest.label, &rest, stream);
    if (totals->host_times)
        cln_text_print(stream,
                       "  timed by the host, with a wait after every launch: this driver's own times mean nothing\n");
    else
        print_row(b, run, "gaps between launches", &(struct ocl_timing){.seconds = totals->gap_seconds}, stream);
    cln_text_print(stream,
                   "  host: %.1f µs per launch, %.0f %% of the time launching, %.0f %% waiting for the device\n",
                   1e6 * ratio(totals->enqueue_seconds, (double)totals->launches),
                   100 * ratio(totals->enqueue_seconds, run->timed_seconds),
                   100 * ratio(totals->wait_seconds, run->timed_seconds));
}

static void print_replay(const struct cln_benchmark_run *run, FILE *stream) {
    const struct cln_benchmark_replay *r = &run->replay;
    if (r->compared)
        cln_text_print(
            stream,
            "batch %d: as a command buffer %.0f images/s, launch by launch %.0f: %.1f µs of %.1f per step %s; "
            "training %s it\n",
            run->batch_size, r->with, r->without, 1e6 * fabs(r->gained), 1e6 * run->batch_size / r->without,
            r->gained < 0 ? "lost" : "gained", r->used ? "uses" : "does not use");
}

void cln_benchmark_print(const struct cln_benchmark *b, FILE *stream) {
    const struct cln_shape in = b->network->input;
    cln_text_print(stream, "%s\n", b->device);
    cln_text_print(stream, "peak: %.1f GFLOP/s (multiply-adds), %.1f GB/s (copy of %zu MiB)\n", 1e-9 * b->peak.flops,
                   1e-9 * b->peak.bytes, b->copy_bytes >> 20);
    cln_text_print(
        stream,
        "%s: %.3f MFLOP of useful work per image of %d x %d x %d; %d random images per epoch; best and median "
        "of quarter seconds\n\n",
        b->network->name, 1e-6 * b->flops_per_image, in.channels, in.height, in.width, CLN_BENCHMARK_IMAGES);
    cln_text_print(stream, "%6s %10s %10s %11s %9s %10s %8s %9s\n", "batch", "images/s", "median", "s per 60000",
                   "median", "GFLOP/s", "of peak", "launches");
    for (size_t i = 0; i < b->run_count; i++) {
        const struct cln_benchmark_run *run = &b->runs[i];
        cln_text_print(stream, "%6d %10.0f %10.0f %11.3f %9.3f %10.1f %6.1f %% %9zu\n", run->batch_size, run->best,
                       run->median, 60000 / run->best, 60000 / run->median, 1e-9 * run->best * b->flops_per_image,
                       100 * run->best * b->flops_per_image / b->peak.flops, run->launches_per_step);
    }
    cln_text_print(stream, "one image by itself, from bytes to probabilities: %.0f µs, median %.0f µs of %zu\n",
                   1e6 * b->latency.best, 1e6 * b->latency.median, b->latency.measurements);
    for (size_t i = 0; i < b->run_count; i++)
        print_replay(&b->runs[i], stream);
    for (size_t i = 0; i < b->run_count; i++)
        print_kernels(b, &b->runs[i], stream);
    cln_text_print(stream,
                   "\nof peak: useful operations, two for each multiply-add of the network; above 100 %% if filtered "
                   "convolutions multiply less\n");
    cln_text_print(
        stream, "roofline: of what the peak allows, given each kernel's useful operations and traffic; above 100 %% if "
                "a cache helps or a convolution is filtered\n");
    for (size_t i = 0; i < b->run_count; i++)
        cln_text_print(stream, "batch %d: %s\n", b->runs[i].batch_size, b->runs[i].bottleneck);
}

/* A number, or null if nothing was counted. */
static json_t *positive(double value) {
    return value > 0 ? json_real(value) : json_null();
}

static json_t *json_of_kernel(const struct cln_benchmark *b, const struct cln_benchmark_run *run,
                              const struct ocl_timing *k) {
    return json_pack("{s:o, s:I, s:f, s:f, s:o, s:o, s:o}", "kernel", cln_json_text(k->label), "launches",
                     (json_int_t)k->launches, "seconds", k->seconds, "share",
                     ratio(k->seconds, run->totals.busy_seconds + run->totals.gap_seconds), "flops_per_second",
                     positive(ratio(k->flops, k->seconds)), "bytes_per_second", positive(ratio(k->bytes, k->seconds)),
                     "share_of_roofline", positive(cln_roofline_share(k, &b->peak)));
}

/* The comparison with command buffers, or null if there was none. */
static json_t *json_of_replay(const struct cln_benchmark_replay *r) {
    return r->compared ? json_pack("{s:b, s:f, s:f, s:f}", "used", r->used, "images_per_second_with", r->with,
                                   "images_per_second_without", r->without, "seconds_gained_per_step", r->gained)
                       : json_null();
}

static json_t *json_of_run(const struct cln_benchmark *b, const struct cln_benchmark_run *run) {
    const struct ocl_timeline_totals *totals = &run->totals;
    const double flops = run->best * b->flops_per_image;
    json_t *kernels = json_array();
    int failed = 0;
    for (size_t i = 0; i < run->kernel_count; i++)
        failed |= json_array_append_new(kernels, json_of_kernel(b, run, &run->kernels[i]));
    if (failed) { /* json_pack needs it */
        json_decref(kernels);
        kernels = NULL;
    }
    return json_pack(
        "{s:i, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:{s:f, s:f, s:f, s:o, s:f, s:f, s:b, s:o}, s:o}",
        "batch_size", run->batch_size, "launches_per_step", (json_int_t)run->launches_per_step, "measurements",
        (json_int_t)run->measurements, "images_per_second", run->best, "images_per_second_median", run->median,
        "seconds_per_60000_images", 60000 / run->best, "seconds_per_60000_images_median", 60000 / run->median,
        "flops_per_second", flops, "share_of_peak", flops / b->peak.flops, "command_buffer",
        json_of_replay(&run->replay), "timed", "steps", run->timed_steps, "seconds", run->timed_seconds, "busy_seconds",
        totals->busy_seconds, "gap_seconds", totals->host_times ? json_null() : json_real(totals->gap_seconds),
        "host_launch_seconds", totals->enqueue_seconds, "host_wait_seconds", totals->wait_seconds, "host_times",
        totals->host_times, "kernels", kernels, "bottleneck", cln_json_text(run->bottleneck));
}

enum cln_status cln_benchmark_print_json(const struct cln_benchmark *b, FILE *stream) {
    const struct cln_shape in = b->network->input;
    json_t *runs = json_array();
    int failed = 0;
    for (size_t i = 0; i < b->run_count; i++)
        failed |= json_array_append_new(runs, json_of_run(b, &b->runs[i]));
    if (failed) {
        json_decref(runs);
        runs = NULL;
    }
    json_t *report = json_pack(
        "{s:o, s:o, s:o, s:[iii], s:{s:f, s:f, s:I}, s:i, s:f, s:{s:I, s:f, s:f}, s:o}", "version",
        cln_json_text(CLENET_VERSION), "device", cln_json_text(b->device), "network", cln_json_text(b->network->name),
        "input", in.channels, in.height, in.width, "peak", "flops_per_second", b->peak.flops, "bytes_per_second",
        b->peak.bytes, "copy_buffer_bytes", (json_int_t)b->copy_bytes, "images_per_epoch", CLN_BENCHMARK_IMAGES,
        "flops_per_image", b->flops_per_image, "latency", "measurements", (json_int_t)b->latency.measurements,
        "seconds", b->latency.best, "seconds_median", b->latency.median, "runs", runs);
    char *text = report ? cln_json_dump(report, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(report);
    if (!text)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the report");
    cln_text_print(stream, "%-s\n", text);
    free(text);
    return CLN_OK;
}
