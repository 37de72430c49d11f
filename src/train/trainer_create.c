/* A trainer's beginning: device, kernels, images, initial weights; and the errands of processes that it starts
 * (build.c). */
#include <stdlib.h>
#include <string.h>

#include "src/data/images.h"
#include "src/data/preprocess.h"
#include "src/format/initial.h"
#include "src/model/batches.h"
#include "src/model/freeze.h"
#include "src/ranks/ranks.h"
#include "src/train/build.h"
#include "src/train/judge.h"
#include "src/train/params.h"
#include "src/train/processes.h"
#include "src/train/resume.h"
#include "src/train/saver.h"
#include "src/train/trainer_private.h"
#include "src/train/weights.h"

enum { DEFAULT_BATCH = 256 };

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
    enum cln_status status = cln_standardize_measure(t->mean, t->inverse_deviation, &t->params.data->train,
                                                     t->split.train, t->split.train_count, input.height, input.width);
    if (status == CLN_OK && t->params.standardize_channels)
        cln_standardize_by_channel(t->mean, t->inverse_deviation, input);
    return status == CLN_OK ? cln_engine_standardize(t->engine, t->mean, t->inverse_deviation) : status;
}

enum { PIECE_BYTES = 4 << 20 };

static enum cln_status fail_released(void) {
    return cln_fail(CLN_INVALID, "the pixels of this data set were released: load it again");
}

/* From the last image to the first, so that the host's copy can shrink behind: no image is there twice. */
static enum cln_status upload_images(struct cln_trainer *t, enum cln_engine_set set, struct cln_images *images) {
    const size_t bytes = cln_images_bytes(images);
    const uint8_t *pixels = images->pixels;
    if (images->count == 0)
        return CLN_OK;
    const size_t piece = bytes < PIECE_BYTES ? PIECE_BYTES / bytes : 1;
    if (!pixels)
        return fail_released();
    enum cln_status status = CLN_OK;
    for (size_t left = images->count, count; left > 0 && status == CLN_OK; left -= count) {
        count = left < piece ? left : piece;
        status = cln_engine_upload(t->engine, set, left - count, count, pixels + (left - count) * bytes);
        if (status == CLN_OK && t->params.release_pixels) {
            cln_images_keep(images, left - count);
            pixels = images->pixels;
        }
    }
    if (status != CLN_OK && t->params.release_pixels)
        cln_images_keep(images, 0); /* some are gone: let nobody take the rest for all */
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "%zu images on the device", images->count);
}

/* Copies the validation images behind the test images, piece by piece. They stay in the training set, whose epochs
 * leave them out. */
static enum cln_status upload_validation(struct cln_trainer *t) {
    const struct cln_images *train = &t->params.data->train;
    const uint8_t *pixels = train->pixels;
    const size_t bytes = cln_images_bytes(train), first = t->params.data->test.count;
    const size_t count = t->split.validation_count, most = bytes < PIECE_BYTES ? PIECE_BYTES / bytes : 1;
    if (count == 0)
        return CLN_OK;
    if (!pixels)
        return fail_released();
    uint8_t *piece = malloc((most < count ? most : count) * bytes);
    enum cln_status status =
        piece ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for some of %zu validation images", count);
    for (size_t done = 0, n; done < count && status == CLN_OK; done += n) {
        n = count - done < most ? count - done : most;
        for (size_t i = 0; i < n; i++)
            memcpy(piece + i * bytes, pixels + t->split.validation[done + i] * bytes, bytes);
        status = cln_engine_upload(t->engine, CLN_TEST, first + done, n, piece);
    }
    free(piece);
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "%zu validation images on the device", count);
}

/* Where the images are that the engine streams: those of CLN_TRAIN, and those of CLN_TEST, the test images and behind
 * them the validation images. */
static enum cln_status locate_train(const void **pixels, void *trainer, size_t index) {
    const struct cln_trainer *t = trainer;
    return cln_images_await(pixels, &t->params.data->train, index);
}

static enum cln_status locate_test(const void **pixels, void *trainer, size_t index) {
    struct cln_trainer *t = trainer;
    struct cln_images *test = &t->params.data->test;
    return index < test->count ? cln_images_await(pixels, test, index)
                               : locate_train(pixels, t, t->split.validation[index - test->count]);
}

static bool are_released(const struct cln_images *images) {
    return images->count > 0 && !images->pixels && !cln_images_are_coming(images);
}

static enum cln_status stream_images(struct cln_trainer *t) {
    const struct cln_dataset *data = t->params.data;
    if (are_released(&data->train) || are_released(&data->test))
        return fail_released();
    cln_engine_stream(t->engine, CLN_TRAIN, locate_train, t);
    cln_engine_stream(t->engine, CLN_TEST, locate_test, t);
    return CLN_OK;
}

static enum cln_status upload(struct cln_trainer *t) {
    struct cln_dataset *data = t->params.data;
    enum cln_status status = upload_validation(t);
    if (status == CLN_OK && !t->params.evaluate_only)
        status = upload_images(t, CLN_TRAIN, &data->train);
    if (status == CLN_OK)
        status = upload_images(t, CLN_TEST, &data->test);
    if (status == CLN_OK && t->params.release_pixels)
        cln_dataset_release_pixels(data);
    return status;
}

/* Whether training begins before all pictures are decoded: each is then waited for when it is sent to the device. A
 * caller that lets pixels be released does not need them. */
static bool begins_at_once(const struct cln_trainer *t) {
    const struct cln_trainer_params *p = &t->params;
    return t->workload.streams && p->release_pixels && !p->standardize && !p->resume && !p->ranks &&
           !p->evaluate_only && !p->data->holdout && cln_images_are_coming(&p->data->train);
}

/* Everything that the images' bytes are needed for. */
static enum cln_status take_images(struct cln_trainer *t) {
    struct cln_dataset *data = t->params.data;
    if (begins_at_once(t))
        return stream_images(t);
    enum cln_status status = cln_dataset_wait(data);
    if (status == CLN_OK && t->params.standardize && !t->params.resume)
        status = measure_standard(t);
    if (status == CLN_OK && (t->params.save.path || t->params.ranks))
        cln_dataset_measure_digest(data);
    if (status != CLN_OK)
        return status;
    return t->workload.streams ? stream_images(t) : upload(t);
}

/* Batches of one image, in this epoch or in later ones. */
static enum cln_status check_batches(const struct cln_trainer *t) {
    const struct cln_trainer_params *p = &t->params;
    const size_t samples = t->split.train_count, at = p->resume ? (size_t)p->resume->training->position : 0;
    if (p->evaluate_only)
        return CLN_OK;
    return cln_network_check_batches(p->network, p->batch_size, samples, at < samples ? samples - at : samples);
}

/* Labels of CLN_TEST: those of the test images, then those of the validation images. */
static void collect_labels(int32_t *labels, const struct cln_trainer *t) {
    const struct cln_images *train = &t->params.data->train, *test = &t->params.data->test;
    if (test->count > 0)
        memcpy(labels, test->labels, test->count * sizeof *labels);
    for (size_t i = 0; i < t->split.validation_count; i++)
        labels[test->count + i] = train->labels[t->split.validation[i]];
}

static enum cln_status create_engine(struct cln_trainer *t) {
    const struct cln_trainer_params *p = &t->params;
    const size_t count = p->data->test.count + t->split.validation_count;
    const struct cln_rank here = cln_ranks_here(p->ranks);
    const struct cln_exchange exchange = {
        .count = here.count,
        .rank = here.rank,
        .bounds = t->deal.bounds,
        .varies = t->deal.varies,
        .local_norm = p->local_batchnorm,
        .gather = cln_ranks_gather,
        .scatter = cln_ranks_scatter,
        .user = p->ranks,
        .apart = &t->deal.apart,
    };
    int32_t *labels = malloc((count + 1) * sizeof *labels);
    if (!labels)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu labels", count);
    collect_labels(labels, t);
    enum cln_status status =
        cln_engine_create(&t->engine, t->session->context,
                          &(struct cln_engine_params){
                              .network = p->network,
                              .tuning = &t->session->tuning,
                              .optimizer = p->optimizer,
                              .seed = p->seed,
                              .augmentation = p->augmentation,
                              .frozen = t->frozen,
                              .batch_size = p->batch_size,
                              .image = p->data->train.shape,
                              .pixels = p->data->train.type,
                              .streams = t->workload.streams,
                              .train = {NULL, p->data->train.labels, p->evaluate_only ? 0 : p->data->train.count},
                              .test = {NULL, labels, count},
                              .mean = t->mean,
                              .inverse_deviation = t->inverse_deviation,
                              .class_weights = t->class_weights,
                              .exchange = p->ranks ? exchange : (struct cln_exchange){0},
                          });
    free(labels);
    return status;
}

static enum cln_status wait_for_images(void *trainer) {
    const struct cln_trainer *t = trainer;
    return begins_at_once(t) ? CLN_OK : cln_dataset_wait(t->params.data);
}

static struct cln_workload workload_of(const struct cln_trainer_params *p) {
    return (struct cln_workload){.network = p->network,
                                 .batch_size = p->batch_size > 0 ? p->batch_size : DEFAULT_BATCH,
                                 .optimizer = p->optimizer.kind,
                                 .clips = p->optimizer.clip_norm > 0,
                                 .averages = p->optimizer.ema > 0,
                                 .accumulates = p->optimizer.accumulate > 1,
                                 .weighs_classes = p->class_weights != NULL,
                                 .augmentation = p->augmentation,
                                 .standardize = p->standardize,
                                 .predict_only = p->evaluate_only,
                                 .local_norm = p->local_batchnorm};
}

/* Whether the images stay on the host: as the caller wants, or because they would take more than half of the device's
 * memory. */
static bool streams(const struct cln_trainer *t) {
    const struct cln_dataset *data = t->params.data;
    const size_t count = (t->params.evaluate_only ? 0 : data->train.count) + data->test.count;
    const double bytes = (double)count * (double)t->image_bytes;
    return t->params.stream || bytes > 0.5 * (double)t->session->device.global_memory_bytes;
}

static enum cln_status open_session(struct cln_trainer *t) {
    t->image_bytes = cln_images_bytes(&t->params.data->train);
    t->workload = workload_of(&t->params);
    t->workload.image = t->params.data->train.shape;
    t->workload.pixels = t->params.data->train.type;
    t->workload.frozen = t->frozen;
    t->workload.wait = wait_for_images;
    t->workload.user = t;
    enum cln_status status = cln_deal_begin(&t->deal, &t->workload, cln_ranks_here(t->params.ranks));
    if (status == CLN_OK)
        status = cln_session_create(&t->session, &t->params.session);
    if (status == CLN_OK && t->params.resume)
        status = cln_resume_check_arithmetic(&t->params, t->session);
    return status;
}

/* The parts of the training set, and the places of the validation images. */
static enum cln_status begin_split(struct cln_trainer *t) {
    enum cln_status status = cln_split_draw(&t->split, t->params.data, t->params.validation, t->params.seed);
    const size_t count = t->split.validation_count;
    if (status != CLN_OK || count == 0)
        return status;
    t->validation_order = malloc(count * sizeof *t->validation_order);
    if (!t->validation_order)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the order of %zu samples", count);
    for (size_t i = 0; i < count; i++)
        t->validation_order[i] = (uint32_t)(t->params.data->test.count + i);
    return CLN_OK;
}

static enum cln_status copy_class_weights(struct cln_trainer *t) {
    const size_t bytes = (size_t)t->params.network->classes * sizeof *t->class_weights;
    if (!t->params.class_weights)
        return CLN_OK;
    t->class_weights = malloc(bytes);
    if (!t->class_weights)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the weights of %d classes", t->params.network->classes);
    memcpy(t->class_weights, t->params.class_weights, bytes);
    t->params.class_weights = t->class_weights;
    return CLN_OK;
}

/* What needs no device. */
static enum cln_status begin(struct cln_trainer *t) {
    if (t->params.batch_size == 0)
        t->params.batch_size = DEFAULT_BATCH;
    t->best_accuracy = t->peak_accuracy = -1.0;
    enum cln_status status = begin_split(t);
    if (status == CLN_OK)
        status = cln_weights_prepare(t);
    if (status == CLN_OK)
        status = check_batches(t);
    if (status == CLN_OK)
        status = copy_class_weights(t);
    if (status != CLN_OK)
        return status;
    t->params.optimizer.steps_per_epoch = (int)cln_trainer_steps(t, t->split.train_count);
    cln_random_seed(&t->init, t->params.seed, CLN_STREAM_INIT);
    cln_random_seed(&t->shuffle, t->params.seed, CLN_STREAM_SHUFFLE);
    t->order = malloc(t->split.train_count * sizeof *t->order);
    if (!t->order)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the order of %zu samples", t->split.train_count);
    return t->params.standardize ? allocate_standard(t) : CLN_OK;
}

/* Builds the kernels, or takes those that another process has kept. */
static enum cln_status build_engine(void *trainer) {
    struct cln_trainer *t = trainer;
    t->workload.streams = streams(t);
    const enum cln_status status = cln_session_open(t->session, &t->workload);
    return status == CLN_OK ? create_engine(t) : status;
}

enum cln_status cln_trainer_create(struct cln_trainer **out, const struct cln_trainer_params *params) {
    *out = NULL;
    enum cln_status status = cln_params_check(params);
    if (status == CLN_OK && params->resume)
        status = cln_resume_check(params);
    status = cln_ranks_agree(params->ranks, status);
    if (status != CLN_OK)
        return status;
    struct cln_trainer *t = calloc(1, sizeof *t);
    if (!t)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a trainer");
    t->params = *params;
    status = begin(t);
    if (status == CLN_OK)
        status = open_session(t);
    status = cln_ranks_agree(params->ranks, status);
    if (status == CLN_OK)
        status = cln_ranks_introduce(params->ranks, t->session->device.name, &t->deal.varies);
    if (status == CLN_OK)
        status = cln_ranks_in_turn(params->ranks, build_engine, t);
    if (status == CLN_OK)
        status = take_images(t);
    if (status == CLN_OK)
        status = params->resume ? cln_resume(t) : cln_weights_begin(t);
    if (status == CLN_OK)
        status = cln_saver_create(&t->saver, t);
    status = cln_ranks_agree(params->ranks, status);
    if (status == CLN_OK && params->ranks)
        status = cln_processes_compare(t);
    if (status == CLN_OK && params->ranks && params->resume)
        status = cln_judge_share(t);
    t->params.resume = NULL; /* the caller's, until here */
    if (status == CLN_OK)
        cln_processes_warn(t);
    if (status != CLN_OK)
        cln_trainer_destroy(&t);
    else if (params->session.trace)
        cln_trace_begin(params->session.trace);
    *out = t;
    return status;
}

enum cln_status cln_trainer_build(const struct cln_trainer_params *params) {
    struct cln_workload workload = workload_of(params);
    bool *frozen = calloc(params->network->tensor_count + 1, sizeof *frozen);
    enum cln_status status =
        frozen ? cln_freeze_find(frozen, params->network, params->freeze)
               : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu tensors", params->network->tensor_count);
    struct cln_deal deal = {NULL};
    workload.frozen = frozen;
    if (status == CLN_OK)
        status = cln_deal_begin(&deal, &workload, cln_ranks_place());
    if (status == CLN_OK)
        status = cln_build(&params->session, &workload);
    cln_deal_free(&deal);
    free(frozen);
    return status;
}

void cln_trainer_destroy(struct cln_trainer **trainer) {
    struct cln_trainer *t = *trainer;
    if (!t)
        return;
    *trainer = NULL;
    cln_saver_destroy(&t->saver);
    cln_engine_destroy(&t->engine);
    cln_session_destroy(&t->session);
    cln_split_free(&t->split);
    free(t->order);
    free(t->validation_order);
    cln_deal_free(&t->deal);
    free(t->peak_values);
    free(t->frozen);
    cln_initial_destroy(&t->initial);
    free(t->mean);
    free(t->inverse_deviation);
    free(t->class_weights);
    free(t);
}
