/* Times as people say them. */
#ifndef SRC_BASE_DURATION_H
#define SRC_BASE_DURATION_H

enum { CLN_DURATION_BYTES = 48 };

/* Writes a time: below a minute "3.2 s", with so many `decimals` and the word `second`; then "1 min 20 s", "2 h 5 min".
 * `seconds` is at least 0. Returns `out`. */
const char *cln_duration(char out[CLN_DURATION_BYTES], double seconds, int decimals, const char *second);

#endif
