/* Decoding PNG pictures: what is accepted keeps the limits, and encoded and decoded again it is the same picture. Every
 * input runs once more with the right checksums, which a mutation never hits. */
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "src/data/png.h"
#include "tests/fuzz/support.h"

enum { SIGNATURE_BYTES = 8, CHUNK_BYTES = 12 };

/* The picture as a PNG file; free(). */
static uint8_t *encode(const struct cln_picture *picture, size_t *size) {
    const size_t channels = (size_t)picture->shape.channels, plane = cln_shape_count(picture->shape) / channels;
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)picture->shape.width,
                       .height = (png_uint_32)picture->shape.height,
                       .format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB,
                       .flags = PNG_IMAGE_FLAG_FAST};
    const size_t room = PNG_IMAGE_PNG_SIZE_MAX(image);
    uint8_t *samples = malloc(channels * plane), *file = malloc(room);
    fuzz_require(samples && file);
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < plane; i++)
            samples[i * channels + c] = ((const uint8_t *)picture->pixels)[c * plane + i];
    *size = room;
    fuzz_require(png_image_write_to_memory(&image, file, size, 0, samples, 0, NULL));
    free(samples);
    return file;
}

static bool run(const uint8_t *bytes, size_t size) {
    const struct cln_decoding how = {0};
    struct cln_picture picture, again;
    fuzz_begin();
    enum cln_status status = cln_png_decode(&picture, bytes, size, &how);
    fuzz_require(status == CLN_OK || (!picture.shape.channels && !picture.shape.height && !picture.shape.width));
    if (!fuzz_end(status, picture.pixels))
        return false;
    const struct cln_shape shape = picture.shape;
    fuzz_require(shape.channels == 1 || shape.channels == 3);
    fuzz_require(shape.height >= 1 && shape.height <= CLN_PICTURE_SIDE_LIMIT);
    fuzz_require(shape.width >= 1 && shape.width <= CLN_PICTURE_SIDE_LIMIT);
    size_t encoded_size;
    uint8_t *encoded = encode(&picture, &encoded_size);
    fuzz_require(cln_png_decode(&again, encoded, encoded_size, &how) == CLN_OK);
    fuzz_require(again.shape.channels == shape.channels && again.shape.height == shape.height &&
                 again.shape.width == shape.width);
    fuzz_require(memcmp(again.pixels, picture.pixels, cln_shape_count(shape)) == 0);
    free(encoded);
    free(picture.pixels);
    free(again.pixels);
    return true;
}

/* Puts the right checksum behind every chunk that lies within the file. */
static void mend_checksums(uint8_t *bytes, size_t size) {
    for (size_t at = SIGNATURE_BYTES; at + CHUNK_BYTES <= size;) {
        const size_t length =
            (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 | (size_t)bytes[at + 2] << 8 | (size_t)bytes[at + 3];
        if (length > size - at - CHUNK_BYTES)
            break;
        const uLong sum = crc32(0, bytes + at + 4, (uInt)(length + 4));
        for (size_t i = 0; i < 4; i++)
            bytes[at + 8 + length + i] = (uint8_t)(sum >> (24 - 8 * i));
        at += CHUNK_BYTES + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    fuzz_accepted = run(bytes, size);
    uint8_t *mended = malloc(size + 1);
    fuzz_require(mended);
    memcpy(mended, bytes, size);
    mend_checksums(mended, size);
    if (memcmp(mended, bytes, size) != 0)
        (void)run(mended, size);
    free(mended);
    return 0;
}
