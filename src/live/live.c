/* Begins and ends the server of the live page, and takes what the training says: see live.h. */
#include "src/live/live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clenet/text.h"
#include "src/base/clock.h"
#include "src/live/live_private.h"

enum {
    MOST_CONNECTIONS = 16,
    CONNECTION_BYTES = 32 << 10,
    UNSENT_BYTES = 64 << 10, /* of a connection, in the system */
    SILENT_SECONDS = 10      /* after which a connection that takes nothing is dropped */
};

static enum cln_status claim_port(struct cln_live *live) {
    const int yes = 1, unsent = UNSENT_BYTES, port = live->params.port;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof address;
    live->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (live->socket < 0 || setsockopt(live->socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        setsockopt(live->socket, SOL_SOCKET, SO_SNDBUF, &unsent, sizeof unsent) != 0 ||
        bind(live->socket, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(live->socket, MOST_CONNECTIONS) != 0 ||
        getsockname(live->socket, (struct sockaddr *)&address, &bytes) != 0) {
        const char *hint = errno == EADDRINUSE ? "; choose another, or --live alone for any that is free" : "";
        return cln_fail(CLN_IO, "--live: port %d of 127.0.0.1: %s%s", port, strerror(errno), hint);
    }
    live->port = ntohs(address.sin_port);
    return CLN_OK;
}

enum cln_status cln_live_create(struct cln_live **out, const struct cln_live_params *params) {
    struct cln_live *live = *out = calloc(1, sizeof *live);
    pthread_condattr_t attributes;
    if (live == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the live page");
    live->params = *params;
    live->socket = -1;
    pthread_mutex_init(&live->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&live->left, &attributes);
    pthread_condattr_destroy(&attributes);
    enum cln_status status = cln_parts_begin(&live->parts);
    if (status == CLN_OK)
        status = claim_port(live);
    if (status == CLN_OK)
        status = cln_live_token(live->token);
    cln_text_format(live->address, sizeof live->address, "http://127.0.0.1:%d/%s/", live->port, live->token);
    if (status != CLN_OK)
        cln_live_destroy(out);
    return status;
}

/* The thread gets no signals but those of its own faults. */
static enum cln_status begin_answers(struct cln_live *live) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    sigset_t none, before;
    sigfillset(&none);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&none, faults[i]);
    pthread_sigmask(SIG_SETMASK, &none, &before);
    live->daemon =
        MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                         cln_live_answer, live, MHD_OPTION_LISTEN_SOCKET, live->socket, MHD_OPTION_CONNECTION_LIMIT,
                         (unsigned)MOST_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENT_SECONDS, MHD_OPTION_END);
    const int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (live->daemon == NULL)
        return cln_fail(CLN_IO, "the server of the live page did not start: %s", strerror(error));
    live->socket = -1;
    return CLN_OK;
}

enum cln_status cln_live_add(struct cln_live *live, const json_t *event) {
    pthread_mutex_lock(&live->lock);
    const enum cln_status status = cln_parts_add(&live->parts, event);
    if (cln_parts_due(&live->parts))
        cln_streams_wake(live);
    pthread_mutex_unlock(&live->lock);
    return status == CLN_OK && live->daemon == NULL ? begin_answers(live) : status;
}

void cln_live_tell(struct cln_live *live, const struct cln_page_progress *progress) {
    if (live == NULL || pthread_mutex_trylock(&live->lock) != 0) /* it is being drawn: the next one will do */
        return;
    cln_parts_tell(&live->parts, progress);
    if (cln_parts_due(&live->parts))
        cln_streams_wake(live);
    pthread_mutex_unlock(&live->lock);
}

const char *cln_live_address(const struct cln_live *live) {
    return live->address;
}

/* Waits until all streams have sent the last state; not for long. */
static void end_streams(struct cln_live *live) {
    const uint64_t end = cln_clock_ns() + (uint64_t)(1e9 * CLN_LIVE_LAST_SECONDS);
    const struct timespec until = {.tv_sec = (time_t)(end / 1000000000u), .tv_nsec = (long)(end % 1000000000u)};
    pthread_mutex_lock(&live->lock);
    live->has_ended = true;
    cln_streams_wake(live);
    while (live->streams != NULL && pthread_cond_timedwait(&live->left, &live->lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&live->lock);
}

void cln_live_destroy(struct cln_live **out) {
    struct cln_live *live = *out;
    if (live == NULL)
        return;
    if (live->daemon != NULL) {
        end_streams(live);
        MHD_stop_daemon(live->daemon); /* which frees what streams are left */
    }
    if (live->socket >= 0)
        close(live->socket);
    cln_parts_release(&live->parts);
    pthread_cond_destroy(&live->left);
    pthread_mutex_destroy(&live->lock);
    free(live);
    *out = NULL;
}
