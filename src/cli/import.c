/* clenet import: converts another program's safetensors file into a model with its network. */
#include <stddef.h>

#include "clenet/checkpoint.h"
#include "src/cli/command.h"
#include "src/cli/model.h"
#include "src/cli/options.h"
#include "src/cli/report.h"

struct import_options {
    const char *file, *network, *save;
    int resize, variance;
};

static enum cln_status read_file(struct cln_checkpoint **model, const struct import_options *o,
                                 const struct cln_option *table) {
    struct cln_network *network = NULL;
    const struct cln_network_params params = cln_model_network_params(table, o->resize, o->variance);
    enum cln_status status = cln_network_load(&network, o->network, &params);
    if (status == CLN_OK)
        status = cln_checkpoint_read(model, o->file, network);
    cln_network_destroy(&network);
    return status;
}

static enum cln_status import_file(const struct import_options *o, const struct cln_option *table) {
    struct cln_checkpoint *model = NULL;
    enum cln_status status = read_file(&model, o, table);
    if (status == CLN_OK) {
        struct cln_checkpoint plain = *model;
        plain.training = NULL; /* keep the model only */
        if (o->resize > 0)
            plain.resize = o->resize;
        status = cln_checkpoint_write(o->save, &plain);
    }
    if (status == CLN_OK)
        cln_report_result("%s: %zu tensors with %zu parameters, of network %s; saved to %s", o->file,
                          model->network->tensor_count, model->network->parameter_count, model->network->name, o->save);
    cln_checkpoint_destroy(&model);
    return status;
}

static bool options_agree(const struct import_options *o) {
    if (o->network == NULL)
        cln_report_error("--network NETWORK is missing: the network of the tensors, built-in or a JSON file");
    else if (o->save == NULL)
        cln_report_error("--save FILE is missing: the file to save the model to");
    return o->network != NULL && o->save != NULL;
}

int cln_command_import(const struct cln_command *command, int argc, const char **argv) {
    struct import_options o = {0};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[] = {
        {"FILE",
         NULL,
         "safetensors file with PyTorch's state-dict names",
         CLN_OPTION_OPERAND,
         {.text = &o.file},
         .file = CLN_FILE_INPUT},
        {"network",
         "NETWORK",
         "built-in network, or a JSON file",
         CLN_OPTION_TEXT,
         {.text = &o.network},
         .file = CLN_FILE_NETWORK},
        {"save",
         "FILE",
         "save the model to FILE",
         CLN_OPTION_TEXT,
         {.text = &o.save},
         .file = CLN_FILE_OUTPUT,
         .endings = ".safetensors"},
        {"resize", "N", "resize images to N x N before the network", CLN_OPTION_INT, {.integer = &o.resize}, 1, 4096},
        {"running-variance",
         "KIND",
         "unbiased or biased",
         CLN_OPTION_CHOICE,
         {.integer = &o.variance},
         .choices = cln_variances},
        {0},
    };
    if (cln_options_parse(options, command, argc, argv, &exit_status))
        exit_status = options_agree(&o) ? cln_report_failure(import_file(&o, options)) : CLN_EXIT_USAGE;
    cln_options_release(options);
    return exit_status;
}
