/* The loop a newcomer reads first: an epoch is a shuffled order, then steps that only feed the device's queue,
 * then an evaluation. The host reads loss and accuracy a few times a second and waits only to throttle. */
#include "src/train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/clock.h"
#include "host/profile.h"
#include "host/program_cache.h"
#include "host/select.h"
#include "host/timeline.h"
#include "src/data/preprocess.h"
#include "src/data/random.h"
#include "src/engine/engine.h"
#include "src/train/checkpoint.h"
#include "src/train/timings.h"
#include "src/train/trainer_private.h"

struct cln_trainer {
    struct cln_trainer_params params;
    struct ocl_context *context;
    struct ocl_profile *profile;
    struct cln_engine *engine;
    char device[320];
    struct cln_random shuffle;
    uint32_t *order;                 /* of the training samples, shuffled further every epoch */
    float *mean, *inverse_deviation; /* of the input's features, or NULL */
    int epoch;                       /* epochs begun */
    size_t steps;                    /* steps done in all */
    uint64_t batches_before;         /* that a loaded model had been trained on */
};

/* PyTorch's defaults: weights and biases uniform in ±1/√fan_in; batch norm starts as γ = 1, β = 0. */
static enum cln_status initialize_parameters(struct cln_trainer *t) {
    const struct cln_network *network = t->params.network;
    float *values = calloc(network->parameter_floats, sizeof *values);
    if (!values)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu parameters", network->parameter_floats);
    struct cln_random random;
    cln_random_seed(&random, t->params.seed, CLN_STREAM_INIT);
    for (size_t i = 0; i < network->tensor_count; i++) {
        const struct cln_tensor_info *tensor = &network->tensors[i];
        const double bound = tensor->fan_in > 0 ? 1.0 / sqrt((double)tensor->fan_in) : 0.0;
        for (size_t k = 0; tensor->trainable && k < tensor->count; k++)
            values[tensor->offset + k] = tensor->role == CLN_GAMMA ? 1.0f
                                         : tensor->role == CLN_BETA
                                             ? 0.0f
                                             : (float)((2.0 * cln_random_uniform(&random) - 1.0) * bound);
    }
    enum cln_status status = cln_engine_write(t->engine, CLN_PARAMETERS, values);
    free(values);
    return status;
}

static bool replays(const struct cln_trainer *t) {
    const bool by_profile = ocl_profile_value(t->profile, "command_buffer") != 0;
    return t->params.replay == CLN_REPLAY_PROFILE ? by_profile : t->params.replay == CLN_REPLAY_ON;
}

static enum cln_status open_device(struct cln_trainer *t) {
    const struct cln_trainer_params *p = &t->params;
    const struct ocl_profile_params profile = {
        .keys = cln_tuning_keys, .key_count = cln_tuning_key_count, .file = p->profile_file};
    struct ocl_device device;
    char name[128];
    snprintf(name, sizeof name, "%s, batch %d", p->network->name, p->batch_size);
    enum cln_status status = ocl_device_find(&device, p->device);
    if (status == CLN_OK)
        status = ocl_profile_load(&t->profile, &device, &profile);
    char *cache = p->no_cache ? NULL : ocl_program_cache_folder();
    if (status == CLN_OK)
        status = ocl_context_create(&t->context, &device,
                                    &(struct ocl_context_params){
                                        .timings = p->timings,
                                        .trace = p->trace,
                                        .trace_name = name,
                                        .replay = replays(t),
                                        .kernel_folder = p->kernel_folder,
                                        .cache_folder = cache,
                                    });
    free(cache);
    if (status == CLN_OK)
        snprintf(t->device, sizeof t->device, "%s (%s), profile %s", device.name, device.platform,
                 ocl_profile_name(t->profile));
    return status;
}

static enum cln_status measure_standard(struct cln_trainer *t) {
    const struct cln_shape input = t->params.network->input;
    const size_t features = cln_shape_count(input);
    t->mean = calloc(features, sizeof *t->mean);
    t->inverse_deviation = calloc(features, sizeof *t->inverse_deviation);
    if (!t->mean || !t->inverse_deviation)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu features", features);
    if (t->params.evaluate_only)
        return CLN_OK; /* they come with the model */
    return cln_standardize_measure(t->mean, t->inverse_deviation, &t->params.data->train, input.height, input.width);
}

/* Of the optimizer's numbers 0 means the default; what is left must make sense. */
static enum cln_status check_optimizer(const struct cln_optimizer_params *o) {
    const struct {
        const char *name;
        double value, limit;
    } values[] = {{"lr", o->lr, INFINITY},        {"beta1", o->beta1, 1},
                  {"beta2", o->beta2, 1},         {"eps", o->eps, INFINITY},
                  {"momentum", o->momentum, 1e3}, {"weight_decay", o->weight_decay, INFINITY}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (!(values[i].value >= 0 && values[i].value < values[i].limit))
            return cln_fail(CLN_INVALID, "optimizer: %s is %g: it must be at least 0 and below %g", values[i].name,
                            values[i].value, values[i].limit);
    return CLN_OK;
}

static enum cln_status check_params(const struct cln_trainer_params *p) {
    const struct cln_shape input = p->network->input, image = p->data->train.shape;
    const int height = p->resize > 0 ? p->resize : image.height, width = p->resize > 0 ? p->resize : image.width;
    if (input.channels != image.channels || input.height != height || input.width != width)
        return cln_fail(
            CLN_INVALID, "network %s takes %d×%d×%d, the images of %s are %d×%d×%d: choose another network or resize",
            p->network->name, input.channels, input.height, input.width, p->data->name, image.channels, height, width);
    if (p->data->class_count > p->network->classes)
        return cln_fail(CLN_INVALID, "network %s tells %d classes apart, %s has %d", p->network->name,
                        p->network->classes, p->data->name, p->data->class_count);
    return check_optimizer(&p->optimizer);
}

static enum cln_status create_engine(struct cln_trainer *t) {
    const struct cln_trainer_params *p = &t->params;
    struct cln_tuning tuning;
    enum cln_status status = cln_tuning_create(&tuning, t->profile, ocl_context_device(t->context));
    if (status != CLN_OK)
        return status;
    return cln_engine_create(
        &t->engine, t->context,
        &(struct cln_engine_params){
            .network = p->network,
            .tuning = &tuning,
            .optimizer = p->optimizer,
            .batch_size = p->batch_size,
            .image = p->data->train.shape,
            .train = {p->data->train.pixels, p->data->train.labels, p->evaluate_only ? 0 : p->data->train.count},
            .test = {p->data->test.pixels, p->data->test.labels, p->data->test.count},
            .mean = t->mean,
            .inverse_deviation = t->inverse_deviation,
        });
}

enum cln_status cln_trainer_create(struct cln_trainer **out, const struct cln_trainer_params *params) {
    *out = NULL;
    enum cln_status status = check_params(params);
    if (status != CLN_OK)
        return status;
    struct cln_trainer *t = calloc(1, sizeof *t);
    if (!t)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a trainer");
    t->params = *params;
    if (t->params.batch_size == 0)
        t->params.batch_size = 256;
    const size_t count = params->data->train.count;
    t->order = malloc(count * sizeof *t->order);
    if (!t->order)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for the order of %zu samples", count);
    cln_random_seed(&t->shuffle, params->seed, CLN_STREAM_SHUFFLE);
    if (status == CLN_OK && params->standardize)
        status = measure_standard(t);
    if (status == CLN_OK)
        status = open_device(t);
    if (status == CLN_OK)
        status = create_engine(t);
    if (status == CLN_OK)
        status = initialize_parameters(t);
    if (status != CLN_OK)
        cln_trainer_destroy(&t);
    *out = t;
    return status;
}

void cln_trainer_destroy(struct cln_trainer **trainer) {
    struct cln_trainer *t = *trainer;
    if (!t)
        return;
    *trainer = NULL;
    cln_engine_destroy(&t->engine);
    ocl_context_destroy(&t->context);
    ocl_profile_destroy(&t->profile);
    free(t->order);
    free(t->mean);
    free(t->inverse_deviation);
    free(t);
}

const char *cln_trainer_device(const struct cln_trainer *trainer) {
    return trainer->device;
}

static struct cln_metrics metrics_of(const struct cln_state *state) {
    const double n = state->seen > 0 ? state->seen : 1;
    return (struct cln_metrics){
        .samples = (size_t)state->seen, .loss = state->loss_sum / n, .accuracy = state->hits / n};
}

/* The state as of the last step queued, waited for. */
static enum cln_status read_state(struct cln_trainer *t, enum cln_engine_set set, struct cln_state *state) {
    struct ocl_ticket *ticket = NULL;
    enum cln_status status = cln_engine_state(t->engine, set, state, &ticket);
    return status == CLN_OK ? ocl_ticket_wait(&ticket) : status;
}

static enum cln_status fail_nonfinite(struct cln_trainer *t, const struct cln_state *state) {
    char where[192];
    enum cln_status status = cln_engine_find_nonfinite(t->engine, where, sizeof where);
    if (status != CLN_OK)
        return status;
    return cln_fail(CLN_NUMERIC,
                    "epoch %d, step %d: the loss is not finite; it began at %s. Try a smaller learning rate (--lr)",
                    t->epoch, state->batches, where);
}

/* The loop's pace. The host reads the state every `ahead` steps and waits for the read before, so that at most twice
 * as many are in flight: enough to keep the device busy, few enough to stop and report within a fraction of a second.
 */
struct pace {
    struct cln_state state; /* target of the read under way; valid once it was waited for */
    struct ocl_ticket *ticket;
    size_t ahead, since;
    double start, last, reported;
    size_t steps; /* of the epoch */
    bool stopped;
};

static void report(struct cln_trainer *t, struct pace *pace, double time) {
    const struct cln_metrics metrics = metrics_of(&pace->state);
    const struct cln_progress progress = {.epoch = t->epoch,
                                          .step = (size_t)pace->state.batches,
                                          .steps = pace->steps,
                                          .samples = metrics.samples,
                                          .loss = metrics.loss,
                                          .accuracy = metrics.accuracy,
                                          .seconds = time - pace->start};
    pace->stopped = !t->params.progress(t->params.user, &progress);
    pace->reported = time;
}

static enum cln_status keep_pace(struct cln_trainer *t, struct pace *pace) {
    enum { MOST_AHEAD = 32 };
    enum cln_status status = CLN_OK;
    if (pace->ticket) {
        status = ocl_ticket_wait(&pace->ticket);
        if (status == CLN_OK && pace->state.frozen)
            status = fail_nonfinite(t, &pace->state);
        const double time = cln_clock_seconds();
        if (time - pace->last < 0.05 && pace->ahead < MOST_AHEAD)
            pace->ahead *= 2;
        else if (time - pace->last > 0.2 && pace->ahead > 1)
            pace->ahead /= 2;
        pace->last = time;
        if (status == CLN_OK && t->params.progress && time - pace->reported > 0.2)
            report(t, pace, time);
    }
    pace->since = 0;
    if (status == CLN_OK)
        status = cln_engine_state(t->engine, CLN_TRAIN, &pace->state, &pace->ticket);
    return status == CLN_OK ? ocl_context_flush(t->context) : status;
}

static enum cln_status train_epoch(struct cln_trainer *t, struct cln_epoch *epoch) {
    const size_t count = t->params.data->train.count, batch = (size_t)t->params.batch_size;
    struct pace pace = {.ahead = 1, .start = cln_clock_seconds(), .steps = (count + batch - 1) / batch};
    pace.last = pace.reported = pace.start;

    cln_random_permutation(&t->shuffle, t->order, count);
    enum cln_status status = cln_engine_begin(t->engine, CLN_TRAIN, t->order, count);
    for (size_t step = 0; step < pace.steps && status == CLN_OK && !pace.stopped; step++) {
        status = cln_engine_step(t->engine, CLN_TRAIN);
        t->steps++;
        if (status == CLN_OK && ++pace.since == pace.ahead)
            status = keep_pace(t, &pace);
        pace.stopped |= t->params.max_steps > 0 && t->steps >= t->params.max_steps;
    }
    enum cln_status read = ocl_ticket_wait(&pace.ticket);
    status = status == CLN_OK ? read : status;
    if (status == CLN_OK)
        status = read_state(t, CLN_TRAIN, &pace.state);
    if (status == CLN_OK && pace.state.frozen)
        status = fail_nonfinite(t, &pace.state);
    epoch->train = metrics_of(&pace.state);
    epoch->train_seconds = cln_clock_seconds() - pace.start;
    epoch->stopped = pace.stopped && epoch->train.samples < count;
    return status;
}

enum cln_status cln_trainer_epoch(struct cln_trainer *t, struct cln_epoch *epoch) {
    if (t->params.evaluate_only)
        return cln_fail(CLN_INVALID, "this trainer was made to evaluate only");
    *epoch = (struct cln_epoch){.epoch = ++t->epoch};
    enum cln_status status = train_epoch(t, epoch);
    if (status != CLN_OK || epoch->stopped || t->params.data->test.count == 0)
        return status;
    const double start = cln_clock_seconds();
    status = cln_trainer_evaluate(t, &epoch->test, NULL);
    epoch->test_seconds = cln_clock_seconds() - start;
    return status;
}

static enum cln_status count_confusion(struct cln_trainer *t, size_t *confusion) {
    const struct cln_images *test = &t->params.data->test;
    const size_t classes = (size_t)t->params.data->class_count;
    int *predicted = malloc(test->count * sizeof *predicted);
    if (!predicted)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu predictions", test->count);
    enum cln_status status = cln_engine_predicted(t->engine, predicted, test->count);
    memset(confusion, 0, classes * classes * sizeof *confusion);
    for (size_t i = 0; i < test->count && status == CLN_OK; i++)
        if ((size_t)predicted[i] < classes)
            confusion[test->labels[i] * classes + (size_t)predicted[i]]++;
    free(predicted);
    return status;
}

enum cln_status cln_trainer_evaluate(struct cln_trainer *t, struct cln_metrics *metrics, size_t *confusion) {
    const size_t count = t->params.data->test.count, batch = (size_t)t->params.batch_size;
    enum { STEPS_BETWEEN_WAITS = 64 }; /* throttles the host */
    struct cln_state state = {0};
    enum cln_status status = cln_engine_begin(t->engine, CLN_TEST, NULL, count);
    for (size_t done = 0; done < count && status == CLN_OK; done += batch) {
        status = cln_engine_step(t->engine, CLN_TEST);
        if (status == CLN_OK && (done / batch + 1) % STEPS_BETWEEN_WAITS == 0)
            status = read_state(t, CLN_TEST, &state);
    }
    if (status == CLN_OK)
        status = read_state(t, CLN_TEST, &state);
    if (status == CLN_OK && state.frozen)
        status =
            cln_fail(CLN_NUMERIC, "evaluation: the loss is not finite at sample %d of the test set", state.position);
    *metrics = metrics_of(&state);
    return status == CLN_OK && confusion ? count_confusion(t, confusion) : status;
}

enum cln_status cln_trainer_save(struct cln_trainer *t, const char *path) {
    const struct cln_network *network = t->params.network;
    float *parameters = malloc((network->parameter_floats + network->running_floats) * sizeof *parameters);
    if (!parameters)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu parameters", network->parameter_floats);
    float *running = parameters + network->parameter_floats;
    enum cln_status status = cln_engine_read(t->engine, CLN_PARAMETERS, parameters);
    if (status == CLN_OK)
        status = cln_engine_read(t->engine, CLN_RUNNING, running);
    struct cln_state state = {0};
    if (status == CLN_OK && !t->params.evaluate_only)
        status = read_state(t, CLN_TRAIN, &state);
    if (status == CLN_OK)
        status = cln_checkpoint_write(path, &(struct cln_checkpoint){
                                                .network = (struct cln_network *)network,
                                                .parameters = parameters,
                                                .running = running,
                                                .batches_tracked = t->batches_before + (uint64_t)state.step,
                                                .resize = t->params.resize,
                                                .mean = t->mean,
                                                .inverse_deviation = t->inverse_deviation,
                                            });
    free(parameters);
    return status;
}

enum cln_status cln_trainer_load(struct cln_trainer *t, const char *path) {
    struct cln_checkpoint *checkpoint = NULL;
    enum cln_status status = cln_checkpoint_read(&checkpoint, path, t->params.network);
    if (status == CLN_OK && (checkpoint->mean != NULL) != (t->mean != NULL))
        status =
            cln_fail(CLN_INVALID, "%s was trained on pixels that were %sstandardised, this trainer is set up otherwise",
                     path, checkpoint->mean ? "" : "not ");
    if (status == CLN_OK && checkpoint->resize != t->params.resize)
        status = cln_fail(CLN_INVALID,
                          "%s was trained on images resized to %d, this trainer is set up for %d (0: as they are)",
                          path, checkpoint->resize, t->params.resize);
    if (status == CLN_OK)
        status = cln_engine_write(t->engine, CLN_PARAMETERS, checkpoint->parameters);
    if (status == CLN_OK)
        status = cln_engine_write(t->engine, CLN_RUNNING, checkpoint->running);
    if (status == CLN_OK && t->mean) {
        const size_t bytes = cln_shape_count(t->params.network->input) * sizeof *t->mean;
        memcpy(t->mean, checkpoint->mean, bytes);
        memcpy(t->inverse_deviation, checkpoint->inverse_deviation, bytes);
        status = cln_engine_standardize(t->engine, t->mean, t->inverse_deviation);
    }
    if (status == CLN_OK)
        t->batches_before = checkpoint->batches_tracked;
    cln_checkpoint_destroy(&checkpoint);
    return status;
}

enum cln_status cln_trainer_timings(struct cln_trainer *t, char **out) {
    return cln_timings_text(out, t->context);
}

struct ocl_context *cln_trainer_context(const struct cln_trainer *t) {
    return t->context;
}

size_t cln_trainer_launches(const struct cln_trainer *t) {
    return cln_engine_launches(t->engine);
}

bool cln_trainer_replays(const struct cln_trainer *t) {
    return cln_engine_replays(t->engine);
}
