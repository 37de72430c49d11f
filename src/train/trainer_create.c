/* A trainer's beginning: device, kernels, images, initial weights; and the errands of processes that it starts
 * (build.c). */
#include <stdlib.h>
#include <string.h>

#include "src/data/images.h"
#include "src/data/preprocess.h"
#include "src/format/initial.h"
#include "src/model/batches.h"
#include "src/train/build.h"
#include "src/train/params.h"
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
    return status == CLN_OK ? cln_engine_standardize(t->engine, t->mean, t->inverse_deviation) : status;
}

enum { PIECE_BYTES = 4 << 20 };

static enum cln_status fail_released(void) {
    return cln_fail(CLN_INVALID, "the pixels of this data set were released: load it again");
}

/* From the last image to the first, so that the host's copy can shrink behind: no image is there twice. */
static enum cln_status upload_images(struct cln_trainer *t, enum cln_engine_set set, struct cln_images *images) {
    const size_t bytes = cln_shape_count(images->shape);
    const size_t piece = bytes < PIECE_BYTES ? PIECE_BYTES / bytes : 1;
    if (images->count > 0 && !images->pixels)
        return fail_released();
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

/* Copies the validation images behind the test images, piece by piece. They stay in the training set, whose epochs
 * leave them out. */
static enum cln_status upload_validation(struct cln_trainer *t) {
    const struct cln_images *train = &t->params.data->train;
    const size_t bytes = cln_shape_count(train->shape), first = t->params.data->test.count;
    const size_t count = t->split.validation_count, most = bytes < PIECE_BYTES ? PIECE_BYTES / bytes : 1;
    if (count == 0)
        return CLN_OK;
    if (!train->pixels)
        return fail_released();
    uint8_t *piece = malloc((most < count ? most : count) * bytes);
    enum cln_status status =
        piece ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for some of %zu validation images", count);
    for (size_t done = 0, n; done < count && status == CLN_OK; done += n) {
        n = count - done < most ? count - done : most;
        for (size_t i = 0; i < n; i++)
            memcpy(piece + i * bytes, train->pixels + t->split.validation[done + i] * bytes, bytes);
        status = cln_engine_upload(t->engine, CLN_TEST, first + done, n, piece);
    }
    free(piece);
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "%zu validation images on the device", count);
}

/* Everything that the images' bytes are needed for. */
static enum cln_status take_images(struct cln_trainer *t) {
    struct cln_dataset *data = t->params.data;
    enum cln_status status = cln_dataset_wait(data);
    if (status == CLN_OK && t->params.standardize && !t->params.resume)
        status = measure_standard(t);
    if (status == CLN_OK && t->params.save.path)
        cln_dataset_measure_digest(data);
    if (status == CLN_OK)
        status = upload_validation(t);
    if (status == CLN_OK && !t->params.evaluate_only)
        status = upload_images(t, CLN_TRAIN, &data->train);
    if (status == CLN_OK)
        status = upload_images(t, CLN_TEST, &data->test);
    if (status == CLN_OK && t->params.release_pixels)
        cln_dataset_release_pixels(data);
    return status;
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
static void collect_labels(uint8_t *labels, const struct cln_trainer *t) {
    const struct cln_images *train = &t->params.data->train, *test = &t->params.data->test;
    if (test->count > 0)
        memcpy(labels, test->labels, test->count);
    for (size_t i = 0; i < t->split.validation_count; i++)
        labels[test->count + i] = train->labels[t->split.validation[i]];
}

static enum cln_status create_engine(struct cln_trainer *t) {
    const struct cln_trainer_params *p = &t->params;
    const size_t count = p->data->test.count + t->split.validation_count;
    uint8_t *labels = malloc(count + 1);
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
                              .frozen = t->frozen,
                              .batch_size = p->batch_size,
                              .image = p->data->train.shape,
                              .train = {NULL, p->data->train.labels, p->evaluate_only ? 0 : p->data->train.count},
                              .test = {NULL, labels, count},
                              .mean = t->mean,
                              .inverse_deviation = t->inverse_deviation,
                              .class_weights = t->class_weights,
                          });
    free(labels);
    return status;
}

static enum cln_status wait_for_images(void *trainer) {
    const struct cln_trainer *t = trainer;
    return cln_dataset_wait(t->params.data);
}

static struct cln_workload workload_of(const struct cln_trainer_params *p) {
    return (struct cln_workload){.network = p->network,
                                 .batch_size = p->batch_size > 0 ? p->batch_size : DEFAULT_BATCH,
                                 .optimizer = p->optimizer.kind,
                                 .clips = p->optimizer.clip_norm > 0,
                                 .weighs_classes = p->class_weights != NULL,
                                 .standardize = p->standardize,
                                 .predict_only = p->evaluate_only};
}

static enum cln_status open_session(struct cln_trainer *t) {
    t->workload = workload_of(&t->params);
    t->workload.image = t->params.data->train.shape;
    t->workload.wait = wait_for_images;
    t->workload.user = t;
    enum cln_status status = cln_session_create(&t->session, &t->params.session);
    return status == CLN_OK ? cln_session_open(t->session, &t->workload) : status;
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
    const size_t batch = (size_t)t->params.batch_size;
    t->params.optimizer.steps_per_epoch = (int)((t->split.train_count + batch - 1) / batch);
    cln_random_seed(&t->init, t->params.seed, CLN_STREAM_INIT);
    cln_random_seed(&t->shuffle, t->params.seed, CLN_STREAM_SHUFFLE);
    t->order = malloc(t->split.train_count * sizeof *t->order);
    if (!t->order)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the order of %zu samples", t->split.train_count);
    return t->params.standardize ? allocate_standard(t) : CLN_OK;
}

enum cln_status cln_trainer_create(struct cln_trainer **out, const struct cln_trainer_params *params) {
    *out = NULL;
    enum cln_status status = cln_params_check(params);
    if (status == CLN_OK && params->resume)
        status = cln_resume_check(params);
    if (status != CLN_OK)
        return status;
    struct cln_trainer *t = calloc(1, sizeof *t);
    if (!t)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a trainer");
    t->params = *params;
    status = begin(t);
    if (status == CLN_OK)
        status = open_session(t);
    if (status == CLN_OK)
        status = create_engine(t);
    if (status == CLN_OK)
        status = take_images(t);
    if (status == CLN_OK)
        status = params->resume ? cln_resume(t) : cln_weights_begin(t);
    if (status == CLN_OK)
        status = cln_saver_create(&t->saver, t);
    t->params.resume = NULL; /* the caller's, until here */
    if (status != CLN_OK)
        cln_trainer_destroy(&t);
    else if (params->session.trace)
        cln_trace_begin(params->session.trace);
    *out = t;
    return status;
}

enum cln_status cln_trainer_build(const struct cln_trainer_params *params) {
    struct cln_workload workload = workload_of(params);
    return cln_build(&params->session, &workload);
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
    free(t->peak_values);
    free(t->frozen);
    cln_initial_destroy(&t->initial);
    free(t->mean);
    free(t->inverse_deviation);
    free(t->class_weights);
    free(t);
}
