/* A trainer's beginning: device, kernels, images, initial weights; and in a builder the kernels alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "clenet/log.h"
#include "clenet/text.h"
#include "host/profile.h"
#include "host/program_cache.h"
#include "host/select.h"
#include "src/base/helpers.h"
#include "src/data/images.h"
#include "src/data/preprocess.h"
#include "src/model/batches.h"
#include "src/train/builders.h"
#include "src/train/guard.h"
#include "src/train/params.h"
#include "src/train/resume.h"
#include "src/train/saver.h"
#include "src/train/trainer_private.h"
#include "src/train/trial.h"

enum { DEFAULT_BATCH = 256 };

/* PyTorch's defaults: weights and biases uniform in ±1/√fan_in; batch norm starts as γ = 1, β = 0. */
static enum cln_status initialize_parameters(struct cln_trainer *t) {
    const struct cln_network *network = t->params.network;
    float *values = calloc(network->parameter_floats, sizeof *values);
    if (!values)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu parameters", network->parameter_floats);
    for (size_t i = 0; i < network->tensor_count; i++) {
        const struct cln_tensor_info *tensor = &network->tensors[i];
        const double bound = tensor->fan_in > 0 ? 1.0 / sqrt((double)tensor->fan_in) : 0.0;
        for (size_t k = 0; tensor->trainable && k < tensor->count; k++)
            values[tensor->offset + k] = tensor->role == CLN_GAMMA ? 1.0f
                                         : tensor->role == CLN_BETA
                                             ? 0.0f
                                             : (float)((2.0 * cln_random_uniform(&t->init) - 1.0) * bound);
    }
    enum cln_status status = cln_engine_write(t->engine, CLN_PARAMETERS, values);
    free(values);
    return status;
}

static enum cln_status run_builders(void *trainer) {
    const struct cln_trainer *t = trainer;
    return cln_builders_run(&t->params, t->tuning.safe);
}

static bool builds(void *trainer, size_t number) {
    struct cln_trainer *t = trainer;
    return cln_helper_take(&t->taken, number);
}

static bool replays(const struct cln_trainer *t) {
    return t->params.replay == CLN_REPLAY_PROFILE ? t->tuning.command_buffer : t->params.replay == CLN_REPLAY_ON;
}

/* For people: what it runs on, and which operations in their safe variant. */
static void describe_device(struct cln_trainer *t, const struct ocl_device *device) {
    size_t length = cln_text_format(t->device, sizeof t->device, "%s (%s), profile %s", device->name, device->platform,
                                    ocl_profile_name(t->profile));
    const char *before = "; safe: ";
    for (size_t i = 0; i < cln_operation_count; i++)
        if (t->tuning.safe & 1u << i) {
            length += cln_text_format(t->device + length, sizeof t->device - length, "%s%s", before, cln_operations[i]);
            before = ", ";
        }
}

static void tell_quirks(const struct cln_trainer *t) {
    size_t count = 0;
    const struct ocl_profile_quirk *quirks = ocl_profile_quirks(t->profile, &count);
    for (size_t i = 0; i < count; i++)
        cln_log(CLN_LOG_INFO, "%s runs in its safe variant: %s (%s)", cln_operations[quirks[i].operation],
                quirks[i].reason, quirks[i].origin);
}

static enum cln_status find_device(struct cln_trainer *t, struct ocl_device *device) {
    const struct cln_trainer_params *p = &t->params;
    enum cln_status status = ocl_device_find(device, p->device);
    if (status == CLN_OK)
        status = cln_tuning_profile(&t->profile, device, p->profile_file);
    return status == CLN_OK ? cln_tuning_create(&t->tuning, t->profile, device) : status;
}

static enum cln_status create_context(struct cln_trainer *t, const struct ocl_device *device, const char *cache) {
    const struct cln_trainer_params *p = &t->params;
    char name[128];
    snprintf(name, sizeof name, "%s, batch %d", p->network->name, p->batch_size);
    return ocl_context_create(&t->context, device,
                              &(struct ocl_context_params){
                                  .timings = p->timings,
                                  .trace = p->trace,
                                  .trace_name = name,
                                  .replay = replays(t),
                                  .kernel_folder = p->kernel_folder,
                                  .cache_folder = p->no_cache ? NULL : cache,
                                  .before_building = p->builder && !t->builder ? run_builders : NULL,
                                  .builds = t->builder ? builds : NULL,
                                  .building_user = t,
                              });
}

/* A driver that crashes may do so from the first call on: where the guard can look from outside, it comes before. */
static enum cln_status open_device(struct cln_trainer *t) {
    const struct cln_trainer_params *p = &t->params;
    const bool guarded = !p->no_guard && !t->builder, apart = p->builder != NULL;
    struct ocl_device device;
    enum cln_status status = find_device(t, &device);
    char *cache = p->no_cache ? NULL : ocl_program_cache_folder();
    if (status == CLN_OK && t->builder)
        cln_tuning_make_safe(&t->tuning, t->errand.safe);
    else if (status == CLN_OK)
        tell_quirks(t);
    if (status == CLN_OK && guarded && apart)
        status = cln_guard(t, &device, cache, replays(t));
    if (status == CLN_OK)
        status = create_context(t, &device, cache);
    if (status == CLN_OK && guarded && !apart)
        status = cln_guard(t, &device, cache, replays(t));
    free(cache);
    if (status == CLN_OK)
        describe_device(t, &device);
    return status;
}

static enum cln_status allocate_standard(struct cln_trainer *t) {
    const size_t features = cln_shape_count(t->params.network->input);
    t->mean = calloc(features, sizeof *t->mean);
    t->inverse_deviation = calloc(features, sizeof *t->inverse_deviation);
    return t->mean && t->inverse_deviation ? CLN_OK
                                           : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu features", features);
}

static enum cln_status measure_standard(struct cln_trainer *t) {
    const struct cln_shape input = t->params.network->input;
    if (t->params.evaluate_only)
        return CLN_OK; /* they come with the model */
    enum cln_status status =
        cln_standardize_measure(t->mean, t->inverse_deviation, &t->params.data->train, input.height, input.width);
    return status == CLN_OK ? cln_engine_standardize(t->engine, t->mean, t->inverse_deviation) : status;
}

/* From the last image to the first, so that the host's copy can shrink behind: no image is there twice. */
static enum cln_status upload_images(struct cln_trainer *t, enum cln_engine_set set, struct cln_images *images) {
    enum { PIECE_BYTES = 4 << 20 };
    const size_t bytes = cln_shape_count(images->shape);
    const size_t piece = bytes < PIECE_BYTES ? PIECE_BYTES / bytes : 1;
    if (images->count > 0 && !images->pixels)
        return cln_fail(CLN_INVALID, "the pixels of this data set were released: load it again");
    enum cln_status status = CLN_OK;
    for (size_t left = images->count, count; left > 0 && status == CLN_OK; left -= count) {
        count = left < piece ? left : piece;
        status = cln_engine_upload(t->engine, set, left - count, count, images->pixels + (left - count) * bytes);
        if (status == CLN_OK && t->params.release_pixels)
            cln_images_keep(images, left - count);
    }
    if (status != CLN_OK && t->params.release_pixels)
        cln_images_keep(images, 0); /* some are gone: let nobody take the rest for all */
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "%zu images on the device", images->count);
}

/* Everything that the images' bytes are needed for. */
static enum cln_status take_images(struct cln_trainer *t) {
    struct cln_dataset *data = t->params.data;
    enum cln_status status = cln_dataset_wait(data);
    if (status == CLN_OK && t->params.standardize && !t->params.resume)
        status = measure_standard(t);
    if (status == CLN_OK && t->params.save.path)
        cln_dataset_measure_digest(data);
    if (status == CLN_OK && !t->params.evaluate_only)
        status = upload_images(t, CLN_TRAIN, &data->train);
    if (status == CLN_OK)
        status = upload_images(t, CLN_TEST, &data->test);
    if (status == CLN_OK && t->params.release_pixels)
        cln_dataset_release_pixels(data);
    return status;
}

/* Batches of one image, in this epoch or in later ones. */
static enum cln_status check_batches(const struct cln_trainer_params *p) {
    const size_t samples = p->data->train.count, at = p->resume ? (size_t)p->resume->training->position : 0;
    if (p->evaluate_only)
        return CLN_OK;
    return cln_network_check_batches(p->network, p->batch_size > 0 ? p->batch_size : DEFAULT_BATCH, samples,
                                     at < samples ? samples - at : samples);
}

static enum cln_status create_engine(struct cln_trainer *t) {
    const struct cln_trainer_params *p = &t->params;
    return cln_engine_create(&t->engine, t->context,
                             &(struct cln_engine_params){
                                 .network = p->network,
                                 .tuning = &t->tuning,
                                 .optimizer = p->optimizer,
                                 .batch_size = p->batch_size,
                                 .image = p->data->train.shape,
                                 .train = {NULL, p->data->train.labels, p->evaluate_only ? 0 : p->data->train.count},
                                 .test = {NULL, p->data->test.labels, p->data->test.count},
                                 .mean = t->mean,
                                 .inverse_deviation = t->inverse_deviation,
                             });
}

/* `errand`: of a builder; else NULL. */
static enum cln_status create(struct cln_trainer **out, const struct cln_trainer_params *params,
                              const struct cln_errand *errand) {
    const bool builder = errand != NULL;
    *out = NULL;
    enum cln_status status = cln_params_check(params);
    if (status == CLN_OK && params->resume && !builder)
        status = cln_resume_check(params);
    if (status == CLN_OK && !builder)
        status = check_batches(params);
    if (status != CLN_OK)
        return status;
    struct cln_trainer *t = calloc(1, sizeof *t);
    if (!t)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a trainer");
    t->params = *params;
    t->builder = builder;
    if (builder)
        t->errand = *errand;
    t->taken = -1;
    if (t->params.batch_size == 0)
        t->params.batch_size = DEFAULT_BATCH;
    const size_t count = params->data->train.count;
    t->order = malloc(count * sizeof *t->order);
    if (!t->order)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for the order of %zu samples", count);
    t->best_accuracy = -1.0;
    cln_random_seed(&t->init, params->seed, CLN_STREAM_INIT);
    cln_random_seed(&t->shuffle, params->seed, CLN_STREAM_SHUFFLE);
    if (status == CLN_OK && params->standardize)
        status = allocate_standard(t);
    if (status == CLN_OK)
        status = open_device(t);
    if (status == CLN_OK)
        status = create_engine(t);
    if (status == CLN_OK && !builder)
        status = take_images(t);
    if (status == CLN_OK && !builder)
        status = t->params.resume ? cln_resume(t) : initialize_parameters(t);
    if (status == CLN_OK)
        status = cln_saver_create(&t->saver, t);
    t->params.resume = NULL; /* the caller's, until here */
    if (status != CLN_OK)
        cln_trainer_destroy(&t);
    else if (params->trace)
        cln_trace_begin(params->trace);
    *out = t;
    return status;
}

enum cln_status cln_trainer_create(struct cln_trainer **out, const struct cln_trainer_params *params) {
    return create(out, params, NULL);
}

/* A trial for the guard of the trainer that has started this process. */
static enum cln_status answer(const struct cln_trainer_params *params, const struct cln_errand *errand) {
    struct ocl_device device;
    struct cln_trainer *t = calloc(1, sizeof *t);
    if (!t)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a trainer");
    t->params = *params;
    if (t->params.batch_size == 0)
        t->params.batch_size = DEFAULT_BATCH;
    char *cache = params->no_cache ? NULL : ocl_program_cache_folder();
    enum cln_status status = find_device(t, &device);
    if (status == CLN_OK)
        status = cln_trial_answer(
            &(struct cln_trials){.t = t, .device = &device, .folder = cache, .replay = replays(t)}, errand);
    free(cache);
    cln_trainer_destroy(&t);
    return status;
}

enum cln_status cln_trainer_build(const struct cln_trainer_params *params) {
    struct cln_trainer_params p = *params;
    struct cln_errand errand;
    struct cln_trainer *trainer = NULL;
    uint8_t label = 0;
    enum cln_status status = cln_errand_read(&errand);
    if (status != CLN_OK)
        return status;
    const struct cln_images blank = {.count = 1, .labels = &label, .shape = errand.image};
    struct cln_dataset data = {.name = "blank", .train = blank, .test = blank, .class_count = 1};
    p.data = &data;
    p.timings = false;
    p.trace = NULL;
    if (errand.kind != CLN_ERRAND_BUILD)
        return answer(&p, &errand);
    status = create(&trainer, &p, &errand);
    cln_trainer_destroy(&trainer);
    return status;
}

void cln_trainer_destroy(struct cln_trainer **trainer) {
    struct cln_trainer *t = *trainer;
    if (!t)
        return;
    *trainer = NULL;
    cln_saver_destroy(&t->saver);
    cln_engine_destroy(&t->engine);
    ocl_context_destroy(&t->context);
    ocl_profile_destroy(&t->profile);
    free(t->order);
    free(t->mean);
    free(t->inverse_deviation);
    free(t);
}
