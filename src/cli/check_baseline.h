/* The file of --baseline: checks that are known to fail. */
#ifndef SRC_CLI_CHECK_BASELINE_H
#define SRC_CLI_CHECK_BASELINE_H

#include <stdbool.h>

#include "src/checkup/checkup.h"

/* All zero: nothing is known to fail. */
struct cln_baseline {
    const char *path; /* the caller's */
    char *text;       /* names, each ended by a line feed */
};

/* Reads a file of names "WHAT, SETTING", one per line; blank lines and comments from # on are skipped. CLN_INVALID
 * names the line that no check is called as. Release it in every case. */
enum cln_status cln_baseline_read(struct cln_baseline *baseline, const char *path) CLN_MUST_CHECK;
void cln_baseline_release(struct cln_baseline *baseline);
bool cln_baseline_has(const struct cln_baseline *baseline, const struct cln_checkup_row *row);

#endif
