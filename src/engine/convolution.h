/* What direct and filtered convolutions (conv2d.c, winograd.c) have in common. */
#ifndef SRC_ENGINE_CONVOLUTION_H
#define SRC_ENGINE_CONVOLUTION_H

#include "clenet/geometry.h"
#include "src/engine/plan.h"

/* The parts of a convolution: z, dx, dW. */
enum cln_conv2d_part { CLN_CONV2D_FORWARD, CLN_CONV2D_DATA, CLN_CONV2D_WEIGHTS, CLN_CONV2D_PART_COUNT };

/* Adds the constants of a geometry: IN_C to PADDING_W, HAS_BIAS. */
void cln_convolution_constants(struct ocl_constants *constants, const struct cln_conv2d *g);

/* The useful operations of one part, those of the direct sum; every part has as many. */
double cln_convolution_flops(const struct cln_plan *plan, const struct cln_conv2d *g);

/* The bytes of x and z, or of their gradients. */
double cln_convolution_bytes(const struct cln_plan *plan, const struct cln_conv2d *g);

#endif
