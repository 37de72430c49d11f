/* clenet summary: prints a network; needs no device. */
#include <stdio.h>

#include "clenet/network.h"
#include "src/cli/command.h"
#include "src/cli/options.h"
#include "src/cli/report.h"

int cln_command_summary(const struct cln_command *command, int argc, const char **argv) {
    const char *name = "bn-lenet";
    bool python = false, layers = false;
    int batch_size = 256, resize = 0, exit_status = CLN_EXIT_OK;
    struct cln_option options[] = {
        {"NETWORK",
         NULL,
         "built-in network, or a JSON file",
         CLN_OPTION_OPERAND,
         {.text = &name},
         .file = CLN_FILE_NETWORK},
        {"batch-size",
         "N",
         "batch size that bytes are counted for",
         CLN_OPTION_INT,
         {.integer = &batch_size},
         1,
         65536},
        {"resize", "N", "side length of the images", CLN_OPTION_INT, {.integer = &resize}, 1, 4096},
        {"python", NULL, "print the network as a torch.nn.Sequential instead", CLN_OPTION_FLAG, {.flag = &python}},
        {"layers", NULL, "list the layer types and their options instead", CLN_OPTION_FLAG, {.flag = &layers}},
        {0},
    };
    struct cln_network *network = NULL;
    if (cln_options_parse(options, command, argc, argv, &exit_status)) {
        const struct cln_network_params params = {.height = resize, .width = resize};
        enum cln_status status = layers ? CLN_OK : cln_network_load(&network, name, &params);
        if (layers)
            cln_network_print_layers(stdout);
        else if (status == CLN_OK && python)
            cln_network_print_python(network, stdout);
        else if (status == CLN_OK)
            status = cln_network_print(network, batch_size, stdout);
        exit_status = cln_report_failure(status);
    }
    cln_network_destroy(&network);
    cln_options_release(options);
    return exit_status;
}
