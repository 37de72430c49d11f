/* Splits layers into stages, greedily: a layer joins the current stage if, in the order affine → normalise → activate →
 * pool → drop, it comes after everything that the stage already has. */
#include "src/model/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/table.h"

/* The last part that a stage has. */
enum part { PART_NONE, PART_AFFINE, PART_NORMALISE, PART_ACTIVATE, PART_POOL, PART_DROP, PART_CLOSED };

static enum part part_of(const struct cln_layer *layer) {
    static const enum part parts[] = {
        [CLN_LAYER_CONV2D] = PART_AFFINE,       [CLN_LAYER_LINEAR] = PART_AFFINE,
        [CLN_LAYER_BATCHNORM] = PART_NORMALISE, [CLN_LAYER_POOL2D] = PART_POOL,
        [CLN_LAYER_ACTIVATION] = PART_ACTIVATE, [CLN_LAYER_FLATTEN] = PART_NONE,
        [CLN_LAYER_DROPOUT] = PART_DROP,
    };
    CLN_EVERY(parts, CLN_LAYER_KIND_COUNT);
    if (layer->kind == CLN_LAYER_ACTIVATION && layer->activation.kind == CLN_IDENTITY)
        return PART_NONE;
    if (layer->kind == CLN_LAYER_DROPOUT && !(layer->dropout.p > 0))
        return PART_NONE;
    return parts[layer->kind];
}

/* The index of a layer's tensor; −1: it has none with this role. */
static int find_tensor(const struct cln_network *network, size_t layer, enum cln_tensor_role role) {
    for (size_t i = 0; i < network->tensor_count; i++) {
        if (network->tensors[i].layer == (int)layer && network->tensors[i].role == role)
            return (int)i;
    }
    return -1;
}

static void begin_stage(struct cln_stage *stage, const struct cln_layer *layer, int first_layer) {
    *stage = (struct cln_stage){
        .x = layer->in,
        .z = layer->in,
        .a = layer->in,
        .first_layer = first_layer,
        .weight = -1,
        .bias = -1,
        .gamma = -1,
        .beta = -1,
        .running_mean = -1,
        .running_var = -1,
    };
}

static void add_affine(struct cln_stage *stage, const struct cln_network *network, size_t index) {
    const struct cln_layer *layer = &network->layers[index];
    stage->z = layer->out;
    stage->weight = find_tensor(network, index, CLN_WEIGHT);
    stage->bias = find_tensor(network, index, CLN_BIAS);
    if (layer->kind == CLN_LAYER_CONV2D) {
        stage->affine = CLN_AFFINE_CONV2D;
        stage->conv2d = layer->conv2d;
    } else {
        stage->affine = CLN_AFFINE_LINEAR;
        stage->linear = layer->linear;
    }
}

static void add_batchnorm(struct cln_stage *stage, const struct cln_network *network, size_t index) {
    stage->normalise = true;
    stage->batchnorm = network->layers[index].batchnorm;
    stage->gamma = find_tensor(network, index, CLN_GAMMA);
    stage->beta = find_tensor(network, index, CLN_BETA);
    stage->running_mean = find_tensor(network, index, CLN_RUNNING_MEAN);
    stage->running_var = find_tensor(network, index, CLN_RUNNING_VAR);
}

static void add_part(struct cln_stage *stage, const struct cln_network *network, size_t index, enum part part) {
    const struct cln_layer *layer = &network->layers[index];
    if (part == PART_AFFINE)
        add_affine(stage, network, index);
    else if (part == PART_NORMALISE)
        add_batchnorm(stage, network, index);
    else if (part == PART_ACTIVATE)
        stage->activation = layer->activation;
    else if (part == PART_POOL)
        stage->pool = layer->pool2d;
    else if (part == PART_DROP) {
        stage->dropout = layer->dropout;
        stage->dropout_layer = (int)index;
    }
}

static bool same_shape(struct cln_shape p, struct cln_shape q) {
    return p.channels == q.channels && p.height == q.height && p.width == q.width;
}

enum cln_status cln_stages_build(struct cln_stage **out, size_t *count, const struct cln_network *network) {
    *out = NULL;
    *count = 0;
    struct cln_stage *stages = calloc(network->layer_count, sizeof(*stages));
    if (!stages)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the stages of %zu layers", network->layer_count);
    struct cln_stage *stage = NULL;
    enum part filled = PART_CLOSED;
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct cln_layer *layer = &network->layers[i];
        enum part part = part_of(layer);
        if (part == PART_NONE && !stage)
            continue; /* joins the first stage */
        if (part != PART_NONE && (!stage || part <= filled)) {
            begin_stage(&stages[*count], layer, stage ? (int)i : 0);
            stage = &stages[(*count)++];
        }
        if (part != PART_NONE) {
            add_part(stage, network, i, part);
            filled = part;
        } else if (!same_shape(layer->in, layer->out)) {
            filled = PART_CLOSED; /* after a Flatten "per channel" has another meaning */
        }
        stage->a = layer->out;
        stage->last_layer = (int)i;
    }
    *out = stages;
    return CLN_OK;
}

static void append(char out[CLN_LAYER_TEXT], const char *format, int a, int b) {
    const size_t length = strlen(out);
    snprintf(out + length, CLN_LAYER_TEXT - length, format, a, b);
}

void cln_layer_text(char out[CLN_LAYER_TEXT], const struct cln_stage *stage) {
    const struct cln_conv2d *g = &stage->conv2d;
    out[0] = '\0';
    if (stage->affine == CLN_AFFINE_LINEAR)
        append(out, "Linear %dx%d", stage->linear.in_features, stage->linear.out_features);
    if (stage->affine != CLN_AFFINE_CONV2D)
        return;
    snprintf(out, CLN_LAYER_TEXT, "Conv2d %dx%dx%d %dx%dx%d", g->in.channels, g->in.height, g->in.width,
             g->out.channels, g->kernel_h, g->kernel_w);
    if (g->stride_h != 1 || g->stride_w != 1)
        append(out, " stride %dx%d", g->stride_h, g->stride_w);
    if (g->padding_h != 0 || g->padding_w != 0)
        append(out, " padding %dx%d", g->padding_h, g->padding_w);
}

/* Reads two numbers behind a word; without the word they stay. */
static void read_pair(const char *text, const char *word, int *a, int *b) {
    const char *at = strstr(text, word);
    if (at)
        (void)sscanf(at + strlen(word), " %9dx%9d", a, b);
}

bool cln_is_layer_text(const char *text) {
    struct cln_stage stage = {.affine = CLN_AFFINE_CONV2D};
    struct cln_conv2d *g = &stage.conv2d;
    char again[CLN_LAYER_TEXT];
    g->stride_h = g->stride_w = 1;
    if (sscanf(text, "Linear %9dx%9d", &stage.linear.in_features, &stage.linear.out_features) == 2)
        stage.affine = CLN_AFFINE_LINEAR;
    else if (sscanf(text, "Conv2d %9dx%9dx%9d %9dx%9dx%9d", &g->in.channels, &g->in.height, &g->in.width,
                    &g->out.channels, &g->kernel_h, &g->kernel_w) != 6)
        return false;
    read_pair(text, " stride", &g->stride_h, &g->stride_w);
    read_pair(text, " padding", &g->padding_h, &g->padding_w);
    cln_layer_text(again, &stage);
    return strcmp(text, again) == 0 && !strpbrk(text, "-") && !strstr(text, " 0x0");
}
