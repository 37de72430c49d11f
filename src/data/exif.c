/* Reads one tag of EXIF, and turns pictures by it. */
#include "src/data/exif.h"

#include <string.h>

#include "src/base/table.h"

enum { SIGNATURE_BYTES = 6, HEADER_BYTES = 8, ENTRY_BYTES = 12, TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3 };

/* EXIF is a TIFF file in memory, of one of two byte orders. */
struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool is_big;
};

static unsigned short_at(const struct tiff *t, size_t at) {
    const unsigned a = t->bytes[at], b = t->bytes[at + 1];
    return t->is_big ? a << 8 | b : b << 8 | a;
}

static size_t long_at(const struct tiff *t, size_t at) {
    const size_t a = short_at(t, at), b = short_at(t, at + 2);
    return t->is_big ? a << 16 | b : b << 16 | a;
}

/* Searches the first directory: a number of entries, then entries of tag, type, count and value. */
static int find_orientation(const struct tiff *t) {
    const size_t directory = long_at(t, 4);
    if (directory > t->size - 2)
        return CLN_EXIF_UPRIGHT;
    const size_t room = (t->size - directory - 2) / ENTRY_BYTES, announced = short_at(t, directory);
    for (size_t i = 0; i < announced && i < room; i++) {
        const size_t entry = directory + 2 + i * ENTRY_BYTES;
        if (short_at(t, entry) != TAG_ORIENTATION)
            continue;
        const unsigned value = short_at(t, entry + 8);
        const bool is_one_short = short_at(t, entry + 2) == TYPE_SHORT && long_at(t, entry + 4) == 1;
        return is_one_short && value >= 1 && value <= CLN_EXIF_ORIENTATIONS ? (int)value : CLN_EXIF_UPRIGHT;
    }
    return CLN_EXIF_UPRIGHT;
}

int cln_exif_orientation(const uint8_t *bytes, size_t size) {
    if (size < SIGNATURE_BYTES + HEADER_BYTES || memcmp(bytes, "Exif\0", SIGNATURE_BYTES - 1) != 0)
        return CLN_EXIF_UPRIGHT;
    struct tiff tiff = {.bytes = bytes + SIGNATURE_BYTES, .size = size - SIGNATURE_BYTES};
    tiff.is_big = memcmp(tiff.bytes, "MM", 2) == 0;
    if ((!tiff.is_big && memcmp(tiff.bytes, "II", 2) != 0) || short_at(&tiff, 2) != 42)
        return CLN_EXIF_UPRIGHT;
    return find_orientation(&tiff);
}

/* Where an upright pixel comes from: rows and columns exchanged, then rows from below, columns from the right. */
static const struct {
    bool swaps, from_below, from_right;
} turns[] = {
    [1] = {0, 0, 0}, [2] = {0, 0, 1}, [3] = {0, 1, 1}, [4] = {0, 1, 0},
    [5] = {1, 0, 0}, [6] = {1, 1, 0}, [7] = {1, 1, 1}, [8] = {1, 0, 1},
};
CLN_EVERY(turns, CLN_EXIF_ORIENTATIONS + 1);

bool cln_exif_swaps(int orientation) {
    return turns[orientation].swaps;
}

void cln_exif_turn(uint8_t *out, const uint8_t *pixels, struct cln_shape in, int orientation) {
    const bool swaps = turns[orientation].swaps;
    const int height = swaps ? in.width : in.height, width = swaps ? in.height : in.width;
    for (int channel = 0; channel < in.channels; channel++) {
        const uint8_t *plane = pixels + (size_t)channel * (size_t)in.height * (size_t)in.width;
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                int row = swaps ? x : y, column = swaps ? y : x;
                row = turns[orientation].from_below ? in.height - 1 - row : row;
                column = turns[orientation].from_right ? in.width - 1 - column : column;
                *out++ = plane[(size_t)row * (size_t)in.width + (size_t)column];
            }
    }
}
