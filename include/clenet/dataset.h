/* Labelled images in host memory as bytes, and where they come from. */
#ifndef CLENET_DATASET_H
#define CLENET_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clenet/geometry.h"
#include "clenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cln_images {
    size_t count;
    struct cln_shape shape;
    uint8_t *pixels;           /* [count][channels][height][width], 0 to 255 */
    uint8_t *labels;           /* [count], each below the data set's class_count */
    char *labels_path;         /* the IDX file that the labels are from, for messages; NULL: no file */
    struct cln_reader *reader; /* NULL: the pixels are there */
};

struct cln_dataset {
    char name[64];
    struct cln_images train, test;
    int class_count;                /* of a folder: the largest label of both halves + 1 */
    const char *const *class_names; /* class_count static strings, or NULL where unknown */
    char digest[65];                /* see cln_dataset_measure_digest; "" before */
};

struct cln_dataset_params {
    /* "fashion-mnist", "mnist", "synthetic" or "synthetic:COUNT" (training images; a sixth of it for
     * tests), or a folder with the four IDX files (plain or .gz). NULL: "fashion-mnist". */
    const char *name;
    bool offline;  /* never download */
    uint64_t seed; /* of the synthetic set */
};

/* The named sets are looked for in /usr/share/datasets/NAME, $CLENET_DATA/NAME, $CLENET_DATA, ./data/NAME and
 * clenet/NAME in the user's cache ($XDG_CACHE_HOME or ~/.cache), and at last downloaded into that cache, checked by
 * SHA-256. $CLENET_MIRROR, URLs of folders with blanks between them, takes the place of the built-in mirrors.
 * CLN_NOT_FOUND says where it looked and what to install or pass; CLN_INVALID names the file, the byte
 * offset and the reason. */
CLN_API enum cln_status cln_dataset_load(struct cln_dataset **out,
                                         const struct cln_dataset_params *params) CLN_MUST_CHECK;
/* The same, but the pixels are NULL at first and read in the background: the rest of a program can start meanwhile. */
CLN_API enum cln_status cln_dataset_open(struct cln_dataset **out,
                                         const struct cln_dataset_params *params) CLN_MUST_CHECK;
/* Waits until the pixels are there; what cln_dataset_load had said about their file, this does. */
CLN_API enum cln_status cln_dataset_wait(struct cln_dataset *dataset) CLN_MUST_CHECK;

/* Writes dataset->digest: SHA-256 of the training images' pixels followed by their labels, in hexadecimal. Does nothing
 * where it is known, or the pixels are not there. */
CLN_API void cln_dataset_measure_digest(struct cln_dataset *dataset);

/* Frees the pixels (they become NULL), which nobody needs any more once a trainer has them on the device; labels,
 * counts and names stay. */
CLN_API void cln_dataset_release_pixels(struct cln_dataset *dataset);

CLN_API void cln_dataset_destroy(struct cln_dataset **dataset);

#ifdef __cplusplus
}
#endif
#endif
