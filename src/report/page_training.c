/* Sections that runs alone give: figures, curves, speed, comparison. */
#include <math.h>

#include "clenet/text.h"
#include "src/report/curves.h"
#include "src/report/page_private.h"

static bool always(const struct cln_page *page) {
    (void)page;
    return true;
}

static bool has_epochs(const struct cln_page *page) {
    return cln_curve_has(CLN_CURVE_LOSS, page->runs) || cln_curve_has(CLN_CURVE_ACCURACY, page->runs);
}

static enum cln_status draw_curve(FILE *stream, const struct cln_page *page, enum cln_curve curve) {
    /* In the legend runs take about three lines each half of the width. */
    const double width = 520, height = 270 + 17.0 * (double)(page->runs->count > 1 ? 2 * page->runs->count : 0);
    struct cln_canvas canvas = {.kind = &cln_svg_inline, .stream = stream, .width = width, .height = height};
    const struct cln_box box = {0, 0, width, height};
    cln_text_print(stream, "<div>\n");
    enum cln_status status = cln_canvas_begin(&canvas);
    if (status == CLN_OK)
        status = cln_curve_draw(&canvas, box, curve, page->runs);
    status = cln_canvas_end(&canvas, status);
    cln_text_print(stream, "</div>\n");
    return status;
}

/* ---- Figures ---- */

static void put_share(FILE *stream, const char *name, double value) {
    if (isfinite(value))
        cln_text_print_html(stream, "<div><dt>%s</dt><dd>%.4f</dd></div>\n", name, value);
}

/* The last known number of a column, or the highest; not a number if none is known. */
static double last_of(const struct cln_run *run, enum cln_column column) {
    double value = NAN;
    for (size_t i = 0; i < run->epoch_count; i++)
        if (isfinite(run->epochs[i].values[column]))
            value = run->epochs[i].values[column];
    return value;
}

static double highest_of(const struct cln_run *run, enum cln_column column) {
    double value = NAN;
    for (size_t i = 0; i < run->epoch_count; i++)
        value = fmax(value, run->epochs[i].values[column]);
    return value;
}

/* The test accuracy that the run ended with: of its own test, or after its last epoch. */
static double test_accuracy(const struct cln_run *run) {
    const double tested = cln_event_number(run->test, "test_accuracy");
    return isfinite(tested) ? tested : last_of(run, CLN_COLUMN_TEST_ACCURACY);
}

void cln_page_put_time(char *out, size_t bytes, double seconds) {
    if (seconds < 60)
        cln_text_format(out, bytes, "%.1f s", seconds);
    else if (seconds < 3600)
        cln_text_format(out, bytes, "%d min %d s", (int)(seconds / 60), (int)fmod(seconds, 60));
    else
        cln_text_format(out, bytes, "%d h %d min", (int)(seconds / 3600), (int)fmod(seconds / 60, 60));
}

/* How the run ended, in a word or with its message. */
static void put_end(FILE *stream, const struct cln_page *page) {
    const struct cln_run *run = cln_page_run(page);
    const char *message = cln_event_text(run->end, "message");
    if (run->end == NULL && page->progress != NULL)
        cln_text_print(stream, "The training goes on.");
    else if (run->end == NULL)
        cln_text_print(stream, "The log has no end: the training was killed, or still goes on.");
    else if (message[0] != '\0')
        cln_text_print_html(stream, "The training ended: %s.", message);
    else
        cln_text_print(stream, "The training ended as it should.");
    if (run->resumed > 0)
        cln_text_print(stream, " It was resumed %d %s.", run->resumed, run->resumed == 1 ? "time" : "times");
}

static enum cln_status draw_summary(FILE *stream, const struct cln_page *page) {
    const struct cln_run *run = cln_page_run(page);
    char time[48];
    cln_page_put_time(time, sizeof time, run->seconds);
    cln_text_print_html(stream, "<p>%s. Started %s. ", cln_event_text(run->start, "device"),
                        cln_event_text(run->start, "time"));
    put_end(stream, page);
    cln_text_print(stream, "</p>\n<dl class=\"key\">\n");
    put_share(stream, "Test accuracy", test_accuracy(run));
    put_share(stream, "Best validation accuracy", highest_of(run, CLN_COLUMN_VALIDATION_ACCURACY));
    if (run->test == NULL)
        put_share(stream, "Best test accuracy", highest_of(run, CLN_COLUMN_TEST_ACCURACY));
    put_share(stream, "Training loss", last_of(run, CLN_COLUMN_LOSS));
    cln_text_print_html(stream, "<div><dt>Epochs</dt><dd>%d</dd></div>\n",
                        run->epoch_count > 0 ? run->epochs[run->epoch_count - 1].epoch : 0);
    cln_text_print_html(stream, "<div><dt>Time</dt><dd>%s</dd></div>\n", time);
    if (isfinite(last_of(run, CLN_COLUMN_SPEED)))
        cln_text_print_html(stream, "<div><dt>Images/s, at best</dt><dd>%.0f</dd></div>\n",
                            highest_of(run, CLN_COLUMN_SPEED));
    cln_text_print(stream, "</dl>\n");
    return CLN_OK;
}

const struct cln_section cln_section_summary = {"summary", "Result", always, draw_summary, NULL};

/* ---- Comparison ---- */

static bool has_several(const struct cln_page *page) {
    return page->runs->count > 1;
}

static void put_cell(FILE *stream, const char *format, double value) {
    char cell[32] = "–";
    if (isfinite(value))
        cln_text_format(cell, sizeof cell, format, value);
    cln_text_print_html(stream, "<td>%s</td>", cell);
}

static enum cln_status draw_compare(FILE *stream, const struct cln_page *page) {
    cln_text_print(stream, "<div class=\"scroll\"><table>\n<tr><th>Run</th><th>Network</th><th>Epochs</th>"
                           "<th>Training loss</th><th>Validation accuracy</th><th>Test accuracy</th>"
                           "<th>Images per second</th><th>Seconds</th></tr>\n");
    for (size_t i = 0; i < page->runs->count; i++) {
        const struct cln_run *run = &page->runs->list[i];
        cln_text_print_html(stream,
                            i == page->main ? "<tr><td><b>%s</b></td><td>%s</td>" : "<tr><td>%s</td><td>%s</td>",
                            run->name, cln_event_text(run->start, "network"));
        put_cell(stream, "%.0f", (double)run->epoch_count);
        put_cell(stream, "%.4f", last_of(run, CLN_COLUMN_LOSS));
        put_cell(stream, "%.4f", last_of(run, CLN_COLUMN_VALIDATION_ACCURACY));
        put_cell(stream, "%.4f", test_accuracy(run));
        put_cell(stream, "%.0f", highest_of(run, CLN_COLUMN_SPEED));
        put_cell(stream, "%.1f", run->seconds);
        cln_text_print(stream, "</tr>\n");
    }
    cln_text_print(stream,
                   "</table></div>\n<p class=\"note\">Losses and accuracies are those of the last epoch; images "
                   "per second are those of the fastest.</p>\n");
    return CLN_OK;
}

const struct cln_section cln_section_compare = {"compare", "Runs", has_several, draw_compare, NULL};

/* ---- Curves ---- */

static enum cln_status draw_curves(FILE *stream, const struct cln_page *page) {
    cln_text_print(stream, "<div class=\"pair\">\n");
    enum cln_status status = draw_curve(stream, page, CLN_CURVE_LOSS);
    if (status == CLN_OK)
        status = draw_curve(stream, page, CLN_CURVE_ACCURACY);
    cln_text_print(stream, "</div>\n<p class=\"note\">Training is measured in training mode while the weights change, "
                           "validation and test after an epoch.</p>\n");
    return status;
}

const struct cln_section cln_section_curves = {"curves", "Learning curves", has_epochs, draw_curves,
                                               "No epoch is finished."};

static bool has_range(const struct cln_page *page) {
    return cln_range_has(page->runs);
}

static enum cln_status draw_range(FILE *stream, const struct cln_page *page) {
    const double width = 1056, height = 300;
    const double suggestion = cln_event_number(cln_page_run(page)->rate, "learning_rate");
    struct cln_canvas canvas = {.kind = &cln_svg_inline, .stream = stream, .width = width, .height = height};
    if (isfinite(suggestion))
        cln_text_print(stream, "<p>The suggested learning rate is %.3g.</p>\n", suggestion);
    enum cln_status status = cln_canvas_begin(&canvas);
    if (status == CLN_OK)
        status = cln_range_draw(&canvas, (struct cln_box){0, 0, width, height}, page->runs);
    return cln_canvas_end(&canvas, status);
}

const struct cln_section cln_section_range = {"range", "Learning rates tested", has_range, draw_range, NULL};

static bool has_speed(const struct cln_page *page) {
    return cln_curve_has(CLN_CURVE_SPEED, page->runs) || cln_curve_has(CLN_CURVE_RATE, page->runs);
}

static enum cln_status draw_speed(FILE *stream, const struct cln_page *page) {
    cln_text_print(stream, "<div class=\"pair\">\n");
    enum cln_status status = draw_curve(stream, page, CLN_CURVE_RATE);
    if (status == CLN_OK)
        status = draw_curve(stream, page, CLN_CURVE_SPEED);
    cln_text_print(stream, "</div>\n<p class=\"note\">The learning rate is that of the last step of an epoch.</p>\n");
    return status;
}

const struct cln_section cln_section_speed = {"speed", "Learning rate and speed", has_speed, draw_speed, NULL};

static bool has_norm(const struct cln_page *page) {
    return cln_curve_has(CLN_CURVE_NORM, page->runs);
}

static enum cln_status draw_norm(FILE *stream, const struct cln_page *page) {
    cln_text_print(stream, "<div class=\"pair\">\n");
    const enum cln_status status = draw_curve(stream, page, CLN_CURVE_NORM);
    cln_text_print(stream, "<div></div></div>\n<p class=\"note\">The norm of all gradients together in the last step "
                           "of each epoch, before "
                           "clipping.</p>\n");
    return status;
}

const struct cln_section cln_section_norm = {
    "norm", "Gradient norm", has_norm, draw_norm,
    "This run did not measure the norm of its gradients. Training with --clip-norm does; a bound that no gradient "
    "reaches, such as --clip-norm 1e9, changes no step."};
