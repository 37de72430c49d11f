/* A training point to write, and how to read it back with a part of its metadata replaced. */
#ifndef TESTS_FORMAT_TRAINING_POINT_H
#define TESTS_FORMAT_TRAINING_POINT_H

#include "tests/format/support.h"

static float first_moments[1024], second_moments[1024];
static double class_weights[] = {1.0 / 3, 0, 7};

static inline struct cln_training_point sample_point(void) {
    for (size_t i = 0; i < 1024; i++) {
        first_moments[i] = cosf((float)i);
        second_moments[i] = first_moments[i] * first_moments[i];
    }
    return (struct cln_training_point){
        .optimizer =
            {.lr = 0.1 + 0.2, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 1e-4, .accumulate = 1},
        .batch_size = 33,
        .seed = UINT64_MAX,
        .data = "fashion-mnist",
        .digest = "00aa",
        .samples = 1000,
        .epochs = 3,
        .steps = 130,
        .position = 99,
        .batches = 3,
        .hits = 17,
        .loss_sum = 1.0F / 3,
        .loss_carry = -1e-9F,
        .shuffle = {UINT64_MAX - 1, 3},
        .init = {5, UINT64_MAX},
        .best_accuracy = 2.0 / 3,
        .validation = 0.1,
        .peak_accuracy = 5.0 / 7,
        .peak_epoch = 2,
        .test = 0.3,
        .freeze = "0.*,*.bias",
        .standardize_channels = true,
        .augmentation = {.shift = 1, .rotate = 1.0 / 3, .alternating_flip = 1},
        .class_weights = class_weights,
        .moments = {first_moments, second_moments},
    };
}

/* The place of the first running variance. */
static inline size_t place_of_variance(const struct cln_network *network) {
    size_t i = 0;
    while (network->tensors[i].role != CLN_RUNNING_VAR)
        i++;
    return network->tensors[i].offset;
}

static inline void write_point(const struct cln_training_point *point) {
    struct cln_checkpoint checkpoint = sample();
    static char texts[3][16] = {"T-shirt/top", "\"quoted\"", "Жук"};
    char *names[] = {texts[0], texts[1], texts[2]};
    checkpoint.training = (struct cln_training_point *)point;
    checkpoint.class_names = names;
    checkpoint.image = (struct cln_shape){1, 2, 3};
    checkpoint.fit = CLN_FIT_PAD;
    checkpoint.ground = CLN_GROUND(1, 0, 255);
    checkpoint.pixels = CLN_PIXEL_U16;
    assert_ok(cln_checkpoint_write(path, &checkpoint));
    cln_network_destroy(&checkpoint.network);
}

/* A training point whose metadata has `to` in place of `from`. */
static inline enum cln_status read_point_with(struct cln_checkpoint **checkpoint, const char *from, const char *to) {
    const struct cln_training_point point = sample_point();
    struct cln_safetensors *file;
    char text[2048];
    write_point(&point);
    assert_ok(cln_safetensors_read(&file, path));
    const char *training = cln_safetensors_metadata(file, "training"), *at = strstr(training, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - training), training, to, at + strlen(from));
    const struct cln_safetensors_metadata metadata[] = {
        {"clenet", "0.1.0"}, {"network", network_text}, {"training", text}};
    assert_ok(cln_safetensors_write(path, file->tensors, file->tensor_count, metadata, 3));
    cln_safetensors_destroy(&file);
    return cln_checkpoint_read(checkpoint, path, NULL);
}

#endif
