/* The IDX format of MNIST, plain or gzipped: http://yann.lecun.com/exdb/mnist/ */
#ifndef SRC_DATA_IDX_H
#define SRC_DATA_IDX_H

#include "clenet/dataset.h"

/* Where a file of labels has its first label, and a file of images the height and width of its images. */
enum { CLN_IDX_LABELS_AT = 8, CLN_IDX_SHAPE_AT = 8 };

/* A file whose header was read. Truncated, empty and oversized files are refused, with byte offset and reason. Bytes
 * behind those that the header announces are left out, with a warning. */
struct cln_idx;

/* Of `count` images of one grey channel. */
enum cln_status cln_idx_open_images(struct cln_idx **out, const char *path, size_t *count,
                                    struct cln_shape *shape) CLN_MUST_CHECK;
/* All that follows the header. Closes the file, on failure too. *bytes is the caller's: free(). */
enum cln_status cln_idx_read(struct cln_idx **file, uint8_t **bytes) CLN_MUST_CHECK;
void cln_idx_close(struct cln_idx **file);

/* The whole of a file of labels. *labels is the caller's: free(). */
enum cln_status cln_idx_read_labels(const char *path, uint8_t **labels, size_t *count) CLN_MUST_CHECK;

#endif
