/* See launch.h. */
#include "src/cli/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/cli/command.h"
#include "src/cli/launch_record.h"
#include "src/cli/report.h"
#include "src/cli/self.h"
#include "src/cli/signals.h"

/* Sets what launchers take from the environment, unless the user has: processes share the cores of this machine,
 * whatever slots a batch system has given, wait without keeping a core busy, and may be root's where this one is.
 * Launchers of other MPIs ignore it. */
static void set_launcher(void) {
    static const struct {
        const char *name, *value;
        bool of_root;
    } values[] = {
        {"OMPI_MCA_rmaps_base_oversubscribe", "1", false},
        {"OMPI_MCA_ras", "^slurm,tm,lsf,gridengine,alps,loadleveler", false},
        {"OMPI_MCA_hwloc_base_binding_policy", "none", false},
        {"OMPI_MCA_mpi_yield_when_idle", "1", false},
        /* Seconds that mpirun waits at Ctrl-C before it stops the processes, and then before it kills them. */
        {"OMPI_MCA_odls_base_sigkill_timeout", "3", false},
        {"PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe", false},
        {"PRTE_MCA_hwloc_default_binding_policy", "none", false},
        /* In a step of Slurm MPICH's would wait for another step. */
        {"HYDRA_LAUNCHER", "fork", false},
        {"HYDRA_RMK", "user", false},
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

/* Whether mpirun is MPICH's. As soon as a process dies this one kills the others, before any could say which one died,
 * unless it is told not to. */
static bool is_hydra(void) {
    char text[4096] = "";
    FILE *version = popen("exec mpirun --version 2>/dev/null", "r");
    if (!version)
        return false;
    text[fread(text, 1, sizeof text - 1, version)] = '\0';
    pclose(version);
    return strstr(text, "HYDRA") != NULL;
}

/* Says why no other process can do what this one is asked for. */
static bool reads_once(void) {
    if (cln_self_reads_once())
        cln_report_error("several processes cannot read one pipe or device: give a file in its place");
    return cln_self_reads_once();
}

/* mpirun's command line; the caller's: free(). The words of this process's own; with `resume`, that in the place of how
 * the training began. With `tells`, processes live on to say what has become of another. */
static const char **command_of(int processes, const char *resume, bool tells) {
    static char program[4096], number[16];
    const char *const *own = cln_self_command();
    size_t words = 0, used = 0;
    while (own && own[words])
        words++;
    const char **command = calloc(words + 8, sizeof *command);
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (!command || length < 0) {
        free(command);
        return NULL;
    }
    program[length] = '\0';
    snprintf(number, sizeof number, "%d", processes);
    const char *const before[] = {"mpirun", "-n", number, program};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        command[used++] = before[i];
        if (i == 0 && tells && is_hydra())
            command[used++] = "-disable-auto-cleanup";
    }
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

/* Ends an attempt in which a process has died and the others wait for it, where no look of theirs sees it: while MPI
 * starts or ends. */
static void end_stuck(pid_t child, double *since) {
    enum { GRACE_SECONDS = 20 };
    const int lost = cln_launch_record_lost();
    const double now = cln_clock_seconds();
    if (lost < 0)
        *since = 0;
    else if (*since == 0)
        *since = now;
    else if (now - *since > GRACE_SECONDS) {
        cln_report_warning("process %d has ended, and the others wait for it: ending them", lost);
        kill(child, SIGTERM);
        *since = now + 3600.0;
    }
}

/* Waits for an attempt; a signal that asks this process to end goes on to it. */
static int wait_for(pid_t child) {
    bool passed = false;
    int status = 0;
    double since = 0;
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
        end_stuck(child, &since);
        cln_launch_record_watch(0.02);
    }
}

/* When the model was saved last, in nanoseconds; 0: never. */
static long long saved_at(const char *path) {
    struct stat file;
    return stat(path, &file) == 0 ? file.st_mtim.tv_sec * 1000000000LL + file.st_mtim.tv_nsec : 0;
}

static const char mark[] = "CLENET_LAUNCHED";
enum { NO_MPIRUN = 127 }; /* an exit status */

/* Starts mpirun. It leads a group of its own: a terminal's signal comes to this process alone, which passes it on. */
static pid_t start(const char **command) {
    const pid_t child = fork();
    if (child != 0)
        return child;
    setpgid(0, 0);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* no training goes on without this process */
#endif
    const int input = open("/dev/null", O_RDONLY); /* a terminal stops groups behind that read from it */
    if (input >= 0)
        dup2(input, STDIN_FILENO);
    run(command);
    _exit(NO_MPIRUN);
}

/* One attempt: its exit status. What has failed has been told. */
static int try(const struct cln_launch *launch, const char *resume) {
    const char **command = command_of(launch->processes, resume, true);
    if (!command) {
        cln_report_error("mpirun: no memory for its command line");
        return CLN_EXIT_FAILURE;
    }
    cln_launch_record_begin();
    const pid_t child = start(command);
    free(command);
    int status = child > 0 ? wait_for(child) : CLN_EXIT_FAILURE;
    if (status == CLN_EXIT_OK && cln_launch_record_lost() >= 0) /* not every mpirun says so */
        status = CLN_EXIT_FAILURE;
    const bool begun = cln_launch_record_has(CLN_LAUNCH_BEGUN);
    if (status == NO_MPIRUN && !begun)
        return CLN_EXIT_FAILURE;
    if (status != CLN_EXIT_OK && cln_launch_record_lost() >= 0) /* MPICH's may let no other tell it */
        cln_report_warning("exit status %d: the first to end was process %d of %d", status, cln_launch_record_lost(),
                           launch->processes);
    if (status != CLN_EXIT_OK && cln_signals_stop() == 0 && !begun)
        cln_report_error(
            "mpirun has started no process, exit status %d: if it lacks slots, something forbids it to start "
            "more processes than there are cores: unset variables such as OMPI_MCA_rmaps_base_no_oversubscribe, "
            "or list fewer than %d devices",
            status, launch->processes);
    return status;
}

int cln_launch(const struct cln_launch *launch) {
    if (getenv(mark)) {
        if (cln_launch_say(CLN_LAUNCH_BEGUN, 0))
            cln_report_error(
                "--devices: mpirun has started this process, but not as Open MPI, MPICH or Slurm do: use one of "
                "theirs");
        return CLN_EXIT_FAILURE;
    }
    if (reads_once())
        return CLN_EXIT_FAILURE;
    setenv(mark, "1", 1);
    set_launcher();
    cln_signals_keep();
    const char *resume = NULL;
    for (int attempt = 0;; attempt++) {
        const long long before = launch->save ? saved_at(launch->save) : 0;
        const int status = try(launch, resume);
        const bool progressed = launch->save && saved_at(launch->save) != before;
        if (cln_signals_stop() != 0)
            return cln_signals_exit_status(cln_signals_stop());
        if (status == CLN_EXIT_OK || attempt == launch->restarts || !progressed ||
            cln_launch_record_has(CLN_LAUNCH_ENDED))
            return status;
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
    *output = NULL;
    if (reads_once())
        return CLN_EXIT_FAILURE;
    const char **command = command_of(processes, NULL, false);
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
