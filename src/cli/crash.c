/* A handler that keeps to what a signal handler may do: see crash.h. */
#include "src/cli/crash.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "host/calls.h"

/* Not SIGFPE: drivers catch it, and go on. */
static struct crash {
    int number;
    bool ours;               /* no handler was there when the program began */
    struct sigaction before; /* where it is ours: what a driver has put there since, or the default */
} crashes[] = {{.number = SIGSEGV}, {.number = SIGBUS}, {.number = SIGILL}, {.number = SIGABRT}};
enum { COUNT = sizeof crashes / sizeof *crashes };

static void say(const char *words) {
    const ssize_t ignored = write(STDERR_FILENO, words, strlen(words));
    (void)ignored; /* there is nobody else to tell */
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

/* The first time it hands over to what was there before, a handler or the default, which the signal meets once this
 * returns. A driver's handler may come back here: then to the default. */
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

/* In front of what is there. */
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
