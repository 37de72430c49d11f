/* Draws learning curves: see curves.h. */
#include "src/report/curves.h"

#include <math.h>
#include <stdlib.h>

#include "clenet/text.h"
#include "src/base/table.h"
#include "src/report/chart.h"

enum { MOST_LINES = 3 };

/* A line of a chart: a column of numbers. */
struct line {
    const char *name; /* NULL: the only one of its chart */
    enum cln_column column;
    bool dashed;
};

static const struct {
    const char *title;
    struct line lines[MOST_LINES];
    int count;
    bool from_zero;
} curves[] = {
    [CLN_CURVE_LOSS] = {"Loss",
                        {{"training", CLN_COLUMN_LOSS, false},
                         {"validation", CLN_COLUMN_VALIDATION_LOSS, true},
                         {"test", CLN_COLUMN_TEST_LOSS, true}},
                        3,
                        false},
    [CLN_CURVE_ACCURACY] = {"Accuracy",
                            {{"training", CLN_COLUMN_ACCURACY, false},
                             {"validation", CLN_COLUMN_VALIDATION_ACCURACY, true},
                             {"test", CLN_COLUMN_TEST_ACCURACY, true}},
                            3,
                            false},
    [CLN_CURVE_RATE] = {"Learning rate", {{NULL, CLN_COLUMN_RATE, false}}, 1, true},
    [CLN_CURVE_SPEED] = {"Training images per second", {{NULL, CLN_COLUMN_SPEED, false}}, 1, true},
    [CLN_CURVE_NORM] = {"Norm of the gradient", {{NULL, CLN_COLUMN_NORM, false}}, 1, true},
};
CLN_EVERY(curves, CLN_CURVE_COUNT);

bool cln_curve_has(enum cln_curve curve, const struct cln_runs *runs) {
    for (size_t r = 0; r < runs->count; r++)
        for (size_t i = 0; i < runs->list[r].epoch_count; i++)
            for (int k = 0; k < curves[curve].count; k++)
                if (isfinite(runs->list[r].epochs[i].values[curves[curve].lines[k].column]))
                    return true;
    return false;
}

/* Names a line in the legend: by its run where there are several, and by what it shows where that is not clear. */
static void name_series(struct cln_series *s, const struct cln_run *run, bool several, const char *what) {
    enum { NAME_BYTES = 40 };
    if (several)
        cln_text_format(s->name, sizeof s->name, what ? "%.*s: %s" : "%.*s", NAME_BYTES, run->name, what);
    else
        cln_text_format(s->name, sizeof s->name, "%s", what ? what : "");
}

enum cln_status cln_curve_draw(struct cln_canvas *canvas, struct cln_box box, enum cln_curve curve,
                               const struct cln_runs *runs) {
    size_t room = 0, used = 0, at = 0;
    for (size_t r = 0; r < runs->count; r++)
        room += runs->list[r].epoch_count;
    struct cln_series *series = calloc(runs->count * MOST_LINES + 1, sizeof *series);
    double *numbers = malloc((2 * MOST_LINES * room + 1) * sizeof *numbers);
    const bool fits = series != NULL && numbers != NULL;
    for (size_t r = 0; fits && r < runs->count; r++)
        for (int k = 0; k < curves[curve].count; k++) {
            const struct line *line = &curves[curve].lines[k];
            const struct cln_run *run = &runs->list[r];
            double *x = numbers + at, *y = x + run->epoch_count;
            if (!cln_run_column(run, line->column, x, y))
                continue;
            at += 2 * run->epoch_count;
            series[used] = (struct cln_series){.x = x,
                                               .y = y,
                                               .count = run->epoch_count,
                                               .ink = cln_ink_of_series(runs->count > 1 ? r : (size_t)k),
                                               .dashed = line->dashed};
            name_series(&series[used++], run, runs->count > 1, line->name);
        }
    if (fits)
        cln_chart_draw(canvas, box,
                       &(struct cln_chart){.title = curves[curve].title,
                                           .x_title = "epoch",
                                           .series = series,
                                           .count = used,
                                           .whole_x = true,
                                           .from_zero = curves[curve].from_zero});
    free(series);
    free(numbers);
    return fits ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for curves of %zu epochs", room);
}

bool cln_range_has(const struct cln_runs *runs) {
    for (size_t r = 0; r < runs->count; r++)
        if (runs->list[r].step_count > 0)
            return true;
    return false;
}

enum cln_status cln_range_draw(struct cln_canvas *canvas, struct cln_box box, const struct cln_runs *runs) {
    size_t room = 0, used = 0, at = 0;
    for (size_t r = 0; r < runs->count; r++)
        room += runs->list[r].step_count;
    struct cln_series *series = calloc(runs->count, sizeof *series);
    double *numbers = malloc((2 * room + 1) * sizeof *numbers);
    const bool fits = series != NULL && numbers != NULL;
    for (size_t r = 0; fits && r < runs->count; r++) {
        const struct cln_run *run = &runs->list[r];
        double *x = numbers + at, *y = x + run->step_count;
        for (size_t i = 0; i < run->step_count; i++) {
            x[i] = log10(run->steps[i].rate);
            y[i] = run->steps[i].smoothed;
        }
        if (run->step_count == 0)
            continue;
        at += 2 * run->step_count;
        series[used] = (struct cln_series){.x = x, .y = y, .count = run->step_count, .ink = cln_ink_of_series(r)};
        name_series(&series[used++], run, runs->count > 1, NULL);
    }
    if (fits)
        cln_chart_draw(canvas, box,
                       &(struct cln_chart){.title = "Smoothed loss by learning rate",
                                           .x_title = "learning rate",
                                           .series = series,
                                           .count = used,
                                           .is_logarithmic = true});
    free(series);
    free(numbers);
    return fits ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for a curve of %zu steps", room);
}

enum cln_status cln_curves_write(FILE *stream, const struct cln_canvas_kind *kind, double width, double height,
                                 bool has_colours, const struct cln_runs *runs) {
    struct cln_canvas canvas = {
        .kind = kind, .stream = stream, .width = width, .height = height, .has_colours = has_colours};
    const double margin = kind->margin;
    const bool has_epochs = cln_curve_has(CLN_CURVE_LOSS, runs), has_rates = cln_range_has(runs);
    struct cln_box box = {margin, margin, width - 2 * margin, height - 2 * margin};
    enum cln_status status = cln_canvas_begin(&canvas);
    if (has_epochs)
        box.height = (box.height - margin) / (has_rates ? 3 : 2);
    if (status == CLN_OK && has_rates) {
        status = cln_range_draw(&canvas, box, runs);
        box.y += box.height + margin;
    }
    if (status == CLN_OK && (has_epochs || !has_rates))
        status = cln_curve_draw(&canvas, box, CLN_CURVE_LOSS, runs);
    box.y += box.height + margin;
    if (status == CLN_OK && has_epochs)
        status = cln_curve_draw(&canvas, box, CLN_CURVE_ACCURACY, runs);
    return cln_canvas_end(&canvas, status);
}
