/* Writes what checks came to: as text for people, as Markdown for an issue, and as JSON, TAP and JUnit's XML for
 * machines. */
#ifndef SRC_CLI_CHECK_REPORT_H
#define SRC_CLI_CHECK_REPORT_H

#include <jansson.h>

#include "src/cli/check_verdict.h"

/* All but JUnit's take a device that could be checked. cln_check_print_strict prints one line: whether strict
 * arithmetic gives the bits of every device. */
void cln_check_print_strict(const struct cln_checked *checked);
void cln_check_print(const struct cln_checked *checked);
void cln_check_print_markdown(const struct cln_checked *checked);
/* New JSON objects, the caller's; NULL: out of memory. */
json_t *cln_check_json(const struct cln_checked *checked);
json_t *cln_check_row_json(const struct cln_checked *checked, const struct cln_checkup_row *row);

/* TAP, version 13: https://testanything.org/tap-version-13-specification.html. Prints the points of all `count` devices
 * and the plan. CLN_OUT_OF_MEMORY. */
enum cln_status cln_check_print_tap(const struct cln_checked *list, size_t count) CLN_MUST_CHECK;

/* Replaces `path` by JUnit's XML, a suite for each device and a case for each row, as Jenkins and GitLab read it. */
enum cln_status cln_check_write_junit(const char *path, const struct cln_checked *list, size_t count) CLN_MUST_CHECK;

#endif
