/* What the files of sections share. */
#ifndef SRC_REPORT_PAGE_PRIVATE_H
#define SRC_REPORT_PAGE_PRIVATE_H

#include "clenet/geometry.h"
#include "src/report/canvas.h"
#include "src/report/page.h"

extern const struct cln_section cln_section_progress; /* page_progress.c */
extern const struct cln_section cln_section_summary, cln_section_curves, cln_section_speed, cln_section_norm,
    cln_section_compare, cln_section_range;                                 /* page_training.c */
extern const struct cln_section cln_section_confusion, cln_section_classes; /* page_classes.c */
extern const struct cln_section cln_section_mistakes, cln_section_filters, cln_section_weights,
    cln_section_activations; /* page_model.c */
extern const struct cln_section cln_section_kernels, cln_section_setup, cln_section_options,
    cln_section_repeat; /* page_setup.c */

/* Writes the page up to its sections. `nonce` of its style; NULL: none. `more`: CSS of its own. */
void cln_page_begin(FILE *stream, const struct cln_page *page, const char *nonce, const char *more);
/* Writes what follows the sections, but for the end of <body>. */
void cln_page_end(FILE *stream);
/* Writes a number of seconds as "1.5 s", "3 min 20 s" or "2 h 5 min". */
void cln_page_put_time(char *out, size_t bytes, double seconds);

/* Writes a picture [channels][height][width] as an <img> with its data within. `words` describe it. CLN_INVALID: clenet
 * was built without libpng. */
enum cln_status cln_page_picture(FILE *stream, const uint8_t *pixels, struct cln_shape shape,
                                 const char *words) CLN_MUST_CHECK;

/* The run that the page is about. */
static inline const struct cln_run *cln_page_run(const struct cln_page *page) {
    return &page->runs->list[page->main];
}

#endif
