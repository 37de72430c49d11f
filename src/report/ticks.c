/* Chooses round numbers: see ticks.h. */
#include "src/report/ticks.h"

#include <math.h>
#include <stdio.h>

/* The next larger of 1, 2, 5, 10, 20 … times a power of ten. */
static double round_step(double least) {
    static const double steps[] = {1, 2, 5};
    const double power = pow(10, floor(log10(least)));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i] * power >= least * (1 - 1e-9))
            return steps[i] * power;
    return 10 * power;
}

static int count_of(double least, double most, double step, double *first) {
    const double slack = 1e-9;
    *first = ceil(least / step - slack) * step;
    return (int)floor((most - *first) / step + slack) + 1;
}

struct cln_ticks cln_ticks_choose(double least, double most, int room, bool whole) {
    if (!(most > least))
        return (struct cln_ticks){.first = least, .step = 1, .count = 1, .decimals = least == floor(least) ? 0 : 3};
    const int wanted = room < 2 ? 2 : room;
    double step = round_step((most - least) / wanted), first = 0;
    if (whole && step < 1)
        step = 1;
    while (count_of(least, most, step, &first) > wanted)
        step = round_step(step * 1.5);
    const double digits = -floor(log10(step) + 1e-9);
    return (struct cln_ticks){.first = first,
                              .step = step,
                              .count = count_of(least, most, step, &first),
                              .decimals = digits > 0 ? (int)digits : 0};
}

double cln_ticks_value(const struct cln_ticks *ticks, int index) {
    const double value = ticks->first + index * ticks->step;
    return fabs(value) < 1e-9 * ticks->step ? 0 : value;
}

void cln_ticks_label(char *out, size_t bytes, const struct cln_ticks *ticks, int index) {
    enum { MOST_DECIMALS = 4 };
    const double value = cln_ticks_value(ticks, index);
    if (ticks->decimals > MOST_DECIMALS || fabs(value) >= 1e7)
        snprintf(out, bytes, "%g", value);
    else
        snprintf(out, bytes, "%.*f", ticks->decimals, value);
}
