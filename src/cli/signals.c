/* A thread waits for signals, which are blocked in all other threads, because drivers' compilers replace a program's
 * signal handlers. A process has one set of signals, so their state is static. */
#include "src/cli/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/process.h"
#include "src/base/replace.h"
#include "src/cli/report.h"

/* `repeats`: the signal may arrive more than once for one request: a shell and the kernel both send HUP when a terminal
 * closes, and XCPU arrives every second. */
static const struct {
    int number;
    bool always, repeats;
} polite[] = {{SIGINT, .always = true},  {SIGTERM, .always = true},  {SIGQUIT},
              {SIGHUP, .repeats = true}, {SIGXCPU, .repeats = true}, {SIGUSR1, .repeats = true},
              {SIGUSR2, .repeats = true}};
static const int ignored[] = {SIGPIPE, SIGXFSZ};

/* A second signal within this time is the same request: `timeout` sends two. */
#define SAME_REQUEST_SECONDS 0.2

static atomic_int keeps, in_group, stop;
static double stopped; /* time at which `stop` was set */

int cln_signals_exit_status(int number) {
    return 128 + number;
}

static bool is_second_request(int number) {
    for (size_t i = 0; i < sizeof polite / sizeof *polite; i++)
        if (polite[i].number == number && polite[i].repeats)
            return false;
    return cln_clock_seconds() - stopped > SAME_REQUEST_SECONDS;
}

/* Ends the process by the signal itself, so that a waiting shell ends its script, too. No core file is written. */
static void end_at_once(int number) {
    const struct rlimit no_dump = {0, 0};
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t set;
    cln_report_end_live();
    cln_spawned_kill();
    cln_replace_abandon();
    setrlimit(RLIMIT_CORE, &no_dump);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigaction(number, &usual, NULL);
    raise(number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    _exit(cln_signals_exit_status(number));
}

/* Also used as a handler, for the case that a driver's thread has unblocked a signal. */
static void on_signal(int number) {
    const int error = errno;
    if (!keeps && in_group && number == SIGUSR1)
        return;
    if (!keeps || (stop && is_second_request(number)))
        end_at_once(number);
    if (!stop) {
        stopped = cln_clock_seconds();
        stop = number;
        cln_spawned_kill(); /* their results are not needed any more */
    }
    errno = error;
}

static sigset_t waited_for;

static void *wait_for_signals(void *unused) {
    int number = 0;
    while (sigwait(&waited_for, &number) == 0)
        on_signal(number);
    return unused;
}

void cln_signals_begin(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    pthread_t thread;
    sigfillset(&action.sa_mask);
    sigemptyset(&waited_for);
    for (size_t i = 0; i < sizeof polite / sizeof *polite; i++) {
        const int number = polite[i].number;
        if (sigaction(number, NULL, &before) != 0 || (before.sa_handler == SIG_IGN && !polite[i].always))
            continue;
        sigaction(number, &action, NULL);
        sigaddset(&waited_for, number);
    }
    sigset_t blocked = waited_for;
    action.sa_handler = SIG_IGN;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        sigaction(ignored[i], &action, NULL);
        sigaddset(&blocked, ignored[i]);
    }
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    if (pthread_create(&thread, NULL, wait_for_signals, NULL) == 0)
        pthread_detach(thread);
    else
        pthread_sigmask(SIG_UNBLOCK, &waited_for, NULL);
}

void cln_signals_keep(void) {
    keeps = 1;
}

void cln_signals_in_group(void) {
    in_group = 1;
}

void cln_signals_ask(void) {
    if (!stop)
        kill(getpid(), SIGINT);
}

int cln_signals_stop(void) {
    return stop;
}
