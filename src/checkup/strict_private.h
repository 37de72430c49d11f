/* Shared by the files of the strict reference: strict.c (the table), strict_tensor.c, strict_pool.c,
 * and one for each group of operations. */
#ifndef SRC_CHECKUP_STRICT_PRIVATE_H
#define SRC_CHECKUP_STRICT_PRIVATE_H

#include "src/checkup/strict.h"
#include "src/checkup/strict_arithmetic.h"
#include "src/engine/engine.h"

/* A kernel that the reference knows. */
struct cln_strict_kernel {
    const char *name;
    /* Describes what the launch writes; 0: this use of the kernel is not known. */
    size_t (*tensors)(struct cln_strict_tensor *out, const struct cln_strict_launch *launch);
    void (*work_out)(const struct cln_strict_launch *launch);
};

extern const struct cln_strict_kernel cln_strict_affine[], cln_strict_gradients[], cln_strict_stage[],
    cln_strict_batch[], cln_strict_optimizer[]; /* ended by an empty one */

/* A specialisation constant; `missing` if the launch does not have it. */
int cln_strict_int(const struct cln_strict_launch *launch, const char *name, int missing);
float cln_strict_real(const struct cln_strict_launch *launch, const char *name, float missing);

/* The content of a buffer before the launch, and the place for what is to be in it. */
static inline const float *cln_strict_in(const struct cln_strict_launch *launch, size_t argument) {
    return launch->before[argument];
}
static inline float *cln_strict_out(const struct cln_strict_launch *launch, size_t argument) {
    return launch->expected[argument];
}
static inline int cln_strict_value(const struct cln_strict_launch *launch, size_t argument) {
    return launch->args[argument].int_value;
}
/* The state before the launch: the last argument. */
static inline const struct cln_state *cln_strict_state(const struct cln_strict_launch *launch) {
    return launch->before[launch->arg_count - 1];
}

/* How the tensor in a buffer is worked out. */
static inline enum cln_strict_way cln_strict_way_of(const struct cln_strict_launch *launch, int argument) {
    return launch->mistaken < 0 || launch->mistaken == argument ? launch->way : CLN_STRICT_RIGHT;
}

/* What all launches have. */
struct cln_strict_batch {
    int count, lanes, vector;
    int blocks;     /* with a sample */
    int lane_parts; /* octets of a block */
    int parts;      /* octets with a sample */
};
struct cln_strict_batch cln_strict_batch_of(const struct cln_strict_launch *launch);

/* The cell of an element of a sample in lanes. */
static inline size_t cln_strict_cell(const struct cln_strict_batch *b, size_t elements, int sample, size_t element) {
    return ((size_t)(sample / b->lanes) * elements + element) * (size_t)b->lanes + (size_t)(sample % b->lanes);
}

/* Makes a tensor in lanes; of the kind [sample][channel][row][column]. Rows and columns that are 1 are left out. */
struct cln_strict_tensor cln_strict_in_lanes(const struct cln_strict_launch *launch, const char *name, int argument,
                                             int channels, int rows, int columns);
/* Makes [channel][octet][row range][word]. `pitch`: octets of a channel, also those without a sample. */
struct cln_strict_tensor cln_strict_in_parts(const struct cln_strict_launch *launch, const char *name, int argument,
                                             int channels, int pitch, int splits, const char *const *words, int width);
/* Makes [name of the dimension][word], of consecutive cells from `base` on. Without words there are `count` cells. */
struct cln_strict_tensor cln_strict_in_row(const char *name, int argument, size_t base, const char *dimension,
                                           int count, const char *const *words, int width);

/* Owners, see struct cln_strict_tensor. Of lanes: tiles of channels, blocks and rows; of parts: the same. */
void cln_strict_own_lanes(const struct cln_strict_launch *launch, const struct cln_strict_tensor *tensor, const int *at,
                          int group[3], int *item);
void cln_strict_own_parts(const struct cln_strict_launch *launch, const struct cln_strict_tensor *tensor, const int *at,
                          int group[3], int *item);
/* The work-group along dimension 0 has the first index; or it is the item's, in vectors. */
void cln_strict_own_row(const struct cln_strict_launch *launch, const struct cln_strict_tensor *tensor, const int *at,
                        int group[3], int *item);
void cln_strict_own_vectors(const struct cln_strict_launch *launch, const struct cln_strict_tensor *tensor,
                            const int *at, int group[3], int *item);

/* The moments of an octet from those of its lanes, of `n` values each: welford.clh. out: count, mean, squares, 0. */
void cln_strict_moments(enum cln_strict_way way, float *out, int n, const float *mean, const float *m2, int live);
extern const char *const cln_strict_moment_words[4], *const cln_strict_sum_words[2];

/* Tanh, ReLU and the others of kernels/activation.clh. */
bool cln_strict_activation_known(int kind);
float cln_strict_activated(enum cln_strict_way way, int kind, float parameter, float y);
float cln_strict_derivative(enum cln_strict_way way, int kind, float parameter, float a);

/* The constants of pool.clh. */
struct cln_strict_pool {
    int z_h, z_w, a_h, a_w, kind, h, w, stride_h, stride_w, padding_h, padding_w;
    int activation;
    float parameter;
    bool normalise;
};
struct cln_strict_pool cln_strict_pool_of(const struct cln_strict_launch *launch);
/* Of a plane that begins at `plane`, whose neighbouring elements are `lanes` apart: the z of the maximum in window
 * (r, c), and its place in the window. */
float cln_strict_maximum(const struct cln_strict_pool *p, const float *plane, int lanes, int r, int c, float scale,
                         int *place);
/* y of z: `normal` is mean, 1/deviation, scale, beta. */
float cln_strict_normalised(enum cln_strict_way way, const struct cln_strict_pool *p, float z, const float *normal);
/* The gradient by z at (r, c) of a plane: `da` and `max_index` are of one plane, as `plane` of cln_strict_maximum. */
float cln_strict_spread(enum cln_strict_way way, const struct cln_strict_pool *p, int r, int c, float z,
                        const float *normal, const float *coefficients, const float *da, const uint16_t *max_index,
                        int lanes);
/* The gradient by y there. */
float cln_strict_gradient_at(enum cln_strict_way way, const struct cln_strict_pool *p, int r, int c, float z,
                             const float *normal, const float *da, const uint16_t *max_index, int lanes);

/* The constants of a convolution's launch, see kernels/conv2d.cl. */
struct cln_strict_conv2d {
    int in_c, in_h, in_w, out_c, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, dilation_h,
        dilation_w, groups, bias;
    int in_each, out_each; /* channels of a group */
    int row_slices;        /* of the weight gradient */
    bool makes_dz;         /* the weight gradient does, from z */
};
struct cln_strict_conv2d cln_strict_conv2d_of(const struct cln_strict_launch *l);

#endif
