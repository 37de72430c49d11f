/* A device's check as text for people, as Markdown to paste into an issue, as JSON for machines. */
#ifndef SRC_CLI_CHECK_REPORT_H
#define SRC_CLI_CHECK_REPORT_H

#include <jansson.h>

#include "src/check/checkup.h"

void cln_check_print(const struct cln_checkup *checkup);
void cln_check_print_markdown(const struct cln_checkup *checkup);
/* A new object, the caller's; NULL where memory ran out. */
json_t *cln_check_json(const struct cln_checkup *checkup);

#endif
