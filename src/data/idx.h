/* The IDX format of MNIST, plain or gzipped: http://yann.lecun.com/exdb/mnist/ */
#ifndef SRC_DATA_IDX_H
#define SRC_DATA_IDX_H

#include "clenet/dataset.h"

/* Where a file of images has the sizes of its images. */
enum { CLN_IDX_SHAPE_AT = 8 };

/* A file whose header was read. Truncated, empty and oversized files are refused, with byte offset and reason. Bytes
 * behind those that the header announces are left out, with a warning. */
struct cln_idx;

/* Of `count` images: of rank 3, one channel, or of rank 4, [count][channels][height][width]. Elements are unsigned
 * bytes, shorts, which are taken as unsigned, floats or doubles, which become float32. */
enum cln_status cln_idx_open_images(struct cln_idx **out, const char *path, size_t *count, struct cln_shape *shape,
                                    enum cln_pixel_type *type) CLN_MUST_CHECK;
/* All that follows the header. Closes the file, on failure too. *pixels is the caller's: free(). CLN_INVALID names a
 * value that is not finite. */
enum cln_status cln_idx_read(struct cln_idx **file, void **pixels) CLN_MUST_CHECK;
void cln_idx_close(struct cln_idx **file);

/* Labels, and where they are: number i at byte `at` + i · `step` of the file. */
struct cln_idx_labels {
    int32_t *labels; /* the caller's: free() */
    size_t count, at, step;
};

/* The whole of a file of labels, integers of any size: of rank 1, or of rank 2, where the first column is the class. */
enum cln_status cln_idx_read_labels(struct cln_idx_labels *out, const char *path) CLN_MUST_CHECK;

#endif
