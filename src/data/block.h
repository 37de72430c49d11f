/* Memory for the pixels of a half of a data set: the machine's own, or a file's, where that is too small or the pixels
 * are in a file already. Private to the library. */
#ifndef SRC_DATA_BLOCK_H
#define SRC_DATA_BLOCK_H

#include <stddef.h>

#include "clenet/status.h"

/* All pixels of one half: [count][channels][height][width]. */
struct cln_block {
    void *bytes;
    size_t mapped; /* 0: `bytes` are freed by free(); else so many, from the page of the first on, are mapped */
};

/* The bytes from which on a block is a file's: half of the memory of the machine or container. */
double cln_block_limit(void);
/* Reserves memory of undefined content: above `limit` bytes in an unlinked file in $TMPDIR or /var/tmp. `name` is what
 * has these pixels, for messages. */
enum cln_status cln_block_reserve(struct cln_block *block, size_t bytes, double limit, const char *name) CLN_MUST_CHECK;
/* Maps `bytes` of a file from byte `at` on. What is written there does not reach the file. */
enum cln_status cln_block_map(struct cln_block *block, int file, size_t at, size_t bytes,
                              const char *name) CLN_MUST_CHECK;
/* Gives back memory behind the first `bytes`, 1 at least. The block may move. */
void cln_block_cut(struct cln_block *block, size_t bytes);
void cln_block_free(struct cln_block *block);

#endif
