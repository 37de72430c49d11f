/* Draws with the characters of a terminal. A letter's place has 2 × 4 dots, which Braille shows one by one; in ASCII a
 * mark stands for all dots of a place. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/report/canvas.h"

enum { DOTS_X = 2, DOTS_Y = 4, BRAILLE = 0x2800 };

/* The place of a letter. */
struct place {
    char text[8];  /* a character of text; "": none */
    uint8_t dots;  /* as Unicode numbers them in Braille */
    uint8_t ink;   /* of what was drawn last */
    bool is_cover; /* the second column of a wide character */
};

struct screen {
    int columns, rows;
    struct place places[];
};

static enum cln_status create(struct cln_canvas *c) {
    const int columns = (int)ceil(c->width / DOTS_X), rows = (int)ceil(c->height / DOTS_Y);
    struct screen *screen = calloc(1, sizeof *screen + (size_t)columns * (size_t)rows * sizeof *screen->places);
    if (screen == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a drawing of %d×%d letters", columns, rows);
    screen->columns = columns;
    screen->rows = rows;
    c->state = screen;
    return CLN_OK;
}

/* NULL: outside. */
static struct place *place_of(const struct cln_canvas *c, int column, int row) {
    struct screen *s = c->state;
    return column >= 0 && column < s->columns && row >= 0 && row < s->rows ? &s->places[row * s->columns + column]
                                                                           : NULL;
}

static void set_dot(const struct cln_canvas *c, double x, double y, enum cln_ink ink) {
    static const uint8_t bits[DOTS_Y][DOTS_X] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    const int column = (int)floor(x), row = (int)floor(y);
    struct place *place = column >= 0 && row >= 0 ? place_of(c, column / DOTS_X, row / DOTS_Y) : NULL;
    if (place == NULL || cln_inks[ink].mark == 0)
        return;
    place->dots |= bits[row % DOTS_Y][column % DOTS_X];
    if (ink >= place->ink)
        place->ink = (uint8_t)ink;
}

static void polyline(struct cln_canvas *c, const struct cln_point *points, size_t count, enum cln_ink ink,
                     bool dashed) {
    enum { DASH = 3 };
    long drawn = 0;
    for (size_t i = 1; i < count; i++) {
        const double dx = points[i].x - points[i - 1].x, dy = points[i].y - points[i - 1].y;
        const int steps = (int)fmax(1, ceil(fmax(fabs(dx), fabs(dy))));
        for (int k = 0; k <= steps; k++, drawn++)
            if (!dashed || drawn / DASH % 2 == 0)
                set_dot(c, points[i - 1].x + dx * k / steps, points[i - 1].y + dy * k / steps, ink);
    }
}

static void rectangle(struct cln_canvas *c, struct cln_box box, enum cln_ink ink, double opacity) {
    for (double y = floor(box.y); y < box.y + box.height && opacity > 0.5; y++)
        for (double x = floor(box.x); x < box.x + box.width; x++)
            set_dot(c, x, y, ink);
}

static void text(struct cln_canvas *c, struct cln_point at, enum cln_anchor anchor, enum cln_ink ink,
                 const char *words) {
    int column = (int)lround(at.x / DOTS_X - (double)cln_text_columns(words) * anchor / 2);
    const int row = (int)floor(at.y / DOTS_Y);
    uint32_t code;
    for (size_t length; *words != '\0'; words += length) {
        char one[sizeof((struct place *)0)->text] = "";
        length = cln_text_decode(&code, words, strlen(words));
        if (length == 0)
            return;
        memcpy(one, words, length);
        const size_t wide = cln_text_columns(one);
        struct place *place = place_of(c, column, row), *next = place_of(c, column + 1, row);
        if (place != NULL && wide > 0 && (wide == 1 || next != NULL)) {
            *place = (struct place){.ink = (uint8_t)ink};
            memcpy(place->text, one, sizeof one);
            if (wide == 2)
                *next = (struct place){.is_cover = true};
        }
        column += (int)wide;
    }
}

/* The text of a place in ASCII. What is not ASCII becomes a question mark. */
static const char *mark_of(const struct place *place, char mark[2]) {
    mark[0] = place->text[0] != '\0' ? place->text[0] : place->dots != 0 ? cln_inks[place->ink].mark : ' ';
    if ((unsigned char)mark[0] >= 0x80)
        mark[0] = '?';
    mark[1] = '\0';
    return mark;
}

static const char *braille_of(const struct place *place, char braille[4]) {
    const unsigned code = BRAILLE + place->dots;
    if (place->text[0] != '\0' || place->dots == 0)
        return place->text[0] != '\0' ? place->text : " ";
    braille[0] = (char)(0xe0 | code >> 12);
    braille[1] = (char)(0x80 | (code >> 6 & 0x3f));
    braille[2] = (char)(0x80 | (code & 0x3f));
    braille[3] = '\0';
    return braille;
}

static bool is_empty(const struct place *place) {
    return place->text[0] == '\0' && place->dots == 0 && !place->is_cover;
}

static enum cln_status finish(struct cln_canvas *c) {
    const struct screen *s = c->state;
    for (int row = 0; row < s->rows; row++) {
        int colour = 0, last = s->columns;
        while (last > 0 && is_empty(place_of(c, last - 1, row)))
            last--;
        for (int column = 0; column < last; column++) {
            const struct place *place = place_of(c, column, row);
            const int wanted = c->has_colours && !is_empty(place) ? cln_inks[place->ink].terminal : 0;
            char bytes[4];
            if (wanted != colour)
                cln_text_print(c->stream, wanted > 0 ? "\033[3%dm" : "\033[0m", wanted);
            colour = wanted;
            if (!place->is_cover)
                cln_text_print(c->stream, "%s",
                               c->kind == &cln_dots ? braille_of(place, bytes) : mark_of(place, bytes));
        }
        cln_text_print(c->stream, colour > 0 ? "\033[0m\n" : "\n");
    }
    return CLN_OK;
}

static void destroy(struct cln_canvas *c) {
    free(c->state);
}

#define TERMINAL                                                                                                       \
    { create, polyline, rectangle, text, finish, destroy, .letter = DOTS_X, .line = DOTS_Y, .gap = 1 }
const struct cln_canvas_kind cln_dots = TERMINAL;
const struct cln_canvas_kind cln_marks = TERMINAL;
