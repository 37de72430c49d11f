/* Pictures as PNG: a sheet of several, or one. */
#ifndef SRC_DATA_SHEET_H
#define SRC_DATA_SHEET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "clenet/geometry.h"
#include "clenet/status.h"

/* Writes `count` pictures, at least one, [picture][channels][height][width], in rows of `columns`, 0 for about as many
 * as there are rows, on CLN_SHEET_GREY with CLN_SHEET_GAP pixels around each. Three channels are red, green and blue;
 * of any other number the first is shown in grey. The file is replaced as a whole. CLN_INVALID: clenet was built
 * without libpng, or the sheet would have a side above 65535. */
enum { CLN_SHEET_GAP = 2, CLN_SHEET_GREY = 128 };
enum cln_status cln_sheet_write(const char *path, const uint8_t *pixels, struct cln_shape shape, size_t count,
                                size_t columns) CLN_MUST_CHECK;

/* The samples of one picture, [height][width][channels]: one channel is grey, three are red, green and blue. */
struct cln_samples {
    uint8_t *values;
    size_t height, width, channels;
};

/* Writes a picture as PNG to a stream. CLN_INVALID: clenet was built without libpng. */
enum cln_status cln_samples_write(FILE *stream, const struct cln_samples *samples) CLN_MUST_CHECK;
/* The pixels of a picture [channels][height][width] in the order of samples; of another number of channels than one and
 * three the first, in grey. samples->values is the caller's: free(). */
enum cln_status cln_samples_create(struct cln_samples *samples, const uint8_t *pixels,
                                   struct cln_shape shape) CLN_MUST_CHECK;

#endif
