/* live.h in a build without libmicrohttpd. */
#include "src/live/live.h"

#include <stddef.h>

enum cln_status cln_live_create(struct cln_live **out, const struct cln_live_params *params) {
    (void)params;
    *out = NULL;
    return cln_fail(CLN_INVALID,
                    "--live: this clenet was built without libmicrohttpd; install it (Debian: libmicrohttpd-dev) and "
                    "build again");
}

enum cln_status cln_live_add(struct cln_live *live, const json_t *event) {
    (void)live, (void)event;
    return CLN_OK;
}

void cln_live_tell(struct cln_live *live, const struct cln_page_progress *progress) {
    (void)live, (void)progress;
}

const char *cln_live_address(const struct cln_live *live) {
    (void)live;
    return "";
}

void cln_live_destroy(struct cln_live **live) {
    (void)live;
}
