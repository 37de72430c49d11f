/* The program's commands. Each has a file of its own; main.c lists them. */
#ifndef SRC_CLI_COMMAND_H
#define SRC_CLI_COMMAND_H

/* Exit statuses of the program. A command that a signal stopped exits with 128 + the signal's number, as in a shell. */
enum {
    CLN_EXIT_OK = 0,
    CLN_EXIT_FAILURE = 1,
    CLN_EXIT_USAGE = 2,
    /* Of `clenet check` alone; see src/cli/check_verdict.c, and docs/clenet.1. */
    CLN_EXIT_NO_DEVICE = 3,
    CLN_EXIT_DOES_NOT_RUN = 4,
    CLN_EXIT_SKIPPED = 77 /* as for Automake, Meson and others */
};

struct cln_command {
    const char *name;    /* one word, or two with a blank between: "data prepare" */
    const char *summary; /* one line for --help */
    /* argv[0] is the (last word of the) command's name. Returns the exit status. */
    int (*run)(const struct cln_command *command, int argc, const char **argv);
};

int cln_command_train(const struct cln_command *command, int argc, const char **argv);
int cln_command_evaluate(const struct cln_command *command, int argc, const char **argv);
int cln_command_predict(const struct cln_command *command, int argc, const char **argv);
int cln_command_export(const struct cln_command *command, int argc, const char **argv);
int cln_command_import(const struct cln_command *command, int argc, const char **argv);
int cln_command_bench(const struct cln_command *command, int argc, const char **argv);
int cln_command_check(const struct cln_command *command, int argc, const char **argv);
int cln_command_devices(const struct cln_command *command, int argc, const char **argv);
int cln_command_tune(const struct cln_command *command, int argc, const char **argv);
int cln_command_report(const struct cln_command *command, int argc, const char **argv);
int cln_command_plot(const struct cln_command *command, int argc, const char **argv);
int cln_command_data_prepare(const struct cln_command *command, int argc, const char **argv);
int cln_command_data_info(const struct cln_command *command, int argc, const char **argv);
int cln_command_data_sheet(const struct cln_command *command, int argc, const char **argv);
int cln_command_cache(const struct cln_command *command, int argc, const char **argv);
int cln_command_summary(const struct cln_command *command, int argc, const char **argv);

#endif
