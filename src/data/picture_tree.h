/* Folders of pictures, searched. Links to files and folders are followed, except where a folder lies in itself; names
 * that begin with a dot are passed over. Private to src/data. */
#ifndef SRC_DATA_PICTURE_TREE_H
#define SRC_DATA_PICTURE_TREE_H

#include <stdbool.h>

#include "src/data/folder.h"

/* Names or paths, sorted bytewise: the same on every machine. Zero at first; cln_names_free. */
struct cln_names {
    char **items;
    size_t count, room;
};
void cln_names_free(struct cln_names *names);
bool cln_names_have(const struct cln_names *names, const char *name);

/* What was passed over: count, and the path of one. */
struct cln_rest {
    size_t count;
    char example[CLN_PATH_BYTES];
};

/* Whether folder/name is a folder of folders. True also where it cannot be read: listing it then tells why. */
bool cln_picture_tree_may_have_folders(const char *folder, const char *name);
/* Whether there is a file with the name of a picture: in the folder itself, or in any folder below. True also where a
 * folder cannot be read and no other has one. */
bool cln_picture_tree_may_have_pictures(const char *folder, bool below);

/* The names of all folders in `folder`; everything else is rest. CLN_IO: a folder cannot be read. */
enum cln_status cln_picture_tree_folders(struct cln_names *names, struct cln_rest *rest,
                                         const char *folder) CLN_MUST_CHECK;
/* The paths of all pictures in folder/name and below, relative to folder/name. */
enum cln_status cln_picture_tree_pictures(struct cln_names *paths, struct cln_rest *rest, const char *folder,
                                          const char *name) CLN_MUST_CHECK;

#endif
