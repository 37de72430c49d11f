/* A surface to draw on, of a few operations. Every kind of canvas has a file: SVG as text, a PNG picture (libcairo),
 * and the characters of a terminal. Lengths are in the canvas's own unit; x runs to the right, y down. */
#ifndef SRC_REPORT_CANVAS_H
#define SRC_REPORT_CANVAS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "clenet/status.h"

/* What something is drawn for; each kind of canvas has colours or characters for it. */
enum cln_ink {
    CLN_INK_TEXT,
    CLN_INK_MUTED, /* labels and axes */
    CLN_INK_GRID,
    CLN_INK_PAPER, /* the background, as text on CLN_INK_HEAT */
    CLN_INK_HEAT,
    CLN_INK_SERIES, /* the first of CLN_SERIES_INKS */
    CLN_INK_COUNT = CLN_INK_SERIES + 6
};
enum { CLN_SERIES_INKS = CLN_INK_COUNT - CLN_INK_SERIES };

struct cln_ink_row {
    uint32_t light, dark; /* 0xRRGGBB on white and on black */
    int terminal;         /* number of an ANSI colour; 0: the terminal's own */
    char mark;            /* where there are neither colours nor dots; 0: it is not drawn on terminals */
};
extern const struct cln_ink_row cln_inks[CLN_INK_COUNT];
/* The ink of series `index`; from the last one on they begin anew. */
enum cln_ink cln_ink_of_series(size_t index);

enum cln_anchor { CLN_ANCHOR_START, CLN_ANCHOR_MIDDLE, CLN_ANCHOR_END };

struct cln_point {
    double x, y;
};

struct cln_box {
    double x, y, width, height;
};

struct cln_canvas;

/* `polyline` gets at least two points. The middle of a line of `text` is at y; its start, middle or end is at x.
 * `finish` writes what `create` was given the stream for; only then errors are told. */
struct cln_canvas_kind {
    enum cln_status (*create)(struct cln_canvas *canvas);
    void (*polyline)(struct cln_canvas *canvas, const struct cln_point *points, size_t count, enum cln_ink ink,
                     bool dashed);
    void (*rectangle)(struct cln_canvas *canvas, struct cln_box box, enum cln_ink ink, double opacity);
    void (*text)(struct cln_canvas *canvas, struct cln_point at, enum cln_anchor anchor, enum cln_ink ink,
                 const char *text);
    enum cln_status (*finish)(struct cln_canvas *canvas);
    void (*destroy)(struct cln_canvas *canvas);
    double letter, line; /* about the width of a letter, and the height of a line of text */
    double gap;          /* a small distance */
    double margin;       /* around a drawing that is a file of its own */
};

struct cln_canvas {
    const struct cln_canvas_kind *kind;
    FILE *stream;
    double width, height;
    bool has_colours; /* of terminals */
    void *state;
};

extern const struct cln_canvas_kind cln_svg_file;   /* a file of its own, in light or dark as its reader likes it */
extern const struct cln_canvas_kind cln_svg_inline; /* within HTML, which has CSS for the classes cln_svg_style lists */
extern const struct cln_canvas_kind cln_picture;    /* PNG; CLN_INVALID: clenet was built without libcairo or libpng */
extern const struct cln_canvas_kind cln_dots;  /* a terminal with UTF-8: Braille; a unit is a dot, 2 × 4 a letter */
extern const struct cln_canvas_kind cln_marks; /* any terminal: ASCII, a unit as above */

/* Writes the CSS of the inks, in light and dark, for SVG and HTML. */
void cln_svg_style(FILE *stream);

/* Begins a canvas: all members but `kind`, `stream`, `width`, `height` and `has_colours` are set. */
enum cln_status cln_canvas_begin(struct cln_canvas *canvas) CLN_MUST_CHECK;
/* Writes the drawing if `status` is CLN_OK, and frees the canvas. Returns the first failure. */
enum cln_status cln_canvas_end(struct cln_canvas *canvas, enum cln_status status) CLN_MUST_CHECK;

#endif
