/* What the tests of the trainer share: networks that are small enough to build their kernels over and over, 64 images
 * to train on and 10 to test, trainers of both, and a file for a model. */
#ifndef TESTS_TRAIN_SUPPORT_H
#define TESTS_TRAIN_SUPPORT_H

#include <math.h>
#include <stdio.h>

#include "clenet/checkpoint.h"
#include "src/train/trainer_private.h"
#include "tests/engine/support.h"
#include "tests/temporary.h"

/* With a batch norm of each kind. */
static const char two_norms_text[] =
    "{\"name\": \"tiny\", \"input\": [1, 28, 28], \"layers\": [{\"type\": \"AvgPool2d\", \"kernel_size\": 4}, "
    "{\"type\": \"Conv2d\", \"out_channels\": 4, \"kernel_size\": 3}, {\"type\": \"BatchNorm2d\"}, "
    "{\"type\": \"ReLU\"}, {\"type\": \"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 16}, "
    "{\"type\": \"BatchNorm1d\"}, {\"type\": \"Tanh\"}, {\"type\": \"Linear\", \"out_features\": 10}]}";

/* The same without the batch norm behind Linear, which has one value per channel in a batch of one. */
static const char single_text[] =
    "{\"name\": \"single\", \"input\": [1, 28, 28], \"layers\": [{\"type\": \"AvgPool2d\", \"kernel_size\": 4}, "
    "{\"type\": \"Conv2d\", \"out_channels\": 4, \"kernel_size\": 3}, {\"type\": \"BatchNorm2d\"}, "
    "{\"type\": \"ReLU\"}, {\"type\": \"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 16}, "
    "{\"type\": \"Tanh\"}, {\"type\": \"Linear\", \"out_features\": 10}]}";

static const char one_norm_text[] =
    "{\"name\": \"tiny\", \"input\": [1, 28, 28], \"layers\": [{\"type\": \"AvgPool2d\", \"kernel_size\": 4}, "
    "{\"type\": \"Conv2d\", \"out_channels\": 4, \"kernel_size\": 3}, {\"type\": \"BatchNorm2d\"}, "
    "{\"type\": \"ReLU\"}, {\"type\": \"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 10}]}";

static struct cln_network *network, *single; /* single: for batches of one image */
static struct cln_dataset *data;
static char path[512];

static inline int begin_with(void **state, const char *text) {
    assert_ok(cln_network_parse(&network, text, strlen(text), "tiny", NULL));
    assert_ok(cln_network_parse(&single, single_text, strlen(single_text), "single", NULL));
    assert_ok(cln_dataset_load(&data, &(struct cln_dataset_params){.name = "synthetic:64", .seed = 1}));
    const int failed = temporary_create(state);
    snprintf(path, sizeof path, "%s", temporary_path("model.safetensors"));
    const char *kept = getenv("CLENET_TEST_CACHE"); /* what all tests keep: bootstrap */
    setenv("CLENET_CACHE_DIR", kept ? kept : temporary_path("cache"), 1);
    return failed;
}

static inline int begin_two_norms(void **state) {
    return begin_with(state, two_norms_text);
}

static inline int begin_one_norm(void **state) {
    return begin_with(state, one_norm_text);
}

static inline int end(void **state) {
    cln_network_destroy(&network);
    cln_network_destroy(&single);
    cln_dataset_destroy(&data);
    return temporary_remove(state);
}

static inline struct cln_trainer_params params_of(int batch_size) {
    return (struct cln_trainer_params){.network = batch_size == 1 ? single : network,
                                       .data = data,
                                       .batch_size = batch_size,
                                       .seed = 3,
                                       .session.no_guard = true};
}

static inline struct cln_trainer *trainer_of(const struct cln_trainer_params *params) {
    struct cln_trainer *trainer = NULL;
    assert_ok(cln_trainer_create(&trainer, params));
    assert_non_null(strstr(cln_trainer_device(trainer), "profile"));
    return trainer;
}

static inline struct cln_epoch epoch_of(struct cln_trainer *trainer) {
    struct cln_epoch epoch;
    assert_ok(cln_trainer_epoch(trainer, &epoch));
    assert_true(isfinite(epoch.train.loss) && epoch.train.loss > 0);
    assert_true(epoch.train.accuracy >= 0 && epoch.train.accuracy <= 1);
    return epoch;
}

static inline struct cln_checkpoint *read_checkpoint(const char *file) {
    struct cln_checkpoint *checkpoint = NULL;
    assert_ok(cln_checkpoint_read(&checkpoint, file, NULL));
    return checkpoint;
}

static inline void assert_same_file(const char *a, const char *b) {
    static unsigned char content[2][1 << 18];
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(i ? b : a, "rb");
        assert_non_null(file);
        bytes[i] = fread(content[i], 1, sizeof content[i], file);
        fclose(file);
    }
    assert_in_range(bytes[0], 1000, sizeof content[0] - 1);
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(content[0], content[1], bytes[0]);
}

static inline void assert_same_metrics(const struct cln_metrics *a, const struct cln_metrics *b) {
    assert_int_equal(a->samples, b->samples);
    assert_true(a->loss == b->loss && a->accuracy == b->accuracy);
}

/* A quarter of the 64 images is set aside: epochs have 4 steps of 10 images and one of 8. */
enum { VALIDATING_BATCH = 10, VALIDATING_TRAINED = 48, VALIDATING_JUDGED = 16 };

static inline struct cln_trainer_params validating(void) {
    struct cln_trainer_params params = params_of(VALIDATING_BATCH);
    params.validation = 0.25;
    return params;
}

/* Trains to `epochs` or max_steps, from `from` where there is such a file, and keeps the end in `to`. */
static inline void train(struct cln_trainer_params params, int epochs, const char *from, const char *to,
                         struct cln_epoch *last) {
    struct cln_checkpoint *checkpoint = from ? read_checkpoint(from) : NULL;
    params.resume = checkpoint;
    struct cln_trainer *trainer = trainer_of(&params);
    cln_checkpoint_destroy(&checkpoint); /* only creating looks at it */
    *last = (struct cln_epoch){0};
    while (cln_trainer_epochs(trainer) < epochs && !last->stopped)
        assert_ok(cln_trainer_epoch(trainer, last));
    assert_ok(cln_trainer_save(trainer, to));
    cln_trainer_destroy(&trainer);
}

#endif
