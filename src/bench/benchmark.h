/* How fast a network trains on a device, against what the device can do, and where the time goes. */
#ifndef SRC_BENCH_BENCHMARK_H
#define SRC_BENCH_BENCHMARK_H

#include "clenet/network.h"
#include "clenet/trace.h"
#include "host/timeline.h"
#include "src/bench/peak.h"

/* Images of an epoch, as in Fashion-MNIST: random bytes of the network's input shape. */
enum { CLN_BENCHMARK_IMAGES = 60000 };

struct cln_benchmark_params {
    const struct cln_network *network;                 /* must outlive the benchmark */
    const char *device, *profile_file, *kernel_folder; /* as in struct cln_trainer_params */
    const int *batch_sizes;
    size_t batch_size_count;
    double seconds;          /* of training per batch size, without the pass that times kernels */
    bool no_command_buffer;  /* launch one by one, and do not compare */
    struct cln_trace *trace; /* of that pass; NULL: none */
    void (*progress)(void *user, const char *doing); /* NULL: nobody is told */
    void *user;
};

/* Training with the step as one command buffer and launch by launch, in turn; the best of each. */
struct cln_benchmark_replay {
    bool compared;        /* else all is 0: the device has none, or the step cannot be recorded, or nobody asked */
    bool used;            /* by the training that the other numbers are of */
    double with, without; /* images per second */
    double gained;        /* seconds per step; below 0: lost */
};

/* Predicting one image, from bytes on the host to probabilities on the host, without an image before or behind it. */
struct cln_benchmark_latency {
    size_t measurements;
    double best, median; /* seconds */
};

/* One batch size. The first pass has no timings on, so that measuring costs nothing; it is cut into measurements of
 * a quarter second. The second pass is shorter and tells kernels apart. */
struct cln_benchmark_run {
    int batch_size;
    size_t launches_per_step;
    size_t measurements;
    double best, median; /* images per second */
    struct cln_benchmark_replay replay;
    double timed_steps, timed_seconds;
    struct ocl_timeline_totals totals; /* of the timed steps */
    struct ocl_timing *kernels;        /* of the timed steps, most time first */
    size_t kernel_count;
    char bottleneck[256];
};

struct cln_benchmark {
    const struct cln_network *network;
    char device[320];
    struct cln_peak peak; /* best of measurements before, between and after the training */
    size_t copy_bytes;
    double flops_per_image; /* useful operations, two per multiply-add */
    struct cln_benchmark_latency latency;
    struct cln_benchmark_run *runs;
    size_t run_count;
};

/* On failure *out is NULL. */
enum cln_status cln_benchmark_create(struct cln_benchmark **out,
                                     const struct cln_benchmark_params *params) CLN_MUST_CHECK;
void cln_benchmark_destroy(struct cln_benchmark **benchmark);

#endif
