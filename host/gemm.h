/* Single-precision general matrix multiply through CLBlast, as one more entry of a sequence.
 * A build without CLBlast works; ocl_gemm_available() is false in it. */
#ifndef HOST_GEMM_H
#define HOST_GEMM_H

#include "host/sequence.h"

/* For every i < batch_count:  C_i = alpha · op(A_i) · op(B_i) + beta · C_i
 * row-major; op(A) is m×k, op(B) is k×n, C is m×n; element (r, c) of a matrix is at
 * offset + i·stride + r·ld + c, all counted in floats. */
struct ocl_gemm {
    const char *label;
    bool transpose_a, transpose_b;
    size_t m, n, k;
    float alpha, beta;
    struct ocl_buffer *a, *b, *c;
    size_t a_offset, b_offset, c_offset;
    size_t a_ld, b_ld, c_ld;
    size_t a_stride, b_stride, c_stride;
    size_t batch_count;
    /* Which parameters CLBlast builds its kernels for small products with: 0: its own for the device; else a set of
     * gemm.c, from then on for all contexts of the device, as CLBlast has them per process. */
    int tile;
};

enum { OCL_GEMM_TILES = 7 };

bool ocl_gemm_available(void);

/* Whether it also suits a device: CLBlast's kernels take work-groups of 64 items at least and local memory. It asks the
 * driver what it may use, not us, so that it cannot keep to limits that are only pretended (device_limits.h). */
bool ocl_gemm_suits(const struct ocl_device *device);

/* Adds it to the end of `sequence`. CLN_INVALID where the library was built without CLBlast, it does not suit the
 * device, or a matrix reaches outside its buffer. */
enum cln_status ocl_sequence_add_gemm(struct ocl_sequence *sequence, const struct ocl_gemm *gemm) CLN_MUST_CHECK;

#endif
