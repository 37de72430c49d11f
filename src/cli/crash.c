/* Signal handlers that report crashes; they only call what is async-signal-safe. See crash.h. */
#include "src/cli/crash.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "host/calls.h"

/* Not SIGFPE: drivers catch it and continue. */
static struct crash {
    int number;
    bool ours;               /* the program started without a handler */
    struct sigaction before; /* if ours: the handler that a driver has set since, or the default */
} crashes[] = {{.number = SIGSEGV}, {.number = SIGBUS}, {.number = SIGILL}, {.number = SIGABRT}};
enum { COUNT = sizeof crashes / sizeof *crashes };

static void say(const char *words) {
    const ssize_t ignored = write(STDERR_FILENO, words, strlen(words));
    (void)ignored; /* nothing can be done about a failed write */
}

static void say_all(void) {
    size_t calls = 0;
    const char *call = ocl_call_under_way(&calls);
    say("clenet: crashed");
    if (call) {
        say(" in ");
        say(call);
    }
    say(calls == 0
            ? ""
            : "; where the OpenCL driver is to blame, 'clenet check' says which operations crash it, --safe does "
              "without what drivers get wrong, and 'clenet cache --clear' removes kept kernels");
    say("\n");
}

/* Reports the crash. The first time it then restores the previous handler or the default, which gets the signal when
 * this returns. A driver's handler may call this again; then it restores the default. */
static void on_crash(int number) {
    static volatile sig_atomic_t said;
    const bool first = !said;
    said = 1;
    if (first)
        say_all();
    for (size_t i = 0; i < COUNT; i++)
        if (crashes[i].number == number && first)
            (void)sigaction(number, &crashes[i].before, NULL);
    if (!first)
        (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* Installs our handler before the existing one. */
static void take_over(void) {
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < COUNT; i++) {
        struct sigaction now;
        if (!crashes[i].ours || sigaction(crashes[i].number, NULL, &now) != 0 || now.sa_handler == on_crash)
            continue;
        crashes[i].before = now;
        (void)sigaction(crashes[i].number, &action, NULL);
    }
}

void cln_crash_begin(void) {
    for (size_t i = 0; i < COUNT; i++)
        crashes[i].ours =
            sigaction(crashes[i].number, NULL, &crashes[i].before) == 0 && crashes[i].before.sa_handler == SIG_DFL;
    take_over();
    ocl_set_drivers_loaded_handler(take_over);
}
