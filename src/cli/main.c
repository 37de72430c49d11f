/* clenet COMMAND …: finds the command and runs it. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clenet/version.h"
#include "host/device_limits.h"
#include "src/cli/command.h"
#include "src/cli/crash.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/cli/self.h"
#include "src/cli/signals.h"

static const struct cln_command commands[] = {
    {"train", "Train a network; report loss and accuracy after every epoch", cln_command_train},
    {"evaluate", "Report a trained model's accuracy on the test images, class by class", cln_command_evaluate},
    {"predict", "Classify pictures with a trained model", cln_command_predict},
    {"report", "Write a page about a training: curves, confusion, mistakes, weights, options", cln_command_report},
    {"plot", "Draw learning curves as SVG or PNG, or in the terminal", cln_command_plot},
    {"export", "Write a trained model for other programs: ONNX, or safetensors for PyTorch", cln_command_export},
    {"import", "Convert another program's safetensors file into a model", cln_command_import},
    {"data prepare", "Write a data set as one file of decoded pictures, which opens at once", cln_command_data_prepare},
    {"data info", "Count and measure a data set's images; find duplicates", cln_command_data_info},
    {"data sheet", "Draw images of every class as a PNG picture", cln_command_data_sheet},
    {"bench", "Measure training speed against the device's peak, kernel by kernel", cln_command_bench},
    {"check", "Check every operation on this device against float64", cln_command_check},
    {"tune", "Search for tuning values that train faster on this device", cln_command_tune},
    {"devices", "List the OpenCL devices and their properties", cln_command_devices},
    {"summary", "Print a network's layers, shapes, parameters, stages and cost", cln_command_summary},
    {"cache", "Show or delete the built kernels on disk", cln_command_cache},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

/* Whether the first word of a name of two is this one: a group of commands. */
static bool is_of_group(const struct cln_command *command, const char *word) {
    const size_t length = strlen(word);
    return strncmp(command->name, word, length) == 0 && command->name[length] == ' ';
}

static bool is_group(const char *word) {
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (is_of_group(&commands[i], word))
            return true;
    return false;
}

/* Prints the commands of a group, NULL for all, line by line by `say`, as result or as note. */
static void print_commands(void (*say)(const char *format, ...), const char *group) {
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (group == NULL || is_of_group(&commands[i], group))
            say("  %-13s %s", commands[i].name, commands[i].summary);
}

static void print_group_help(void (*say)(const char *format, ...), const char *group) {
    say("Usage: clenet %s COMMAND [OPTION...]\n", group);
    print_commands(say, group);
    say("\n'clenet %s COMMAND --help' lists the options of a command.", group);
}

static void print_help(void (*say)(const char *format, ...)) {
    say("Usage: clenet COMMAND [OPTION...]\n"
        "Trains batch-normalised convolutional networks on any OpenCL device.\n");
    print_commands(say, NULL);
    say("\n'clenet COMMAND --help' lists the options of a command; 'clenet --version' prints the version.\n"
        "$CLENET_DEVICE selects the device if --device is not given.");
}

static int fail_unknown(const char *word) {
    cln_report_error("unknown command '%s'", word);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (cln_edit_distance(word, commands[i].name) <= CLN_CLOSE_ENOUGH)
            cln_report_error("did you mean '%s'?", commands[i].name);
    cln_report_error("'clenet --help' lists the commands");
    return CLN_EXIT_USAGE;
}

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int run(int argc, const char **argv) {
    char name[64];
    const int words = is_group(argv[1]) ? 2 : 1;
    if (argc <= words) {
        print_group_help(cln_report_note, argv[1]);
        return CLN_EXIT_USAGE;
    }
    if (words == 2 && is_help(argv[2])) {
        print_group_help(cln_report_result, argv[1]);
        return CLN_EXIT_OK;
    }
    snprintf(name, sizeof name, "%s%s%s", argv[1], words == 2 ? " " : "", words == 2 ? argv[2] : "");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        char prefix[32];
        snprintf(prefix, sizeof prefix, "clenet %s", commands[i].name);
        cln_report_begin(prefix);
        /* Checked for every command, also for those that may open no device. */
        int exit_status = cln_report_failure(ocl_limits_check());
        if (exit_status == CLN_EXIT_OK)
            exit_status = commands[i].run(&commands[i], argc - words, argv + words);
        cln_report_begin("clenet");
        return exit_status;
    }
    return fail_unknown(name);
}

/* Whether the reader of standard output has closed its end; whoever closes a pipe knows that output is missing. */
static bool has_no_reader(void) {
    struct pollfd end = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&end, 1, 0) == 1 && (end.revents & (POLLERR | POLLHUP)) != 0;
}

/* The final exit status: a full disk, a closed pipe or an error that was printed must not look like success. */
static int judge(int exit_status) {
    const bool lost = fflush(stdout) != 0 || ferror(stdout);
    if (exit_status != CLN_EXIT_OK)
        return exit_status;
    if (lost && !has_no_reader())
        cln_report_error("writing to standard output failed");
    return lost || cln_report_has_failed() ? CLN_EXIT_FAILURE : CLN_EXIT_OK;
}

int main(int argc, char **argv) {
    cln_signals_begin();
    cln_self_begin(argc, argv);
    cln_report_begin("clenet");
    cln_crash_begin();
    int exit_status = CLN_EXIT_OK;
    if (argc < 2) {
        print_help(cln_report_note);
        exit_status = CLN_EXIT_USAGE;
    } else if (is_help(argv[1])) {
        print_help(cln_report_result);
    } else if (strcmp(argv[1], "--version") == 0) {
        cln_report_result("clenet " CLENET_VERSION);
    } else {
        exit_status = run(argc, (const char **)argv);
    }
    return judge(exit_status);
}
