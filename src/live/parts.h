/* The sections of a live page, as messages for its script: drawn when something has changed, and seldom enough. The
 * caller sees to it that one thread at a time calls these functions. */
#ifndef SRC_LIVE_PARTS_H
#define SRC_LIVE_PARTS_H

#include "src/report/page.h"

struct cln_parts {
    struct cln_runs runs; /* of this training; none before its "start" */
    struct cln_page_progress progress;
    struct cln_part {
        char *message; /* a server-sent event; NULL: none yet */
        uint64_t version;
    } * list;                              /* cln_section_count of them */
    uint64_t version;                      /* of the part that changed last */
    bool events_changed, progress_changed; /* since the parts were drawn */
    double next;                           /* time from which they may be drawn again */
};

enum cln_status cln_parts_begin(struct cln_parts *parts) CLN_MUST_CHECK;
void cln_parts_release(struct cln_parts *parts);

/* Takes an event, as cln_runs_add. */
enum cln_status cln_parts_add(struct cln_parts *parts, const json_t *event) CLN_MUST_CHECK;
void cln_parts_tell(struct cln_parts *parts, const struct cln_page_progress *progress);

/* Whether something has changed, and the last drawing was long enough ago: a hundred times as long as it took. */
bool cln_parts_due(const struct cln_parts *parts);
/* Draws what has changed. */
enum cln_status cln_parts_draw(struct cln_parts *parts) CLN_MUST_CHECK;

/* Writes the messages of all parts that are newer than a version. */
void cln_parts_write(const struct cln_parts *parts, FILE *stream, uint64_t version);
/* Writes the whole page as it is now. */
enum cln_status cln_parts_write_page(const struct cln_parts *parts, FILE *stream, const char *nonce) CLN_MUST_CHECK;

#endif
