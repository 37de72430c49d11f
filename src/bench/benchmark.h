/* Measures how fast a network trains on a device, relative to the device's peak, and which kernels take the time. */
#ifndef SRC_BENCH_BENCHMARK_H
#define SRC_BENCH_BENCHMARK_H

#include "clenet/network.h"
#include "clenet/session.h"
#include "host/timeline.h"
#include "src/bench/peak.h"

/* Images of an epoch, as many as in Fashion-MNIST. They are random bytes of the network's input shape. */
enum { CLN_BENCHMARK_IMAGES = 60000 };

struct cln_benchmark_params {
    const struct cln_network *network; /* must outlive the benchmark */
    /* Device, profile and kernels. With CLN_REPLAY_OFF steps with command buffers are not compared; `trace` is of the
     * pass that times kernels. `builder` should be NULL. */
    struct cln_session_params session;
    const int *batch_sizes;
    size_t batch_size_count;
    double seconds; /* seconds of training per batch size, not counting the pass that times kernels */
    void (*progress)(void *user, const char *doing); /* NULL: none; gets `user` */
    void *user;
};

/* Training with the step as one command buffer, and with single launches, measured in turn; the best of each. */
struct cln_benchmark_replay {
    bool compared; /* false: all else is 0, because the device has no command buffers, the step cannot be recorded, or
                      session.replay is CLN_REPLAY_OFF */
    bool used;     /* whether the run's other numbers are with a command buffer */
    double with, without; /* images per second */
    double gained;        /* seconds saved per step by the command buffer; below 0: lost */
};

/* Latency of predicting a single image, from bytes on the host to probabilities on the host. */
struct cln_benchmark_latency {
    size_t measurements;
    double best, median; /* seconds */
};

/* The results for one batch size. The first pass has no timings, so that measuring costs nothing; it is divided into
 * measurements of a quarter second. The second, shorter pass times each kernel. */
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
    struct cln_peak peak;   /* best of the measurements before, between and after the runs */
    size_t copy_bytes;      /* see cln_peak_buffer_bytes */
    double flops_per_image; /* useful operations of training: two per multiply-add of the network (a filtered
                               convolution needs fewer) */
    struct cln_benchmark_latency latency;
    struct cln_benchmark_run *runs;
    size_t run_count;
};

/* Runs a benchmark. *out is the caller's; on failure it is NULL. */
enum cln_status cln_benchmark_create(struct cln_benchmark **out,
                                     const struct cln_benchmark_params *params) CLN_MUST_CHECK;
void cln_benchmark_destroy(struct cln_benchmark **benchmark);

#endif
