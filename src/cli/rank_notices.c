/* See rank_notices.h. */
#include "src/cli/rank_notices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "clenet/text.h"
#include "src/cli/report.h"

static struct {
    struct cln_rank here;
    FILE *kept; /* NULL: none are kept any more */
    char *lines;
    size_t bytes;
} notices;

static void on_log(void *user, enum cln_log_level level, const char *message) {
    if (level == CLN_LOG_WARNING && notices.kept)
        cln_text_print(notices.kept, "%-s\n", message);
    if (notices.here.rank == 0)
        cln_report_log(user, level, message);
    else if (level == CLN_LOG_WARNING && !notices.kept)
        cln_report_warning("process %d of %d: %-s", notices.here.rank, notices.here.count, message);
}

void cln_rank_notices_begin(struct cln_rank here) {
    notices.here = here;
    notices.kept = open_memstream(&notices.lines, &notices.bytes);
    cln_log_set_handler(on_log, NULL);
}

enum cln_status cln_rank_notices_share(struct cln_ranks *ranks) {
    char *others = NULL;
    if (notices.kept)
        fclose(notices.kept);
    notices.kept = NULL;
    const enum cln_status status = cln_ranks_collect(ranks, notices.lines, &others);
    char *rest = NULL;
    for (char *line = others ? strtok_r(others, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest))
        cln_report_warning("%-s", line);
    free(others);
    free(notices.lines);
    notices.lines = NULL;
    return status;
}
