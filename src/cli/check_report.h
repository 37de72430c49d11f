/* Prints a checkup as text for people, as Markdown for an issue, or as JSON for machines. */
#ifndef SRC_CLI_CHECK_REPORT_H
#define SRC_CLI_CHECK_REPORT_H

#include <jansson.h>

#include "src/checkup/checkup.h"

void cln_check_print(const struct cln_checkup *checkup);
void cln_check_print_markdown(const struct cln_checkup *checkup);
/* A new JSON object, the caller's; NULL: out of memory. */
json_t *cln_check_json(const struct cln_checkup *checkup);

#endif
