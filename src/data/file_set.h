/* Sets of files in a folder whose names have a common beginning, their prefix: "emnist-letters-train-…" and
 * "emnist-letters-test-…" are of one set, "train-…" and "t10k-…" of the one without a prefix. Private to src/data. */
#ifndef SRC_DATA_FILE_SET_H
#define SRC_DATA_FILE_SET_H

#include <stdbool.h>

#include "src/data/format.h"

/* What a half of a set has: a file of images, and one of labels where those have one of their own. */
enum { CLN_ROLE_IMAGES, CLN_ROLE_LABELS, CLN_ROLE_COUNT };

/* A name without ".gz": so many characters of prefix, and what the rest of the name means. */
struct cln_file_name {
    size_t prefix;
    enum cln_half half;
    int role;
};

/* How a format names files. */
struct cln_file_naming {
    bool (*parse)(struct cln_file_name *out, const char *name); /* false: none of the format's */
    int roles;                                                  /* 1 or 2 */
    bool has_test;                                              /* a set without test files is not whole */
    /* Behind the prefix, as most people name them; also the four that messages call missing. */
    const char *usual[CLN_HALF_TEST + 1][CLN_ROLE_COUNT];
    const char *contents; /* as in struct cln_data_format */
};

enum { CLN_FILE_NAME_BYTES = 256 };

struct cln_file_set {
    char folder[CLN_PATH_BYTES];
    char prefix[CLN_FILE_NAME_BYTES];
    char names[CLN_HALF_TEST + 1][CLN_ROLE_COUNT][CLN_FILE_NAME_BYTES]; /* "": none. A plain file goes before .gz */
};

/* `path` is a folder, or the path of one of the files of a set in it, with or without ".gz": then the other sets of the
 * folder do not count. */
enum cln_found cln_file_set_probe(const char *path, const struct cln_file_naming *naming);
/* The one set at `path` that is whole; if none is, one that is not. CLN_INVALID: several are whole; the message names
 * them. CLN_NOT_FOUND: there is none. */
enum cln_status cln_file_set_find(struct cln_file_set *out, const char *path,
                                  const struct cln_file_naming *naming) CLN_MUST_CHECK;
/* Writes the path of a file. CLN_NOT_FOUND names the file that is missing. */
enum cln_status cln_file_set_path(char path[CLN_PATH_BYTES], const struct cln_file_set *set,
                                  const struct cln_file_naming *naming, enum cln_half half, int role) CLN_MUST_CHECK;
/* Calls `tell` with every file of the format at `path` that is there, and with the usual ones, there or not. */
void cln_file_set_each_file(cln_tell_path *tell, void *user, const char *path, const struct cln_file_naming *naming);

#endif
