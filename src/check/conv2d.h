/* Cases of a convolution, for the direct kernels and for filtered ones (conv2d.c, winograd.c). */
#ifndef SRC_CHECK_CONV2D_H
#define SRC_CHECK_CONV2D_H

#include "clenet/geometry.h"
#include "src/check/rig.h"

struct cln_conv2d_case {
    struct cln_case base;
    struct cln_conv2d g;  /* `out` is computed, except its channels; groups and dilation 0 stand for 1 */
    double centre, scale; /* of x */
    bool stage;           /* has an epilogue: */
    struct cln_activation activation;
    struct cln_pool2d pool; /* `in` and `out` are computed */
};

#define IN(c, h, w) .in = {c, h, w}
#define OUT(c) .out = {c, 0, 0}
#define KERNEL(h, w) .kernel_h = h, .kernel_w = w
#define STRIDE(h, w) .stride_h = h, .stride_w = w
#define PADDING(h, w) .padding_h = h, .padding_w = w
#define DILATION(h, w) .dilation_h = h, .dilation_w = w
#define POOL(pool_kind, ...) .stage = true, .pool = {.kind = CLN_POOL_##pool_kind, __VA_ARGS__}

/* The magnitudes of the numbers that a convolution of `samples` samples computes with: of its arguments, and the sums
 * of its terms for every element of z, dx and dW. */
struct cln_conv2d_magnitudes {
    size_t samples;
    const double *x, *weight, *bias, *dz;
    double *z_terms, *dx_terms, *dw_terms;
};

/* Runs a case: z with moments and maxima, dx, dW. A tolerance is `factor` roundings of the sum of terms, as `terms`
 * fills these in. */
enum cln_status cln_check_conv2d(struct cln_rig *rig, const struct cln_conv2d_case *c,
                                 void (*terms)(const struct cln_rig *rig, const struct cln_conv2d *g,
                                               struct cln_conv2d_magnitudes *m),
                                 double factor) CLN_MUST_CHECK;

#endif
