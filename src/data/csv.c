/* A reader of CSV of its own: libcsv, the one that Debian has, tells no lines. Rows are split where they were read. */
#include "src/data/csv.h"

#include <stdlib.h>
#include <string.h>

#include "src/data/input.h"

enum { FIRST_ROOM = 1 << 16, FIRST_FIELDS = 1 << 10 };

struct cln_csv {
    struct cln_input *input;
    char *text;              /* what was read; a byte behind it is free */
    size_t room, at, filled; /* at: where the next row begins */
    bool is_at_end;          /* of the file */
    size_t line;             /* of the next row */
    const char **fields;
    size_t count, field_room;
};

void cln_csv_close(struct cln_csv **csv) {
    struct cln_csv *c = *csv;
    if (!c)
        return;
    *csv = NULL;
    cln_input_close(&c->input);
    free(c->text);
    free(c->fields);
    free(c);
}

static enum cln_status fail(const struct cln_csv *csv, size_t line, const char *reason) {
    return cln_fail(CLN_INVALID, "%s: line %zu: %s", cln_input_name(csv->input), line, reason);
}

/* Reads on behind the row that has begun, which moves to the front. */
static enum cln_status read_on(struct cln_csv *csv) {
    const size_t begun = csv->filled - csv->at;
    if (csv->at > 0)
        memmove(csv->text, csv->text + csv->at, begun);
    csv->at = 0;
    csv->filled = begun;
    if (begun + 1 >= csv->room) {
        const size_t room = csv->room == 0 ? FIRST_ROOM : 2 * csv->room;
        if (room > CLN_CSV_ROW_LIMIT)
            return cln_fail(CLN_INVALID, "%s: line %zu: a row of more than %d bytes, clenet's limit",
                            cln_input_name(csv->input), csv->line, CLN_CSV_ROW_LIMIT);
        char *grown = realloc(csv->text, room);
        if (!grown)
            return cln_fail(CLN_OUT_OF_MEMORY, "%s: line %zu: no memory for the row", cln_input_name(csv->input),
                            csv->line);
        csv->text = grown;
        csv->room = room;
    }
    const size_t wanted = csv->room - 1 - csv->filled, got = cln_input_some(csv->input, csv->text + begun, wanted);
    csv->filled += got;
    csv->is_at_end = got < wanted;
    return csv->is_at_end ? cln_input_check_end(csv->input) : CLN_OK;
}

enum cln_status cln_csv_open(struct cln_csv **out, const char *path) {
    static const unsigned char mark[] = {0xEF, 0xBB, 0xBF};
    struct cln_csv *csv = *out = calloc(1, sizeof *csv);
    if (!csv)
        return cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory to read it", path);
    csv->line = 1;
    enum cln_status status = cln_input_open(&csv->input, path);
    if (status == CLN_OK)
        status = read_on(csv);
    if (status != CLN_OK)
        cln_csv_close(out);
    else if (csv->filled >= sizeof mark && memcmp(csv->text, mark, sizeof mark) == 0)
        csv->at = sizeof mark;
    return status;
}

/* ---- Where a row ends ---- */

static bool is_blank(char byte) {
    return byte == ' ' || byte == '\t';
}

/* The length of the row of `size` bytes or more, with its newline; 0: it does not end there. *quote is where its last
 * quoted field begins, if that does not end, else `size`. */
static size_t find_end(size_t *quote, const char *row, size_t size) {
    enum { START, PLAIN, QUOTED, QUOTE, BEHIND } state = START;
    *quote = size;
    for (size_t i = 0; i < size; i++) {
        const char byte = row[i];
        if (state == QUOTED) {
            state = byte == '"' ? QUOTE : QUOTED;
            continue;
        }
        if (byte == '\n')
            return i + 1;
        if (byte == '"' && (state == START || state == QUOTE)) {
            *quote = state == START ? i : *quote;
            state = QUOTED;
        } else if (byte == ',') {
            state = START;
        } else if (state == QUOTE) {
            state = BEHIND;
        } else if (state == START && !is_blank(byte)) {
            state = PLAIN;
        }
    }
    if (state != QUOTED)
        *quote = size;
    return 0;
}

static size_t count_lines(const char *text, size_t size) {
    size_t lines = 0;
    for (const char *at = text; (at = memchr(at, '\n', size - (size_t)(at - text))); at++)
        lines++;
    return lines;
}

/* The length of the next row, with its newline if it has one; 0 behind the last. */
static enum cln_status find_row(struct cln_csv *csv, size_t *length) {
    for (;;) {
        const char *row = csv->text + csv->at;
        const size_t size = csv->filled - csv->at;
        const char *newline = memchr(row, '\n', size);
        size_t quote = size;
        *length = newline ? (size_t)(newline - row) + 1 : 0;
        if (memchr(row, '"', newline ? *length : size))
            *length = find_end(&quote, row, size);
        if (*length > 0)
            return CLN_OK;
        if (csv->is_at_end && quote < size)
            return fail(csv, csv->line + count_lines(row, quote), "the file ends within a quoted field");
        *length = size;
        if (csv->is_at_end)
            return CLN_OK;
        const enum cln_status status = read_on(csv);
        if (status != CLN_OK)
            return status;
    }
}

/* ---- Fields ---- */

static bool add_field(struct cln_csv *csv, const char *field) {
    if (csv->count == csv->field_room) {
        const size_t room = csv->field_room == 0 ? FIRST_FIELDS : 2 * csv->field_room;
        const char **grown = realloc(csv->fields, room * sizeof *grown);
        if (!grown)
            return false;
        csv->fields = grown;
        csv->field_room = room;
    }
    csv->fields[csv->count++] = field;
    return true;
}

/* Moves *at from the first quote to behind the last, and makes the field of what lies between; returns its end. */
static char *unquote(char **at, const char *end) {
    char *out = *at, *in = *at + 1;
    for (; in < end && (*in != '"' || (in + 1 < end && in[1] == '"')); in++) {
        in += *in == '"';
        *out++ = *in;
    }
    *at = in + 1;
    return out;
}

/* Splits the row of `length` bytes, without its newline, in place. The byte behind it is free. */
static enum cln_status split(struct cln_csv *csv, char *row, size_t length) {
    char *at = row, *const end = row + length;
    csv->count = 0;
    for (bool goes_on = true; goes_on; at++) {
        while (at < end && is_blank(*at))
            at++;
        char *const field = at, *stop;
        const bool is_quoted = at < end && *at == '"';
        if (is_quoted) {
            stop = unquote(&at, end);
            while (at < end && (is_blank(*at) || *at == '\r'))
                at++;
            if (at < end && *at != ',')
                return fail(csv, csv->line + count_lines(row, (size_t)(at - row)), "characters behind a quoted field");
        } else {
            while (at < end && *at != ',')
                at++;
            stop = at;
            while (stop > field && (is_blank(stop[-1]) || stop[-1] == '\r'))
                stop--;
        }
        goes_on = at < end;
        *stop = '\0';
        if (!add_field(csv, field))
            return cln_fail(CLN_OUT_OF_MEMORY, "%s: line %zu: no memory for the row", cln_input_name(csv->input),
                            csv->line);
    }
    return CLN_OK;
}

enum cln_status cln_csv_next(struct cln_csv *csv, struct cln_csv_row *row) {
    bool is_empty = true;
    *row = (struct cln_csv_row){.count = 0};
    while (is_empty) {
        size_t length;
        enum cln_status status = find_row(csv, &length);
        if (status != CLN_OK || length == 0)
            return status;
        char *text = csv->text + csv->at;
        const size_t lines = count_lines(text, length);
        const char *zero = memchr(text, 0, length);
        if (zero)
            return fail(csv, csv->line + count_lines(text, (size_t)(zero - text)), "a byte of 0: this is no text");
        status = split(csv, text, length - (text[length - 1] == '\n'));
        if (status != CLN_OK)
            return status;
        *row = (struct cln_csv_row){.fields = csv->fields, .line = csv->line};
        csv->at += length;
        csv->line += lines;
        is_empty = csv->count == 1 && !csv->fields[0][0];
    }
    row->count = csv->count;
    return CLN_OK;
}
