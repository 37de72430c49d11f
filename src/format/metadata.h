/* The metadata of a checkpoint: everything that is not a tensor, as strings in the header of a safetensors file; see
 * docs/formats.md. For src/format alone. */
#ifndef SRC_FORMAT_METADATA_H
#define SRC_FORMAT_METADATA_H

#include "clenet/checkpoint.h"
#include "src/base/safetensors.h"

enum { CLN_METADATA_MAX = 9 };

struct cln_metadata {
    struct cln_safetensors_metadata items[CLN_METADATA_MAX];
    char *texts[CLN_METADATA_MAX]; /* values that this struct owns */
    size_t count;
};

/* Makes all strings for a file of this checkpoint. Call cln_metadata_free even after a failure. */
enum cln_status cln_metadata_make(struct cln_metadata *metadata,
                                  const struct cln_checkpoint *checkpoint) CLN_MUST_CHECK;
void cln_metadata_free(struct cln_metadata *metadata);

/* The version of clenet that wrote a file, in the file's memory. NULL: the strings are not clenet's, because "clenet"
 * is missing or is no version. */
const char *cln_metadata_version(const struct cln_safetensors *file);
/* Whether `version` is later than this program's. False for NULL. */
bool cln_metadata_is_newer(const char *version);

/* Reads a file's strings into *checkpoint: the network, preprocessing, classes, and the scalars of a training point.
 * `network`, unless NULL, replaces the file's. From a file that clenet did not write nothing is read, except "network"
 * if `network` is NULL. CLN_INVALID names the string and what is wrong with it. */
enum cln_status cln_metadata_read(struct cln_checkpoint *checkpoint, const struct cln_safetensors *file,
                                  const struct cln_network *network) CLN_MUST_CHECK;

/* After reading a file of `version` with `status`: returns an error that says that a newer clenet wrote it, or warns of
 * that where the file was read. `version` NULL, or not newer: returns `status`. */
enum cln_status cln_metadata_tell_newer(enum cln_status status, const char *path, const char *version) CLN_MUST_CHECK;

#endif
