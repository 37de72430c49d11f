/* Charts of lines, drawn on any canvas: axes with round numbers, a legend, and any number of series. */
#ifndef SRC_REPORT_CHART_H
#define SRC_REPORT_CHART_H

#include "src/report/canvas.h"

struct cln_series {
    char name[64];       /* in the legend, safe to print; "": none */
    const double *x, *y; /* `count` of each; where y is not finite, the line has a gap */
    size_t count;
    enum cln_ink ink;
    bool dashed;
};

struct cln_chart {
    const char *title, *x_title;
    const struct cln_series *series;
    size_t count;
    bool is_logarithmic; /* x are powers of ten, and its ticks are labelled so */
    bool whole_x;        /* ticks of x are whole numbers */
    bool from_zero;      /* y begins at 0 */
};

/* Draws within a box. Without any number only the title and "nothing to draw" are drawn. */
void cln_chart_draw(struct cln_canvas *canvas, struct cln_box box, const struct cln_chart *chart);

/* Draws a histogram: `count` bars of equal width from `least` to `most`, with the ends as labels. */
void cln_histogram_draw(struct cln_canvas *canvas, struct cln_box box, const double *bars, size_t count, double least,
                        double most);

#endif
