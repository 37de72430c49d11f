/* Finds the bottleneck of training from measured numbers. */
#include "src/bench/bottleneck.h"

#include <stdio.h>

#define MANY_GAPS 0.2 /* share of gaps from which on they are the bottleneck */
#define MOSTLY 0.5

double cln_roofline_share(const struct ocl_timing *row, const struct cln_peak *peak) {
    const double arithmetic = row->flops / peak->flops, traffic = row->bytes / peak->bytes;
    return row->seconds > 0 ? (arithmetic > traffic ? arithmetic : traffic) / row->seconds : 0;
}

bool cln_memory_bound(const struct ocl_timing *row, const struct cln_peak *peak) {
    return row->bytes / peak->bytes > row->flops / peak->flops;
}

void cln_bottleneck(char *text, size_t bytes, const struct cln_peak *peak, const struct ocl_timing *rows, size_t count,
                    const struct ocl_timeline_totals *totals) {
    const double step = totals->busy_seconds + totals->gap_seconds, gaps = totals->gap_seconds / step;
    const struct ocl_timing *mover = NULL; /* the first row that is bound by memory */
    double moving = 0;
    text[0] = '\0';
    if (!(step > 0) || count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (cln_memory_bound(&rows[i], peak)) {
            moving += rows[i].seconds / step;
            mover = mover ? mover : &rows[i];
        }
    const struct ocl_timing *row = mover && moving > MOSTLY ? mover : &rows[0];
    const double share = row->seconds / step, roofline = cln_roofline_share(row, peak);
    if (gaps > MANY_GAPS)
        snprintf(text, bytes, "launch-bound: %.0f %% of the step is gaps between launches: raise the batch size",
                 100 * gaps);
    else if (moving > MOSTLY)
        snprintf(text, bytes,
                 "memory-bound: %.0f %% of the step moves data, most of it %s with %.0f %%, at %.0f %% of the copy "
                 "bandwidth",
                 100 * moving, row->label, 100 * share, 100 * roofline);
    else if (roofline > 0)
        snprintf(text, bytes, "%s: %s takes %.0f %% of the step, at %.0f %% of the %s",
                 row == mover ? "memory" : "compute", row->label, 100 * share, 100 * roofline,
                 row == mover ? "copy bandwidth" : "peak");
    else
        snprintf(text, bytes, "compute: %s takes %.0f %% of the step", row->label, 100 * share);
}
