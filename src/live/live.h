/* A page of src/report that follows a training while it goes on, served to this machine alone. The training hands over
 * its events and its progress, and waits for no reader: a browser gets the latest state when it is ready for it, and
 * one that does not read is dropped. Drawing takes at most a hundredth of the time, of one core: what changes too soon
 * after a drawing is drawn at the next change, or at the end. */
#ifndef SRC_LIVE_LIVE_H
#define SRC_LIVE_LIVE_H

#include <jansson.h>

#include "src/report/page.h"

struct cln_live;

struct cln_live_params {
    int port;           /* of 127.0.0.1; 0: any that is free */
    void (*stop)(void); /* asks the training to end; called by the server's thread, once at most */
};

/* Claims the port; nothing is answered yet. CLN_IO: the port is in use; CLN_INVALID: clenet was built without
 * libmicrohttpd. */
enum cln_status cln_live_create(struct cln_live **out, const struct cln_live_params *params) CLN_MUST_CHECK;

/* Takes an event of the training, as cln_runs_add. The first one, a "start", begins the answers, in a thread of their
 * own that gets no signals. */
enum cln_status cln_live_add(struct cln_live *live, const json_t *event) CLN_MUST_CHECK;
/* Takes the present progress. NULL: does nothing. */
void cln_live_tell(struct cln_live *live, const struct cln_page_progress *progress);

/* The address of the page, with its token. */
const char *cln_live_address(const struct cln_live *live);

/* Ends the answers, after the last state was sent or after CLN_LIVE_LAST_SECONDS. */
#define CLN_LIVE_LAST_SECONDS 0.3
void cln_live_destroy(struct cln_live **live);

#endif
