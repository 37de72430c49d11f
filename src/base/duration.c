/* Writes times: see duration.h. */
#include "src/base/duration.h"

#include <stdio.h>
#include <stdlib.h>

/* "2 h 5 min", without the second part if it is 0. */
static void write_two(char *out, unsigned long big, const char *big_unit, unsigned long small, const char *small_unit) {
    const int used = snprintf(out, CLN_DURATION_BYTES, "%lu %s", big, big_unit);
    if (small > 0)
        snprintf(out + used, (size_t)(CLN_DURATION_BYTES - used), " %lu %s", small, small_unit);
}

const char *cln_duration(char out[CLN_DURATION_BYTES], double seconds, int decimals, const char *second) {
    const unsigned long whole = seconds < 1e12 ? (unsigned long)(seconds + 0.5) : 1000000000000UL;
    const unsigned long minutes = (whole + 30) / 60;
    snprintf(out, CLN_DURATION_BYTES, "%.*f", decimals, seconds);
    if (strtod(out, NULL) < 60) /* as it is written: 59.96 is a minute */
        snprintf(out, CLN_DURATION_BYTES, "%.*f %s", decimals, seconds, second);
    else if (whole < 3600)
        write_two(out, whole / 60, "min", whole % 60, "s");
    else
        write_two(out, minutes / 60, "h", minutes % 60, "min");
    return out;
}
