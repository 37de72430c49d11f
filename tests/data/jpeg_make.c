/* See jpeg_make.h. https://www.w3.org/Graphics/JPEG/itu-t81.pdf: all coefficients but the first of a block are 0. */
#include "tests/data/jpeg_make.h"

#include <string.h>

/* Bits of the coded data; a byte 0xFF is followed by 0. */
struct bits {
    uint8_t *out;
    size_t used;
    unsigned held, count;
};

static void put_bits(struct bits *b, unsigned value, unsigned count) {
    while (count-- > 0) {
        b->held = b->held << 1 | (value >> count & 1);
        if (++b->count < 8)
            continue;
        b->out[b->used++] = (uint8_t)b->held;
        if ((b->held & 255) == 255)
            b->out[b->used++] = 0;
        b->count = 0;
    }
}

static size_t put_segment(uint8_t *out, size_t used, uint8_t marker, const void *bytes, size_t count) {
    const uint8_t head[] = {0xFF, marker, (uint8_t)((count + 2) >> 8), (uint8_t)(count + 2)};
    memcpy(out + used, head, sizeof head);
    memcpy(out + used + sizeof head, bytes, count);
    return used + sizeof head + count;
}

/* The difference to the block before: how many bits it has, by a code of four, then these. */
static void put_difference(struct bits *b, int difference) {
    unsigned size = 0;
    for (int rest = difference < 0 ? -difference : difference; rest > 0; rest /= 2)
        size++;
    put_bits(b, size, 4);
    put_bits(b, (unsigned)(difference < 0 ? difference + (1 << size) - 1 : difference), size);
}

static size_t put_blocks(uint8_t *out, const struct jpeg_file *f) {
    struct bits b = {.out = out};
    int before[4] = {0};
    const size_t blocks = (size_t)((f->width + 7) / 8) * ((f->height + 7) / 8);
    for (size_t i = 0; i < blocks * (size_t)f->components; i++) {
        const size_t c = i % (size_t)f->components;
        const int value = f->values[i] - 128; /* the table of quantisation has 8, the root of 64 pixels */
        put_difference(&b, value - before[c]);
        if (f->scans == 0)
            put_bits(&b, 0, 1); /* the end of the block */
        before[c] = value;
    }
    put_bits(&b, 127, 7); /* the rest of a byte */
    return b.used;
}

/* One for `count` components from `first` on, and the coefficients from `low` to `high`. */
static size_t put_scan(uint8_t *out, size_t used, int first, int count, int low, int high) {
    uint8_t scan[12] = {(uint8_t)count};
    for (int c = 0; c < count; c++)
        scan[1 + 2 * c] = (uint8_t)(first + c + 1);
    uint8_t *end = scan + 1 + 2 * count;
    end[0] = (uint8_t)low;
    end[1] = (uint8_t)high;
    return put_segment(out, used, 0xDA, scan, 4 + 2 * (size_t)count);
}

/* A scan of blocks in which one more coefficient is 0. */
static size_t put_empty_scan(uint8_t *out, size_t used, const struct jpeg_file *f, int number) {
    const size_t blocks = (size_t)((f->width + 7) / 8) * ((f->height + 7) / 8);
    used = put_scan(out, used, number / 63, 1, 1 + number % 63, 1 + number % 63);
    struct bits b = {.out = out + used};
    for (size_t i = 0; i < blocks; i++)
        put_bits(&b, 0, 1);
    put_bits(&b, 127, 7);
    return used + b.used;
}

static size_t put_header(uint8_t *out, size_t used, const struct jpeg_file *f) {
    uint8_t exif[] = "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0?\0\0\0\0\0";
    uint8_t quantisation[65] = {0}, adobe[] = "Adobe\0\x64\0\0\0\0";
    /* Codes of four bits for the sizes 0 to 8, and one of a bit for the end of a block. */
    uint8_t huffman[17 + 9 + 17 + 1] = {[4] = 9, [26] = 0x10, [27] = 1};
    uint8_t frame[6 + 3 * 4] = {8,
                                (uint8_t)(f->height >> 8),
                                (uint8_t)f->height,
                                (uint8_t)(f->width >> 8),
                                (uint8_t)f->width,
                                (uint8_t)f->components};
    exif[25] = (uint8_t)f->orientation;
    memset(quantisation + 1, 8, 64);
    for (uint8_t size = 0; size <= 8; size++)
        huffman[17 + size] = size;
    for (int c = 0; c < f->components; c++)
        memcpy(frame + 6 + 3 * c, (const uint8_t[]){(uint8_t)(c + 1), 0x11, 0}, 3);
    if (f->orientation)
        used = put_segment(out, used, 0xE1, exif, sizeof exif - 1);
    if (f->components == 4)
        used = put_segment(out, used, 0xEE, adobe, 12);
    used = put_segment(out, used, 0xDB, quantisation, sizeof quantisation);
    used = put_segment(out, used, f->scans ? 0xC2 : 0xC0, frame, 6 + 3 * (size_t)f->components);
    return put_segment(out, used, 0xC4, huffman, sizeof huffman);
}

size_t jpeg_make(uint8_t *out, const struct jpeg_file *f) {
    memcpy(out, "\xFF\xD8", 2);
    size_t used = put_scan(out, put_header(out, 2, f), 0, f->components, 0, f->scans ? 0 : 63);
    used += put_blocks(out + used, f);
    for (int i = 1; i < f->scans; i++)
        used = put_empty_scan(out, used, f, i - 1);
    memcpy(out + used, "\xFF\xD9", 2);
    return used + 2;
}
