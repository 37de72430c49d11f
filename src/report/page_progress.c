/* The section of a live page that says how far the training is. */
#include <math.h>

#include "clenet/text.h"
#include "src/report/page_private.h"

static bool goes_on(const struct cln_page *page) {
    return page->progress != NULL && page->progress->epoch > 0 && cln_page_run(page)->end == NULL;
}

static void put_figure(FILE *stream, const char *name, const char *format, double value) {
    char figure[48] = "–";
    if (isfinite(value))
        cln_text_format(figure, sizeof figure, format, value);
    cln_text_print_html(stream, "<div><dt>%s</dt><dd>%s</dd></div>\n", name, figure);
}

static enum cln_status draw_progress(FILE *stream, const struct cln_page *page) {
    const struct cln_page_progress *p = page->progress;
    const double within = p->images > 0 ? fmin((double)p->samples / (double)p->images, 1) : 0;
    char left[48] = "–";
    cln_text_print(stream, "<p>Epoch %d of %d: %zu of %zu images.</p>\n", p->epoch, p->epochs, p->samples, p->images);
    cln_text_print(stream, "<progress value=\"%.4f\" max=\"%d\" aria-label=\"of all epochs\"></progress>\n",
                   p->epoch - 1 + within, p->epochs);
    cln_text_print(stream, "<dl class=\"key\">\n");
    put_figure(stream, "Loss of this epoch", "%.4f", p->loss);
    put_figure(stream, "Accuracy of this epoch", "%.4f", p->accuracy);
    put_figure(stream, "Images/s", "%.0f", p->images_per_second);
    if (isfinite(p->seconds_left))
        cln_page_put_time(left, sizeof left, p->seconds_left);
    cln_text_print_html(stream, "<div><dt>Time left</dt><dd>%s</dd></div>\n</dl>\n", left);
    return CLN_OK;
}

const struct cln_section cln_section_progress = {"progress",    "Progress", goes_on,
                                                 draw_progress, NULL,       CLN_SOURCE_PROGRESS};
