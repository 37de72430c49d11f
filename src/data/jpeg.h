/* JPEG pictures, through libjpeg where clenet was built with it. Private to the library. */
#ifndef SRC_DATA_JPEG_H
#define SRC_DATA_JPEG_H

#include "src/data/picture_format.h"

/* Decodes a whole file of 8 bits per sample, sequential or progressive, as libjpeg does by default, and turns it
 * upright by its EXIF orientation. Grey files come out as one channel, others as three. Profiles and texts are passed
 * over, and so are bytes behind the end. CLN_INVALID, with the reason: no JPEG, truncated or damaged in any way that
 * libjpeg notices, of four inks (CMYK, YCCK), more than CLN_PICTURE_SIDE_LIMIT on a side, or more than
 * CLN_JPEG_SCAN_LIMIT scans, each of which takes the time of a whole picture; or clenet without libjpeg. On failure
 * *out is zero. */
enum { CLN_JPEG_SCAN_LIMIT = 100 };
enum cln_status cln_jpeg_decode(struct cln_picture *out, const void *bytes, size_t size,
                                const struct cln_decoding *how) CLN_MUST_CHECK;
/* What cln_jpeg_decode would give, without pixels, from the first bytes of a file: all before the pixels. */
enum cln_status cln_jpeg_measure(struct cln_picture *out, const void *bytes, size_t size,
                                 const struct cln_decoding *how) CLN_MUST_CHECK;

#endif
