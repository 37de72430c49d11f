/* What of a checkpoint is not a tensor, as the strings in a safetensors header: see docs/formats.md. Private to
 * src/format. */
#ifndef SRC_FORMAT_METADATA_H
#define SRC_FORMAT_METADATA_H

#include "clenet/checkpoint.h"
#include "src/format/safetensors.h"

enum { CLN_METADATA_MAX = 8 };

struct cln_metadata {
    struct cln_safetensors_metadata items[CLN_METADATA_MAX];
    char *texts[CLN_METADATA_MAX]; /* the values that are owned */
    size_t count;
};

/* All strings for a file of this checkpoint; cln_metadata_free also after a failure. */
enum cln_status cln_metadata_make(struct cln_metadata *metadata,
                                  const struct cln_checkpoint *checkpoint) CLN_MUST_CHECK;
void cln_metadata_free(struct cln_metadata *metadata);

/* The version of clenet that wrote a file's strings, in the file's memory; NULL where they are not clenet's, whatever
 * names they go by: their "clenet" is missing or is no version. */
const char *cln_metadata_version(const struct cln_safetensors *file);
/* Whether that is later than this one. False of NULL. */
bool cln_metadata_is_newer(const char *version);

/* Fills in what a file's strings say: the network (that of the caller where it is not NULL), pixels, classes and the
 * numbers of a training point. Of strings that are not clenet's nothing is filled in; "network" is read from them only
 * where the caller names none. CLN_INVALID names the string and what is wrong with it. */
enum cln_status cln_metadata_read(struct cln_checkpoint *checkpoint, const struct cln_safetensors *file,
                                  const struct cln_network *network) CLN_MUST_CHECK;

#endif
