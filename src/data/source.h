/* Data sets known by name: what they are, on which folders of this machine they may be, and where they can be
 * downloaded. Not for programs: it is no part of the library's interface. */
#ifndef SRC_DATA_SOURCE_H
#define SRC_DATA_SOURCE_H

#include "clenet/dataset.h"
#include "src/data/download.h"

enum { CLN_PATH_BYTES = 4096 };

enum cln_idx_part { CLN_TRAIN_IMAGES, CLN_TRAIN_LABELS, CLN_TEST_IMAGES, CLN_TEST_LABELS, CLN_IDX_PART_COUNT };

struct cln_source {
    const char *name;
    const char *package; /* Debian's, or NULL */
    int class_count;
    const char *const *class_names;
    struct cln_download_file files[CLN_IDX_PART_COUNT];
    const char *mirrors; /* as for cln_download */
};

/* Source number `index` of the table, NULL behind the last. */
const struct cln_source *cln_source_at(size_t index);
/* NULL for an unknown name. */
const struct cln_source *cln_source_find(const char *name);

/* Writes the folder that has all four files, downloading them into the user's cache if they are nowhere and
 * `offline` is false. $CLENET_MIRROR takes the place of the source's mirrors. */
enum cln_status cln_source_locate(char folder[CLN_PATH_BYTES], const struct cln_source *source,
                                  bool offline) CLN_MUST_CHECK;

/* Path of one of the four IDX files in `folder`, plain or gzipped; false where there is none. */
bool cln_idx_part_path(char path[CLN_PATH_BYTES], const char *folder, enum cln_idx_part part);
/* Tells every path that a file of the data set may be read from, be there one or not: `name` is a folder, or a name as
 * for struct cln_dataset_params, of which the whole search is told. */
void cln_source_each_file(void (*tell)(void *user, const char *path), void *user, const char *name);
/* Its usual name, without .gz: "train-images-idx3-ubyte". */
const char *cln_idx_part_name(enum cln_idx_part part);

#endif
