/* A report as one HTML page that needs nothing besides itself: no network, no script, no other file. It follows the
 * reader's choice of light and dark, and prints. Its sections are a table; each is drawn from runs and findings in
 * memory, so that a page can be drawn anew while a training goes on: a live page, which has a script. */
#ifndef SRC_REPORT_PAGE_H
#define SRC_REPORT_PAGE_H

#include "src/report/findings.h"
#include "src/report/run.h"

/* How far a training is that goes on. */
struct cln_page_progress {
    int epoch, epochs;      /* the last one of which something is known, from 1; 0: none yet. Epochs in all */
    size_t samples, images; /* of that epoch: trained on so far, and in all */
    double loss, accuracy;  /* means over `samples` */
    double images_per_second, seconds_left;
};

struct cln_page {
    const struct cln_runs *runs;              /* at least one, with a "start"; drawn together, to compare */
    size_t main;                              /* the run that the page is about */
    const struct cln_findings *findings;      /* of its model; NULL: none */
    const char *trouble;                      /* why there are none, or are another training's; NULL: nothing */
    const struct cln_page_progress *progress; /* of a live page; NULL: it is a report */
};

/* What a section is drawn from, besides runs. */
enum cln_source {
    CLN_SOURCE_EVENTS, /* nothing */
    CLN_SOURCE_MODEL,  /* findings; a live page has no such section */
    CLN_SOURCE_PROGRESS,
};

struct cln_section {
    const char *id, *title;
    /* Whether there is something to draw. */
    bool (*has)(const struct cln_page *page);
    enum cln_status (*draw)(FILE *stream, const struct cln_page *page);
    /* Drawn in its place if there is nothing: what would give it. NULL: the section is left out. */
    const char *without;
    enum cln_source source;
};

/* The sections, in the order of the page. */
extern const struct cln_section *const cln_sections[];
extern const size_t cln_section_count;

/* Writes a section as a fragment of HTML, <section id="…">. */
enum cln_status cln_section_write(FILE *stream, const struct cln_section *section,
                                  const struct cln_page *page) CLN_MUST_CHECK;
/* Writes the whole page. The stream's errors are the caller's to see. */
enum cln_status cln_page_write(FILE *stream, const struct cln_page *page) CLN_MUST_CHECK;

/* Writes a live page. Its style and script have `nonce`, for the server's Content-Security-Policy. Its script listens
 * to server-sent events at "events": a "part" is an object of JSON, `id` and `html`, whose HTML replaces the section
 * of that id; an "end" is the last one. A button sends a POST to "stop". */
enum cln_status cln_live_page_write(FILE *stream, const struct cln_page *page, const char *nonce) CLN_MUST_CHECK;

#endif
