/* Starting this program again. A process has one command line, so it is static here. */
#include "src/cli/self.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clenet/trainer.h"
#include "src/base/helpers.h"
#include "src/cli/command.h"
#include "src/tune/tune.h"

static const char **command;
static bool reads_once;

/* Ends the process with its parent, whatever the main thread is doing: compilers cannot be interrupted. */
static void *end_with_starter(void *unused) {
    (void)unused;
    cln_helper_wait_for_end();
    _exit(CLN_EXIT_FAILURE);
}

bool cln_self_helps(void) {
    return cln_trainer_builds() || cln_tune_races();
}

/* Opens /dev/null for missing streams, in this order, since each takes the lowest free number. Standard error is opened
 * for writing, because drivers and their compilers cannot handle its failing. */
static void open_standard(void) {
    static const int ways[] = {[STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_WRONLY};
    for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++)
        if (fcntl(number, F_GETFD) < 0 && errno == EBADF && open("/dev/null", ways[number]) != number)
            _exit(CLN_EXIT_FAILURE); /* no stream is left for a message */
}

void cln_self_begin(int argc, char **argv) {
    static const char linux_path[] = "/proc/self/exe"; /* this very file, even if its name now belongs to another */
    pthread_t thread;
    open_standard();
    if (cln_self_helps() && pthread_create(&thread, NULL, end_with_starter, NULL) == 0)
        pthread_detach(thread);
    command = calloc((size_t)argc + 1, sizeof *command);
    if (!command)
        return;
    memcpy(command, argv, (size_t)argc * sizeof *command);
    if (access(linux_path, X_OK) == 0)
        command[0] = linux_path;
}

const char *const *cln_self_command(void) {
    return command;
}

void cln_self_read_once(void) {
    reads_once = true;
}

bool cln_self_reads_once(void) {
    return reads_once;
}

const char *const *cln_self_helper_command(void) {
    return reads_once ? NULL : command;
}
