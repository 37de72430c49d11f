/* Splits a network's layers into stages. A stage is affine → normalise → add → activate → pool → drop, each part
 * optional. Every network splits greedily into such stages, a graph whose stages name their inputs. A pure function. */
#ifndef SRC_MODEL_STAGE_H
#define SRC_MODEL_STAGE_H

#include "clenet/network.h"

enum cln_affine_kind { CLN_AFFINE_NONE, CLN_AFFINE_CONV2D, CLN_AFFINE_LINEAR, CLN_AFFINE_GROUPNORM, CLN_AFFINE_COUNT };

/* In place of the index of a stage whose output is read: the batch of images is read, or nothing. */
enum { CLN_READS_IMAGES = -1, CLN_READS_NOTHING = -2 };

/* y = act(normalise(affine(x)) + addend), pooled and dropped. The stage comes behind those that it reads. */
struct cln_stage {
    int input;  /* index of the stage whose output is x, or CLN_READS_IMAGES */
    int addend; /* index of the stage whose output is added, CLN_READS_IMAGES, or CLN_READS_NOTHING: no sum */
    enum cln_affine_kind affine;
    struct cln_conv2d conv2d; /* conv2d, linear or groupnorm is set, as `affine` says */
    struct cln_linear linear;
    struct cln_groupnorm groupnorm;
    bool normalise;
    struct cln_batchnorm batchnorm;
    struct cln_activation activation; /* kind CLN_IDENTITY: none */
    struct cln_pool2d pool;           /* kind CLN_POOL_NONE: none */
    struct cln_dropout dropout;       /* p 0: none */
    int dropout_layer;                /* index of its layer, of which its random numbers are */

    struct cln_shape x; /* input */
    struct cln_shape z; /* output of the affine part, the pre-activation; x if there is none. Of a LayerNorm, whose
                           weights are those of elements, it has every element as a channel */
    struct cln_shape a; /* output of the stage; {features, 1, 1} if a Flatten ends the stage */

    /* Indices into network->tensors; −1: none. Of a group norm, γ is `weight` and β is `bias`. */
    int weight, bias, gamma, beta, running_mean, running_var;
    int first_layer; /* index of the first of its layers; those of a branch may be between them */
};

/* Builds the stages, at most one per layer, in the order in which they can be computed; the last makes the logits. *out
 * is the caller's: free(). Flatten and Identity belong to the stage that they read (or to the first stage) and are no
 * part of its computation; after a Flatten of images only a dropout may join. A stage ends with what several layers
 * read. A Residual is the sum of the stage that ends its main branch, or of a stage of its own. `of_layers`, if not
 * NULL: receives the index of each layer's stage. */
enum cln_status cln_stages_build(struct cln_stage **out, size_t *count, const struct cln_network *network,
                                 int *of_layers) CLN_MUST_CHECK;

/* Whether the weight gradient may be the only reader of dz: nothing needs dx, nor the gradient of an addend. */
static inline bool cln_stage_may_fuse_dz(const struct cln_stage *stage) {
    return stage->input == CLN_READS_IMAGES && stage->addend == CLN_READS_NOTHING;
}

/* The text that names the affine part of a stage by its geometry, in profiles: "Conv2d 6x12x12 16x5x5" (input, output
 * channels × kernel), with " stride 2x2", " padding 1x1", " dilation 2x2" and " groups 8" unless they are 1 (padding
 * 0), or "Linear 256x120"; "": none. */
enum { CLN_LAYER_TEXT = 96 };
void cln_layer_text(char out[CLN_LAYER_TEXT], const struct cln_stage *stage);
/* Whether a text is one of these. */
bool cln_is_layer_text(const char *text);

#endif
