/* Data sets: labelled images as bytes in host memory, and how they are found, downloaded and loaded. */
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
    uint8_t *labels;           /* [count], each label below the data set's class_count */
    struct cln_reader *reader; /* the files of these images, the pixels read in the background; NULL: no files */
};

struct cln_dataset {
    char name[64];
    struct cln_images train, test;
    int class_count;                /* number of classes; for a folder: largest label of both sets + 1 */
    const char *const *class_names; /* class_count strings in static storage; NULL: unknown */
    char digest[65];                /* set by cln_dataset_measure_digest; "" until then */
};

struct cln_dataset_params {
    /* "fashion-mnist", "mnist", "synthetic", "synthetic:COUNT" (COUNT training images and a sixth as many test images),
     * or the path of a folder with the four IDX files (plain or .gz). NULL: "fashion-mnist". */
    const char *name;
    bool offline;  /* never download */
    uint64_t seed; /* seed of the synthetic images */
};

/* Loads a data set. A named set is searched in /usr/share/datasets/NAME, $CLENET_DATA/NAME, $CLENET_DATA, ./data/NAME
 * and clenet/NAME in the user's cache ($XDG_CACHE_HOME or ~/.cache). A set that is in none of them is downloaded into
 * that cache and checked by SHA-256. $CLENET_MIRROR, a list of folder URLs separated by blanks, replaces the built-in
 * mirrors. CLN_NOT_FOUND lists the places searched and says what to install or pass. CLN_INVALID names the file, the
 * byte offset and the reason. *out is the caller's. */
CLN_API enum cln_status cln_dataset_load(struct cln_dataset **out,
                                         const struct cln_dataset_params *params) CLN_MUST_CHECK;
/* Like cln_dataset_load, but returns before the pixels are read: `pixels` is NULL, and a thread reads them while the
 * program prepares other things. Call cln_dataset_wait before using them. */
CLN_API enum cln_status cln_dataset_open(struct cln_dataset **out,
                                         const struct cln_dataset_params *params) CLN_MUST_CHECK;
/* Waits until the pixels are read. Returns the errors that cln_dataset_load would have returned for the files of
 * pixels. */
CLN_API enum cln_status cln_dataset_wait(struct cln_dataset *dataset) CLN_MUST_CHECK;

/* Sets dataset->digest to the SHA-256 of the training pixels followed by the training labels, in hexadecimal. Does
 * nothing if the digest is known or the pixels are not in memory. */
CLN_API void cln_dataset_measure_digest(struct cln_dataset *dataset);

/* Frees the pixels of both sets and sets them to NULL, for a program whose trainer has copied them to the device.
 * Labels, counts and names stay. */
CLN_API void cln_dataset_release_pixels(struct cln_dataset *dataset);

CLN_API void cln_dataset_destroy(struct cln_dataset **dataset);

#ifdef __cplusplus
}
#endif
#endif
