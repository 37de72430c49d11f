/* Draws as SVG text. Colours are classes; CSS has them in light and dark. */
#include <math.h>

#include "clenet/text.h"
#include "src/report/canvas.h"

static const char *const anchors[] = {"start", "middle", "end"};

static void put_inks(FILE *stream, bool dark) {
    for (int i = 0; i < CLN_INK_COUNT; i++)
        cln_text_print(stream, "--i%d:#%06x;", i, (unsigned)(dark ? cln_inks[i].dark : cln_inks[i].light));
}

void cln_svg_style(FILE *stream) {
    cln_text_print(stream, ":root{color-scheme:light dark;");
    put_inks(stream, false);
    cln_text_print(stream, "}\n@media screen and (prefers-color-scheme:dark){:root{");
    put_inks(stream, true);
    cln_text_print(stream, "}}\n");
    for (int i = 0; i < CLN_INK_COUNT; i++)
        cln_text_print(stream, ".l%d{stroke:var(--i%d)}.f%d{fill:var(--i%d)}\n", i, i, i, i);
    cln_text_print(stream,
                   "svg{font:12px system-ui,sans-serif}polyline{fill:none;stroke-width:1.75;stroke-linejoin:round}"
                   ".l%d,.l%d{stroke-width:1}.d{stroke-dasharray:5 4}\n",
                   CLN_INK_MUTED, CLN_INK_GRID);
}

static enum cln_status create(struct cln_canvas *c) {
    cln_text_print(c->stream, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" ", c->width, c->height);
    cln_text_print(c->stream, "width=\"%g\" height=\"%g\">\n", c->width, c->height);
    return CLN_OK;
}

/* Within HTML an <svg> needs no namespace. It is as wide as its place. */
static enum cln_status create_inline(struct cln_canvas *c) {
    cln_text_print(c->stream, "<svg viewBox=\"0 0 %g %g\" role=\"img\">\n", c->width, c->height);
    return CLN_OK;
}

static enum cln_status create_file(struct cln_canvas *c) {
    const enum cln_status status = create(c);
    cln_text_print(c->stream, "<style>\n");
    cln_svg_style(c->stream);
    cln_text_print(c->stream, "</style>\n<rect width=\"100%%\" height=\"100%%\" class=\"f%d\"/>\n", CLN_INK_PAPER);
    return status;
}

/* Hundredths of a pixel are enough, and short. */
static double rounded(double value) {
    return round(100 * value) / 100;
}

static void polyline(struct cln_canvas *c, const struct cln_point *points, size_t count, enum cln_ink ink,
                     bool dashed) {
    cln_text_print(c->stream, "<polyline class=\"l%d%s\" points=\"", ink, dashed ? " d" : "");
    for (size_t i = 0; i < count; i++)
        cln_text_print(c->stream, i > 0 ? " %g,%g" : "%g,%g", rounded(points[i].x), rounded(points[i].y));
    cln_text_print(c->stream, "\"/>\n");
}

static void rectangle(struct cln_canvas *c, struct cln_box box, enum cln_ink ink, double opacity) {
    cln_text_print(c->stream, "<rect class=\"f%d\" x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\"", ink, rounded(box.x),
                   rounded(box.y), rounded(box.width), rounded(box.height));
    if (opacity < 1)
        cln_text_print(c->stream, " opacity=\"%.3g\"", opacity);
    cln_text_print(c->stream, "/>\n");
}

static void text(struct cln_canvas *c, struct cln_point at, enum cln_anchor anchor, enum cln_ink ink,
                 const char *words) {
    cln_text_print_html(c->stream, "<text class=\"f%d\" x=\"%g\" y=\"%g\" dy=\".35em\"", ink, rounded(at.x),
                        rounded(at.y));
    if (anchor != CLN_ANCHOR_START)
        cln_text_print(c->stream, " text-anchor=\"%s\"", anchors[anchor]);
    cln_text_print_html(c->stream, ">%s</text>\n", words);
}

static enum cln_status finish(struct cln_canvas *c) {
    cln_text_print(c->stream, "</svg>\n");
    return CLN_OK; /* who replaces the file sees errors of its stream */
}

static void destroy(struct cln_canvas *c) {
    (void)c;
}

#define SVG(begin)                                                                                                     \
    { begin, polyline, rectangle, text, finish, destroy, .letter = 7.4, .line = 17, .gap = 6, .margin = 16 }
const struct cln_canvas_kind cln_svg_file = SVG(create_file);
const struct cln_canvas_kind cln_svg_inline = SVG(create_inline);
