/* Model files and their options: see model.h. */
#include "src/cli/model.h"

#include <stdio.h>
#include <string.h>

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
