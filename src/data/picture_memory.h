/* The memory of pictures that are being decoded at the same time. It has a bound, however many processors decode and
 * however large the pictures are. Private to src/data. */
#ifndef SRC_DATA_PICTURE_MEMORY_H
#define SRC_DATA_PICTURE_MEMORY_H

#include <stddef.h>

/* What the memory is of. Whoever has a share of pixels takes none of files, so that nobody waits for himself. */
enum cln_share_of { CLN_SHARE_OF_FILES, CLN_SHARE_OF_PIXELS, CLN_SHARE_COUNT };

/* What one picture takes. Zero at first. */
struct cln_share {
    enum cln_share_of of;
    size_t bytes;
};

/* The bound of each kind: an eighth of the memory of the machine or container. */
size_t cln_share_limit(void);
/* Takes a share, and waits until it fits into the bound beside those of others. What is larger than the bound waits
 * until it is alone. `share` is zero, or NULL: then nothing is counted. */
void cln_share_take(struct cln_share *share, enum cln_share_of of, size_t bytes);
/* Gives it back; *share is then zero. */
void cln_share_give(struct cln_share *share);

#endif
