/* How the kernels of a convolution divide their work: tiles of registers, ranges of rows and columns, slices. */
#ifndef SRC_ENGINE_CONV2D_TILES_H
#define SRC_ENGINE_CONV2D_TILES_H

#include "src/engine/plan.h"

/* Each of the three kernels has tiles of channels (`…_tiles` of them over all groups of the convolution) and the loop
 * iterations that a work-item makes at most. Within tuning.max_loop_iterations, if that sets a limit, iterations are
 * above it only if no division is fine enough. */
struct cln_conv2d_tiles {
    /* The forward pass: tiles of `forward_channels` × `forward_columns`, ranges of `forward_rows` rows. A row is
     * divided in `forward_ranges` of columns. */
    int forward_channels, forward_columns, forward_rows, forward_ranges, forward_tiles;
    double forward_iterations;
    /* The rows of z that share a partial of moments. If `moments_apart`, these are not the ranges of the forward pass,
     * and a launch of its own reads z for them. */
    int moment_rows;
    bool moments_apart;
    double moment_iterations;

    int data_channels, data_columns, data_rows, data_ranges, data_tiles; /* the same of dx */
    double data_iterations;

    /* The weight gradient: tiles of `weight_channels` × `weight_taps`, `weight_columns` columns that have sums of their
     * own. The taps are divided in `tap_ranges`, the blocks and rows in slices. */
    int weight_channels, weight_taps, weight_columns, weight_tiles, tap_ranges, block_slices, row_slices;
    double weight_iterations;

    int team; /* work-items that divide a tile's sums; for the weight gradient, its taps */
    double forward_cycles, data_cycles, weight_cycles; /* that a block of samples takes */
};

/* With tuning.strict the division of what is summed follows from the geometry alone; only tiles and ranges of columns
 * and taps, which change no bit, follow the limit of iterations. */
struct cln_conv2d_tiles cln_conv2d_tiles(const struct cln_plan *plan, const struct cln_conv2d *g);

/* The blocks and rows that a work-item of the weight gradient sums at most. */
int cln_conv2d_slice_blocks(const struct cln_plan *plan, const struct cln_conv2d_tiles *t);
int cln_conv2d_slice_rows(const struct cln_conv2d *g, const struct cln_conv2d_tiles *t);

#endif
