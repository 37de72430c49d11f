/* Round numbers at an axis. */
#ifndef SRC_REPORT_TICKS_H
#define SRC_REPORT_TICKS_H

#include <stdbool.h>
#include <stddef.h>

/* Ticks at first, first + step, …, `count` of them. */
struct cln_ticks {
    double first, step;
    int count;
    int decimals; /* digits behind the point that tell them apart */
};

/* Ticks within least … most, which are finite; at most `room` of them where that is at least 2, and at steps of 1, 2 or
 * 5 times a power of ten, whole ones with `whole`. Equal ends give a single tick. */
struct cln_ticks cln_ticks_choose(double least, double most, int room, bool whole);

double cln_ticks_value(const struct cln_ticks *ticks, int index);
/* Writes the label of a tick: "0.25", "20000"; very large and small steps as "2e-05". */
void cln_ticks_label(char *out, size_t bytes, const struct cln_ticks *ticks, int index);

#endif
