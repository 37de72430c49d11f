/* Splits a network's layers into stages. A stage is affine → normalise → activate → pool → drop, each part optional.
 * Every sequential network splits greedily into such stages. A pure function. */
#ifndef SRC_MODEL_STAGE_H
#define SRC_MODEL_STAGE_H

#include "clenet/network.h"

enum cln_affine_kind { CLN_AFFINE_NONE, CLN_AFFINE_CONV2D, CLN_AFFINE_LINEAR, CLN_AFFINE_COUNT };

struct cln_stage {
    enum cln_affine_kind affine;
    struct cln_conv2d conv2d; /* conv2d or linear is set, as `affine` says */
    struct cln_linear linear;
    bool normalise;
    struct cln_batchnorm batchnorm;
    struct cln_activation activation; /* kind CLN_IDENTITY: none */
    struct cln_pool2d pool;           /* kind CLN_POOL_NONE: none */
    struct cln_dropout dropout;       /* p 0: none */
    int dropout_layer;                /* index of its layer, of which its random numbers are */

    struct cln_shape x; /* input */
    struct cln_shape z; /* output of the affine part, the pre-activation; x if there is none */
    struct cln_shape a; /* output of the stage and x of the next; {features, 1, 1} if a Flatten ends the stage */

    /* Indices into network->tensors; −1: none. */
    int weight, bias, gamma, beta, running_mean, running_var;
    int first_layer, last_layer; /* inclusive range of network->layers */
};

/* Builds the stages, at most one per layer. *out is the caller's: free(). Flatten and Identity belong to the stage
 * before them (or to the first, if they come first) and are no part of its computation; a Flatten of images also ends
 * its stage. */
enum cln_status cln_stages_build(struct cln_stage **out, size_t *count,
                                 const struct cln_network *network) CLN_MUST_CHECK;

/* The text that names the affine part of a stage by its geometry, in profiles: "Conv2d 6x12x12 16x5x5" (input, output
 * channels × kernel), with " stride 2x2" and " padding 1x1" unless they are 1 and 0, or "Linear 256x120"; "": none. */
enum { CLN_LAYER_TEXT = 96 };
void cln_layer_text(char out[CLN_LAYER_TEXT], const struct cln_stage *stage);
/* Whether a text is one of these. */
bool cln_is_layer_text(const char *text);

#endif
