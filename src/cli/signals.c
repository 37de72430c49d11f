/* A process has one set of handlers, so their state is kept here once. */
#include "src/cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "src/data/replace.h"

/* `repeats`: comes more than once for one request: shells and the kernel both send HUP when a terminal closes, XCPU
 * comes every second. */
static const struct {
    int number;
    bool always, repeats;
} polite[] = {{SIGINT, .always = true},  {SIGTERM, .always = true},  {SIGQUIT},
              {SIGHUP, .repeats = true}, {SIGXCPU, .repeats = true}, {SIGUSR1, .repeats = true},
              {SIGUSR2, .repeats = true}};
static const int ignored[] = {SIGPIPE, SIGXFSZ};

/* Within this time a second signal is the same request: `timeout` sends two. */
#define SAME_REQUEST_SECONDS 0.2

static volatile sig_atomic_t keeps, stop;
static struct timespec stopped; /* when `stop` was set; of the handlers alone */

int cln_signals_exit_status(int number) {
    return 128 + number;
}

static bool is_second_request(int number) {
    struct timespec now;
    for (size_t i = 0; i < sizeof polite / sizeof *polite; i++)
        if (polite[i].number == number && polite[i].repeats)
            return false;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - stopped.tv_sec) + 1e-9 * (double)(now.tv_nsec - stopped.tv_nsec) >
           SAME_REQUEST_SECONDS;
}

static void on_signal(int number) {
    const int error = errno;
    if (!keeps || (stop && is_second_request(number))) {
        cln_replace_abandon();
        _exit(cln_signals_exit_status(number));
    }
    if (!stop) {
        clock_gettime(CLOCK_MONOTONIC, &stopped);
        stop = number;
    }
    errno = error;
}

void cln_signals_begin(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof polite / sizeof *polite; i++) {
        const int number = polite[i].number;
        if (sigaction(number, NULL, &before) == 0 && (before.sa_handler != SIG_IGN || polite[i].always))
            sigaction(number, &action, NULL);
    }
    action.sa_handler = SIG_IGN;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        sigaction(ignored[i], &action, NULL);
}

void cln_signals_keep(void) {
    keeps = 1;
}

int cln_signals_stop(void) {
    return stop;
}
