/* clenet export: writes a trained model for other programs, as ONNX or plain safetensors. */
#include <stddef.h>

#include "clenet/checkpoint.h"
#include "src/cli/command.h"
#include "src/cli/model.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/format/fold.h"
#include "src/format/onnx.h"

struct export_options {
    const char *model, *onnx, *safetensors, *network;
    bool fold_batchnorm, fold_standardize;
};

static void report_written(const char *path, const char *format, const struct cln_network *network) {
    if (path != NULL)
        cln_report_result("%s: %s, network %s, %zu layers, %zu parameters", path, format, network->name,
                          network->layer_count, network->parameter_count);
}

/* Writes the files, ONNX first, because more models do not fit it. */
static enum cln_status write_files(const struct export_options *o, const struct cln_checkpoint *model) {
    enum cln_status status = CLN_OK;
    struct cln_checkpoint plain = *model;
    plain.training = NULL; /* other programs cannot use the state of training */
    if (o->onnx != NULL)
        status = cln_onnx_write(o->onnx, model, o->fold_standardize);
    if (status == CLN_OK && o->safetensors != NULL)
        status = cln_checkpoint_write(o->safetensors, &plain);
    if (status == CLN_OK) {
        report_written(o->onnx, "ONNX", model->network);
        report_written(o->safetensors, "safetensors", model->network);
    }
    return status;
}

static enum cln_status export_model(const struct export_options *o) {
    struct cln_checkpoint *model = NULL, *folded = NULL;
    enum cln_status status = cln_model_read(&model, o->model, o->network);
    if (status == CLN_OK && o->fold_batchnorm)
        status = cln_checkpoint_fold(&folded, model);
    if (status == CLN_OK)
        status = write_files(o, folded != NULL ? folded : model);
    cln_checkpoint_destroy(&folded);
    cln_checkpoint_destroy(&model);
    return status;
}

/* Checks conditions between several options. */
static bool options_agree(const struct export_options *o) {
    if (o->onnx == NULL && o->safetensors == NULL) {
        cln_report_error("nothing to write: give --onnx FILE, --safetensors FILE, or both");
        return false;
    }
    if (o->fold_standardize && o->onnx == NULL) {
        cln_report_error(
            "--fold-standardize is an option of --onnx: a safetensors file says in its metadata how pixels "
            "are standardised");
        return false;
    }
    return true;
}

int cln_command_export(const struct cln_command *command, int argc, const char **argv) {
    struct export_options o = {0};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[] = {
        {"MODEL",
         NULL,
         "model.safetensors as 'clenet train --save' writes it",
         CLN_OPTION_OPERAND,
         {.text = &o.model},
         .file = CLN_FILE_INPUT},
        {"onnx",
         "FILE",
         "write the network with its weights as ONNX",
         CLN_OPTION_TEXT,
         {.text = &o.onnx},
         .file = CLN_FILE_OUTPUT,
         .endings = ".onnx"},
        {"safetensors",
         "FILE",
         "write the tensors for PyTorch",
         CLN_OPTION_TEXT,
         {.text = &o.safetensors},
         .file = CLN_FILE_OUTPUT,
         .endings = ".safetensors"},
        {"fold-batchnorm",
         NULL,
         "fold batch norms into the layers before them",
         CLN_OPTION_FLAG,
         {.flag = &o.fold_batchnorm}},
        {"fold-standardize",
         NULL,
         "standardise pixels in the ONNX graph, so that its input is pixels from 0 to 1",
         CLN_OPTION_FLAG,
         {.flag = &o.fold_standardize}},
        {"network",
         "NETWORK",
         "network of a MODEL that holds only tensors, as a name or a file",
         CLN_OPTION_TEXT,
         {.text = &o.network},
         .file = CLN_FILE_NETWORK},
        {0},
    };
    if (cln_options_parse(options, command, argc, argv, &exit_status))
        exit_status = options_agree(&o) ? cln_report_failure(export_model(&o)) : CLN_EXIT_USAGE;
    cln_options_release(options);
    return exit_status;
}
