/* The IDX format of MNIST, plain or gzipped: http://yann.lecun.com/exdb/mnist/ */
#ifndef SRC_DATA_IDX_H
#define SRC_DATA_IDX_H

#include "src/data/dataset.h"

/* Reads `count` images of one grey channel. Refuses what is truncated, empty, oversized or lies about its
 * size, with byte offset and reason. *pixels is the caller's: free(). */
enum cln_status cln_idx_read_images(const char *path, uint8_t **pixels, size_t *count,
                                    struct cln_shape *shape) CLN_MUST_CHECK;
enum cln_status cln_idx_read_labels(const char *path, uint8_t **labels, size_t *count) CLN_MUST_CHECK;

#endif
