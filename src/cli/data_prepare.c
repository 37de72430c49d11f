/* clenet data prepare: writes a data set as one file of decoded pictures. */
#include <stdlib.h>

#include "src/base/json_text.h"
#include "src/cli/command.h"
#include "src/cli/data_set.h"
#include "src/cli/recipe.h"
#include "src/cli/report.h"
#include "src/model/picture_words.h"

struct prepare_options {
    struct cln_data_set set;
    const char *output;
};

static enum cln_status prepare(const struct prepare_options *o, const struct cln_option *table) {
    struct cln_dataset_params params;
    struct cln_dataset *data = NULL;
    json_t *made = cln_recipe_of(table);
    char *text = NULL;
    enum cln_status status = cln_data_set_params(&params, &o->set);
    if (status == CLN_OK && json_object_set_new(made, "data", cln_json_text(params.name)) == 0)
        text = cln_json_dump(made, JSON_COMPACT | JSON_REAL_PRECISION(cln_json_digits(made, 1)));
    if (status == CLN_OK && text == NULL)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the options");
    if (status == CLN_OK)
        status = cln_dataset_load(&data, &params);
    if (status == CLN_OK)
        status = cln_dataset_write(data, o->output, text);
    if (status == CLN_OK) {
        const struct cln_shape s = data->train.shape;
        cln_report_result("%s: %s, %zu training and %zu test images of %d x %d x %d, %s, %d classes, SHA-256 %.16s",
                          o->output, data->name, data->train.count, data->test.count, s.channels, s.height, s.width,
                          cln_pixel_type_words[data->train.type], data->class_count, data->digest);
    }
    cln_dataset_destroy(&data);
    json_decref(made);
    free(text);
    return status;
}

int cln_command_data_prepare(const struct cln_command *command, int argc, const char **argv) {
    struct prepare_options o = {.output = NULL};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[CLN_MOST_OPTIONS] = {
        {"output",
         "FILE",
         "write the data set to FILE, a safetensors file",
         CLN_OPTION_TEXT,
         {.text = &o.output},
         .file = CLN_FILE_OUTPUT,
         .endings = ".safetensors",
         .letter = 'o',
         .of_run = true},
        {0},
    };
    cln_data_set_add(options, &o.set);
    if (cln_options_parse(options, command, argc, argv, &exit_status)) {
        exit_status = CLN_EXIT_USAGE;
        if (o.output == NULL)
            cln_report_error("--output FILE is missing: the file to write the data set to");
        else
            exit_status = cln_report_failure(prepare(&o, options));
    }
    cln_options_release(options);
    return exit_status;
}
