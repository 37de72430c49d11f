/* The terminal belongs to the process, so its state is kept here once. */
#include "src/cli/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "src/cli/command.h"

static const char *prefix = "clenet";
static bool quiet;
static bool failed; /* an error was told */
static bool live;   /* the live line is on the screen */

static void clear_live(void) {
    if (live)
        fputs("\r\033[K", stderr);
    live = false;
}

static void on_log(void *user, enum cln_log_level level, const char *message) {
    (void)user;
    if (level == CLN_LOG_WARNING)
        cln_report_note("%s: warning: %s", prefix, message);
    else if (level == CLN_LOG_INFO)
        cln_report_note("%s", message);
}

void cln_report_begin(const char *words) {
    prefix = words;
    cln_log_set_handler(on_log, NULL);
}

void cln_report_quiet(void) {
    quiet = true;
}

void cln_report_result(const char *format, ...) {
    if (quiet)
        return;
    va_list args;
    va_start(args, format);
    clear_live();
    vprintf(format, args);
    putchar('\n');
    fflush(stdout);
    va_end(args);
}

void cln_report_note(const char *format, ...) {
    if (quiet)
        return;
    va_list args;
    va_start(args, format);
    clear_live();
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

void cln_report_error(const char *format, ...) {
    va_list args;
    failed = true;
    va_start(args, format);
    clear_live();
    fprintf(stderr, "%s: ", prefix);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

bool cln_report_has_failed(void) {
    return failed;
}

int cln_report_failure(enum cln_status status) {
    if (status == CLN_OK)
        return CLN_EXIT_OK;
    cln_report_error("%s", cln_error_message());
    return CLN_EXIT_FAILURE;
}

int cln_report_columns(void) {
    const char *term = getenv("TERM");
    if (quiet || !isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO) || term == NULL || strcmp(term, "dumb") == 0)
        return 0;
    struct winsize size = {0};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void cln_report_live(const char *text) {
    int columns = cln_report_columns();
    if (columns == 0)
        return;
    /* One column stays free, so that the terminal does not wrap. */
    fprintf(stderr, "\r%.*s\033[K", columns - 1, text);
    live = true;
}
