/* A folder of files with fixed names, each plain or gzipped: "NAME" or "NAME.gz". Private to src/data. */
#ifndef SRC_DATA_FOLDER_H
#define SRC_DATA_FOLDER_H

#include <stddef.h>

#include "clenet/status.h"

enum { CLN_PATH_BYTES = 4096 };

enum cln_found { CLN_FOUND_NONE, CLN_FOUND_SOME, CLN_FOUND_ALL };

typedef void cln_tell_path(void *user, const char *path);

/* Writes the path of the file `name` in `folder`; a plain file goes before a gzipped one. CLN_NOT_FOUND names the file
 * and says what a data set `contents` of, as struct cln_data_format has it. */
enum cln_status cln_folder_find(char path[CLN_PATH_BYTES], const char *folder, const char *name,
                                const char *contents) CLN_MUST_CHECK;
/* How many of the `count` files are in `folder`. */
enum cln_found cln_folder_probe(const char *folder, const char *const *names, size_t count);
/* Calls `tell` with both paths of each of the `count` files, whether or not a file is there. */
void cln_folder_each_file(cln_tell_path *tell, void *user, const char *folder, const char *const *names, size_t count);

#endif
