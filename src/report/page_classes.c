/* Sections of what the model takes the classes for: precision and recall, and the confusion matrix. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/report/page_private.h"

static bool has_findings(const struct cln_page *page) {
    return page->findings != NULL;
}

/* A class's name for labels, or its number. */
static void name_class(char *out, size_t bytes, const struct cln_findings *f, int class) {
    enum { NAME_BYTES = 32 };
    if (f->class_names[class][0] != '\0')
        cln_text_format(out, bytes, "%.*s", NAME_BYTES, f->class_names[class]);
    else
        cln_text_format(out, bytes, "%d", class);
}

static void put_share(FILE *stream, size_t part, size_t whole, bool has_bar) {
    const double share = whole > 0 ? (double)part / (double)whole : NAN;
    if (whole > 0)
        cln_text_print(stream, "<td>%.3f</td>", share);
    else
        cln_text_print(stream, "<td>–</td>");
    if (has_bar && whole > 0)
        cln_text_print(stream, "<td class=\"bar\"><i style=\"width:%.1f%%\"></i></td>", 100 * share);
    else if (has_bar)
        cln_text_print(stream, "<td class=\"bar\"></td>");
}

static enum cln_status draw_classes(FILE *stream, const struct cln_page *page) {
    const struct cln_findings *f = page->findings;
    const size_t classes = (size_t)f->classes;
    cln_text_print_html(stream, "<p>%zu test images%s%s: loss %.4f, accuracy %.4f.</p>\n", f->images,
                        f->model != NULL ? ", by the model " : "", f->model != NULL ? f->model : "", f->loss,
                        f->accuracy);
    cln_text_print(stream, "<div class=\"scroll\"><table>\n<tr><th>Class</th><th>Images</th><th>Precision</th><th></th>"
                           "<th>Recall</th><th></th><th>F1</th></tr>\n");
    for (size_t k = 0; k < classes; k++) {
        char name[64];
        size_t labelled = 0, predicted = 0;
        for (size_t i = 0; i < classes; i++) {
            labelled += f->confusion[k * classes + i];
            predicted += f->confusion[i * classes + k];
        }
        const size_t right = f->confusion[k * classes + k];
        name_class(name, sizeof name, f, (int)k);
        cln_text_print_html(stream, "<tr><td>%s</td><td>%zu</td>", name, labelled);
        put_share(stream, right, predicted, true);
        put_share(stream, right, labelled, true);
        put_share(stream, 2 * right, labelled + predicted, false);
        cln_text_print(stream, "</tr>\n");
    }
    cln_text_print(stream, "</table></div>\n");
    return CLN_OK;
}

const struct cln_section cln_section_classes = {
    "classes",
    "Precision and recall by class",
    has_findings,
    draw_classes,
    "Precision, recall, confusion, wrong pictures, filters and distributions need the model: clenet report RUN.jsonl "
    "MODEL. A training writes it with --save.",
    CLN_SOURCE_MODEL};

/* ---- Confusion ---- */

/* A grid of cells: rows are labels, columns predictions. */
struct grid {
    struct cln_canvas *canvas;
    const struct cln_findings *findings;
    double left, top, cell;
    bool has_numbers, has_names;
};

static void draw_row(const struct grid *g, size_t label) {
    const struct cln_canvas_kind *kind = g->canvas->kind;
    const size_t classes = (size_t)g->findings->classes, *row = g->findings->confusion + label * classes;
    const double y = g->top + (double)label * g->cell, middle = y + g->cell / 2;
    size_t labelled = 0;
    for (size_t i = 0; i < classes; i++)
        labelled += row[i];
    for (size_t i = 0; i < classes; i++) {
        const double share = labelled > 0 ? (double)row[i] / (double)labelled : 0;
        const double x = g->left + (double)i * g->cell, gap = fmin(1, 0.1 * g->cell);
        char number[24];
        if (row[i] == 0)
            continue;
        /* A few images are seen, too. */
        kind->rectangle(g->canvas, (struct cln_box){x, y, g->cell - gap, g->cell - gap}, CLN_INK_HEAT,
                        0.06 + 0.94 * sqrt(share));
        cln_text_format(number, sizeof number, "%zu", row[i]);
        if (g->has_numbers)
            kind->text(g->canvas, (struct cln_point){x + (g->cell - gap) / 2, middle}, CLN_ANCHOR_MIDDLE,
                       share > 0.3 ? CLN_INK_PAPER : CLN_INK_TEXT, number);
    }
    char name[64];
    name_class(name, sizeof name, g->findings, (int)label);
    if (g->has_names)
        kind->text(g->canvas, (struct cln_point){g->left - kind->gap, middle}, CLN_ANCHOR_END, CLN_INK_MUTED, name);
}

static enum cln_status draw_confusion(FILE *stream, const struct cln_page *page) {
    enum { NUMBERS_UP_TO = 20, NAMES_UP_TO = 64 };
    const struct cln_findings *f = page->findings;
    struct cln_canvas canvas = {.kind = &cln_svg_inline, .stream = stream};
    size_t longest = 0;
    for (int k = 0; k < f->classes; k++) {
        char name[64];
        name_class(name, sizeof name, f, k);
        longest = cln_text_columns(name) > longest ? cln_text_columns(name) : longest;
    }
    struct grid g = {&canvas, f, .has_numbers = f->classes <= NUMBERS_UP_TO, .has_names = f->classes <= NAMES_UP_TO};
    g.left = g.has_names ? (double)longest * canvas.kind->letter + 2 * canvas.kind->gap : 4;
    g.top = canvas.kind->line + canvas.kind->gap;
    g.cell = fmax(canvas.kind->line * (g.has_names ? 1 : 0.25), fmin(46, 520.0 / f->classes));
    canvas.width = g.left + g.cell * f->classes;
    canvas.height = g.top + g.cell * f->classes;
    cln_text_print(stream, "<div class=\"heat\" style=\"max-width:%.0fpx\">\n", canvas.width);
    enum cln_status status = cln_canvas_begin(&canvas);
    for (int k = 0; status == CLN_OK && k < f->classes; k++) {
        char number[16];
        draw_row(&g, (size_t)k);
        cln_text_format(number, sizeof number, "%d", k);
        if (g.has_names)
            canvas.kind->text(&canvas, (struct cln_point){g.left + (k + 0.5) * g.cell, canvas.kind->line / 2},
                              CLN_ANCHOR_MIDDLE, CLN_INK_MUTED, number);
    }
    status = cln_canvas_end(&canvas, status);
    cln_text_print(stream,
                   "</div>\n<p class=\"note\">Rows are labels, columns are predictions by the number of the class, "
                   "from 0. A cell is as dark as the root of its share of the row.</p>\n");
    return status;
}

const struct cln_section cln_section_confusion = {"confusion", "Confusion matrix", has_findings, draw_confusion,
                                                  NULL,        CLN_SOURCE_MODEL};
