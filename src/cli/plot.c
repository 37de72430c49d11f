/* clenet plot: draws the learning curves of logs into a file, or in the terminal. */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/replace.h"
#include "src/cli/command.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/report/curves.h"

struct plot_options {
    const char *const *logs;
    const char *output;
    bool terminal;
};

/* Which canvas a file gets, by the end of its name. */
static const struct {
    const char *end;
    const struct cln_canvas_kind *kind;
} files[] = {{".svg", &cln_svg_file}, {".png", &cln_picture}};

static enum cln_status write_file(const char *path, const struct cln_runs *runs) {
    const double width = 720, height = 560 + 34.0 * (double)runs->count; /* with room for legends */
    const struct cln_canvas_kind *kind = NULL;
    const char *end = strrchr(path, '.');
    for (size_t i = 0; i < sizeof files / sizeof *files && end != NULL; i++)
        if (strcmp(end, files[i].end) == 0)
            kind = files[i].kind;
    if (kind == NULL)
        return cln_fail(CLN_INVALID, "%s: a file for curves ends with .svg or .png", path);
    struct cln_replacement file = {0};
    enum cln_status status = cln_replace_begin(&file, path);
    if (status == CLN_OK)
        status = cln_curves_write(file.stream, kind, width, height, false, runs);
    if (status == CLN_OK)
        status = cln_replace_commit(&file);
    cln_replace_end(&file);
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "%s", path);
}

/* The locale says whether the terminal shows Braille; without colours marks tell several runs apart. */
static enum cln_status draw_in_terminal(const struct cln_runs *runs) {
    enum { USUAL_COLUMNS = 80, LEAST = 30, MOST = 160, LINES = 36 };
    const int there = cln_report_columns();
    const int columns = there == 0 ? USUAL_COLUMNS : there < LEAST ? LEAST : there > MOST ? MOST : there;
    const bool has_colours = there > 0 && getenv("NO_COLOR") == NULL;
    setlocale(LC_CTYPE, "");
    const bool is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    setlocale(LC_CTYPE, "C");
    const struct cln_canvas_kind *kind = is_utf8 && (has_colours || runs->count == 1) ? &cln_dots : &cln_marks;
    return cln_curves_write(stdout, kind, kind->letter * columns, kind->line * LINES, has_colours, runs);
}

static enum cln_status plot(const struct plot_options *o) {
    struct cln_runs runs = {.list = NULL};
    enum cln_status status = CLN_OK;
    for (const char *const *path = o->logs; *path != NULL && status == CLN_OK; path++)
        status = cln_runs_read(&runs, *path);
    if (status == CLN_OK && o->output != NULL)
        status = write_file(o->output, &runs);
    if (status == CLN_OK && o->terminal)
        status = draw_in_terminal(&runs);
    cln_runs_release(&runs);
    return status;
}

int cln_command_plot(const struct cln_command *command, int argc, const char **argv) {
    struct plot_options o = {.output = NULL};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[CLN_MOST_OPTIONS] = {
        {"LOG",
         NULL,
         "logs of 'clenet train --log', drawn together",
         CLN_OPTION_OPERANDS,
         {.list = &o.logs},
         .file = CLN_FILE_INPUT},
        {"output",
         "FILE",
         "write the curves to FILE.svg or FILE.png",
         CLN_OPTION_TEXT,
         {.text = &o.output},
         .file = CLN_FILE_OUTPUT,
         .endings = ".svg or .png",
         .letter = 'o'},
        {"terminal", NULL, "draw them in the terminal", CLN_OPTION_FLAG, {.flag = &o.terminal}},
        {0},
    };
    if (cln_options_parse(options, command, argc, argv, &exit_status)) {
        if (o.output != NULL || o.terminal) {
            exit_status = cln_report_failure(plot(&o));
        } else {
            cln_report_error("nowhere to draw: give -o FILE.svg, -o FILE.png or --terminal");
            exit_status = CLN_EXIT_USAGE;
        }
    }
    cln_options_release(options);
    return exit_status;
}
