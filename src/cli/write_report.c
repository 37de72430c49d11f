/* clenet report: a page about a training, from its log and its model. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clenet/log.h"
#include "clenet/text.h"
#include "src/cli/command.h"
#include "src/cli/data_options.h"
#include "src/cli/model.h"
#include "src/cli/options.h"
#include "src/cli/page.h"
#include "src/cli/report.h"
#include "src/cli/session_options.h"
#include "src/report/findings.h"

struct report_options {
    struct cln_session_options session;
    const char *const *files;
    struct cln_data_options data;
    const char *output, *network;
    int batch_size;
    bool timings;
};

struct report {
    struct report_options *o;
    const struct cln_option *table;
    struct cln_runs runs;
    size_t main;       /* the last run of the first log */
    const char *model; /* path; NULL: none */
    bool is_named;     /* it is named by the command line, not by the log */
    struct cln_checkpoint *checkpoint;
    struct cln_findings *findings;
    char trouble[512];
};

/* Whether a file begins as safetensors do: with the length of a header in eight bytes, and the header. */
static bool is_model(const char *path) {
    unsigned char begin[9] = {0};
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return false; /* a pipe is read once */
    FILE *file = fopen(path, "re");
    const bool is_long = file != NULL && fread(begin, 1, sizeof begin, file) == sizeof begin;
    if (file != NULL)
        fclose(file);
    return is_long && begin[7] == 0 && begin[8] == '{';
}

static enum cln_status read_files(struct report *r) {
    enum cln_status status = CLN_OK;
    for (const char *const *path = r->o->files; *path != NULL && status == CLN_OK; path++) {
        if (!is_model(*path)) {
            const bool is_first = r->runs.count == 0;
            status = cln_runs_read(&r->runs, *path);
            r->main = is_first && status == CLN_OK ? r->runs.count - 1 : r->main;
        } else if (r->model != NULL) {
            status = cln_fail(CLN_INVALID, "both %s and %s are models: a report is about one", r->model, *path);
        } else {
            r->model = *path;
            r->is_named = true;
        }
    }
    if (status == CLN_OK && r->runs.count == 0)
        return cln_fail(CLN_INVALID, "%s is a model: a report needs the log of its training, too (clenet train --log)",
                        r->model);
    return status;
}

/* The model that the log says was saved, if it is still there. */
static void find_model(struct report *r) {
    const char *saved = cln_event_text(r->runs.list[r->main].end, "saved");
    if (r->model != NULL || saved[0] == '\0')
        return;
    if (access(saved, F_OK) == 0)
        r->model = saved;
    else
        cln_text_format(r->trouble, sizeof r->trouble, "%s, which the training saved, is not there from this folder",
                        saved);
}

/* The data that the log names. Its seed is that of synthetic images. */
static enum cln_status find_data(struct cln_dataset **data, const struct report *r) {
    const json_t *options = json_object_get(r->runs.list[r->main].start, "options");
    const struct cln_checkpoint *model = r->checkpoint;
    struct cln_data_options *o = &r->o->data;
    struct cln_dataset_params params;
    char memory[CLN_DATA_NAME_BYTES];
    const bool is_logged = !cln_options_given(r->table, "data") && cln_event_text(options, "data")[0] != '\0';
    uint64_t seed = (uint64_t)json_integer_value(json_object_get(options, "seed"));
    cln_data_options_logged(o, r->table, options);
    cln_data_options_resume(o, r->table, model);
    enum cln_status status = is_logged ? CLN_OK : cln_model_data(&o->name, &seed, memory, model, r->table);
    if (status == CLN_OK && cln_files_same(r->o->output, o->name))
        status = cln_fail(CLN_INVALID, "the page would replace the data '%s': choose another name (-o)", o->name);
    if (status == CLN_OK)
        status = cln_data_options_params(&params, o, seed, model->resize > 0 ? NULL : &model->network->input);
    return status == CLN_OK ? cln_dataset_open(data, &params) : status;
}

/* Adds to the trouble what the log says otherwise than the model. */
static void compare_texts(struct report *r, const char *name, const char *logged, const char *there) {
    const size_t used = strlen(r->trouble);
    if (logged[0] != '\0' && strcmp(logged, there) != 0)
        cln_text_format(r->trouble + used, sizeof r->trouble - used, "%s%s %s in the log, %s in the model",
                        used > 0 ? "; " : "", name, logged, there);
}

static void compare_numbers(struct report *r, const char *name, const json_t *logged, uint64_t there) {
    char texts[2][24] = {"", ""};
    if (json_is_integer(logged))
        snprintf(texts[0], sizeof texts[0], "%" PRIu64, (uint64_t)json_integer_value(logged));
    snprintf(texts[1], sizeof texts[1], "%" PRIu64, there);
    compare_texts(r, name, texts[0], texts[1]);
}

/* Warns of a model that the log's training has not made. A model without a state of training may be a folded one, of
 * fewer parameters. */
static void compare_with_log(struct report *r) {
    const json_t *start = r->runs.list[r->main].start, *options = json_object_get(start, "options");
    const struct cln_training_point *training = r->checkpoint->training;
    const struct cln_network *network = r->checkpoint->network;
    compare_texts(r, "network", cln_event_text(start, "network"), network->name);
    compare_numbers(r, "classes", json_object_get(start, "classes"), (uint64_t)network->classes);
    if (training != NULL) {
        compare_numbers(r, "parameters", json_object_get(start, "parameters"), network->parameter_count);
        compare_texts(r, "data", cln_event_text(start, "data"), training->data);
        compare_numbers(r, "seed", json_object_get(options, "seed"), training->seed);
    }
    if (r->trouble[0] != '\0')
        cln_log(CLN_LOG_WARNING, "%s is the model of another training than that of %s: %-s", r->model,
                r->runs.list[r->main].name, r->trouble);
}

static enum cln_status measure_kernels(struct report *r, const struct cln_session_params *session) {
    enum { SECONDS = 1 };
    struct cln_benchmark_params params = {.network = r->checkpoint->network,
                                          .session = *session,
                                          .batch_sizes = &r->o->batch_size,
                                          .batch_size_count = 1,
                                          .seconds = SECONDS};
    params.session.builder = NULL; /* the kernels of a benchmark are built once each */
    cln_report_live("measuring kernels");
    const enum cln_status status = cln_benchmark_create(&r->findings->benchmark, &params);
    cln_report_live("");
    return status;
}

static enum cln_status examine(struct report *r) {
    struct cln_dataset *data = NULL;
    struct cln_trainer *trainer = NULL;
    const char **names = NULL;
    enum cln_status status = cln_model_read(&r->checkpoint, r->model, r->o->network);
    if (status != CLN_OK)
        return status;
    struct cln_trainer_params params = {
        .network = r->checkpoint->network,
        .session = cln_session_options_params(&r->o->session),
        .batch_size = r->o->batch_size,
        .resize = r->checkpoint->resize,
        .standardize = r->checkpoint->mean != NULL,
        .evaluate_only = true,
    };
    if (cln_trainer_builds())
        return cln_trainer_build(&params);
    compare_with_log(r);
    status = find_data(&data, r);
    if (status == CLN_OK && data->test.count == 0)
        status = cln_fail(CLN_INVALID, "%s has no test images to examine the model with", data->name);
    if (status == CLN_OK)
        status = cln_model_match_classes(data, r->checkpoint);
    params.data = data;
    if (status == CLN_OK)
        status = cln_trainer_create(&trainer, &params);
    if (status == CLN_OK)
        status = cln_trainer_set_model(trainer, r->checkpoint);
    if (status == CLN_OK && (names = cln_model_class_names(r->checkpoint, data)) == NULL)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the names of classes");
    if (status == CLN_OK)
        status = cln_findings_create(
            &r->findings, &(struct cln_findings_params){
                              .trainer = trainer, .model = r->checkpoint, .data = data, .class_names = names});
    free(names);
    cln_trainer_destroy(&trainer);
    cln_dataset_destroy(&data);
    return status == CLN_OK && r->o->timings ? measure_kernels(r, &params.session) : status;
}

static enum cln_status write_report(struct report_options *o, const struct cln_option *table) {
    struct report r = {.o = o, .table = table};
    enum cln_status status = read_files(&r);
    if (status == CLN_OK)
        find_model(&r);
    if (status == CLN_OK && r.model != NULL && cln_files_same(o->output, r.model)) {
        status = cln_fail(CLN_INVALID, "the page would replace the model '%s': choose another name (-o)", r.model);
        cln_runs_release(&r.runs);
        return status;
    }
    if (status == CLN_OK && r.model != NULL)
        status = examine(&r);
    if (status != CLN_OK && r.model != NULL && !r.is_named) {
        cln_text_format(r.trouble, sizeof r.trouble, "%-s", cln_error_message());
        cln_report_note("the report is without the model: %-s", r.trouble);
        status = CLN_OK;
    } else if (status == CLN_OK && r.model == NULL && o->timings) {
        cln_report_note("--timings needs the model: the report is without it");
    }
    if (status == CLN_OK && !cln_trainer_builds())
        status = cln_page_save(o->output, &r.runs, r.main, r.findings, r.trouble[0] != '\0' ? r.trouble : NULL);
    cln_findings_destroy(&r.findings);
    cln_checkpoint_destroy(&r.checkpoint);
    cln_runs_release(&r.runs);
    return status;
}

int cln_command_report(const struct cln_command *command, int argc, const char **argv) {
    struct report_options o = {.output = "report.html", .data = {.name = "fashion-mnist"}, .batch_size = 256};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[CLN_MOST_OPTIONS] = {
        {"FILE",
         NULL,
         "logs of 'clenet train --log', the first to report on, others to compare; and one model",
         CLN_OPTION_OPERANDS,
         {.list = &o.files},
         .file = CLN_FILE_INPUT},
        {"output",
         "FILE",
         "the page to write",
         CLN_OPTION_TEXT,
         {.text = &o.output},
         .file = CLN_FILE_OUTPUT,
         .endings = ".html or .htm",
         .letter = 'o'},
        {"network",
         "NETWORK",
         "network of a model that holds only tensors, as a name or a file",
         CLN_OPTION_TEXT,
         {.text = &o.network},
         .file = CLN_FILE_NETWORK},
        {"batch-size", "N", "images per batch", CLN_OPTION_INT, {.integer = &o.batch_size}, 1, 65536},
        {"timings", NULL, "measure the time per kernel, some seconds", CLN_OPTION_FLAG, {.flag = &o.timings}},
        {0},
    };
    cln_data_options_add(options, &o.data);
    cln_session_options_add(options, &o.session,
                            CLN_ROW_DEVICE | CLN_ROW_PROFILE | CLN_ROW_SAFE | CLN_ROW_STRICT | CLN_ROW_KERNELS |
                                CLN_ROW_CACHE | CLN_ROW_COMMAND_BUFFER);
    if (cln_options_parse(options, command, argc, argv, &exit_status))
        exit_status = cln_report_failure(write_report(&o, options));
    cln_options_release(options);
    return exit_status;
}
