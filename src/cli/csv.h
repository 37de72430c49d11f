/* Tables for other programs: comma-separated values. */
#ifndef SRC_CLI_CSV_H
#define SRC_CLI_CSV_H

#include <stdio.h>

/* Writes a text as a field: quoted as in RFC 4180, in UTF-8 and on one line. A field that a spreadsheet could read as a
 * formula gets a ' before it. The caller checks the stream for errors. */
void cln_csv_text(FILE *stream, const char *text);

#endif
