/* Formats of data sets: how a folder is recognised and read. The rest of clenet knows a data set only through this
 * table. Private to the library. */
#ifndef SRC_DATA_FORMAT_H
#define SRC_DATA_FORMAT_H

#include "clenet/dataset.h"
#include "src/data/folder.h"

/* The formats, in the order in which a folder is probed. A new format is a row here and a file that defines the row. */
#define CLN_DATA_FORMATS(ROW) ROW(cln_idx_format)

enum cln_half { CLN_HALF_TRAIN, CLN_HALF_TEST };

/* Long enough for a path and a position within its file. */
enum { CLN_PLACE_BYTES = CLN_PATH_BYTES + 64 };

/* All members have to be set. `half` is what `open` made: one half of a data set, training or test. */
struct cln_data_format {
    const char *contents; /* completes "a data set is a folder of ", for a user whose folder is something else */

    /* Says how many of the format's files `folder` has. Opens none of them. */
    enum cln_found (*probe)(const char *folder);
    /* Calls `tell` with every path that `open` may read, whether or not a file is there. */
    void (*each_file)(cln_tell_path *tell, void *user, const char *folder);

    /* Sets *count and *shape, from headers alone. CLN_NOT_FOUND names the missing file. */
    enum cln_status (*open)(void **half, size_t *count, struct cln_shape *shape, const char *folder,
                            enum cln_half which);
    /* Each of these two is called at most once, and both may run at the same time in different threads.
     * *labels is [count], *pixels is [count][channels][height][width]; the caller frees both. */
    enum cln_status (*read_labels)(uint8_t **labels, void *half);
    enum cln_status (*read_pixels)(uint8_t **pixels, void *half);
    /* Write the file that holds a label or the shape, and the position within it, for messages: "FILE: byte 15". */
    void (*locate_label)(char place[CLN_PLACE_BYTES], const void *half, size_t index);
    void (*locate_shape)(char place[CLN_PLACE_BYTES], const void *half);
    void (*close)(void *half);
};

#define CLN_DECLARE_FORMAT(format) extern const struct cln_data_format format;
CLN_DATA_FORMATS(CLN_DECLARE_FORMAT)
#undef CLN_DECLARE_FORMAT

/* Finds the format of the data set in `folder`: the first that has all its files there, else the first that has some
 * (its `open` says what is missing). CLN_NOT_FOUND tells the user what a folder of every format contains. */
enum cln_status cln_data_format_find(const struct cln_data_format **out, const char *folder) CLN_MUST_CHECK;

/* Calls `tell` with every path in `folder` that any format may read. */
void cln_data_format_each_file(cln_tell_path *tell, void *user, const char *folder);

#endif
