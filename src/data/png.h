/* PNG pictures, through libpng where clenet was built with it. Private to the library. */
#ifndef SRC_DATA_PNG_H
#define SRC_DATA_PNG_H

#include <stddef.h>
#include <stdint.h>

#include "clenet/geometry.h"
#include "clenet/status.h"

struct cln_picture {
    struct cln_shape shape; /* 1 channel: grey; 3: red, green, blue */
    uint8_t *pixels;        /* [channels][height][width]; free() */
};

enum { CLN_PNG_SIDE_LIMIT = 8192 };

/* Decodes a whole file of any colour type, bit depth and interlacing. Grey files come out as one channel, palettes and
 * colours as three; of 16 bits per sample the upper 8 are taken. A picture with transparency is laid on a ground that
 * shows what was drawn: on black where the ink is light (the mean luma of its samples, weighted by alpha, is at least
 * 127.5), else on white. A sample v with alpha a becomes round((v·a + ground·(255 − a)) / 255), of the values as the
 * file has them. Gamma, profiles and all that is not pixels are passed over, damaged ones too, and so are bytes behind
 * the end. CLN_INVALID, with the reason: no PNG, truncated, a wrong CRC, damaged, more than CLN_PNG_SIDE_LIMIT on a
 * side; or clenet without libpng. On failure *out is zero. */
enum cln_status cln_png_decode(struct cln_picture *out, const void *bytes, size_t size) CLN_MUST_CHECK;

#endif
