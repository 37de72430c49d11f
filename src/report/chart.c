/* Draws charts: see chart.h. */
#include "src/report/chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clenet/text.h"
#include "src/report/ticks.h"

struct range {
    double least, most;
};

/* The ranges of a chart's numbers and its plot's place on the canvas. */
struct plot {
    struct cln_canvas *canvas;
    const struct cln_chart *chart;
    struct cln_box box;
    struct range x, y;
};

static void widen(struct range *range, double value) {
    range->least = fmin(range->least, value);
    range->most = fmax(range->most, value);
}

/* Whether there is any number. */
static bool measure(const struct cln_chart *chart, struct range *x, struct range *y) {
    *x = *y = (struct range){INFINITY, -INFINITY};
    for (size_t s = 0; s < chart->count; s++)
        for (size_t i = 0; i < chart->series[s].count; i++)
            if (isfinite(chart->series[s].y[i]) && isfinite(chart->series[s].x[i])) {
                widen(x, chart->series[s].x[i]);
                widen(y, chart->series[s].y[i]);
            }
    if (!(x->least <= x->most))
        return false;
    if (chart->from_zero)
        widen(y, 0);
    if (y->least == y->most) { /* a constant lies in the middle */
        const double margin = y->least != 0 ? 0.5 * fabs(y->least) : 0.5;
        *y = (struct range){y->least - margin, y->most + margin};
    }
    return true;
}

static struct cln_point place(const struct plot *p, double x, double y) {
    const double across = p->x.most > p->x.least ? (x - p->x.least) / (p->x.most - p->x.least) : 0.5;
    return (struct cln_point){p->box.x + across * p->box.width,
                              p->box.y + p->box.height * (p->y.most - y) / (p->y.most - p->y.least)};
}

static void line(struct cln_canvas *canvas, double x1, double y1, double x2, double y2, enum cln_ink ink) {
    const struct cln_point points[] = {{x1, y1}, {x2, y2}};
    canvas->kind->polyline(canvas, points, 2, ink, false);
}

/* Draws the points from `first` to before `end`, none of which is a gap. */
static void draw_stretch(const struct plot *p, const struct cln_series *s, size_t first, size_t end) {
    enum { PIECE = 256 };
    struct cln_point points[PIECE];
    size_t used = 0;
    if (end - first == 1) {
        const struct cln_point at = place(p, s->x[first], s->y[first]);
        const double half = 0.45 * p->canvas->kind->gap;
        p->canvas->kind->rectangle(p->canvas, (struct cln_box){at.x - half, at.y - half, 2 * half, 2 * half}, s->ink,
                                   1);
        return;
    }
    for (size_t i = first; i < end; i++) {
        points[used++] = place(p, s->x[i], s->y[i]);
        if (used < PIECE && i + 1 < end)
            continue;
        p->canvas->kind->polyline(p->canvas, points, used, s->ink, s->dashed);
        points[0] = points[used - 1]; /* the next piece goes on from here */
        used = 1;
    }
}

static void draw_series(const struct plot *p, const struct cln_series *s) {
    size_t first = 0;
    for (size_t i = 0; i <= s->count; i++) {
        if (i < s->count && isfinite(s->y[i]) && isfinite(s->x[i]))
            continue;
        if (i > first)
            draw_stretch(p, s, first, i);
        first = i + 1;
    }
}

/* Draws the legend in columns of equal width, rows as even as can be; returns the place below. */
static double draw_legend(struct cln_canvas *c, struct cln_box box, const struct cln_chart *chart) {
    const double sample = 4 * c->kind->letter, gap = c->kind->letter;
    size_t named = 0, longest = 0, drawn = 0;
    for (size_t i = 0; i < chart->count; i++) {
        const size_t columns = cln_text_columns(chart->series[i].name);
        longest = columns > longest ? columns : longest;
        named += columns > 0;
    }
    if (named == 0)
        return box.y;
    const double width = sample + (double)longest * c->kind->letter + 3 * gap;
    const size_t most = box.width > width ? (size_t)(box.width / width) : 1, rows = (named + most - 1) / most;
    const size_t across = (named + rows - 1) / rows;
    for (size_t i = 0; i < chart->count; i++) {
        const struct cln_series *s = &chart->series[i];
        const double x = box.x + (double)(drawn % across) * width;
        const double y = box.y + ((double)(drawn / across) + 0.5) * c->kind->line;
        const struct cln_point ends[] = {{x, y}, {x + sample - c->kind->gap, y}};
        if (s->name[0] == '\0')
            continue;
        c->kind->polyline(c, ends, 2, s->ink, s->dashed);
        c->kind->text(c, (struct cln_point){x + sample + gap / 2, y}, CLN_ANCHOR_START, CLN_INK_MUTED, s->name);
        drawn++;
    }
    return box.y + (double)rows * c->kind->line;
}

static void label_x(const struct plot *p, const struct cln_ticks *ticks) {
    const struct cln_canvas_kind *kind = p->canvas->kind;
    const double bottom = p->box.y + p->box.height;
    for (int i = 0; i < ticks->count; i++) {
        char label[32];
        const double value = cln_ticks_value(ticks, i), x = place(p, value, p->y.least).x;
        if (p->chart->is_logarithmic)
            snprintf(label, sizeof label, "1e%d", (int)lround(value));
        else
            cln_ticks_label(label, sizeof label, ticks, i);
        line(p->canvas, x, p->box.y, x, bottom, CLN_INK_GRID);
        kind->text(p->canvas, (struct cln_point){x, bottom + kind->gap + kind->line / 2}, CLN_ANCHOR_MIDDLE,
                   CLN_INK_MUTED, label);
    }
}

static void label_y(const struct plot *p, const struct cln_ticks *ticks) {
    const struct cln_canvas_kind *kind = p->canvas->kind;
    for (int i = 0; i < ticks->count; i++) {
        char label[32];
        const double y = place(p, p->x.least, cln_ticks_value(ticks, i)).y;
        cln_ticks_label(label, sizeof label, ticks, i);
        line(p->canvas, p->box.x, y, p->box.x + p->box.width, y, CLN_INK_GRID);
        kind->text(p->canvas, (struct cln_point){p->box.x - kind->letter, y}, CLN_ANCHOR_END, CLN_INK_MUTED, label);
    }
}

static double widest_label(const struct cln_ticks *ticks, double letter) {
    size_t most = 0;
    for (int i = 0; i < ticks->count; i++) {
        char label[32];
        cln_ticks_label(label, sizeof label, ticks, i);
        most = strlen(label) > most ? strlen(label) : most;
    }
    return (double)most * letter;
}

void cln_chart_draw(struct cln_canvas *c, struct cln_box box, const struct cln_chart *chart) {
    const struct cln_canvas_kind *kind = c->kind;
    struct plot p = {.canvas = c, .chart = chart};
    const struct cln_point title = {box.x, box.y + kind->line / 2};
    kind->text(c, title, CLN_ANCHOR_START, CLN_INK_TEXT, chart->title);
    if (!measure(chart, &p.x, &p.y)) {
        kind->text(c, (struct cln_point){box.x, box.y + 1.5 * kind->line}, CLN_ANCHOR_START, CLN_INK_MUTED,
                   "nothing to draw");
        return;
    }
    const struct cln_box below = {box.x, box.y + kind->line, box.width, box.height - kind->line};
    const double top = draw_legend(c, below, chart) + kind->line / 2;
    const double bottom = box.y + box.height - 2 * kind->line - kind->gap; /* the labels stand below the gap */
    const struct cln_ticks rows =
        cln_ticks_choose(p.y.least, p.y.most, (int)((bottom - top) / (1.8 * kind->line)), false);
    const double left = box.x + widest_label(&rows, kind->letter) + kind->letter;
    p.box = (struct cln_box){left, top, box.x + box.width - 2 * kind->letter - left, bottom - top};
    if (p.box.width < 4 * kind->letter || p.box.height < kind->line)
        return; /* no room */
    const int columns = (int)(p.box.width / (8 * kind->letter));
    const struct cln_ticks ticks =
        cln_ticks_choose(p.x.least, p.x.most, columns, chart->whole_x || chart->is_logarithmic);
    label_x(&p, &ticks);
    label_y(&p, &rows);
    line(c, p.box.x, bottom, p.box.x + p.box.width, bottom, CLN_INK_MUTED);
    kind->text(c, (struct cln_point){p.box.x + p.box.width, box.y + box.height - kind->line / 2}, CLN_ANCHOR_END,
               CLN_INK_MUTED, chart->x_title);
    for (size_t i = 0; i < chart->count; i++)
        draw_series(&p, &chart->series[i]);
}

void cln_histogram_draw(struct cln_canvas *c, struct cln_box box, const double *bars, size_t count, double least,
                        double most) {
    const struct cln_canvas_kind *kind = c->kind;
    const double bottom = box.y + box.height - kind->line, width = box.width / (double)count;
    double highest = 0;
    char label[32];
    for (size_t i = 0; i < count; i++)
        highest = fmax(highest, bars[i]);
    for (size_t i = 0; i < count && highest > 0; i++) {
        const double height = (bottom - box.y) * bars[i] / highest;
        if (bars[i] > 0)
            kind->rectangle(c, (struct cln_box){box.x + (double)i * width, bottom - height, 0.9 * width, height},
                            CLN_INK_SERIES, 1);
    }
    line(c, box.x, bottom, box.x + box.width, bottom, CLN_INK_MUTED);
    snprintf(label, sizeof label, "%.3g", least);
    kind->text(c, (struct cln_point){box.x, bottom + kind->line / 2}, CLN_ANCHOR_START, CLN_INK_MUTED, label);
    snprintf(label, sizeof label, "%.3g", most);
    kind->text(c, (struct cln_point){box.x + box.width, bottom + kind->line / 2}, CLN_ANCHOR_END, CLN_INK_MUTED, label);
}
