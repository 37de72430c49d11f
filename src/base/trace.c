/* Writes the "JSON object format" of the Trace Event Format (Google, 2016): complete events ("X") in microseconds.
 * Events are gathered in memory and written together with the text that closes the JSON; the next flush overwrites that
 * text. */
#include "clenet/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/json_text.h"

struct cln_trace {
    int file;
    char *path;
    FILE *events; /* events since the last flush */
    char *text;
    size_t bytes;
    off_t end;    /* file offset of the text that closes the JSON */
    bool is_kept; /* the file still has an earlier run's trace */
    bool begun;   /* the next flush replaces that trace */
    uint64_t start_ns;
    int groups;
    int error; /* errno of the first failure, or 0 */
};

static const char head[] = "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [";
static const char tail[] = "\n]}\n";

static void write_string(struct cln_trace *trace, const char *text) {
    json_t *string = cln_json_text(text);
    char *quoted = cln_json_dump(string, JSON_ENCODE_ANY);
    if (quoted)
        fputs(quoted, trace->events);
    else if (!trace->error)
        trace->error = ENOMEM;
    free(quoted);
    json_decref(string);
}

static void write_name(struct cln_trace *trace, int group, int track, const char *kind, const char *name) {
    fprintf(trace->events, "%s\n{\"ph\": \"M\", \"pid\": %d, \"tid\": %d, \"name\": \"%s\", \"args\": {\"name\": ",
            group == 1 && track == 0 ? "" : ",", group, track, kind);
    write_string(trace, name);
    fputs("}}", trace->events);
}

/* First without O_CREAT: with it some systems refuse another user's file in a folder like /tmp. */
static int open_file(const char *path) {
    const int way = O_WRONLY | O_CLOEXEC | O_NOCTTY, file = open(path, way);
    return file < 0 && errno == ENOENT ? open(path, way | O_CREAT, 0666) : file;
}

enum cln_status cln_trace_create(struct cln_trace **out, const char *path) {
    *out = NULL;
    struct cln_trace *trace = calloc(1, sizeof *trace);
    if (!trace)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a trace");
    *trace = (struct cln_trace){.file = -1, .start_ns = cln_clock_ns(), .path = strdup(path)};
    trace->events = open_memstream(&trace->text, &trace->bytes);
    if (!trace->path || !trace->events)
        trace->error = ENOMEM;
    else if ((trace->file = open_file(path)) < 0)
        trace->error = errno;
    else
        fputs(head, trace->events);
    struct stat info;
    trace->is_kept = trace->file >= 0 && fstat(trace->file, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
    cln_trace_flush(trace);
    if (trace->error)
        return cln_trace_close(&trace);
    *out = trace;
    return CLN_OK;
}

enum cln_status cln_trace_close(struct cln_trace **handle) {
    struct cln_trace *trace = *handle;
    if (!trace)
        return CLN_OK;
    *handle = NULL;
    cln_trace_flush(trace);
    if (trace->file >= 0 && close(trace->file) != 0 && !trace->error)
        trace->error = errno;
    if (trace->events)
        fclose(trace->events);
    enum cln_status status = CLN_OK;
    if (trace->error)
        status = cln_fail(trace->error == ENOMEM ? CLN_OUT_OF_MEMORY : CLN_IO, "cannot write the trace '%s': %s",
                          trace->path ? trace->path : "", strerror(trace->error));
    free(trace->text);
    free(trace->path);
    free(trace);
    return status;
}

int cln_trace_group(struct cln_trace *trace, const char *name) {
    const int group = ++trace->groups;
    write_name(trace, group, 0, "process_name", name);
    write_name(trace, group, CLN_TRACE_DEVICE, "thread_name", "device");
    write_name(trace, group, CLN_TRACE_HOST, "thread_name", "host");
    return group;
}

void cln_trace_slice(struct cln_trace *trace, int group, enum cln_trace_track track, const char *name,
                     uint64_t begin_ns, uint64_t end_ns) {
    const double begin = 1e-3 * ((double)begin_ns - (double)trace->start_ns);
    const double duration = end_ns > begin_ns ? 1e-3 * (double)(end_ns - begin_ns) : 0.0;
    fprintf(trace->events,
            ",\n{\"ph\": \"X\", \"pid\": %d, \"tid\": %d, \"ts\": %.3f, \"dur\": %.3f, \"name\": ", group, (int)track,
            begin, duration);
    write_string(trace, name);
    fputc('}', trace->events);
}

void cln_trace_begin(struct cln_trace *trace) {
    trace->begun = true;
}

void cln_trace_flush(struct cln_trace *trace) {
    if (trace->error || (trace->is_kept && !trace->begun))
        return;
    if (trace->is_kept && ftruncate(trace->file, 0) != 0) {
        trace->error = errno;
        return;
    }
    trace->is_kept = false;
    fputs(tail, trace->events);
    if (fflush(trace->events) != 0 || ferror(trace->events)) {
        trace->error = ENOMEM;
        return;
    }
    for (size_t done = 0; done < trace->bytes && !trace->error;) {
        const ssize_t written = pwrite(trace->file, trace->text + done, trace->bytes - done, trace->end + (off_t)done);
        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || errno != EINTR)
            trace->error = written == 0 ? EIO : errno;
    }
    trace->end += (off_t)(trace->bytes - strlen(tail));
    rewind(trace->events);
}
