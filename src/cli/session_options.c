/* See session_options.h. */
#include "src/cli/session_options.h"

#include "src/cli/report.h"
#include "src/cli/self.h"

void cln_session_options_add(struct cln_option *table, struct cln_session_options *o, unsigned set) {
    struct cln_session_params *p = &o->params;
    const struct cln_option rows[] = {
        {"device", "DEVICE", "gpu, cpu, accelerator, P:D, or part of a name", CLN_OPTION_TEXT, {.text = &p->device}},
        {"profile-file",
         "FILE",
         "tuning values that win over all others",
         CLN_OPTION_TEXT,
         {.text = &p->profile_file},
         .file = CLN_FILE_PROFILE},
        {"safe",
         NULL,
         "keep to what every driver gets right: short for --profile-file safe",
         CLN_OPTION_PRESET,
         {.text = &p->profile_file},
         .preset = "safe"},
        {"kernels",
         "FOLDER",
         "read kernels from here, not the built-in ones",
         CLN_OPTION_TEXT,
         {.text = &p->kernel_folder},
         .file = CLN_FILE_KERNELS},
        {"no-guard", NULL, "train without checking the device first", CLN_OPTION_FLAG, {.flag = &p->no_guard}},
        {"no-cache", NULL, "build all kernels, keep none on disk", CLN_OPTION_FLAG, {.flag = &p->no_cache}},
        {"no-command-buffer", NULL, "launch one by one", CLN_OPTION_FLAG, {.flag = &o->no_command_buffer}},
        {"plain", NULL, "print progress as lines of their own", CLN_OPTION_FLAG, {.flag = cln_report_plain()}},
        {"strict", NULL, "sum in one order: the same bits on every device", CLN_OPTION_FLAG, {.flag = &p->strict}},
    };
    _Static_assert(sizeof rows / sizeof *rows == CLN_SESSION_ROW_COUNT, "a bit for every row");
    while (table->name)
        table++;
    for (size_t i = 0; i < CLN_SESSION_ROW_COUNT; i++)
        if (set & 1u << i) {
            *table = rows[i];
            table++->of_run = 1u << i != CLN_ROW_STRICT; /* which results depend on */
        }
    *table = (struct cln_option){.name = NULL};
}

struct cln_session_params cln_session_options_params(const struct cln_session_options *o) {
    struct cln_session_params params = o->params;
    params.replay = o->no_command_buffer ? CLN_REPLAY_OFF : CLN_REPLAY_PROFILE;
    params.builder = cln_self_helper_command();
    return params;
}
