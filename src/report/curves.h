/* Learning curves: which numbers of runs are drawn in which chart, for files, terminals and pages alike. */
#ifndef SRC_REPORT_CURVES_H
#define SRC_REPORT_CURVES_H

#include "src/report/canvas.h"
#include "src/report/run.h"

enum cln_curve { CLN_CURVE_LOSS, CLN_CURVE_ACCURACY, CLN_CURVE_RATE, CLN_CURVE_SPEED, CLN_CURVE_NORM, CLN_CURVE_COUNT };

/* Whether any run has a number for this chart. */
bool cln_curve_has(enum cln_curve curve, const struct cln_runs *runs);
/* Draws all runs in one chart. With several, each has a colour; lines of training are solid, others dashed. */
enum cln_status cln_curve_draw(struct cln_canvas *canvas, struct cln_box box, enum cln_curve curve,
                               const struct cln_runs *runs) CLN_MUST_CHECK;

/* Whether any run is one of --lr-find; draws the loss by the learning rate of those that are. */
bool cln_range_has(const struct cln_runs *runs);
enum cln_status cln_range_draw(struct cln_canvas *canvas, struct cln_box box,
                               const struct cln_runs *runs) CLN_MUST_CHECK;

/* Draws what `clenet plot` shows, loss and accuracy, or the losses by rate, on a canvas of this kind as wide and high
 * as `width` and `height`, and writes it to the stream. */
enum cln_status cln_curves_write(FILE *stream, const struct cln_canvas_kind *kind, double width, double height,
                                 bool has_colours, const struct cln_runs *runs) CLN_MUST_CHECK;

#endif
