/* Answers requests of the live page. Whoever does not know its token learns nothing: the answer is always 404. */
#include <errno.h>
#include <nettle/memops.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clenet/text.h"
#include "src/live/live_private.h"

/* Random bits in hexadecimal digits. */
enum cln_status cln_live_token(char token[CLN_TOKEN_LETTERS + 1]) {
    unsigned char bytes[CLN_TOKEN_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return cln_fail(CLN_IO, "the system has no random numbers for the address of the live page: %s",
                        strerror(errno));
    for (size_t i = 0; i < CLN_TOKEN_BYTES; i++)
        cln_text_format(token + 2 * i, 3, "%02x", bytes[i]);
    return CLN_OK;
}

/* ---- Answers ---- */

static const struct {
    const char *name, *value;
} headers[] = {
    {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},     {"Referrer-Policy", "no-referrer"},
    {"X-Content-Type-Options", "nosniff"},           {"X-Frame-Options", "DENY"},
    {"Cross-Origin-Resource-Policy", "same-origin"}, {"Cross-Origin-Opener-Policy", "same-origin"},
};

/* Takes over `response`; NULL: there is no memory, and the connection is closed. */
static enum MHD_Result put(struct MHD_Connection *connection, unsigned code, struct MHD_Response *response) {
    enum MHD_Result result = response != NULL ? MHD_YES : MHD_NO;
    for (size_t i = 0; result == MHD_YES && i < sizeof headers / sizeof *headers; i++)
        result = MHD_add_response_header(response, headers[i].name, headers[i].value);
    if (result == MHD_YES)
        result = MHD_queue_response(connection, code, response);
    if (response != NULL)
        MHD_destroy_response(response);
    return result;
}

static enum MHD_Result put_code(struct MHD_Connection *connection, unsigned code) {
    return put(connection, code, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

static enum cln_status write_page(struct cln_live *live, const char *nonce, char **page, size_t *bytes) {
    FILE *stream = open_memstream(page, bytes);
    if (stream == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the live page");
    pthread_mutex_lock(&live->lock);
    enum cln_status status = cln_parts_write_page(&live->parts, stream, nonce);
    pthread_mutex_unlock(&live->lock);
    if (fclose(stream) != 0 && status == CLN_OK)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the live page");
    return status;
}

static enum MHD_Result answer_page(struct cln_live *live, struct MHD_Connection *connection) {
    char nonce[CLN_TOKEN_LETTERS + 1], policy[320], *page = NULL;
    size_t bytes = 0;
    if (cln_live_token(nonce) != CLN_OK || write_page(live, nonce, &page, &bytes) != CLN_OK) {
        free(page);
        return put_code(connection, MHD_HTTP_INTERNAL_SERVER_ERROR);
    }
    cln_text_format(policy, sizeof policy,
                    "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; img-src data:; connect-src "
                    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                    nonce, nonce);
    struct MHD_Response *response = MHD_create_response_from_buffer(bytes, page, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(page);
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/html; charset=utf-8");
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (MHD_add_response_header(response, "Content-Security-Policy", policy) != MHD_YES) {
        MHD_destroy_response(response);
        return MHD_NO;
    }
    return put(connection, MHD_HTTP_OK, response);
}

static const char *header_of(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Browsers say which page a POST is from. */
static bool is_of_own_page(struct MHD_Connection *connection) {
    const char *origin = header_of(connection, "Origin"), *site = header_of(connection, "Sec-Fetch-Site");
    const char *host = header_of(connection, MHD_HTTP_HEADER_HOST);
    static const char scheme[] = "http://";
    const size_t length = sizeof scheme - 1;
    return origin != NULL && strncmp(origin, scheme, length) == 0 && strcmp(origin + length, host) == 0 &&
           (site == NULL || strcmp(site, "same-origin") == 0);
}

static enum MHD_Result answer_stop(struct cln_live *live, struct MHD_Connection *connection) {
    if (!is_of_own_page(connection))
        return put_code(connection, MHD_HTTP_FORBIDDEN);
    pthread_mutex_lock(&live->lock);
    const bool is_first = !live->is_stopped;
    live->is_stopped = true;
    pthread_mutex_unlock(&live->lock);
    if (is_first)
        live->params.stop();
    return put_code(connection, MHD_HTTP_NO_CONTENT);
}

static enum MHD_Result answer_events(struct cln_live *live, struct MHD_Connection *connection) {
    struct MHD_Response *response = cln_stream_begin(live, connection);
    if (response != NULL)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    return put(connection, MHD_HTTP_OK, response);
}

/* ---- Requests ---- */

static const struct {
    const char *method, *path;
    enum MHD_Result (*answer)(struct cln_live *live, struct MHD_Connection *connection);
} routes[] = {{MHD_HTTP_METHOD_GET, "", answer_page},
              {MHD_HTTP_METHOD_GET, "events", answer_events},
              {MHD_HTTP_METHOD_POST, "stop", answer_stop}};

/* Whether the browser means this machine by the name that it asked: a name of anybody's may lead to 127.0.0.1. */
static bool is_of_this_machine(const struct cln_live *live, struct MHD_Connection *connection) {
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *host = header_of(connection, MHD_HTTP_HEADER_HOST);
    bool is_one = false;
    for (size_t i = 0; host != NULL && i < sizeof names / sizeof *names; i++) {
        char expected[32];
        cln_text_format(expected, sizeof expected, "%s:%d", names[i], live->port);
        is_one |= strcmp(host, expected) == 0;
    }
    return is_one;
}

/* What follows "/TOKEN/"; NULL: the token is another. */
static const char *path_of(const struct cln_live *live, const char *url) {
    const bool has_room = strlen(url) >= CLN_TOKEN_LETTERS + 2 && url[0] == '/' && url[CLN_TOKEN_LETTERS + 1] == '/';
    return has_room && memeql_sec(url + 1, live->token, CLN_TOKEN_LETTERS) ? url + CLN_TOKEN_LETTERS + 2 : NULL;
}

enum MHD_Result cln_live_answer(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *upload, size_t *upload_bytes, void **state) {
    struct cln_live *live = user;
    const char *path = path_of(live, url);
    (void)version, (void)upload, (void)upload_bytes, (void)state; /* a body is not read */
    if (path == NULL)
        return put_code(connection, MHD_HTTP_NOT_FOUND);
    if (!is_of_this_machine(live, connection))
        return put_code(connection, MHD_HTTP_FORBIDDEN);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strcmp(path, routes[i].path) == 0 && strcmp(method, routes[i].method) == 0)
            return routes[i].answer(live, connection);
    return put_code(connection, MHD_HTTP_NOT_FOUND);
}
