/* See launch.h. */
#include "src/cli/launch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/cli/command.h"
#include "src/cli/report.h"
#include "src/cli/self.h"
#include "src/cli/signals.h"

/* Sets what launchers take from the environment, unless the user has: processes share the cores of one machine, wait
 * without keeping a core busy, and may be root's where this one is. Launchers of other MPIs ignore it. */
static void set_launcher(void) {
    static const struct {
        const char *name, *value;
        bool of_root;
    } values[] = {
        {"OMPI_MCA_rmaps_base_oversubscribe", "1", false},
        {"OMPI_MCA_hwloc_base_binding_policy", "none", false},
        {"OMPI_MCA_mpi_yield_when_idle", "1", false},
        /* Seconds that mpirun waits at Ctrl-C before it stops the processes, and then before it kills them. */
        {"OMPI_MCA_odls_base_sigkill_timeout", "3", false},
        {"PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe", false},
        {"PRTE_MCA_hwloc_default_binding_policy", "none", false},
        {"OMPI_ALLOW_RUN_AS_ROOT", "1", true},
        {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", true},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (!values[i].of_root || geteuid() == 0)
            setenv(values[i].name, values[i].value, 0);
}

/* The number of words of an option that says how a training begins; 0: it is another. */
static int words_of_beginning(const char *word) {
    static const struct {
        const char *name;
        bool has_value;
    } options[] = {{"--resume", true}, {"--init", true}, {"--by-order", false}, {"--partial", false}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const size_t length = strlen(options[i].name);
        if (strncmp(word, options[i].name, length) != 0)
            continue;
        if (word[length] == '=' && options[i].has_value)
            return 1;
        if (word[length] == '\0')
            return options[i].has_value ? 2 : 1;
    }
    return 0;
}

/* mpirun's command line; the caller's: free(). The words of this process's own; with `resume`, that in the place of how
 * the training began. */
static const char **command_of(int processes, const char *resume) {
    static char program[4096], number[16];
    const char *const *own = cln_self_command();
    size_t words = 0, used = 0;
    while (own && own[words])
        words++;
    const char **command = calloc(words + 7, sizeof *command);
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (!command || length < 0) {
        free(command);
        return NULL;
    }
    program[length] = '\0';
    snprintf(number, sizeof number, "%d", processes);
    const char *const before[] = {"mpirun", "-n", number, program};
    for (; used < 4; used++)
        command[used] = before[used];
    for (size_t i = 1; i < words; i++) {
        const int left_out = resume ? words_of_beginning(own[i]) : 0;
        if (left_out > 0)
            i += (size_t)left_out - 1;
        else
            command[used++] = own[i];
    }
    if (resume) {
        command[used++] = "--resume";
        command[used] = resume;
    }
    return command;
}

/* Runs mpirun in this process, which may hand it no signal that is blocked or ignored here. */
static void run(const char **command) {
    static const int signals[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGPIPE, SIGCHLD,
                                  SIGALRM, SIGXCPU, SIGXFSZ, SIGUSR1, SIGUSR2};
    sigset_t none;
    sigemptyset(&none);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    execvp(command[0], (char *const *)command);
    cln_report_error("mpirun: %s: install Open MPI (openmpi-bin) or MPICH (mpich)", strerror(errno));
}

/* Waits for an attempt; a signal that asks this process to end goes on to it. */
static int wait_for(pid_t child) {
    bool passed = false;
    int status = 0;
    for (;;) {
        const pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended == child)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (ended < 0 && errno != EINTR)
            return CLN_EXIT_FAILURE;
        if (cln_signals_stop() != 0 && !passed) {
            kill(child, cln_signals_stop());
            passed = true;
        }
        usleep(20000);
    }
}

/* When the model was saved last, in nanoseconds; 0: never. */
static long long saved_at(const char *path) {
    struct stat file;
    return stat(path, &file) == 0 ? file.st_mtim.tv_sec * 1000000000LL + file.st_mtim.tv_nsec : 0;
}

static const char mark[] = "CLENET_LAUNCHED";

int cln_launch(const struct cln_launch *launch) {
    if (getenv(mark)) {
        cln_report_error(
            "--devices: mpirun has started this process, but not as Open MPI, MPICH or Slurm do: use one of "
            "theirs");
        return CLN_EXIT_FAILURE;
    }
    setenv(mark, "1", 1);
    set_launcher();
    const char *resume = NULL;
    for (int attempt = 0;; attempt++) {
        const char **command = command_of(launch->processes, resume);
        if (!command) {
            cln_report_error("mpirun: no memory for its command line");
            return CLN_EXIT_FAILURE;
        }
        if (launch->restarts == 0 || !launch->save) {
            run(command);
            free(command);
            return CLN_EXIT_FAILURE;
        }
        const long long before = saved_at(launch->save);
        cln_signals_keep();
        const pid_t child = fork();
        if (child == 0) {
            setpgid(0, 0); /* a terminal's signal comes to this process alone, which passes it on */
            run(command);
            _exit(CLN_EXIT_USAGE);
        }
        const int status = child > 0 ? wait_for(child) : CLN_EXIT_FAILURE;
        free(command);
        const bool progressed = saved_at(launch->save) != before;
        if (status == CLN_EXIT_OK || cln_signals_stop() != 0 || !progressed || attempt == launch->restarts)
            return cln_signals_stop() != 0 ? cln_signals_exit_status(cln_signals_stop()) : status;
        resume = launch->save;
        cln_report_note("exit status %d: starting again from %s, %d of %d restarts", status, launch->save, attempt + 1,
                        launch->restarts);
    }
}

int cln_launch_number(void) {
    const char *text = getenv(mark);
    return text ? atoi(text) : 0;
}

/* Begins a group in a process of its own, whose output goes to `out`. */
static void run_group(int processes, const char **command, int out) {
    char number[16];
    snprintf(number, sizeof number, "%d", processes);
    setenv(mark, number, 1);
    setpgid(0, 0); /* as above */
    dup2(out, STDOUT_FILENO);
    run(processes > 1 ? command : command + 3); /* one process needs no mpirun */
    _exit(CLN_EXIT_FAILURE);
}

/* Reads text until the other end closes; a signal that asks this process to end goes on to the child. NULL: no memory.
 */
static char *read_all(int in, pid_t child) {
    size_t used = 0, room = 0;
    char *text = NULL;
    bool passed = child <= 0;
    struct pollfd ready = {.fd = in, .events = POLLIN};
    for (ssize_t count = 1; count != 0;) {
        if (cln_signals_stop() != 0 && !passed)
            passed = kill(child, cln_signals_stop()) == 0;
        if (room - used < 2) {
            char *larger = realloc(text, room = 2 * room + 4096);
            if (!larger)
                break;
            text = larger;
        }
        if (poll(&ready, 1, 50) <= 0)
            continue;
        count = read(in, text + used, room - used - 1);
        used += count > 0 ? (size_t)count : 0;
        text[used] = '\0';
        if (count < 0 && errno != EINTR)
            break;
    }
    return text;
}

int cln_launch_read(int processes, char **output) {
    int ends[2];
    const char **command = command_of(processes, NULL);
    *output = NULL;
    if (!command || pipe(ends) != 0) {
        cln_report_error("mpirun: no memory for its command line, or no pipe");
        free(command);
        return CLN_EXIT_FAILURE;
    }
    set_launcher();
    cln_signals_keep();
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_group(processes, command, ends[1]);
    }
    close(ends[1]);
    free(command);
    *output = read_all(ends[0], child);
    close(ends[0]);
    const int status = child > 0 ? wait_for(child) : CLN_EXIT_FAILURE;
    return cln_signals_stop() != 0 ? cln_signals_exit_status(cln_signals_stop()) : status;
}
