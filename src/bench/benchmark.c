/* Measures training speed and the device's peak. Machines are shared and clock rates change: the peak is measured
 * between parts of the training, and the best of each are compared. */
#include "src/bench/benchmark.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/predictor.h"
#include "clenet/trainer.h"
#include "src/base/clock.h"
#include "src/bench/bottleneck.h"
#include "src/bench/stretch.h"
#include "src/session/session.h"
#include "src/train/measure.h"

#define ROUND_SECONDS 0.5 /* seconds between two measurements of the peak */

/* The two ways to train: the usual one, and if the device has command buffers the other one. */
enum { USUAL, OTHER, WAYS };

struct bench {
    struct cln_benchmark *result;
    const struct cln_benchmark_params *params;
    struct cln_dataset data;
    struct cln_session *session; /* session of the peak meter */
    struct cln_peak_meter *meter;
    struct cln_stretch stretches[WAYS];
};

static void tell(const struct bench *b, const char *what, int batch_size) {
    char doing[96];
    snprintf(doing, sizeof doing, "batch size %d: %s", batch_size, what);
    if (b->params->progress)
        b->params->progress(b->params->user, doing);
}

static enum cln_status create_trainer(struct cln_trainer **trainer, struct bench *b, int way, int batch_size,
                                      bool timings, enum cln_replay replay) {
    const struct cln_benchmark_params *p = b->params;
    struct cln_trainer_params params = {
        .session = p->session,
        .network = p->network,
        .data = &b->data,
        .batch_size = batch_size,
        .progress = cln_stretch_progress,
        .user = &b->stretches[way],
    };
    params.session.no_check = true; /* a wrong result takes as long as a right one; only avoid known crashes */
    params.session.replay = replay;
    params.session.timings = timings;
    params.session.trace = timings ? p->session.trace : NULL;
    tell(b, "building kernels", batch_size);
    enum cln_status status = cln_trainer_create(trainer, &params);
    if (status == CLN_OK) {
        tell(b, timings ? "timing kernels" : "training", batch_size);
        status = cln_stretch_warm_up(*trainer, &b->stretches[way], 0);
    }
    return status;
}

/* Creates the trainer for the other way; NULL: the device has no command buffers, or the step could not be recorded. */
static enum cln_status create_other(struct cln_trainer **other, struct bench *b, const struct cln_trainer *usual,
                                    int batch_size) {
    const bool used = cln_trainer_replays(usual);
    if (b->params->session.replay == CLN_REPLAY_OFF || !b->session->device.has_command_buffer)
        return CLN_OK;
    enum cln_status status = create_trainer(other, b, OTHER, batch_size, false, used ? CLN_REPLAY_OFF : CLN_REPLAY_ON);
    if (status == CLN_OK && cln_trainer_replays(*other) == used)
        cln_trainer_destroy(other);
    return status;
}

static int compare_numbers(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sum_up(struct bench *b, struct cln_benchmark_run *run, struct cln_trainer *const trainers[WAYS]) {
    const struct cln_stretch *s = &b->stretches[USUAL];
    run->best = cln_stretch_best(&b->stretches[USUAL]);
    run->launches_per_step = cln_trainer_launches(trainers[USUAL]);
    run->measurements = s->count;
    run->median = cln_stretch_median(s);
    snprintf(b->result->device, sizeof b->result->device, "%s", cln_trainer_device(trainers[USUAL]));
    if (!trainers[OTHER])
        return;
    const double other = cln_stretch_best(&b->stretches[OTHER]);
    const bool used = cln_trainer_replays(trainers[USUAL]);
    const double with = used ? run->best : other, without = used ? other : run->best;
    run->replay = (struct cln_benchmark_replay){.compared = true,
                                                .used = used,
                                                .with = with,
                                                .without = without,
                                                .gained = run->batch_size / without - run->batch_size / with};
}

static enum cln_status measure_rate(struct bench *b, struct cln_benchmark_run *run) {
    struct cln_trainer *trainers[WAYS] = {NULL};
    enum cln_status status =
        create_trainer(&trainers[USUAL], b, USUAL, run->batch_size, false, b->params->session.replay);
    if (status == CLN_OK)
        status = create_other(&trainers[OTHER], b, trainers[USUAL], run->batch_size);
    for (double done = 0; done < b->params->seconds && status == CLN_OK; done += ROUND_SECONDS) {
        const double left = b->params->seconds - done;
        status = cln_peak_measure(b->meter, &b->result->peak);
        for (int way = 0; way < WAYS && status == CLN_OK; way++)
            if (trainers[way])
                status =
                    cln_stretch_train(trainers[way], &b->stretches[way], left < ROUND_SECONDS ? left : ROUND_SECONDS);
    }
    if (status == CLN_OK)
        status = cln_peak_measure(b->meter, &b->result->peak);
    if (status == CLN_OK)
        sum_up(b, run, trainers);
    for (int way = 0; way < WAYS; way++)
        cln_trainer_destroy(&trainers[way]);
    return status;
}

static int compare_seconds(const void *a, const void *b) {
    const double x = ((const struct ocl_timing *)a)->seconds, y = ((const struct ocl_timing *)b)->seconds;
    return (x < y) - (x > y);
}

static enum cln_status time_kernels(struct bench *b, struct cln_benchmark_run *run) {
    struct cln_trainer *trainer = NULL;
    enum cln_status status = create_trainer(&trainer, b, USUAL, run->batch_size, true, CLN_REPLAY_OFF);
    if (status == CLN_OK)
        status = ocl_timeline_reset(cln_trainer_context(trainer));
    const double start = cln_clock_seconds();
    if (status == CLN_OK)
        status = cln_stretch_train(trainer, &b->stretches[USUAL], b->params->seconds / 4);
    run->timed_seconds = cln_clock_seconds() - start;
    if (status == CLN_OK)
        status = ocl_timeline_totals(cln_trainer_context(trainer), &run->totals);
    if (status == CLN_OK)
        status = ocl_timeline_read(cln_trainer_context(trainer), &run->kernels, &run->kernel_count);
    if (status == CLN_OK && run->kernel_count > 0)
        qsort(run->kernels, run->kernel_count, sizeof *run->kernels, compare_seconds);
    run->timed_steps = (double)run->totals.launches / (double)run->launches_per_step;
    cln_trainer_destroy(&trainer);
    return status;
}

/* Measures the latency of predictions with a model of zeros, which takes as long as any other: after some images to
 * warm up, as many as fit a quarter of a second, each waited for. */
static enum cln_status time_images(struct bench *b, struct cln_predictor *predictor) {
    enum { WARM_UP = 10, MOST = 1000, LEAST = 3 };
    struct cln_benchmark_latency *latency = &b->result->latency;
    const size_t bytes = cln_shape_count(b->params->network->input);
    const uint8_t *pixels = b->data.train.pixels;
    double seconds[MOST];
    float *probabilities = malloc((size_t)b->params->network->classes * sizeof *probabilities);
    enum cln_status status =
        probabilities ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %d classes", b->params->network->classes);
    for (size_t i = 0; i < WARM_UP && status == CLN_OK; i++)
        status = cln_predictor_run(predictor, pixels + i * bytes, 1, probabilities);
    const double until = cln_clock_seconds() + CLN_STRETCH_SECONDS;
    size_t count = 0;
    while (status == CLN_OK && count < MOST && (count < LEAST || cln_clock_seconds() < until)) {
        const double start = cln_clock_seconds();
        status = cln_predictor_run(predictor, pixels + count * bytes, 1, probabilities);
        seconds[count++] = cln_clock_seconds() - start;
    }
    free(probabilities);
    if (status != CLN_OK)
        return status;
    qsort(seconds, count, sizeof *seconds, compare_numbers);
    *latency = (struct cln_benchmark_latency){
        .measurements = count, .best = seconds[0], .median = 0.5 * (seconds[(count - 1) / 2] + seconds[count / 2])};
    return CLN_OK;
}

static enum cln_status measure_latency(struct bench *b) {
    const struct cln_benchmark_params *p = b->params;
    struct cln_network network = *p->network; /* a copy, because a checkpoint's network is not const */
    struct cln_checkpoint model = {.network = &network,
                                   .parameters = calloc(network.parameter_floats + 1, sizeof(float)),
                                   .running = calloc(network.running_floats + 1, sizeof(float))};
    struct cln_predictor *predictor = NULL;
    struct cln_session_params session = p->session;
    session.trace = NULL;
    tell(b, "predicting", 1);
    enum cln_status status =
        model.parameters && model.running
            ? cln_predictor_create(&predictor,
                                   &(struct cln_predictor_params){.session = session, .model = &model, .batch_size = 1})
            : cln_fail(CLN_OUT_OF_MEMORY, "host memory for a model");
    if (status == CLN_OK)
        status = time_images(b, predictor);
    cln_predictor_destroy(&predictor);
    free(model.parameters);
    free(model.running);
    return status;
}

static enum cln_status prepare(struct bench *b) {
    const struct cln_benchmark_params *p = b->params;
    struct cln_benchmark *result = b->result;
    double forward = 0, training = 0;
    cln_network_multiply_adds(p->network, &forward, &training);
    result->network = p->network;
    result->flops_per_image = 2.0 * training;
    result->run_count = p->batch_size_count;
    result->runs = calloc(p->batch_size_count, sizeof *result->runs);
    if (!result->runs)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for measurements");
    struct cln_session_params session = p->session;
    session.no_cache = true;
    session.replay = CLN_REPLAY_OFF; /* launches are measured, not their recording */
    enum cln_status status = cln_stretch_images(&b->data, p->network, CLN_BENCHMARK_IMAGES);
    for (int way = 0; way < WAYS && status == CLN_OK; way++)
        status = cln_stretch_begin(&b->stretches[way], p->seconds);
    if (status == CLN_OK)
        status = cln_session_create(&b->session, &session);
    if (status == CLN_OK)
        status = cln_session_open_plain(b->session);
    if (status == CLN_OK)
        status = cln_peak_meter_create(&b->meter, b->session->context);
    if (status == CLN_OK)
        result->copy_bytes = cln_peak_buffer_bytes(b->meter);
    return status;
}

enum cln_status cln_benchmark_create(struct cln_benchmark **out, const struct cln_benchmark_params *params) {
    struct cln_benchmark *result = *out = calloc(1, sizeof *result);
    if (!result)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a benchmark");
    struct bench b = {.result = result, .params = params};
    enum cln_status status = prepare(&b);
    for (size_t i = 0; i < params->batch_size_count && status == CLN_OK; i++) {
        result->runs[i].batch_size = params->batch_sizes[i];
        status = measure_rate(&b, &result->runs[i]);
        if (status == CLN_OK)
            status = time_kernels(&b, &result->runs[i]);
    }
    if (status == CLN_OK)
        status = measure_latency(&b);
    for (size_t i = 0; i < params->batch_size_count && status == CLN_OK; i++) {
        struct cln_benchmark_run *run = &result->runs[i];
        cln_bottleneck(run->bottleneck, sizeof run->bottleneck, &result->peak, run->kernels, run->kernel_count,
                       &run->totals);
    }
    cln_peak_meter_destroy(&b.meter);
    cln_session_destroy(&b.session);
    free(b.data.train.pixels);
    free(b.data.train.labels);
    for (int way = 0; way < WAYS; way++)
        cln_stretch_free(&b.stretches[way]);
    if (status != CLN_OK)
        cln_benchmark_destroy(out);
    return status;
}

void cln_benchmark_destroy(struct cln_benchmark **benchmark) {
    struct cln_benchmark *b = *benchmark;
    if (!b)
        return;
    *benchmark = NULL;
    for (size_t i = 0; b->runs && i < b->run_count; i++)
        free(b->runs[i].kernels);
    free(b->runs);
    free(b);
}
