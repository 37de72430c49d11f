/* Prints everything that the program says. The terminal belongs to the process, so its state is static. */
#include "src/cli/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clenet/text.h"
#include "src/base/json_text.h"
#include "src/cli/command.h"

static const char *prefix = "clenet";
static bool quiet, plain;
static bool failed;        /* an error was printed */
static volatile bool live; /* the live line is on the screen */

static void clear_live(void) {
    if (live)
        fputs("\r\033[K", stderr);
    live = false;
}

/* Prints a line at once: a launcher that mixes the output of several processes, or ends them, then cuts none. `start`
 * may be "". */
static void print_line(const char *start, const char *format, va_list args) {
    char *line = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&line, &bytes), *out = memory ? memory : stderr;
    clear_live();
    fputs(start, out);
    cln_text_vprint(out, format, args);
    fputc('\n', out);
    if (memory && fclose(memory) == 0)
        fwrite(line, 1, bytes, stderr);
    free(line);
}

void cln_report_needed(const char *format, ...) {
    va_list args;
    va_start(args, format);
    print_line("", format, args);
    va_end(args);
}

void cln_report_warning(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char start[128];
    snprintf(start, sizeof start, "%s: warning: ", prefix);
    print_line(start, format, args);
    va_end(args);
}

void cln_report_log(void *user, enum cln_log_level level, const char *message) {
    (void)user;
    if (level == CLN_LOG_WARNING)
        cln_report_warning("%-s", message);
    else if (level == CLN_LOG_INFO)
        cln_report_note("%-s", message);
}

void cln_report_begin(const char *words) {
    prefix = words;
    cln_log_set_handler(cln_report_log, NULL);
}

void cln_report_quiet(void) {
    quiet = true;
}

bool *cln_report_plain(void) {
    return &plain;
}

void cln_report_result(const char *format, ...) {
    if (quiet)
        return;
    va_list args;
    va_start(args, format);
    clear_live();
    cln_text_vprint(stdout, format, args);
    putchar('\n');
    fflush(stdout);
    va_end(args);
}

void cln_report_text(const char *format, ...) {
    va_list args;
    va_start(args, format);
    clear_live();
    cln_text_vprint(stdout, format, args);
    va_end(args);
}

void cln_report_markdown(const char *format, ...) {
    va_list args;
    va_start(args, format);
    clear_live();
    cln_text_vprint_markdown(stdout, format, args);
    va_end(args);
}

enum cln_status cln_report_json(const json_t *value, size_t flags) {
    char *text = cln_json_dump(value, flags);
    if (text == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a text of JSON");
    clear_live();
    fputs(text, stdout);
    putchar('\n');
    free(text);
    return CLN_OK;
}

void cln_report_note(const char *format, ...) {
    if (quiet)
        return;
    va_list args;
    va_start(args, format);
    print_line("", format, args);
    va_end(args);
}

void cln_report_error(const char *format, ...) {
    va_list args;
    failed = true;
    va_start(args, format);
    char start[128];
    snprintf(start, sizeof start, "%s: ", prefix);
    print_line(start, format, args);
    va_end(args);
}

bool cln_report_has_failed(void) {
    return failed;
}

int cln_report_failure(enum cln_status status) {
    if (status == CLN_OK)
        return CLN_EXIT_OK;
    cln_report_error("%-s", cln_error_message());
    return CLN_EXIT_FAILURE;
}

int cln_report_columns(void) {
    const char *term = getenv("TERM");
    if (quiet || plain || !isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO) || term == NULL || strcmp(term, "dumb") == 0)
        return 0;
    struct winsize size = {0};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void cln_report_end_live(void) {
    static const char clear[] = "\r\033[K";
    if (live && write(STDERR_FILENO, clear, sizeof clear - 1) > 0)
        live = false;
}

void cln_report_live(const char *text) {
    const int columns = cln_report_columns();
    char line[1024];
    if (columns == 0)
        return;
    size_t used = cln_text_format(line, sizeof line, "%s", text);
    while (used > 0 && cln_text_columns(line) > (size_t)(columns - CLN_REPORT_FREE_COLUMNS))
        line[--used] = '\0';
    cln_text_print(stderr, "\r%.*s\033[K", (int)used, line);
    live = true;
}
