/* Folds batch norms into the layers before them: see fold.h. */
#include "src/format/fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json_text.h"

/* Whether a layer is a batch norm with only batch norms between it and an affine layer. */
static bool is_folded(const struct cln_network *network, size_t layer) {
    if (layer >= network->layer_count || network->layers[layer].kind != CLN_LAYER_BATCHNORM)
        return false;
    while (layer > 0 && network->layers[layer].kind == CLN_LAYER_BATCHNORM)
        layer--;
    return network->layers[layer].kind == CLN_LAYER_CONV2D || network->layers[layer].kind == CLN_LAYER_LINEAR;
}

/* Makes the folded network: removes layers from the network's text, which has an object per layer in order, and parses
 * it again. */
static enum cln_status fold_network(struct cln_network **out, const struct cln_network *network) {
    char *text;
    enum cln_status status = cln_network_text(&text, network);
    if (status != CLN_OK)
        return status;
    json_error_t error;
    json_t *root;
    status = cln_json_parse(&root, text, strlen(text), 0, &error);
    free(text);
    if (status != CLN_OK)
        return status == CLN_INVALID ? cln_fail(status, "network %s: %s", network->name, error.text) : status;
    json_t *layers = json_object_get(root, "layers");
    for (size_t i = network->layer_count; i-- > 1;) {
        if (!is_folded(network, i))
            continue;
        json_array_remove(layers, i);
        json_object_del(json_array_get(layers, i - 1), "bias"); /* the default is to have a bias */
    }
    text = cln_json_dump(root, JSON_COMPACT);
    json_decref(root);
    status = text ? cln_network_parse(out, text, strlen(text), network->name, NULL)
                  : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the text of network %s", network->name);
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

static enum cln_status check_folded(float value, const struct cln_network *network, size_t layer, size_t channel) {
    if (isfinite(value))
        return CLN_OK;
    return cln_fail(
        CLN_NUMERIC,
        "network %s: folding layer %zu (BatchNorm) into layer %zu (%s) gives a number of channel %zu that is "
        "not finite: its running variance is too small for its weights",
        network->name, layer + 1, layer, network->layers[layer].type, channel);
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
            const double factor =
                (double)values_of(in, norm, CLN_GAMMA)[o] /
                sqrt((double)values_of(in, norm, CLN_RUNNING_VAR)[o] + network->layers[norm].batchnorm.eps);
            scale *= factor;
            shift = (shift - (double)values_of(in, norm, CLN_RUNNING_MEAN)[o]) * factor +
                    (double)values_of(in, norm, CLN_BETA)[o];
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
    static const enum cln_tensor_role of_batchnorm[] = {CLN_GAMMA, CLN_BETA, CLN_RUNNING_MEAN, CLN_RUNNING_VAR};
    size_t to = 0;
    for (size_t from = 0; from < in->network->layer_count; from++) {
        if (is_folded(in->network, from))
            continue;
        if (find_tensor(in->network, from, CLN_WEIGHT)) {
            const enum cln_status status = fold_affine(out, to, in, from);
            if (status != CLN_OK)
                return status;
        } else if (find_tensor(in->network, from, CLN_GAMMA)) {
            const size_t bytes = find_tensor(in->network, from, CLN_GAMMA)->count * sizeof(float);
            for (size_t i = 0; i < sizeof(of_batchnorm) / sizeof(of_batchnorm[0]); i++)
                memcpy(values_of(out, to, of_batchnorm[i]), values_of(in, from, of_batchnorm[i]), bytes);
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
