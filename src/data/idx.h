/* The IDX format of MNIST, plain or gzipped: http://yann.lecun.com/exdb/mnist/ */
#ifndef SRC_DATA_IDX_H
#define SRC_DATA_IDX_H

#include "clenet/dataset.h"

/* A file whose header was read. What is truncated, empty or oversized is refused, with byte offset and
 * reason. Bytes behind what the header announces are left out, with a warning. */
struct cln_idx;
struct gzFile_s;

/* Of `count` images of one grey channel. */
enum cln_status cln_idx_open_images(struct cln_idx **out, const char *path, size_t *count,
                                    struct cln_shape *shape) CLN_MUST_CHECK;
/* The same of zlib's stream `gz` (a gzFile), from where it stands on; takes it over, on failure too. `path` is for
 * messages. */
enum cln_status cln_idx_continue_images(struct cln_idx **out, struct gzFile_s *gz, const char *path, size_t *count,
                                        struct cln_shape *shape) CLN_MUST_CHECK;
/* All that follows the header. Closes the file, on failure too. *bytes is the caller's: free(). */
enum cln_status cln_idx_read(struct cln_idx **file, uint8_t **bytes) CLN_MUST_CHECK;
void cln_idx_close(struct cln_idx **file);

/* The whole of a file of labels. *labels is the caller's: free(). */
enum cln_status cln_idx_read_labels(const char *path, uint8_t **labels, size_t *count) CLN_MUST_CHECK;

#endif
