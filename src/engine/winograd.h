/* Convolution by minimal filtering along rows (kernels/winograd.cl): the same results as conv2d.cl but for rounding,
 * with fewer multiplications. conv2d.c uses it, part by part. */
#ifndef SRC_ENGINE_WINOGRAD_H
#define SRC_ENGINE_WINOGRAD_H

#include "src/engine/activate.h"
#include "src/engine/convolution.h"

/* How a part is filtered: its tiles, in the terms of kernels/winograd.cl. `geometry` is that of the convolution; for
 * the data gradient `in` is the shape of dz and `out` that of dx, and padding_h is that of the sum over rows of dz. */
struct cln_winograd {
    enum cln_conv2d_part part;
    struct cln_conv2d convolution, geometry;
    int points;                        /* 0: this part cannot be filtered */
    int tile_channels, tile_positions; /* of registers; for the weight gradient tile_positions is 1 */
    int rows;                          /* of the output; per work-group, for the weight gradient per strip */
    int out_channels, in_channels;     /* per work-group */
    int block_slices, row_slices;      /* of the weight gradient */
    double cycles;                     /* per block of samples, estimated; with idle units and with the filters */
};

/* Whether minimal filtering computes such a convolution: stride and dilation are 1, there is one group, and the padding
 * is narrower than the kernel. */
bool cln_winograd_fits(const struct cln_conv2d *g);

/* Chooses the cheapest way to filter a part. It sets points to 0 if it does not fit (cln_winograd_fits), if no set of
 * points suits the kernel, or if the plan's work-items do not have whole blocks to themselves. */
struct cln_winograd cln_winograd_choose(const struct cln_plan *plan, const struct cln_conv2d *g,
                                        enum cln_conv2d_part part);

/* The number of floats of the filters at all points, for the forward pass or the data gradient. */
size_t cln_winograd_filter_floats(const struct cln_winograd *w);

/* Computes the filters at all points from the weights, into weights.filters, for the forward pass or the data
 * gradient. */
enum cln_status cln_winograd_filters(struct cln_plan *plan, const struct cln_winograd *w,
                                     struct cln_weights weights) CLN_MUST_CHECK;

/* Computes z as cln_conv2d_forward does, and dx as cln_conv2d_backward_data does, from weights.filters. */
enum cln_status cln_winograd_forward(struct cln_plan *plan, const struct cln_winograd *w,
                                     const struct cln_activate *epilogue, struct ocl_buffer *x,
                                     struct cln_weights weights, struct ocl_buffer *z,
                                     struct cln_partials partials) CLN_MUST_CHECK;
enum cln_status cln_winograd_backward_data(struct cln_plan *plan, const struct cln_winograd *w, struct ocl_buffer *dz,
                                           struct cln_weights weights, struct ocl_buffer *dx) CLN_MUST_CHECK;

/* Computes block_slices × row_slices slices of dW, as cln_conv2d_backward_weights does. */
enum cln_status cln_winograd_backward_weights(struct cln_plan *plan, const struct cln_winograd *w, struct ocl_buffer *x,
                                              struct ocl_buffer *dz, struct cln_slices out) CLN_MUST_CHECK;

#endif
