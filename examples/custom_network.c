/* Trains a network of one's own by SGD with momentum, with progress, resume points and Ctrl-C. Started again, it
 * resumes.
 *   cc custom_network.c $(pkg-config --cflags --libs clenet) && ./a.out MODEL [DATA [EPOCHS]] */
#include <clenet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char layers[] = "{\"name\": \"custom\", \"input\": [1, 28, 28], \"layers\": ["
                             "  {\"type\": \"Conv2d\", \"out_channels\": 8, \"kernel_size\": 3, \"padding\": 1},"
                             "  {\"type\": \"BatchNorm2d\"}, {\"type\": \"ReLU\"},"
                             "  {\"type\": \"AvgPool2d\", \"kernel_size\": 2},"
                             "  {\"type\": \"Flatten\"},"
                             "  {\"type\": \"Linear\", \"out_features\": 32}, {\"type\": \"BatchNorm1d\"},"
                             "  {\"type\": \"Tanh\"},"
                             "  {\"type\": \"Linear\", \"out_features\": 10}]}";

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* Called a few times a second; returning false stops training after the step. */
static bool on_progress(void *user, const struct cln_progress *p) {
    (void)user;
    fprintf(stderr, "epoch %d: %zu of %zu steps, loss %.4f, %.0f images/s\n", p->epoch, p->step, p->steps, p->loss,
            p->images_per_second);
    return !interrupted;
}

int main(int argc, char **argv) {
    const char *model = argc > 1 ? argv[1] : "custom.safetensors", *source = argc > 2 ? argv[2] : NULL;
    const int epochs = argc > 3 ? atoi(argv[3]) : 5;
    struct cln_network *network = NULL;
    struct cln_dataset *data = NULL;
    struct cln_checkpoint *left = NULL;
    struct cln_trainer *trainer = NULL;
    struct cln_epoch epoch = {0};
    signal(SIGINT, on_interrupt);

    enum cln_status status = cln_network_parse(&network, layers, strlen(layers), "custom_network.c", NULL);
    if (status == CLN_OK)
        status = cln_dataset_load(&data, &(struct cln_dataset_params){.name = source});
    if (status == CLN_OK)
        status = cln_checkpoint_read(&left, model, NULL);
    if (status == CLN_NOT_FOUND)
        status = CLN_OK; /* there is no model yet: the first run */
    if (status == CLN_OK)
        status = cln_trainer_create(&trainer, &(struct cln_trainer_params){
                                                  .network = network,
                                                  .data = data,
                                                  .batch_size = 64,
                                                  .optimizer = {.kind = CLN_SGD, .lr = 0.05, .momentum = 0.9},
                                                  .save = {.path = model, .every_seconds = 10, .best = true},
                                                  .resume = left,
                                                  .progress = on_progress,
                                              });
    while (status == CLN_OK && !interrupted && !epoch.stopped && cln_trainer_epochs(trainer) < epochs) {
        status = cln_trainer_epoch(trainer, &epoch);
        if (status == CLN_OK && !epoch.stopped)
            printf("epoch %d, loss %.4f, test acc %.3f\n", epoch.epoch, epoch.train.loss, epoch.test.accuracy);
    }
    if (status == CLN_OK)
        status = cln_trainer_finish(trainer);

    if (status != CLN_OK)
        fprintf(stderr, "%s: %s\n", cln_status_name(status), cln_error_message());
    cln_trainer_destroy(&trainer);
    cln_checkpoint_destroy(&left);
    cln_dataset_destroy(&data);
    cln_network_destroy(&network);
    return status == CLN_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
