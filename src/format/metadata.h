/* What of a checkpoint is not a tensor, as the strings in a safetensors header: see docs/formats.md. Private to
 * src/format. */
#ifndef SRC_FORMAT_METADATA_H
#define SRC_FORMAT_METADATA_H

#include "src/data/safetensors.h"
#include "src/format/checkpoint.h"

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

/* Fills in what a file's strings say: the network (that of the caller where it is not NULL), pixels, classes and the
 * numbers of a training point. CLN_INVALID names the string and what is wrong with it. */
enum cln_status cln_metadata_read(struct cln_checkpoint *checkpoint, const struct cln_safetensors *file,
                                  const struct cln_network *network) CLN_MUST_CHECK;

#endif
