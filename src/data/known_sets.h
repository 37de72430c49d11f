/* Data sets known by name: their classes and format, the folders where they may be, and the files to download. Private
 * to the library. */
#ifndef SRC_DATA_KNOWN_SETS_H
#define SRC_DATA_KNOWN_SETS_H

#include "clenet/dataset.h"
#include "src/data/download.h"
#include "src/data/format.h"

struct cln_known_set {
    const char *name;
    const char *package; /* Debian's, or NULL */
    const char *folder;  /* of this name are those that it may be in; NULL: `name` */
    const char *file;    /* the name of one of its files, which tells it from other sets in its folder */
    const struct cln_data_format *format;
    int class_count; /* 0: its files say it */
    const char *const *class_names;
    /* A folder of these is a whole data set of this format; or, with `inside`, they are archives that have its files in
     * a folder of that name. */
    const struct cln_download_file *files;
    size_t file_count;
    const char *inside;
    const char *mirrors; /* as for cln_download */
};

/* Set number `index` of the table, NULL behind the last. */
const struct cln_known_set *cln_known_set_at(size_t index);
/* NULL for an unknown name. */
const struct cln_known_set *cln_known_set_find(const char *name);

/* Writes the path of the set, for its format, in the first folder that has the whole set. If there is none and
 * `offline` is false, downloads the set into the user's cache. $CLENET_MIRROR takes the place of the set's mirrors. */
enum cln_status cln_known_set_locate(char path[CLN_PATH_BYTES], const struct cln_known_set *set,
                                     bool offline) CLN_MUST_CHECK;

/* Calls `tell` with every path that a file of the data set may be read from, whether or not a file is there. `name` is
 * the path of a folder, or the name of a known set: then all folders where it may be are told. */
void cln_data_each_file(cln_tell_path *tell, void *user, const char *name);

#endif
