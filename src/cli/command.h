/* The program's commands. Each has a file of its own; main.c lists them. */
#ifndef SRC_CLI_COMMAND_H
#define SRC_CLI_COMMAND_H

/* Exit statuses of the program. A command that a signal stopped exits with 128 + the signal's number, as in a shell. */
enum { CLN_EXIT_OK = 0, CLN_EXIT_FAILURE = 1, CLN_EXIT_USAGE = 2 };

struct cln_command {
    const char *name;
    const char *summary; /* one line for --help */
    /* argv[0] is the command's name. Returns the exit status. */
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
int cln_command_cache(const struct cln_command *command, int argc, const char **argv);
int cln_command_summary(const struct cln_command *command, int argc, const char **argv);

#endif
