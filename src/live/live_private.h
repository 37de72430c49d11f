/* What the files of the server share. */
#ifndef SRC_LIVE_LIVE_PRIVATE_H
#define SRC_LIVE_LIVE_PRIVATE_H

#include <microhttpd.h>
#include <pthread.h>

#include "src/live/live.h"
#include "src/live/parts.h"

enum { CLN_TOKEN_BYTES = 16, CLN_TOKEN_LETTERS = 2 * CLN_TOKEN_BYTES };

struct cln_stream;

struct cln_live {
    struct cln_live_params params;
    int socket; /* -1: the daemon's */
    int port;
    char token[CLN_TOKEN_LETTERS + 1], address[80];
    struct MHD_Daemon *daemon; /* NULL: not yet */

    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t left;  /* a stream has ended */
    struct cln_parts parts;
    struct cln_stream *streams;
    bool has_ended, is_stopped;
};

/* Random bits as hexadecimal digits. */
enum cln_status cln_live_token(char token[CLN_TOKEN_LETTERS + 1]) CLN_MUST_CHECK;

/* Answers a request, with `user` a struct cln_live: what MHD_start_daemon is given. */
enum MHD_Result cln_live_answer(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *upload, size_t *upload_bytes, void **state);

/* A response that is a stream of the page's parts, as they change. NULL: out of memory. */
struct MHD_Response *cln_stream_begin(struct cln_live *live, struct MHD_Connection *connection);
/* Lets all streams look for what is new. The caller has live->lock. */
void cln_streams_wake(struct cln_live *live);

#endif
