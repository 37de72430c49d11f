/* Files from the network, trusted by their SHA-256 alone. Private to src/data. */
#ifndef SRC_DATA_DOWNLOAD_H
#define SRC_DATA_DOWNLOAD_H

#include <stddef.h>

#include "clenet/status.h"

struct cln_download_file {
    const char *name;
    const char *sha256; /* 64 lower-case hexadecimal digits */
};

/* Fetches what is missing of `files` into `folder`, which is made for the user alone where it does not exist. Each
 * comes from the first of `mirrors` (URLs of folders, with blanks between them) that has it with the right digest; it
 * is written aside and renamed only then. CLN_IO says what was wrong with every mirror. */
enum cln_status cln_download(const char *folder, const struct cln_download_file *files, size_t count,
                             const char *mirrors) CLN_MUST_CHECK;

#endif
