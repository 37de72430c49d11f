/* Splits layers into stages, greedily: a layer joins the stage that it reads if, in the order affine → normalise → add
 * → activate → pool → drop, it comes after everything that the stage already has, and no other layer reads that. */
#include "src/model/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/table.h"
#include "src/model/layer.h"

/* The last part that a stage has. */
enum part { PART_NONE, PART_AFFINE, PART_NORMALISE, PART_ADD, PART_ACTIVATE, PART_POOL, PART_DROP, PART_CLOSED };

static enum part part_of(const struct cln_layer *layer) {
    static const enum part parts[] = {
        [CLN_LAYER_CONV2D] = PART_AFFINE,       [CLN_LAYER_LINEAR] = PART_AFFINE,
        [CLN_LAYER_BATCHNORM] = PART_NORMALISE, [CLN_LAYER_POOL2D] = PART_POOL,
        [CLN_LAYER_ACTIVATION] = PART_ACTIVATE, [CLN_LAYER_FLATTEN] = PART_NONE,
        [CLN_LAYER_DROPOUT] = PART_DROP,        [CLN_LAYER_RESIDUAL] = PART_ADD,
        [CLN_LAYER_GROUPNORM] = PART_AFFINE,
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

static void add_affine(struct cln_stage *stage, const struct cln_network *network, size_t index) {
    const struct cln_layer *layer = &network->layers[index];
    const bool is_norm = layer->kind == CLN_LAYER_GROUPNORM;
    stage->z = layer->out;
    stage->weight = find_tensor(network, index, is_norm ? CLN_GAMMA : CLN_WEIGHT);
    stage->bias = find_tensor(network, index, is_norm ? CLN_BETA : CLN_BIAS);
    if (is_norm) {
        stage->affine = CLN_AFFINE_GROUPNORM;
        stage->groupnorm = layer->groupnorm;
        if (layer->groupnorm.by_element)
            stage->z = (struct cln_shape){(int)cln_shape_count(layer->out), 1, 1};
    } else if (layer->kind == CLN_LAYER_CONV2D) {
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

struct builder {
    const struct cln_network *network;
    struct cln_stage *stages;
    enum part *filled; /* of each stage: its last part */
    size_t count;
    int *of_layers; /* the stage whose output, so far, is the layer's; NOT_PLACED: not yet built */
};

enum { NOT_PLACED = CLN_READS_NOTHING };

/* The stage whose output is that of a layer; CLN_READS_IMAGES: the images are. */
static int value_of(const struct builder *b, int layer) {
    return layer == CLN_NETWORK_INPUT ? CLN_READS_IMAGES : b->of_layers[layer];
}

/* Appends a stage that begins with a layer. */
static int begin_stage(struct builder *b, int index) {
    const struct cln_layer *layer = &b->network->layers[index];
    b->stages[b->count] = (struct cln_stage){
        .input = value_of(b, layer->input),
        .addend = CLN_READS_NOTHING,
        .x = layer->in,
        .z = layer->in,
        .first_layer = index,
        .weight = -1,
        .bias = -1,
        .gamma = -1,
        .beta = -1,
        .running_mean = -1,
        .running_var = -1,
    };
    b->filled[b->count] = PART_NONE;
    return (int)b->count++;
}

/* Whether a part of a layer can join a stage. A pool cannot join a sum: the gradient of what is added is that of the
 * activation's input, which a pool leaves spread over its windows. Nor can an activation of its input: the backward
 * pass would need the sum, which is not kept. What is done by channel cannot join where z has other channels. */
static bool can_join(const struct builder *b, int stage, enum part part, const struct cln_layer *layer) {
    const bool joins_no_sum =
        part == PART_POOL || (part == PART_ACTIVATE && cln_activation_is_of_input(layer->activation.kind));
    const bool by_channel = part == PART_NORMALISE || part == PART_POOL;
    return stage != CLN_READS_IMAGES && part > b->filled[stage] &&
           !(by_channel && !same_shape(b->stages[stage].z, layer->in)) &&
           !(joins_no_sum && b->stages[stage].addend != CLN_READS_NOTHING);
}

/* Places a layer whose inputs have been placed. */
static void place(struct builder *b, int index) {
    const struct cln_layer *layer = &b->network->layers[index];
    const enum part part = part_of(layer);
    int s = value_of(b, layer->input);
    if (part != PART_NONE && !can_join(b, s, part, layer))
        s = begin_stage(b, index);
    b->of_layers[index] = s;
    if (s == CLN_READS_IMAGES)
        return; /* an identity of the images */
    struct cln_stage *stage = &b->stages[s];
    if (part == PART_ADD)
        stage->addend = value_of(b, layer->shortcut);
    else
        add_part(stage, b->network, (size_t)index, part);
    if (part != PART_NONE)
        b->filled[s] = part;
    else if (!same_shape(layer->in, layer->out) && b->filled[s] < PART_POOL)
        b->filled[s] = PART_POOL; /* after a Flatten "per channel" has another meaning */
    if (part != PART_NONE || b->filled[s] != PART_CLOSED)
        stage->a = layer->out;
    if (cln_layer_readers(b->network, index) > 1)
        b->filled[s] = PART_CLOSED;
}

/* Places a layer behind all that it needs. A shortcut comes before its main branch, whose last stage can then take the
 * sum. */
static void place_behind(struct builder *b, int index) {
    if (index == CLN_NETWORK_INPUT || b->of_layers[index] != NOT_PLACED)
        return;
    const struct cln_layer *layer = &b->network->layers[index];
    if (layer->kind == CLN_LAYER_RESIDUAL)
        place_behind(b, layer->shortcut);
    place_behind(b, layer->input);
    place(b, index);
}

enum cln_status cln_stages_build(struct cln_stage **out, size_t *count, const struct cln_network *network,
                                 int *of_layers) {
    const size_t layers = network->layer_count;
    struct builder b = {network, .stages = calloc(layers, sizeof(*b.stages)),
                        .filled = calloc(layers, sizeof(*b.filled)), .of_layers = calloc(layers, sizeof(*b.of_layers))};
    *out = NULL;
    *count = 0;
    enum cln_status status = b.stages && b.filled && b.of_layers
                                 ? CLN_OK
                                 : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the stages of %zu layers", layers);
    for (size_t i = 0; status == CLN_OK && i < layers; i++)
        b.of_layers[i] = NOT_PLACED;
    if (status == CLN_OK)
        place_behind(&b, (int)layers - 1);
    for (size_t i = 0; status == CLN_OK && of_layers && i < layers; i++)
        of_layers[i] = b.of_layers[i] == CLN_READS_IMAGES ? 0 : b.of_layers[i];
    if (status == CLN_OK) {
        *out = b.stages;
        *count = b.count;
        b.stages = NULL;
    }
    free(b.stages);
    free(b.filled);
    free(b.of_layers);
    return status;
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
    if (g->dilation_h != 1 || g->dilation_w != 1)
        append(out, " dilation %dx%d", g->dilation_h, g->dilation_w);
    if (g->groups != 1)
        append(out, " groups %d", g->groups, 0);
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
    g->stride_h = g->stride_w = g->dilation_h = g->dilation_w = g->groups = 1;
    if (sscanf(text, "Linear %9dx%9d", &stage.linear.in_features, &stage.linear.out_features) == 2)
        stage.affine = CLN_AFFINE_LINEAR;
    else if (sscanf(text, "Conv2d %9dx%9dx%9d %9dx%9dx%9d", &g->in.channels, &g->in.height, &g->in.width,
                    &g->out.channels, &g->kernel_h, &g->kernel_w) != 6)
        return false;
    read_pair(text, " stride", &g->stride_h, &g->stride_w);
    read_pair(text, " padding", &g->padding_h, &g->padding_w);
    read_pair(text, " dilation", &g->dilation_h, &g->dilation_w);
    const char *groups = strstr(text, " groups");
    if (groups)
        (void)sscanf(groups, " groups %9d", &g->groups);
    cln_layer_text(again, &stage);
    return strcmp(text, again) == 0 && !strpbrk(text, "-") && !strstr(text, " 0x0") && g->groups > 0;
}
