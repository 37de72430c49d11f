/* Data sets: labelled images in host memory, and how they are found, downloaded, loaded, or made from a program's own
 * arrays. */
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

/* How a pixel of a channel is stored, and what a network sees of it: v / 255, v / 65535, or v itself. */
enum cln_pixel_type { CLN_PIXEL_U8, CLN_PIXEL_U16, CLN_PIXEL_F32, CLN_PIXEL_TYPE_COUNT };

/* Bytes of one pixel of one channel: 1, 2 or 4. */
CLN_API size_t cln_pixel_bytes(enum cln_pixel_type type);

struct cln_images {
    size_t count;
    struct cln_shape shape;
    enum cln_pixel_type type;
    void *pixels;              /* [count][channels][height][width] of `type`, in the machine's byte order */
    int32_t *labels;           /* [count], each from 0 to the data set's class_count - 1 */
    struct cln_reader *reader; /* the files of these images, the pixels read in the background; NULL: no files */
};

/* What becomes of a picture that has not the wanted height and width. All scale by a triangle filter (bilinear where it
 * enlarges, an average without aliasing where it reduces). */
enum cln_fit {
    CLN_FIT_STRETCH, /* scales each side by itself: the aspect ratio is not kept */
    CLN_FIT_CROP,    /* scales until both sides reach, and cuts off what is too much on both sides alike */
    CLN_FIT_PAD,     /* scales until both sides fit, and fills the rest with the ground on both sides alike */
    CLN_FIT_COUNT
};

/* What lies below transparent pixels and around padded pictures: a colour, each part from 0 to 255. CLN_GROUND_AUTO:
 * below transparent pixels black if the picture's drawing is light, else white, as cln_pictures_load does; around a
 * padded picture black or white, whichever is nearer to the mean of its outermost pixels. */
#define CLN_GROUND(red, green, blue) (1 << 24 | (red) << 16 | (green) << 8 | (blue))
enum { CLN_GROUND_AUTO = 0 };

struct cln_dataset {
    char name[64];
    struct cln_images train, test;
    int class_count;                /* number of classes; if no file says it: largest label of both sets + 1 */
    const char *const *class_names; /* class_count strings that live as long as the data set; NULL: unknown */
    double test_share;              /* as it was asked for: struct cln_dataset_params */
    enum cln_fit fit;               /* how its pictures were made: as asked for, or as a prepared file says */
    int ground;
    char label[256];             /* the choice of labels that was asked for; "": none, or the set has no choice */
    char digest[65];             /* of a prepared file; else set by cln_dataset_measure_digest and "" until then */
    struct cln_holdout *holdout; /* private: test images that are still among those for training */
    char **own_names;            /* private: the class names of cln_dataset_create, NULL behind the last */
};

struct cln_dataset_params {
    /* A name of docs/data.md ("fashion-mnist", "mnist", …), "synthetic", "synthetic:COUNT" (COUNT training images and a
     * sixth as many test images), or the path of a folder or file of one of the formats there. NULL: "fashion-mnist".
     */
    const char *name;
    bool offline;  /* never download */
    uint64_t seed; /* seed of the synthetic images */
    double test;   /* a data set without test images: the share of its images to set aside, from 0 to below 1 */

    /* For formats of single pictures (PNG, JPEG); others are as they are. */
    int height, width; /* both 0: the pictures have one size, which stays */
    enum cln_fit fit;
    int channels;      /* 1: grey; 3: red, green, blue; 0: 3 if a picture has colours, else 1 */
    int ground;        /* CLN_GROUND(...) or CLN_GROUND_AUTO */
    bool skip_damaged; /* leave damaged pictures out, and tell their names; else they are an error */
    /* Told now and then, in another thread than the caller's, how many of the pictures of a set are being decoded or
     * have been. NULL: nobody. */
    void (*decoding)(void *user, size_t begun, size_t count);
    void *user;

    /* The column of a CSV file that holds the labels: its name, or "first" or "last"; or which labels of CIFAR-100,
     * "fine" or "coarse", in at most 255 bytes. NULL: found; "fine". Other sets have no choice. */
    const char *label;

    /* Members above that somebody has asked for just now, a sum of CLN_ASKED_...: CLN_INVALID where the data set has no
     * use for one of them. Those that nobody has asked for are then passed over. */
    unsigned asked;
};

enum {
    CLN_ASKED_SIZE = 1 << 0,
    CLN_ASKED_FIT = 1 << 1,
    CLN_ASKED_CHANNELS = 1 << 2,
    CLN_ASKED_GROUND = 1 << 3,
    CLN_ASKED_SKIP_DAMAGED = 1 << 4,
    CLN_ASKED_PICTURES = (1 << 5) - 1, /* all of these, which only single pictures have a use for */
    CLN_ASKED_LABEL = 1 << 5,
};

/* Loads a data set. A named set is searched in /usr/share/datasets/NAME, $CLENET_DATA/NAME, $CLENET_DATA, ./data/NAME
 * and clenet/NAME in the user's cache ($XDG_CACHE_HOME or ~/.cache). A set that is in none of them is downloaded into
 * that cache and checked by SHA-256. $CLENET_MIRROR, a list of folder URLs separated by blanks, replaces the built-in
 * mirrors. CLN_NOT_FOUND lists the places searched and says what to install or pass. CLN_INVALID names the file, the
 * byte offset and the reason. *out is the caller's.
 *
 * With `test` the images of the test set are drawn from the others: every class gives its share of them (see
 * cln_trainer_params.validation). The draw depends on labels and share alone, so that it is the same in every training.
 * CLN_INVALID: the data set has test images of its own. */
CLN_API enum cln_status cln_dataset_load(struct cln_dataset **out,
                                         const struct cln_dataset_params *params) CLN_MUST_CHECK;
/* Like cln_dataset_load, but returns before the pixels are read: `pixels` is NULL, and a thread reads them while the
 * program prepares other things. Call cln_dataset_wait before using them. */
CLN_API enum cln_status cln_dataset_open(struct cln_dataset **out,
                                         const struct cln_dataset_params *params) CLN_MUST_CHECK;
/* Waits until the pixels are read. Returns the errors that cln_dataset_load would have returned for the files of
 * pixels. */
CLN_API enum cln_status cln_dataset_wait(struct cln_dataset *dataset) CLN_MUST_CHECK;

/* Images and labels in a program's memory. */
struct cln_array {
    const void *pixels;    /* [count][channels][height][width] */
    const int32_t *labels; /* [count] */
    size_t count;
};

struct cln_dataset_arrays {
    const char *name; /* NULL: "arrays" */
    struct cln_shape shape;
    enum cln_pixel_type type;
    int class_count;                /* 0: the largest label + 1 */
    const char *const *class_names; /* class_count strings; NULL: unknown */
    struct cln_array train, test;   /* test.count may be 0 */
};

/* Makes a data set of copies of the arrays and names. CLN_INVALID: no image for training, a shape that no image has, a
 * pixel that is not finite, or a label that is none of the classes, with its place. *out is the caller's. */
CLN_API enum cln_status cln_dataset_create(struct cln_dataset **out,
                                           const struct cln_dataset_arrays *arrays) CLN_MUST_CHECK;

/* Gives all images a shape of as many values, where it or theirs is a vector, F×1×1: CSV files and arrays of NumPy may
 * have rows of which nothing but the network's input says what they are. A trainer calls it with that. Else does
 * nothing.
 */
CLN_API void cln_dataset_reshape(struct cln_dataset *dataset, struct cln_shape shape);

/* Sets dataset->digest to the SHA-256 of the training pixels followed by the training labels, in hexadecimal. A label
 * is a byte if there are at most 256 classes, else four bytes, the lowest first. Does nothing if the digest is known or
 * the pixels are not in memory. */
CLN_API void cln_dataset_measure_digest(struct cln_dataset *dataset);

/* Writes a prepared data set: one file that cln_dataset_load opens at once, as its pixels are mapped (docs/data.md).
 * The file is written as a whole or not at all. Measures the digest, which the file keeps. The pixels have to be in
 * memory. `made` is JSON text about how the data set was made, kept in the file for people; NULL: nothing. CLN_INVALID:
 * a pixel is not finite, or the path is no regular file's; CLN_IO. */
CLN_API enum cln_status cln_dataset_write(struct cln_dataset *dataset, const char *path,
                                          const char *made) CLN_MUST_CHECK;

/* Frees the pixels of both sets and sets them to NULL, for a program whose trainer has copied them to the device.
 * Labels, counts and names stay. */
CLN_API void cln_dataset_release_pixels(struct cln_dataset *dataset);

CLN_API void cln_dataset_destroy(struct cln_dataset **dataset);

#ifdef __cplusplus
}
#endif
#endif
