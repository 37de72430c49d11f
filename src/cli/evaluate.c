/* clenet evaluate: loss and accuracy of a saved model on the test images, in prediction mode, and results per class. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/dataset.h"
#include "clenet/text.h"
#include "clenet/trainer.h"
#include "src/base/replace.h"
#include "src/cli/command.h"
#include "src/cli/data_options.h"
#include "src/cli/model.h"
#include "src/cli/options.h"
#include "src/cli/predictions.h"
#include "src/cli/progress.h"
#include "src/cli/report.h"
#include "src/cli/session_options.h"

struct evaluate_options {
    struct cln_session_options session;
    struct cln_data_options data;
    const char *model, *network, *predictions;
    int batch_size;
    uint64_t seed;
    bool confusion;
};

/* The width of the widest name, limited to fit a terminal. */
static int widest(const char *const *names, int classes) {
    enum { LEAST = 12, MOST = 40 };
    size_t width = LEAST;
    for (int k = 0; k < classes; k++)
        width = cln_text_columns(names[k]) > width ? cln_text_columns(names[k]) : width;
    return width < MOST ? (int)width : MOST;
}

/* Prints a share as a column; - for 0 / 0. precision = TP / (TP + FP), recall = TP / (TP + FN), F1 = 2 TP / (2 TP + FP
 * + FN). */
static void print_share(size_t part, size_t whole) {
    if (whole > 0)
        cln_report_text(" %10.3f", (double)part / (double)whole);
    else
        cln_report_text(" %10s", "-");
}

static size_t images_of(const struct cln_dataset *data, size_t class) {
    size_t count = 0;
    for (size_t n = 0; n < data->test.count; n++)
        count += (size_t)data->test.labels[n] == class;
    return count;
}

/* The number of classes to show: labels of training images may exceed the network's classes. */
static int shown_classes(const struct cln_dataset *data, const struct cln_network *network) {
    return data->class_count < network->classes ? data->class_count : network->classes;
}

static void print_classes(const size_t *confusion, const struct cln_dataset *data, const struct cln_network *network,
                          const char *const *names) {
    const size_t classes = (size_t)data->class_count, shown = (size_t)shown_classes(data, network);
    const int width = widest(names, (int)shown);
    cln_report_text("\n%-*s %10s %10s %10s %10s\n", 4 + width, "class", "images", "precision", "recall", "F1");
    for (size_t k = 0; k < shown; k++) {
        const size_t right = confusion[k * classes + k];
        const size_t labelled = images_of(data, k);
        size_t predicted = 0;
        for (size_t i = 0; i < classes; i++)
            predicted += confusion[i * classes + k];
        cln_report_text("%3zu %-*s %10zu", k, width, names[k], labelled);
        print_share(right, predicted);
        print_share(right, labelled);
        print_share(2 * right, labelled + predicted);
        cln_report_text("\n");
    }
}

/* Prints the confusion matrix: rows are labels, columns predictions, and the last column is the share of correct ones.
 * Predictions of classes that the data set does not have are counted as "other". */
static void print_confusion(const size_t *confusion, const struct cln_dataset *data, const struct cln_network *network,
                            const char *const *names) {
    const size_t classes = (size_t)data->class_count, shown = (size_t)shown_classes(data, network);
    const int width = widest(names, (int)shown);
    const bool has_others = network->classes > data->class_count;
    cln_report_text("\n%-4s%-*s", "", width, "predicted");
    for (size_t i = 0; i < shown; i++)
        cln_report_text(" %6zu", i);
    cln_report_text("%s      recall\n", has_others ? "  other" : "");
    for (size_t label = 0; label < shown; label++) {
        const size_t *row = confusion + label * classes, labelled = images_of(data, label);
        size_t others = labelled;
        cln_report_text("%3zu %-*s", label, width, names[label]);
        for (size_t i = 0; i < shown; i++) {
            cln_report_text(" %6zu", row[i]);
            others -= row[i];
        }
        if (has_others)
            cln_report_text(" %6zu", others);
        print_share(row[label], labelled);
        cln_report_text("\n");
    }
}

static enum cln_status evaluate(struct evaluate_options *o, const struct cln_option *table_of_options) {
    char data_name[CLN_DATA_NAME_BYTES];
    struct cln_checkpoint *model = NULL;
    struct cln_dataset *data = NULL;
    struct cln_trainer *trainer = NULL;
    struct cln_metrics metrics = {0};
    struct cln_replacement table = {0};
    size_t *confusion = NULL;
    const char **names = NULL;

    enum cln_status status = cln_model_read(&model, o->model, o->network);
    if (status != CLN_OK)
        goto out;
    struct cln_trainer_params params = {
        .network = model->network,
        .release_pixels = true,
        .session = cln_session_options_params(&o->session),
        .batch_size = o->batch_size,
        .resize = model->resize,
        .standardize = model->mean != NULL,
        .evaluate_only = true,
    };
    if (cln_trainer_builds()) {
        status = cln_trainer_build(&params);
        goto out;
    }
    cln_data_options_resume(&o->data, table_of_options, model);
    status = cln_model_data(&o->data.name, &o->seed, data_name, model, table_of_options);
    if (status == CLN_OK && o->predictions != NULL)
        status = cln_replace_begin(&table, o->predictions);
    if (status != CLN_OK)
        goto out;
    struct cln_dataset_params source;
    status = cln_data_options_params(&source, &o->data, o->seed, model->resize > 0 ? NULL : &model->network->input);
    if (status == CLN_OK)
        status = cln_dataset_open(&data, &source);
    if (status == CLN_OK && data->test.count == 0)
        status = cln_fail(CLN_INVALID, "%s has no test images: --test X sets some of its images aside", o->data.name);
    if (status == CLN_OK)
        status = cln_model_match_classes(data, model);
    if (status != CLN_OK)
        goto out;
    confusion = calloc((size_t)data->class_count * (size_t)data->class_count, sizeof *confusion);
    names = cln_model_class_names(model, data);
    if (confusion == NULL || names == NULL) {
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the confusion matrix");
        goto out;
    }
    params.data = data;
    status = cln_trainer_create(&trainer, &params);
    if (status != CLN_OK)
        goto out;
    cln_report_note("%s", cln_trainer_device(trainer));
    status = cln_trainer_set_model(trainer, model);
    if (status != CLN_OK)
        goto out;
    status = cln_trainer_evaluate(trainer, &metrics, confusion);
    if (status != CLN_OK)
        goto out;
    cln_report_result("%s, %zu test images: loss %.4f, accuracy %.4f", data->name, metrics.samples, metrics.loss,
                      metrics.accuracy);
    print_classes(confusion, data, model->network, names);
    if (o->confusion)
        print_confusion(confusion, data, model->network, names);
    if (o->predictions == NULL)
        goto out;
    status = cln_predictions_write(table.stream, trainer, &data->test, names, (size_t)model->network->classes);
    if (status == CLN_OK)
        status = cln_replace_commit(&table);
out:
    cln_replace_end(&table);
    free(confusion);
    free(names);
    cln_trainer_destroy(&trainer);
    cln_dataset_destroy(&data);
    cln_checkpoint_destroy(&model);
    return status;
}

int cln_command_evaluate(const struct cln_command *command, int argc, const char **argv) {
    struct evaluate_options o = {.data = {.name = "fashion-mnist"}, .batch_size = 256};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[CLN_MOST_OPTIONS] = {
        {"MODEL",
         NULL,
         "model.safetensors as 'clenet train --save' writes it",
         CLN_OPTION_OPERAND,
         {.text = &o.model},
         .file = CLN_FILE_INPUT},
        {"network",
         "NETWORK",
         "network of a MODEL that holds only tensors, as a name or a file",
         CLN_OPTION_TEXT,
         {.text = &o.network},
         .file = CLN_FILE_NETWORK},
        {"batch-size", "N", "images per batch", CLN_OPTION_INT, {.integer = &o.batch_size}, 1, 65536},
        {"seed", "N", "seed of the synthetic data", CLN_OPTION_NATURAL, {.natural = &o.seed}, 0, 9007199254740992.0},
        {"confusion", NULL, "print the confusion matrix", CLN_OPTION_FLAG, {.flag = &o.confusion}},
        {"predictions",
         "FILE",
         "write the predicted class of every image as CSV",
         CLN_OPTION_TEXT,
         {.text = &o.predictions},
         .file = CLN_FILE_OUTPUT,
         .endings = ".csv or .txt"},
        {0},
    };
    cln_data_options_add(options, &o.data);
    cln_session_options_add(options, &o.session,
                            CLN_ROW_DEVICE | CLN_ROW_PROFILE | CLN_ROW_SAFE | CLN_ROW_STRICT | CLN_ROW_KERNELS |
                                CLN_ROW_CACHE | CLN_ROW_COMMAND_BUFFER);
    if (cln_options_parse(options, command, argc, argv, &exit_status))
        exit_status = cln_report_failure(evaluate(&o, options));
    cln_options_release(options);
    return exit_status;
}
