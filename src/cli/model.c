/* Model files and their options: see model.h. */
#include "src/cli/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/report.h"
#include "src/data/known_sets.h"

const char *const cln_variances[CLN_VARIANCE_COUNT + 1] = {[CLN_UNBIASED] = "unbiased", [CLN_BIASED] = "biased", NULL};

enum cln_status cln_model_read(struct cln_checkpoint **model, const char *path, const char *network) {
    struct cln_network *named = NULL;
    enum cln_status status = CLN_OK;
    *model = NULL;
    if (network != NULL)
        status = cln_network_load(&named, network, NULL);
    if (status == CLN_OK)
        status = cln_checkpoint_read(model, path, named);
    cln_network_destroy(&named);
    return status;
}

struct cln_network_params cln_model_network_params(const struct cln_option *options, int resize, int variance) {
    const bool given = cln_options_given(options, "running-variance");
    return (struct cln_network_params){.height = resize,
                                       .width = resize,
                                       .biased_running_variance = given && variance == CLN_BIASED,
                                       .unbiased_running_variance = given && variance == CLN_UNBIASED};
}

const char **cln_model_class_names(const struct cln_checkpoint *model, const struct cln_dataset *data) {
    const int classes = model->network->classes;
    const char **names = calloc((size_t)classes, sizeof *names);
    for (int k = 0; names != NULL && k < classes; k++)
        names[k] = data->class_names != NULL && k < data->class_count ? data->class_names[k]
                   : model->class_names != NULL                       ? model->class_names[k]
                                                                      : "";
    return names;
}

enum cln_status cln_model_data(const char **name, uint64_t *seed, char memory[CLN_DATA_NAME_BYTES],
                               const struct cln_checkpoint *model, const struct cln_option *options) {
    const struct cln_training_point *training = model->training;
    if (training == NULL)
        return CLN_OK;
    if (!cln_options_given(options, "seed"))
        *seed = training->seed;
    if (cln_options_given(options, "data"))
        return CLN_OK;
    if (strcmp(training->data, "synthetic") == 0)
        snprintf(memory, CLN_DATA_NAME_BYTES, "synthetic:%zu", training->samples);
    else if (cln_known_set_find(training->data) != NULL)
        snprintf(memory, CLN_DATA_NAME_BYTES, "%s", training->data);
    else
        return cln_fail(CLN_INVALID, "%s was trained on the images of a folder named '%s': give its path with --data",
                        model->origin != NULL ? model->origin : "the model", training->data);
    *name = memory;
    return CLN_OK;
}

static int find_class(const struct cln_checkpoint *model, const char *name) {
    for (int k = 0; k < model->network->classes; k++)
        if (strcmp(model->class_names[k], name) == 0)
            return k;
    return -1;
}

static enum cln_status relabel(struct cln_images *images, const int *of_model, const struct cln_dataset *data,
                               const struct cln_checkpoint *model) {
    for (size_t i = 0; i < images->count; i++) {
        const int label = images->labels[i];
        if (of_model[label] < 0)
            return cln_fail(CLN_INVALID,
                            "%s has images of the class '%s', which %s does not know: its classes are '%s', "
                            "'%s' and others",
                            data->name, data->class_names[label], model->origin != NULL ? model->origin : "the model",
                            model->class_names[0], model->class_names[1]);
        images->labels[i] = of_model[label];
    }
    return CLN_OK;
}

enum cln_status cln_model_match_classes(struct cln_dataset *data, const struct cln_checkpoint *model) {
    bool differs = data->class_count > model->network->classes;
    if (data->class_names == NULL || model->class_names == NULL)
        return CLN_OK;
    for (int k = 0; k < data->class_count && !differs; k++)
        differs = strcmp(data->class_names[k], model->class_names[k]) != 0;
    if (!differs)
        return CLN_OK;
    int *of_model = malloc((size_t)data->class_count * sizeof *of_model);
    if (of_model == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %d classes", data->class_count);
    for (int k = 0; k < data->class_count; k++)
        of_model[k] = find_class(model, data->class_names[k]);
    enum cln_status status = relabel(&data->test, of_model, data, model);
    free(of_model);
    if (status != CLN_OK)
        return status;
    cln_report_note("%s has other classes than the model: they are matched by name", data->name);
    data->class_count = model->network->classes;
    data->class_names = (const char *const *)model->class_names;
    return CLN_OK;
}
