/* Rows of a CSV file, plain or gzipped, as RFC 4180 describes it: fields are separated by commas, and may stand in
 * double quotes, where two quotes are one. A UTF-8 mark at the beginning and empty lines are passed over. Private to
 * src/data. */
#ifndef SRC_DATA_CSV_H
#define SRC_DATA_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "clenet/status.h"

enum { CLN_CSV_ROW_LIMIT = 1 << 26 }; /* bytes of a row */

struct cln_csv;

struct cln_csv_row {
    const char *const *fields; /* until the next row is read; blanks around them are left out */
    size_t count, line;        /* the number of the row's first line, from 1 on */
};

enum cln_status cln_csv_open(struct cln_csv **out, const char *path) CLN_MUST_CHECK;
/* The next row; row->count is 0 behind the last. CLN_INVALID names the line of what no CSV file has: a quote that does
 * not end, characters behind a quoted field, a byte of 0; or that a row is longer than clenet's limit. */
enum cln_status cln_csv_next(struct cln_csv *csv, struct cln_csv_row *row) CLN_MUST_CHECK;
void cln_csv_close(struct cln_csv **csv);

#endif
