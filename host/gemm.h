/* Matrix products (single precision, general) by CLBlast, as entries of a sequence. A build without CLBlast works; in
 * it ocl_gemm_available() is false. */
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
    /* The parameters that CLBlast builds its kernels for small products with. 0: CLBlast's own for the device; n > 0:
     * set n of the table in gemm.c. CLBlast has one set per process: it holds from then on for all contexts of the
     * device. */
    int parameters;
};

enum { OCL_GEMM_SETS = 7 };

bool ocl_gemm_available(void);

/* Whether CLBlast can run on a device: its kernels need local memory and work-groups of at least 64 work-items. It asks
 * the driver for limits, so it cannot keep to those that $CLENET_LIMITS lowered; such a device does not suit. */
bool ocl_gemm_suits(const struct ocl_device *device);

/* Appends the product to `sequence`. CLN_INVALID if the library was built without CLBlast, CLBlast does not suit the
 * device, or a matrix reaches outside its buffer. */
enum cln_status ocl_sequence_add_gemm(struct ocl_sequence *sequence, const struct ocl_gemm *gemm) CLN_MUST_CHECK;

#endif
