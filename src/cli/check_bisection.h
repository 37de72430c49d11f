/* Writes what was found launch by launch (clenet check --strict --bisect). */
#ifndef SRC_CLI_CHECK_BISECTION_H
#define SRC_CLI_CHECK_BISECTION_H

#include <jansson.h>

#include "src/checkup/checkup.h"

/* Prints a paragraph about each network whose steps are off, or a line that nothing is. Without rows that are apart
 * nothing. */
void cln_check_print_bisection(const struct cln_checkup *checkup);

/* A new JSON object, the caller's; NULL: out of memory. */
json_t *cln_check_finding_json(const struct cln_check_finding *finding);

#endif
