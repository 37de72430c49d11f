/* PNG pictures, through libpng where clenet was built with it. Private to the library. */
#ifndef SRC_DATA_PNG_H
#define SRC_DATA_PNG_H

#include <stddef.h>
#include <stdint.h>

#include "host/status.h"
#include "src/model/geometry.h"

struct cln_picture {
    struct cln_shape shape; /* 1 channel: grey; 3: red, green, blue */
    uint8_t *pixels;        /* [channels][height][width]; free() */
};

enum { CLN_PNG_SIDE_LIMIT = 8192 };

/* Decodes a whole file of any colour type, bit depth and interlacing. Grey files come out as one channel, palettes and
 * colours as three; of 16 bits per sample the upper 8 are taken. What is transparent lies on black: a sample v with
 * alpha a is round(v·a / 255), of the values as the file has them. Gamma, profiles and all that is not pixels are
 * passed over. CLN_INVALID, with the reason: no PNG, truncated, a wrong CRC, damaged, more than CLN_PNG_SIDE_LIMIT on
 * a side, bytes behind the end; or clenet without libpng. On failure *out is zero. */
enum cln_status cln_png_decode(struct cln_picture *out, const void *bytes, size_t size) CLN_MUST_CHECK;

#endif
