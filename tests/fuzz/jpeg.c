/* Decoding JPEG pictures: what is accepted keeps the limits, has the shape that its header alone tells, and is the same
 * when decoded again. */
#include <stdlib.h>
#include <string.h>

#include "src/data/jpeg.h"
#include "tests/fuzz/support.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const struct cln_decoding how = {0};
    struct cln_picture picture, again, header;
    fuzz_begin();
    enum cln_status status = cln_jpeg_decode(&picture, bytes, size, &how);
    fuzz_require(status == CLN_OK || (!picture.shape.channels && !picture.shape.height && !picture.shape.width));
    fuzz_accepted = fuzz_end(status, picture.pixels);
    if (!fuzz_accepted)
        return 0;
    const struct cln_shape shape = picture.shape;
    fuzz_require(picture.type == CLN_PIXEL_U8);
    fuzz_require(shape.channels == 1 || shape.channels == 3);
    fuzz_require(shape.height >= 1 && shape.height <= CLN_PICTURE_SIDE_LIMIT);
    fuzz_require(shape.width >= 1 && shape.width <= CLN_PICTURE_SIDE_LIMIT);
    fuzz_require(cln_jpeg_measure(&header, bytes, size, &how) == CLN_OK);
    fuzz_require(memcmp(&header.shape, &shape, sizeof shape) == 0 && !header.pixels);
    fuzz_require(cln_jpeg_decode(&again, bytes, size, &how) == CLN_OK);
    fuzz_require(memcmp(&again.shape, &shape, sizeof shape) == 0);
    fuzz_require(memcmp(again.pixels, picture.pixels, cln_shape_count(shape)) == 0);
    free(picture.pixels);
    free(again.pixels);
    return 0;
}
