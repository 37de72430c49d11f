/* PNG pictures, through libpng where clenet was built with it. Private to the library. */
#ifndef SRC_DATA_PNG_H
#define SRC_DATA_PNG_H

#include "src/data/picture_format.h"

/* Decodes a whole file of any colour type, bit depth and interlacing. Grey files come out as one channel, palettes and
 * colours as three; of 16 bits per sample the upper 8 are taken, without how->is_deep. A picture with transparency is
 * laid on how->ground; CLN_GROUND_AUTO is a ground that shows what was drawn: black where the ink is light (the mean
 * luma of its samples, weighted by alpha, is at least 127.5), else white. On a ground that has colours a grey picture
 * with transparency comes out as three channels. A sample v with alpha a becomes round((v·a + ground·(m − a)) / m),
 * with m = 255, or 65535, of the values as the file has them. Gamma, profiles, EXIF and all that is not pixels are
 * passed over, damaged ones too, and so are bytes behind the end. CLN_INVALID, with the reason: no PNG, truncated, a
 * wrong CRC, damaged, more than CLN_PICTURE_SIDE_LIMIT on a side; or clenet without libpng. On failure *out is zero. */
enum cln_status cln_png_decode(struct cln_picture *out, const void *bytes, size_t size,
                               const struct cln_decoding *how) CLN_MUST_CHECK;
/* What cln_png_decode would give, without pixels, from the first bytes of a file: all before the pixels. */
enum cln_status cln_png_measure(struct cln_picture *out, const void *bytes, size_t size,
                                const struct cln_decoding *how) CLN_MUST_CHECK;

#endif
