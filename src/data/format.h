/* Formats of data sets: how a folder or a file is recognised and read. The rest of clenet knows a data set only through
 * this table. Private to the library. */
#ifndef SRC_DATA_FORMAT_H
#define SRC_DATA_FORMAT_H

#include "clenet/dataset.h"
#include "src/data/arrival.h"
#include "src/data/block.h"
#include "src/data/folder.h"

/* The formats, in the order in which a path is probed. A new format is a row here and a file that defines the row. */
#define CLN_DATA_FORMATS(ROW)                                                                                          \
    ROW(cln_idx_format)                                                                                                \
    ROW(cln_cifar_format)                                                                                              \
    ROW(cln_npy_format)                                                                                                \
    ROW(cln_csv_format)                                                                                                \
    ROW(cln_prepared_format)                                                                                           \
    ROW(cln_class_folder_format)

enum cln_half { CLN_HALF_TRAIN, CLN_HALF_TEST, CLN_HALF_COUNT };

/* Long enough for a path and a position within its file. */
enum { CLN_PLACE_BYTES = CLN_PATH_BYTES + 64 };

/* What a data set is read from: a folder or a file, and how. Both live as long as the data set. */
struct cln_source {
    const char *path;
    const struct cln_dataset_params *params;
};

/* One half of a data set, training or test, as a format opened it. */
struct cln_opened {
    void *state;  /* of the format */
    size_t count; /* 0: there is no such half, which only the test half may be */
    struct cln_shape shape;
    enum cln_pixel_type type;
    int class_count;             /* 0: nothing but the labels says it */
    struct cln_arrival *arrival; /* lives until `close`; NULL: read_pixels gives the images all at once */
    unsigned uses;               /* what of the params has an effect here: a sum of CLN_ASKED_... */
    /* These live until `close`, and are NULL where they are unknown: */
    const char *const *class_names;        /* class_count strings */
    const char *name;                      /* of the data set; NULL: that of the folder or file */
    const struct cln_dataset_params *made; /* what its pictures were made with, fit and ground: not now */
    const char *digest;                    /* as cln_dataset_measure_digest measures it; of the training half alone */
};

/* All members have to be set. `state` is what `open` made. */
struct cln_data_format {
    const char *kind;     /* in few words, for a user whose path is of no format: "CSV files" */
    const char *contents; /* completes "a data set is ", for a user whose path has a part of one */

    /* Says how much of a data set of this format is at `path`: a folder's names and a file's first bytes decide. */
    enum cln_found (*probe)(const char *path);
    /* Calls `tell` with every path that `open` may read, whether or not a file is there. */
    void (*each_file)(cln_tell_path *tell, void *user, const char *path);

    /* Fills *opened from headers and lists of names alone, if that is possible. CLN_NOT_FOUND names the missing file.
     * Both halves have the same class_count and class_names. */
    enum cln_status (*open)(struct cln_opened *opened, const struct cln_source *source, enum cln_half half);
    /* Each of these two is called at most once, and both may run at the same time in different threads.
     * *labels is [count]; the caller frees it. */
    enum cln_status (*read_labels)(int32_t **labels, void *state);
    enum cln_status (*read_pixels)(struct cln_block *pixels, void *state);
    /* Write the file that holds a label or the shape, and the position within it, for messages: "FILE: byte 15". */
    void (*locate_label)(char place[CLN_PLACE_BYTES], const void *state, size_t index);
    void (*locate_shape)(char place[CLN_PLACE_BYTES], const void *state);
    void (*close)(void *state);
};

#define CLN_DECLARE_FORMAT(format) extern const struct cln_data_format format;
CLN_DATA_FORMATS(CLN_DECLARE_FORMAT)
#undef CLN_DECLARE_FORMAT

/* Finds the format of the data set at `path`: the first that has all its files there, else the first that has some (its
 * `open` says what is missing). CLN_NOT_FOUND tells the user what is there and what was looked for; CLN_IO: it cannot
 * be read. */
enum cln_status cln_data_format_find(const struct cln_data_format **out, const char *path) CLN_MUST_CHECK;

/* Calls `tell` with every path that the format of the data set at `path` may read; if it has none, any format. */
void cln_data_format_each_file(cln_tell_path *tell, void *user, const char *path);

#endif
