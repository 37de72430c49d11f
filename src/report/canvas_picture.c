/* Draws a picture with libcairo, twice as large as SVG, on white. */
#include <math.h>
#include <stdlib.h>

#include "src/data/sheet.h"
#include "src/report/canvas.h"

#ifdef HAVE_CAIRO

#include <cairo.h>

#define SCALE 2.0
#define FONT_SIZE 12.0

static enum cln_status create(struct cln_canvas *c) {
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)ceil(SCALE * c->width), (int)ceil(SCALE * c->height));
    cairo_t *cairo = cairo_create(surface);
    cairo_surface_destroy(surface); /* `cairo` has it */
    c->state = cairo;
    if (cairo_status(cairo) != CAIRO_STATUS_SUCCESS)
        return cln_fail(CLN_OUT_OF_MEMORY, "libcairo: %s", cairo_status_to_string(cairo_status(cairo)));
    cairo_scale(cairo, SCALE, SCALE);
    cairo_set_source_rgb(cairo, 1, 1, 1);
    cairo_paint(cairo);
    cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cairo, FONT_SIZE);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
    return CLN_OK;
}

static void choose(cairo_t *cairo, enum cln_ink ink, double opacity) {
    const uint32_t rgb = cln_inks[ink].light;
    cairo_set_source_rgba(cairo, (rgb >> 16) / 255.0, (rgb >> 8 & 0xff) / 255.0, (rgb & 0xff) / 255.0, opacity);
}

static void polyline(struct cln_canvas *c, const struct cln_point *points, size_t count, enum cln_ink ink,
                     bool dashed) {
    static const double dashes[] = {5, 4};
    cairo_t *cairo = c->state;
    choose(cairo, ink, 1);
    cairo_set_line_width(cairo, ink < CLN_INK_SERIES ? 1 : 1.75);
    cairo_set_dash(cairo, dashes, dashed ? 2 : 0, 0);
    cairo_new_path(cairo); /* text leaves its end as the current point */
    for (size_t i = 0; i < count; i++)
        cairo_line_to(cairo, points[i].x, points[i].y);
    cairo_stroke(cairo);
}

static void rectangle(struct cln_canvas *c, struct cln_box box, enum cln_ink ink, double opacity) {
    cairo_t *cairo = c->state;
    choose(cairo, ink, opacity);
    cairo_rectangle(cairo, box.x, box.y, box.width, box.height);
    cairo_fill(cairo);
}

static void text(struct cln_canvas *c, struct cln_point at, enum cln_anchor anchor, enum cln_ink ink,
                 const char *words) {
    cairo_t *cairo = c->state;
    cairo_text_extents_t extents;
    choose(cairo, ink, 1);
    cairo_text_extents(cairo, words, &extents);
    cairo_move_to(cairo, at.x - extents.x_advance * anchor / 2, at.y + 0.35 * FONT_SIZE);
    cairo_show_text(cairo, words);
}

static enum cln_status finish(struct cln_canvas *c) {
    cairo_t *cairo = c->state;
    cairo_surface_t *surface = cairo_get_target(cairo);
    cairo_surface_flush(surface);
    if (cairo_status(cairo) != CAIRO_STATUS_SUCCESS)
        return cln_fail(CLN_OUT_OF_MEMORY, "libcairo: %s", cairo_status_to_string(cairo_status(cairo)));
    const unsigned char *rows = cairo_image_surface_get_data(surface);
    const size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    struct cln_samples samples = {.height = (size_t)cairo_image_surface_get_height(surface),
                                  .width = (size_t)cairo_image_surface_get_width(surface),
                                  .channels = 3};
    samples.values = malloc(samples.height * samples.width * samples.channels);
    if (samples.values == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a picture");
    uint8_t *next = samples.values;
    for (size_t y = 0; y < samples.height; y++)
        for (size_t x = 0; x < samples.width; x++) {
            const uint32_t pixel = ((const uint32_t *)(const void *)(rows + y * stride))[x];
            *next++ = (uint8_t)(pixel >> 16);
            *next++ = (uint8_t)(pixel >> 8);
            *next++ = (uint8_t)pixel;
        }
    const enum cln_status status = cln_samples_write(c->stream, &samples);
    free(samples.values);
    return status;
}

static void destroy(struct cln_canvas *c) {
    cairo_destroy(c->state);
}

const struct cln_canvas_kind cln_picture = {create,  polyline,      rectangle,  text,     finish,
                                            destroy, .letter = 7.2, .line = 17, .gap = 6, .margin = 16};

#else

static enum cln_status create(struct cln_canvas *c) {
    (void)c;
    return cln_fail(CLN_INVALID, "this clenet was built without libcairo and draws no PNG pictures: install libcairo's "
                                 "development files (Debian: libcairo2-dev) and build it anew, or write .svg");
}

static void destroy(struct cln_canvas *c) {
    (void)c;
}

const struct cln_canvas_kind cln_picture = {.create = create, .destroy = destroy, .letter = 1, .line = 1, .gap = 1};

#endif
