/* layers → stages: a stage is affine → normalise → activate → pool, each part optional.
 * Every sequential network splits greedily into such stages. A pure function. */
#ifndef SRC_MODEL_STAGE_H
#define SRC_MODEL_STAGE_H

#include "clenet/network.h"

enum cln_affine_kind { CLN_AFFINE_NONE, CLN_AFFINE_CONV2D, CLN_AFFINE_LINEAR, CLN_AFFINE_COUNT };

struct cln_stage {
    enum cln_affine_kind affine;
    struct cln_conv2d conv2d; /* one of these two, after `affine` */
    struct cln_linear linear;
    bool normalise;
    struct cln_batchnorm batchnorm;
    enum cln_activation activation; /* CLN_IDENTITY where the stage has none */
    struct cln_pool2d pool;         /* kind CLN_POOL_NONE where the stage has none */

    struct cln_shape x; /* input */
    struct cln_shape z; /* output of the affine part, the pre-activation; x where there is none */
    struct cln_shape a; /* output of the stage, the next one's x: {features, 1, 1} where a Flatten ends it */

    /* Indices into network->tensors; −1 where there is none. */
    int weight, bias, gamma, beta, running_mean, running_var;
    int first_layer, last_layer; /* inclusive range of network->layers */
};

/* At most one stage per layer; *out is the caller's: free(). Flatten and Identity join the stage before them (or
 * the first one, where they come first) and take no part of it; a Flatten of images also ends its stage. */
enum cln_status cln_stages_build(struct cln_stage **out, size_t *count,
                                 const struct cln_network *network) CLN_MUST_CHECK;

#endif
