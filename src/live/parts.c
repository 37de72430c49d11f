/* Draws the sections of a live page: see parts.h. */
#include "src/live/parts.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/base/clock.h"
#include "src/base/json_text.h"

#define LEAST_SECONDS 0.25 /* between two drawings */
#define SHARE 0.01         /* of the time, for drawings */

static enum cln_status no_memory(void) {
    return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the live page");
}

enum cln_status cln_parts_begin(struct cln_parts *parts) {
    *parts = (struct cln_parts){.list = calloc(cln_section_count, sizeof *parts->list)};
    return parts->list != NULL ? CLN_OK : no_memory();
}

void cln_parts_release(struct cln_parts *parts) {
    for (size_t i = 0; parts->list != NULL && i < cln_section_count; i++)
        free(parts->list[i].message);
    free(parts->list);
    cln_runs_release(&parts->runs);
    *parts = (struct cln_parts){.list = NULL};
}

/* The epoch that is finished has no progress any more until the next one has. */
static void end_epoch(struct cln_parts *parts) {
    struct cln_page_progress *p = &parts->progress;
    const struct cln_run *run = &parts->runs.list[0];
    const struct cln_run_epoch *last = run->epoch_count > 0 ? &run->epochs[run->epoch_count - 1] : NULL;
    if (last == NULL || last->epoch < p->epoch)
        return;
    p->epoch = last->epoch;
    p->samples = p->images;
    p->loss = last->values[CLN_COLUMN_LOSS];
    p->accuracy = last->values[CLN_COLUMN_ACCURACY];
}

enum cln_status cln_parts_add(struct cln_parts *parts, const json_t *event) {
    const enum cln_status status = cln_runs_add(&parts->runs, "this training", event);
    if (status == CLN_OK && parts->progress.epoch > 0)
        end_epoch(parts);
    parts->events_changed = true;
    return status;
}

void cln_parts_tell(struct cln_parts *parts, const struct cln_page_progress *progress) {
    parts->progress = *progress;
    parts->progress_changed = true;
}

bool cln_parts_due(const struct cln_parts *parts) {
    return (parts->events_changed || parts->progress_changed) && cln_clock_seconds() >= parts->next;
}

static struct cln_page page_of(const struct cln_parts *parts) {
    return (struct cln_page){.runs = &parts->runs, .progress = &parts->progress};
}

/* The message that brings a section, from malloc. NULL: out of memory. */
static char *make_message(const struct cln_section *section, const char *html) {
    json_t *part = json_pack("{s:o, s:o}", "id", cln_json_text(section->id), "html", cln_json_text(html));
    char *data = cln_json_dump(part, JSON_COMPACT), *message = NULL;
    json_decref(part);
    if (data != NULL && asprintf(&message, "event: part\ndata: %s\n\n", data) < 0)
        message = NULL;
    free(data);
    return message;
}

static enum cln_status draw_part(struct cln_parts *parts, size_t number) {
    const struct cln_page page = page_of(parts);
    struct cln_part *part = &parts->list[number];
    char *html = NULL, *message = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&html, &bytes);
    enum cln_status status = stream != NULL ? cln_section_write(stream, cln_sections[number], &page) : no_memory();
    if (stream != NULL && fclose(stream) != 0 && status == CLN_OK)
        status = no_memory();
    if (status == CLN_OK && (message = make_message(cln_sections[number], html)) == NULL)
        status = no_memory();
    free(html);
    if (message != NULL && (part->message == NULL || strcmp(message, part->message) != 0)) {
        free(part->message);
        *part = (struct cln_part){.message = message, .version = ++parts->version};
    } else {
        free(message);
    }
    return status;
}

enum cln_status cln_parts_draw(struct cln_parts *parts) {
    const double begin = cln_clock_cpu(CLOCK_THREAD_CPUTIME_ID);
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < cln_section_count && status == CLN_OK; i++) {
        const enum cln_source source = cln_sections[i]->source;
        if (source == CLN_SOURCE_PROGRESS || (source == CLN_SOURCE_EVENTS && parts->events_changed))
            status = draw_part(parts, i);
    }
    parts->events_changed = parts->progress_changed = false;
    const double took = cln_clock_cpu(CLOCK_THREAD_CPUTIME_ID) - begin;
    parts->next = cln_clock_seconds() + fmax(LEAST_SECONDS, took / SHARE);
    return status;
}

void cln_parts_write(const struct cln_parts *parts, FILE *stream, uint64_t version) {
    for (size_t i = 0; i < cln_section_count; i++)
        if (parts->list[i].version > version)
            cln_text_print(stream, "%-s", parts->list[i].message);
}

enum cln_status cln_parts_write_page(const struct cln_parts *parts, FILE *stream, const char *nonce) {
    const struct cln_page page = page_of(parts);
    return cln_live_page_write(stream, &page, nonce);
}
