/* Formats of single pictures: how a file of images is recognised and read. Private to src/data. */
#ifndef SRC_DATA_PICTURE_FORMAT_H
#define SRC_DATA_PICTURE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clenet/dataset.h"
#include "src/data/picture_memory.h"

/* The formats. A new format is a row here and a file that defines the row. */
#define CLN_PICTURE_FORMATS(ROW) ROW(cln_png_pictures) ROW(cln_jpeg_pictures) ROW(cln_idx_pictures)

struct gzFile_s;

struct cln_picture {
    struct cln_shape shape;   /* 1 channel: grey; 3: red, green, blue */
    enum cln_pixel_type type; /* CLN_PIXEL_U8 or CLN_PIXEL_U16 */
    void *pixels;             /* [channels][height][width]; free() */
};

/* The most pixels on a side: a header that announces more is refused before anything is allocated. */
enum { CLN_PICTURE_SIDE_LIMIT = 8192 };

/* What becomes of pixels that have more than clenet keeps. All 0: see clenet/picture.h. */
struct cln_decoding {
    int ground;   /* below transparent pixels: CLN_GROUND(...) or CLN_GROUND_AUTO */
    bool is_deep; /* 16 bits per sample stay 16 bits; else the upper 8 are taken */
    /* Decoding takes its share of memory here, which lasts until the pixels are freed; NULL: it is not counted. */
    struct cln_share *share;
};

typedef enum cln_status cln_decode_picture(struct cln_picture *out, const void *bytes, size_t size,
                                           const struct cln_decoding *how);

struct cln_picture_format {
    const char *name;   /* with its article, for messages: "a PNG" */
    uint8_t first_byte; /* of every file of the format, and of no other's */
    /* Of files of one picture: decode the whole file; tell shape and type alone, without pixels, from its first bytes.
     * CLN_INVALID says what is wrong with the picture, which may be that `size` is too small. Other errors are no
     * fault of the picture: CLN_OUT_OF_MEMORY, or CLN_IO in a build without the format. *out is then zero. */
    cln_decode_picture *decode, *measure;
    /* Of files of any number of pictures, which have the two above NULL: reads all of zlib's stream `gz` (a gzFile),
     * which stands at its beginning, and closes it, on failure too. *images is [*count][channels][height][width], the
     * caller's. `name` names the stream in messages. */
    enum cln_status (*read)(uint8_t **images, size_t *count, struct cln_shape *shape, struct gzFile_s *gz,
                            const char *name);
};

#define CLN_DECLARE_FORMAT(format) extern const struct cln_picture_format format;
CLN_PICTURE_FORMATS(CLN_DECLARE_FORMAT)
#undef CLN_DECLARE_FORMAT

/* The format of a file that begins with this byte; NULL: none. */
const struct cln_picture_format *cln_picture_format_find(int first_byte);
/* CLN_INVALID; names every format, or, with `single`, those of files of one picture. */
enum cln_status cln_picture_format_fail(const char *name, int first_byte, bool single);

#endif
