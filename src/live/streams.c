/* Streams of server-sent events. A stream has no queue: when its browser has taken what was sent, it gets the parts
 * that are newer, or waits, suspended, until there are some. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/live/live_private.h"

enum { BLOCK_BYTES = 16 << 10 };

struct cln_stream {
    struct cln_live *live;
    struct cln_stream *next;
    struct MHD_Connection *connection;
    char *text; /* what is being sent, of which `sent` bytes are */
    size_t bytes, sent;
    uint64_t version; /* of the parts in it */
    bool waits;       /* it is suspended */
    bool is_greeted, is_ended;
    bool is_doubted; /* something has to be sent, so that a connection whose other end is gone is noticed */
};

static void wake(struct cln_stream *stream) {
    if (stream->waits)
        MHD_resume_connection(stream->connection);
    stream->waits = false;
}

void cln_streams_wake(struct cln_live *live) {
    for (struct cln_stream *s = live->streams; s != NULL; s = s->next)
        wake(s);
}

/* Fills a stream with what its browser does not have yet; nothing, if there is nothing. */
static enum cln_status fill(struct cln_stream *s) {
    struct cln_live *live = s->live;
    struct cln_parts *parts = &live->parts;
    enum cln_status status = CLN_OK;
    if (cln_parts_due(parts) || (live->has_ended && (parts->events_changed || parts->progress_changed)))
        status = cln_parts_draw(parts);
    if (status != CLN_OK)
        return status;
    free(s->text);
    s->text = NULL;
    s->bytes = s->sent = 0;
    FILE *stream = open_memstream(&s->text, &s->bytes);
    if (stream == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the live page");
    if (!s->is_greeted)
        cln_text_print(stream, "retry: 1000\n\n");
    else if (s->is_doubted)
        cln_text_print(stream, ":\n\n");
    cln_parts_write(parts, stream, s->version);
    if (live->has_ended && !s->is_ended)
        cln_text_print(stream, "event: end\ndata: {}\n\n");
    s->is_greeted = true;
    s->is_doubted = false;
    s->is_ended = live->has_ended;
    s->version = parts->version;
    return fclose(stream) == 0 ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the live page");
}

static ssize_t read_stream(void *user, uint64_t position, char *out, size_t room) {
    struct cln_stream *s = user;
    ssize_t result = MHD_CONTENT_READER_END_WITH_ERROR;
    (void)position;
    pthread_mutex_lock(&s->live->lock);
    if (s->sent < s->bytes || s->is_ended || fill(s) == CLN_OK) {
        const size_t rest = s->bytes - s->sent, count = rest < room ? rest : room;
        if (count > 0)
            memcpy(out, s->text + s->sent, count);
        s->sent += count;
        result = count > 0 ? (ssize_t)count : s->is_ended ? MHD_CONTENT_READER_END_OF_STREAM : 0;
        s->waits = result == 0;
        if (s->waits)
            MHD_suspend_connection(s->connection);
    }
    pthread_mutex_unlock(&s->live->lock);
    return result;
}

static void free_stream(void *user) {
    struct cln_stream *s = user, **link = &s->live->streams;
    struct cln_live *live = s->live;
    pthread_mutex_lock(&live->lock);
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    pthread_cond_signal(&live->left);
    pthread_mutex_unlock(&live->lock);
    free(s->text);
    free(s);
}

struct MHD_Response *cln_stream_begin(struct cln_live *live, struct MHD_Connection *connection) {
    struct cln_stream *s = malloc(sizeof *s);
    if (s == NULL)
        return NULL;
    pthread_mutex_lock(&live->lock);
    for (struct cln_stream *other = live->streams; other != NULL; other = other->next) {
        other->is_doubted = true;
        wake(other);
    }
    *s = (struct cln_stream){.live = live, .connection = connection, .next = live->streams};
    live->streams = s;
    pthread_mutex_unlock(&live->lock);
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, s, free_stream);
    if (response == NULL)
        free_stream(s);
    return response;
}
