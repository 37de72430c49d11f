/* Files of one picture each, by path. Private to src/data. */
#ifndef SRC_DATA_PICTURE_FILE_H
#define SRC_DATA_PICTURE_FILE_H

#include "src/data/picture_format.h"

/* Whether the ending of a name is one of pictures: .png, .jpg or .jpeg, in small letters or capitals. */
bool cln_picture_file_is_named(const char *name);
/* Decode the whole file, or tell only shape and type, for which few bytes are read. The first byte decides the format.
 * CLN_INVALID and CLN_NOT_FOUND are the fault of the file: its content, or that there is none. CLN_IO and
 * CLN_OUT_OF_MEMORY are not, and may be over the next time. Each names the file and the reason. */
enum cln_status cln_picture_file_decode(struct cln_picture *out, const char *path,
                                        const struct cln_decoding *how) CLN_MUST_CHECK;
enum cln_status cln_picture_file_measure(struct cln_picture *out, const char *path,
                                         const struct cln_decoding *how) CLN_MUST_CHECK;

#endif
