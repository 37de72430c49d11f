/* For tests/parity/run: trains from a resume point on images of any channels, and predicts logits, through the C API.
 *     parity_helper train CHECKPOINT DATA PREFIX EPOCHS MAX_STEPS DEVICE
 *     parity_helper logits CHECKPOINT DATA FILE BATCH DEVICE
 * DEVICE - stands for the best one. After every epoch, training prints a line of JSON and saves PREFIX.EPOCH.
 * DATA begins with six int32: training images, test images, channels, height, width, classes. The training pixels
 * follow, then their labels, the test pixels and their labels. */
#include <clenet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *read_bytes(FILE *file, size_t count) {
    uint8_t *bytes = malloc(count + 1);
    if (!bytes || fread(bytes, 1, count, file) != count) {
        fprintf(stderr, "parity_helper: the data end too early\n");
        exit(2);
    }
    return bytes;
}

static struct cln_images read_images(FILE *file, size_t count, struct cln_shape shape) {
    const size_t pixels = (size_t)shape.channels * (size_t)shape.height * (size_t)shape.width;
    struct cln_images images = {.count = count, .shape = shape};
    images.pixels = read_bytes(file, count * pixels);
    uint8_t *labels = read_bytes(file, count);
    images.labels = malloc(count * sizeof *images.labels);
    for (size_t i = 0; images.labels && i < count; i++)
        images.labels[i] = labels[i];
    free(labels);
    return images;
}

/* Until the program ends. */
static struct cln_dataset *read_data(const char *path) {
    static struct cln_dataset data;
    int32_t head[6];
    FILE *file = fopen(path, "rb");
    if (!file || fread(head, sizeof head, 1, file) != 1) {
        fprintf(stderr, "parity_helper: cannot read %s\n", path);
        exit(2);
    }
    const struct cln_shape shape = {head[2], head[3], head[4]};
    snprintf(data.name, sizeof data.name, "parity");
    data.class_count = head[5];
    data.train = read_images(file, (size_t)head[0], shape);
    data.test = read_images(file, (size_t)head[1], shape);
    fclose(file);
    return &data;
}

static const char *device_of(const char *word) {
    return strcmp(word, "-") == 0 ? NULL : word;
}

static enum cln_status train_epoch(struct cln_trainer *trainer, const char *prefix, int number, bool *stopped) {
    struct cln_epoch e;
    char path[4096];
    const enum cln_status status = cln_trainer_epoch(trainer, &e);
    if (status != CLN_OK)
        return status;
    printf("{\"event\":\"epoch\",\"epoch\":%d,\"loss\":%.9g,\"train_accuracy\":%.9g,\"test_loss\":%.9g,"
           "\"test_accuracy\":%.9g,\"stopped\":%s}\n",
           e.epoch, e.train.loss, e.train.accuracy, e.test.loss, e.test.accuracy, e.stopped ? "true" : "false");
    *stopped = e.stopped;
    snprintf(path, sizeof path, "%s.%d", prefix, number);
    return cln_trainer_save(trainer, path);
}

static enum cln_status train(char **argv) {
    struct cln_checkpoint *checkpoint = NULL;
    struct cln_trainer *trainer = NULL;
    enum cln_status status = cln_checkpoint_read(&checkpoint, argv[2], NULL);
    if (status != CLN_OK)
        return status;
    const int epochs = atoi(argv[5]);
    const struct cln_trainer_params params = {.network = checkpoint->network,
                                              .data = read_data(argv[3]),
                                              .session.device = device_of(argv[7]),
                                              .session.no_guard = true,
                                              .session.no_cache = true,
                                              .batch_size = checkpoint->training->batch_size,
                                              .resize = checkpoint->resize,
                                              .standardize = checkpoint->mean != NULL,
                                              .seed = checkpoint->training->seed,
                                              .optimizer = checkpoint->training->optimizer,
                                              .freeze = checkpoint->training->freeze,
                                              .class_weights = checkpoint->training->class_weights,
                                              .resume = checkpoint,
                                              .max_steps = (size_t)atoi(argv[6])};
    bool stopped = false;
    status = cln_trainer_create(&trainer, &params);
    for (int epoch = 1; epoch <= epochs && status == CLN_OK && !stopped; epoch++)
        status = train_epoch(trainer, argv[4], epoch, &stopped);
    cln_trainer_destroy(&trainer);
    cln_checkpoint_destroy(&checkpoint);
    return status;
}

static enum cln_status write_logits(const char *path, const float *logits, size_t count) {
    FILE *file = fopen(path, "wb");
    const bool good = file && fwrite(logits, sizeof *logits, count, file) == count;
    return file && fclose(file) == 0 && good ? CLN_OK : CLN_IO;
}

static enum cln_status logits(char **argv) {
    struct cln_checkpoint *checkpoint = NULL;
    struct cln_predictor *predictor = NULL;
    enum cln_status status = cln_checkpoint_read(&checkpoint, argv[2], NULL);
    if (status != CLN_OK)
        return status;
    const struct cln_dataset *data = read_data(argv[3]);
    const size_t values = data->test.count * (size_t)checkpoint->network->classes;
    const struct cln_predictor_params params = {.model = checkpoint,
                                                .batch_size = atoi(argv[5]),
                                                .session.device = device_of(argv[6]),
                                                .session.no_cache = true,
                                                .image = data->test.shape};
    float *out = calloc(values + 1, sizeof *out);
    status = out ? cln_predictor_create(&predictor, &params) : CLN_OUT_OF_MEMORY;
    if (status == CLN_OK)
        status = cln_predictor_logits(predictor, data->test.pixels, data->test.count, out);
    if (status == CLN_OK)
        status = write_logits(argv[4], out, values);
    cln_predictor_destroy(&predictor);
    cln_checkpoint_destroy(&checkpoint);
    free(out);
    return status;
}

int main(int argc, char **argv) {
    enum cln_status status = CLN_INVALID;
    if (argc == 8 && strcmp(argv[1], "train") == 0)
        status = train(argv);
    else if (argc == 7 && strcmp(argv[1], "logits") == 0)
        status = logits(argv);
    if (status != CLN_OK)
        fprintf(stderr, "parity_helper: %s: %s\n", cln_status_name(status), cln_error_message());
    return status == CLN_OK ? 0 : 1;
}
