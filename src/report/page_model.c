/* Sections of what is in a model and what it gets wrong. */
#include <stdlib.h>

#include "clenet/text.h"
#include "src/report/chart.h"
#include "src/report/page_private.h"

static bool has_mistakes(const struct cln_page *page) {
    return page->findings != NULL && page->findings->mistake_count > 0;
}

static void put_class(FILE *stream, const struct cln_findings *f, int class) {
    if (f->class_names[class][0] != '\0')
        cln_text_print_html(stream, "%s", f->class_names[class]);
    else
        cln_text_print(stream, "class %d", class);
}

/* Writes a picture, or in the place of the first of several that none can be written; *can_write tells it apart. */
static enum cln_status put_picture(FILE *stream, bool *can_write, const uint8_t *pixels, struct cln_shape shape,
                                   const char *words) {
    if (!*can_write)
        return CLN_OK;
    const enum cln_status status = cln_page_picture(stream, pixels, shape, words);
    if (status != CLN_INVALID)
        return status;
    *can_write = false;
    cln_text_print_html(stream, "<span class=\"note\">%s</span>", cln_error_message());
    return CLN_OK;
}

static enum cln_status draw_mistakes(FILE *stream, const struct cln_page *page) {
    const struct cln_findings *f = page->findings;
    bool can_write = true;
    enum cln_status status = CLN_OK;
    cln_text_print(stream,
                   "<p>%zu of %zu test images are taken for another class. These are the %zu of them that the "
                   "model is most sure of.</p>\n<div class=\"pictures\">\n",
                   f->wrong, f->images, f->mistake_count);
    for (size_t i = 0; i < f->mistake_count && status == CLN_OK; i++) {
        const struct cln_mistake *m = &f->mistakes[i];
        char words[48];
        cln_text_format(words, sizeof words, "test image %zu", m->image);
        cln_text_print(stream, "<figure>");
        status = put_picture(stream, &can_write, m->pixels, f->picture, words);
        cln_text_print(stream, "<figcaption><b>");
        put_class(stream, f, m->predicted);
        cln_text_print(stream, "</b> %.3f<br>is ", m->probability);
        put_class(stream, f, m->label);
        cln_text_print(stream, " %.3f<br>image %zu</figcaption></figure>\n", m->label_probability, m->image);
    }
    cln_text_print(stream, "</div>\n");
    return status;
}

const struct cln_section cln_section_mistakes = {"mistakes", "Most surely wrong", has_mistakes, draw_mistakes,
                                                 NULL,       CLN_SOURCE_MODEL};

static bool has_filters(const struct cln_page *page) {
    return page->findings != NULL && page->findings->filter_count > 0;
}

static enum cln_status draw_filters(FILE *stream, const struct cln_page *page) {
    const struct cln_findings *f = page->findings;
    const size_t bytes = cln_shape_count(f->filter);
    bool can_write = true;
    enum cln_status status = CLN_OK;
    cln_text_print_html(stream, "<p>%s, %zu of %zu filters of %d × %d.</p>\n<div class=\"filters\">\n", f->filter_layer,
                        f->filter_count, f->filters_in_all, f->filter.height, f->filter.width);
    for (size_t i = 0; i < f->filter_count && status == CLN_OK; i++) {
        char words[48];
        cln_text_format(words, sizeof words, "filter %zu", i);
        status = put_picture(stream, &can_write, f->filters + i * bytes, f->filter, words);
    }
    cln_text_print(stream, "</div>\n<p class=\"note\">Middle grey is 0; each filter has a scale of its own.</p>\n");
    return status;
}

const struct cln_section cln_section_filters = {
    "filters", "Filters of the first convolution", has_filters, draw_filters, NULL, CLN_SOURCE_MODEL};

/* ---- Distributions ---- */

static enum cln_status draw_distributions(FILE *stream, const struct cln_distribution *list, size_t count) {
    const double width = 240, height = 96;
    enum cln_status status = CLN_OK;
    cln_text_print(stream, "<div class=\"many\">\n");
    for (size_t i = 0; i < count && status == CLN_OK; i++) {
        const struct cln_distribution *d = &list[i];
        struct cln_canvas canvas = {.kind = &cln_svg_inline, .stream = stream, .width = width, .height = height};
        cln_text_print(stream, "<figure>\n");
        status = cln_canvas_begin(&canvas);
        if (status == CLN_OK)
            cln_histogram_draw(&canvas, (struct cln_box){0, 0, width, height}, d->bars, CLN_DISTRIBUTION_BARS, d->least,
                               d->most);
        status = cln_canvas_end(&canvas, status);
        cln_text_print_html(stream, "<figcaption><b>%s</b><br>mean %.3g, deviation %.3g", d->name, d->mean,
                            d->deviation);
        if (d->zeros > 0.005)
            cln_text_print(stream, ", %.0f %% zeros", 100 * d->zeros);
        cln_text_print(stream, "</figcaption></figure>\n");
    }
    cln_text_print(stream, "</div>\n");
    return status;
}

static bool has_weights(const struct cln_page *page) {
    return page->findings != NULL && page->findings->weight_count > 0;
}

static enum cln_status draw_weights(FILE *stream, const struct cln_page *page) {
    return draw_distributions(stream, page->findings->weights, page->findings->weight_count);
}

const struct cln_section cln_section_weights = {"weights", "Weights by layer", has_weights, draw_weights,
                                                NULL,      CLN_SOURCE_MODEL};

static bool has_findings(const struct cln_page *page) {
    return page->findings != NULL;
}

static enum cln_status draw_activations(FILE *stream, const struct cln_page *page) {
    const struct cln_findings *f = page->findings;
    if (f->watched == 0)
        cln_text_print(stream,
                       "<p class=\"without\">This network is too large: activations are computed by plain C, in "
                       "float64, of networks up to 400 million multiply-adds per image.</p>\n");
    else
        cln_text_print(stream,
                       "<p class=\"note\">The output of each layer for the first %zu test images, in prediction "
                       "mode.</p>\n",
                       f->watched);
    return draw_distributions(stream, f->activations, f->activation_count);
}

const struct cln_section cln_section_activations = {
    "activations", "Activations by layer", has_findings, draw_activations, NULL, CLN_SOURCE_MODEL};
