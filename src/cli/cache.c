/* clenet cache: shows or deletes the built kernels on disk. */
#include <stdlib.h>

#include "host/program_cache.h"
#include "src/cli/command.h"
#include "src/cli/options.h"
#include "src/cli/report.h"

static enum cln_status show_cache(const char *folder, bool clear) {
    struct ocl_program_cache *cache = NULL;
    struct ocl_program_cache_usage usage = {0}, left = {0};
    enum cln_status status = ocl_program_cache_open(&cache, folder);
    if (status == CLN_OK)
        usage = ocl_program_cache_measure(cache);
    if (status == CLN_OK && clear) {
        ocl_program_cache_trim(cache, 0);
        left = ocl_program_cache_measure(cache);
    }
    ocl_program_cache_close(&cache);
    if (left.bytes > 0)
        return cln_fail(CLN_IO, "%s: %zu programs could not be deleted", folder, left.programs);
    if (status != CLN_OK && status != CLN_NOT_FOUND)
        return status;
    cln_report_result("%s: %s%zu programs, %.1f MB", folder, clear ? "removed " : "", usage.programs,
                      (double)usage.bytes / 1e6);
    return CLN_OK;
}

int cln_command_cache(const struct cln_command *command, int argc, const char **argv) {
    bool clear = false;
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[] = {
        {"clear", NULL, "delete all built kernels", CLN_OPTION_FLAG, {.flag = &clear}},
        {0},
    };
    if (cln_options_parse(options, command, argc, argv, &exit_status)) {
        char *folder = ocl_program_cache_folder();
        exit_status = cln_report_failure(
            folder ? show_cache(folder, clear)
                   : cln_fail(CLN_NOT_FOUND, "no folder for built kernels: set CLENET_CACHE_DIR or HOME"));
        free(folder);
    }
    cln_options_release(options);
    return exit_status;
}
