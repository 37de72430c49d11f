/* Formats of single pictures: how a file of images is recognised and read. Private to src/data. */
#ifndef SRC_DATA_PICTURE_FORMAT_H
#define SRC_DATA_PICTURE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "clenet/geometry.h"
#include "clenet/status.h"

/* The formats. A new format is a row here and a file that defines the row. */
#define CLN_PICTURE_FORMATS(ROW) ROW(cln_png_pictures) ROW(cln_idx_pictures)

struct gzFile_s;

struct cln_picture_format {
    const char *name;   /* with its article, for messages: "a PNG" */
    uint8_t first_byte; /* of every file of the format, and of no other's */
    /* Reads all images of zlib's stream `gz` (a gzFile), which stands at its beginning, and closes it, on failure too.
     * *images is [*count][channels][height][width], the caller's. `name` names the stream in messages. */
    enum cln_status (*read)(uint8_t **images, size_t *count, struct cln_shape *shape, struct gzFile_s *gz,
                            const char *name);
};

#define CLN_DECLARE_FORMAT(format) extern const struct cln_picture_format format;
CLN_PICTURE_FORMATS(CLN_DECLARE_FORMAT)
#undef CLN_DECLARE_FORMAT

#endif
