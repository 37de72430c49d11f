/* clenet evaluate: loss and accuracy of a saved model, in prediction mode. */
#include <stdio.h>
#include <stdlib.h>

#include "src/cli/command.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/cli/self.h"
#include "src/data/dataset.h"
#include "src/format/checkpoint.h"
#include "src/model/network.h"
#include "src/train/trainer.h"

struct evaluate_options {
    const char *model, *network, *data, *device, *profile_file, *kernels;
    int batch_size;
    uint64_t seed;
    bool confusion, offline, no_cache, no_command_buffer;
};

/* Rows are labels, columns predictions; the last column is the share of the row that was right. */
static void print_confusion(const size_t *confusion, const struct cln_dataset *data) {
    int classes = data->class_count;
    printf("\n%-4s%-12s", "", "predicted");
    for (int i = 0; i < classes; i++)
        printf(" %6d", i);
    printf("  recall\n");
    for (int label = 0; label < classes; label++) {
        const size_t *row = confusion + (size_t)label * (size_t)classes;
        size_t total = 0;
        printf("%3d %-12s", label, data->class_names != NULL ? data->class_names[label] : "");
        for (int i = 0; i < classes; i++) {
            printf(" %6zu", row[i]);
            total += row[i];
        }
        if (total > 0)
            printf("  %6.3f\n", (double)row[label] / (double)total);
        else
            printf("  %6s\n", "-");
    }
}

/* The network the file speaks of; of a file that has the tensors only: the one the user names. */
static enum cln_status read_model(struct cln_checkpoint **model, const struct evaluate_options *o) {
    struct cln_network *network = NULL;
    enum cln_status status = CLN_OK;
    if (o->network != NULL)
        status = cln_network_load(&network, o->network, NULL);
    if (status == CLN_OK)
        status = cln_checkpoint_read(model, o->model, network);
    cln_network_destroy(&network);
    return status;
}

static enum cln_status evaluate(const struct evaluate_options *o) {
    struct cln_checkpoint *model = NULL;
    struct cln_dataset *data = NULL;
    struct cln_trainer *trainer = NULL;
    struct cln_metrics metrics = {0};
    size_t *confusion = NULL;

    enum cln_status status = read_model(&model, o);
    if (status != CLN_OK)
        goto out;
    struct cln_trainer_params params = {
        .network = model->network,
        .release_pixels = true,
        .device = o->device,
        .profile_file = o->profile_file,
        .kernel_folder = o->kernels,
        .no_cache = o->no_cache,
        .replay = o->no_command_buffer ? CLN_REPLAY_OFF : CLN_REPLAY_PROFILE,
        .builder = cln_self_command(),
        .batch_size = o->batch_size,
        .resize = model->resize,
        .standardize = model->mean != NULL,
        .evaluate_only = true,
    };
    if (cln_trainer_builds()) {
        status = cln_trainer_build(&params);
        goto out;
    }
    status =
        cln_dataset_open(&data, &(struct cln_dataset_params){.name = o->data, .offline = o->offline, .seed = o->seed});
    if (status != CLN_OK)
        goto out;
    confusion = calloc((size_t)data->class_count * (size_t)data->class_count, sizeof *confusion);
    if (confusion == NULL) {
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the confusion matrix");
        goto out;
    }
    params.data = data;
    status = cln_trainer_create(&trainer, &params);
    if (status != CLN_OK)
        goto out;
    cln_report_note("%s", cln_trainer_device(trainer));
    status = cln_trainer_load(trainer, o->model);
    if (status != CLN_OK)
        goto out;
    status = cln_trainer_evaluate(trainer, &metrics, o->confusion ? confusion : NULL);
    if (status != CLN_OK)
        goto out;
    cln_report_result("%s, %zu test images: loss %.4f, accuracy %.4f", data->name, metrics.samples, metrics.loss,
                      metrics.accuracy);
    if (o->confusion)
        print_confusion(confusion, data);
out:
    free(confusion);
    cln_trainer_destroy(&trainer);
    cln_dataset_destroy(&data);
    cln_checkpoint_destroy(&model);
    return status;
}

int cln_command_evaluate(const struct cln_command *command, int argc, const char **argv) {
    struct evaluate_options o = {.data = "fashion-mnist", .batch_size = 256};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[] = {
        {"MODEL", NULL, "model.safetensors as 'clenet train --save' writes it", CLN_OPTION_OPERAND, {.text = &o.model}},
        {"data", "NAME", "as for 'clenet train'", CLN_OPTION_TEXT, {.text = &o.data}},
        {"network", "NETWORK", "of a file that holds the tensors only", CLN_OPTION_TEXT, {.text = &o.network}},
        {"device", "DEVICE", "as for 'clenet train'", CLN_OPTION_TEXT, {.text = &o.device}},
        {"batch-size", "N", "images per batch", CLN_OPTION_INT, {.integer = &o.batch_size}, 1, 65536},
        {"seed", "N", "of the synthetic data", CLN_OPTION_NATURAL, {.natural = &o.seed}, 0, 9007199254740992.0},
        {"confusion", NULL, "print how often which class is taken for which", CLN_OPTION_FLAG, {.flag = &o.confusion}},
        {"offline", NULL, "never download data", CLN_OPTION_FLAG, {.flag = &o.offline}},
        {"profile-file", "FILE", "as for 'clenet train'", CLN_OPTION_TEXT, {.text = &o.profile_file}},
        {"safe", NULL, "as for 'clenet train'", CLN_OPTION_PRESET, {.text = &o.profile_file}, .preset = "safe"},
        {"kernels", "FOLDER", "as for 'clenet train'", CLN_OPTION_TEXT, {.text = &o.kernels}},
        {"no-cache", NULL, "as for 'clenet train'", CLN_OPTION_FLAG, {.flag = &o.no_cache}},
        {"no-command-buffer", NULL, "as for 'clenet train'", CLN_OPTION_FLAG, {.flag = &o.no_command_buffer}},
        {0},
    };
    if (cln_options_parse(options, command, argc, argv, &exit_status))
        exit_status = cln_report_failure(evaluate(&o));
    cln_options_release(options);
    return exit_status;
}
