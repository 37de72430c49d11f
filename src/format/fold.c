/* Folds batch norms into the layers before them: see fold.h. */
#include "src/format/fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/model/layer.h"

/* Whether a layer is a batch norm with only batch norms between it and an affine layer, whose outputs nothing else
 * reads. A layer that reads another without a branch between them comes right behind it. */
static bool is_folded(const struct cln_network *network, size_t layer) {
    const struct cln_layer *layers = network->layers;
    if (layer >= network->layer_count || layers[layer].kind != CLN_LAYER_BATCHNORM)
        return false;
    while (layers[layer].kind == CLN_LAYER_BATCHNORM) {
        if (layer == 0 || layers[layer].input != (int)layer - 1 || cln_layer_readers(network, (int)layer - 1) > 1)
            return false;
        layer--;
    }
    return layers[layer].kind == CLN_LAYER_CONV2D || layers[layer].kind == CLN_LAYER_LINEAR;
}

/* Makes the folded network: the text of the network without the layers that are folded, parsed again. */
static enum cln_status fold_network(struct cln_network **out, const struct cln_network *network) {
    struct cln_network kept = *network;
    kept.layer_count = 0;
    kept.layers = calloc(network->layer_count, sizeof(*kept.layers));
    if (!kept.layers)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu layers", network->layer_count);
    for (size_t i = 0; i < network->layer_count; i++) {
        if (!is_folded(network, i)) {
            kept.layers[kept.layer_count++] = network->layers[i];
            continue;
        }
        struct cln_layer *affine = &kept.layers[kept.layer_count - 1];
        *(affine->kind == CLN_LAYER_CONV2D ? &affine->conv2d.bias : &affine->linear.bias) = true;
    }
    char *text;
    enum cln_status status = cln_network_text(&text, &kept);
    free(kept.layers);
    if (status == CLN_OK)
        status = cln_network_parse(out, text, strlen(text), network->name, NULL);
    free(text);
    return status;
}

static const struct cln_tensor_info *find_tensor(const struct cln_network *network, size_t layer,
                                                 enum cln_tensor_role role) {
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++)
        if (t->layer == (int)layer && t->role == role)
            return t;
    return NULL;
}

static float *values_of(const struct cln_checkpoint *checkpoint, size_t layer, enum cln_tensor_role role) {
    const struct cln_tensor_info *t = find_tensor(checkpoint->network, layer, role);
    if (!t)
        return NULL;
    return (t->trainable ? checkpoint->parameters : checkpoint->running) + t->offset;
}

/* The value of a batch norm's channel; `otherwise` if it has no such tensor. */
static double value_at(const struct cln_checkpoint *checkpoint, size_t layer, enum cln_tensor_role role, size_t channel,
                       double otherwise) {
    const float *values = values_of(checkpoint, layer, role);
    return values ? (double)values[channel] : otherwise;
}

static enum cln_status check_folded(float value, const struct cln_network *network, size_t layer, size_t channel) {
    if (isfinite(value))
        return CLN_OK;
    return cln_fail(CLN_NUMERIC,
                    "network %s: folding layer %s (BatchNorm) into layer %s (%s) gives a number of channel %zu that is "
                    "not finite: its running variance is too small for its weights",
                    network->name, network->layers[layer + 1].path, network->layers[layer].path,
                    network->layers[layer].type, channel);
}

/* Copies an affine layer, or folds the batch norms after it into it: y = scale · (W·x) + shift per output channel. */
static enum cln_status fold_affine(struct cln_checkpoint *out, size_t to, const struct cln_checkpoint *in,
                                   size_t from) {
    const struct cln_network *network = in->network;
    const struct cln_tensor_info *weights = find_tensor(network, from, CLN_WEIGHT);
    const size_t channels = (size_t)weights->dims[0], row = weights->count / channels;
    const float *w = values_of(in, from, CLN_WEIGHT), *b = values_of(in, from, CLN_BIAS);
    float *folded_w = values_of(out, to, CLN_WEIGHT), *folded_b = values_of(out, to, CLN_BIAS);
    enum cln_status status = CLN_OK;
    for (size_t o = 0; o < channels && status == CLN_OK; o++) {
        double scale = 1, shift = b ? (double)b[o] : 0;
        for (size_t norm = from + 1; is_folded(network, norm); norm++) {
            const double factor = value_at(in, norm, CLN_GAMMA, o, 1) /
                                  sqrt(value_at(in, norm, CLN_RUNNING_VAR, o, 1) + network->layers[norm].batchnorm.eps);
            scale *= factor;
            shift = (shift - value_at(in, norm, CLN_RUNNING_MEAN, o, 0)) * factor + value_at(in, norm, CLN_BETA, o, 0);
        }
        for (size_t i = o * row; i < (o + 1) * row && status == CLN_OK; i++) {
            folded_w[i] = (float)(scale * (double)w[i]);
            status = check_folded(folded_w[i], network, from, o);
        }
        if (folded_b && status == CLN_OK) {
            folded_b[o] = (float)shift;
            status = check_folded(folded_b[o], network, from, o);
        }
    }
    return status;
}

static enum cln_status fold_values(struct cln_checkpoint *out, const struct cln_checkpoint *in) {
    static const enum cln_tensor_role of_norm[] = {CLN_GAMMA, CLN_BETA, CLN_RUNNING_MEAN, CLN_RUNNING_VAR};
    size_t to = 0;
    for (size_t from = 0; from < in->network->layer_count; from++) {
        if (is_folded(in->network, from))
            continue;
        if (find_tensor(in->network, from, CLN_WEIGHT)) {
            const enum cln_status status = fold_affine(out, to, in, from);
            if (status != CLN_OK)
                return status;
        }
        for (size_t i = 0; i < sizeof(of_norm) / sizeof(of_norm[0]); i++) {
            const struct cln_tensor_info *t = find_tensor(in->network, from, of_norm[i]);
            if (t)
                memcpy(values_of(out, to, of_norm[i]), values_of(in, from, of_norm[i]), t->count * sizeof(float));
        }
        to++;
    }
    return CLN_OK;
}

static float *copy_floats(const float *from, size_t count) {
    float *copy = malloc(count * sizeof(*copy));
    if (copy)
        memcpy(copy, from, count * sizeof(*copy));
    return copy;
}

/* Copies everything but the weights. */
static bool copy_rest(struct cln_checkpoint *out, const struct cln_checkpoint *in) {
    const size_t features = cln_shape_count(in->network->input), classes = (size_t)in->network->classes;
    bool fine = true;
    out->batches_tracked = in->batches_tracked;
    out->resize = in->resize;
    out->fit = in->fit;
    out->ground = in->ground;
    out->pixels = in->pixels;
    out->image = in->image;
    if (in->mean) {
        out->mean = copy_floats(in->mean, features);
        out->inverse_deviation = copy_floats(in->inverse_deviation, features);
        fine = out->mean && out->inverse_deviation;
    }
    if (in->class_names) {
        out->class_names = calloc(classes, sizeof(*out->class_names));
        fine = fine && out->class_names;
        for (size_t i = 0; fine && i < classes; i++)
            fine = (out->class_names[i] = strdup(in->class_names[i])) != NULL;
    }
    return fine;
}

enum cln_status cln_checkpoint_fold(struct cln_checkpoint **out, const struct cln_checkpoint *in) {
    *out = NULL;
    struct cln_checkpoint *folded = calloc(1, sizeof(*folded));
    if (!folded)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a checkpoint");
    enum cln_status status = fold_network(&folded->network, in->network);
    if (status == CLN_OK) {
        folded->parameters = calloc(folded->network->parameter_floats + 1, sizeof(float));
        folded->running = calloc(folded->network->running_floats + 1, sizeof(float));
        if (!folded->parameters || !folded->running || !copy_rest(folded, in))
            status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu numbers", folded->network->parameter_floats);
    }
    if (status == CLN_OK)
        status = fold_values(folded, in);
    if (status != CLN_OK)
        cln_checkpoint_destroy(&folded);
    *out = folded;
    return status;
}
