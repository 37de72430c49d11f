/* Builds networks: infers the shapes and declares the tensors. network_text.c reads them from text. */
#include "clenet/network.h"

#include <stdlib.h>
#include <string.h>

#include "src/model/build.h"
#include "src/model/builtin.h"
#include "src/model/layer.h"

static enum cln_status apply_params(struct cln_network *network, const struct cln_network_params *params) {
    if (params->height || params->width) {
        if (network->flat)
            return cln_fail(CLN_INVALID, "the input is a vector of %d features: it has no height and width to change",
                            network->input.channels);
        if (params->height)
            network->input.height = params->height;
        if (params->width)
            network->input.width = params->width;
        struct cln_shape in = network->input;
        if (in.height < 1 || in.width < 1 || !cln_product_fits((int[]){in.channels, in.height, in.width}, 3))
            return cln_fail(CLN_INVALID, "an input of %d x %d x %d; sizes are from 1, and clenet's limit is %d numbers",
                            in.channels, in.height, in.width, CLN_SIZE_LIMIT);
    }
    const bool forced = params->biased_running_variance || params->unbiased_running_variance;
    for (size_t i = 0; forced && i < network->layer_count; i++) {
        if (network->layers[i].kind == CLN_LAYER_BATCHNORM)
            network->layers[i].batchnorm.biased_running_variance = params->biased_running_variance;
    }
    return CLN_OK;
}

/* What the shapes of a Residual's branches are called in a message: "16 x 8 x 8", or "10 features". */
static void name_shape(char text[64], struct cln_shape shape, bool flat) {
    snprintf(text, 64, flat ? "%d features" : "%d x %d x %d", shape.channels, shape.height, shape.width);
}

static enum cln_status check_sum(const struct cln_layer *layer, struct cln_shape shortcut, bool flat) {
    const struct cln_shape main = layer->out;
    if (main.channels == shortcut.channels && main.height == shortcut.height && main.width == shortcut.width &&
        layer->flat == flat)
        return CLN_OK;
    char texts[2][64];
    name_shape(texts[0], main, layer->flat);
    name_shape(texts[1], shortcut, flat);
    return cln_fail(CLN_INVALID,
                    "its layers make %s, its shortcut %s: only equal shapes can be added. Give it a \"shortcut\" that "
                    "ends with the shape of \"layers\", such as a %s",
                    texts[0], texts[1], layer->flat ? "Linear" : "Conv2d of the same stride");
}

static enum cln_status infer_shapes(struct cln_network *network) {
    for (size_t i = 0; i < network->layer_count; i++) {
        struct cln_layer *layer = &network->layers[i];
        const struct cln_layer *in = layer->input < 0 ? NULL : &network->layers[layer->input];
        enum cln_status status = cln_layer_infer(layer, in ? in->out : network->input, in ? in->flat : network->flat);
        in = layer->shortcut < 0 ? NULL : &network->layers[layer->shortcut];
        if (status == CLN_OK && layer->kind == CLN_LAYER_RESIDUAL)
            status = check_sum(layer, in ? in->out : network->input, in ? in->flat : network->flat);
        if (status != CLN_OK)
            return cln_fail_within(status, "layer %s (%s)", layer->path, layer->type);
    }
    const struct cln_layer *last = &network->layers[network->layer_count - 1];
    if (!last->flat)
        return cln_fail(CLN_INVALID,
                        "layer %s (%s): the last layer's output must be a vector of classes, not images: "
                        "end with Flatten and Linear",
                        last->path, last->type);
    if (last->out.channels < 2 || last->out.channels > CLN_CLASS_LIMIT)
        return cln_fail(CLN_INVALID, "layer %s (%s): %d classes: from 2 to %d, clenet's limit", last->path, last->type,
                        last->out.channels, CLN_CLASS_LIMIT);
    network->classes = last->out.channels;
    return CLN_OK;
}

static enum cln_status check_work(const struct cln_network *network) {
    double work = 0;
    for (size_t i = 0; i < network->layer_count; i++) {
        work += cln_layer_work(&network->layers[i]);
        if (work > CLN_WORK_LIMIT)
            return cln_fail(CLN_INVALID,
                            "layer %s (%s): %.0f products for one image up to here: clenet takes at most %.0f",
                            network->layers[i].path, network->layers[i].type, work, CLN_WORK_LIMIT);
    }
    return CLN_OK;
}

static void declare_tensor(struct cln_network *network, size_t layer, const char *name, struct cln_tensor_info tensor) {
    snprintf(tensor.name, sizeof(tensor.name), "%s.%s", network->layers[layer].path, name);
    tensor.layer = (int)layer;
    tensor.trainable = tensor.role != CLN_RUNNING_MEAN && tensor.role != CLN_RUNNING_VAR;
    size_t *count = tensor.trainable ? &network->parameter_count : &network->running_count;
    size_t *floats = tensor.trainable ? &network->parameter_floats : &network->running_floats;
    tensor.offset = *floats;
    *count += tensor.count;
    *floats += (tensor.count + CLN_TENSOR_ALIGN - 1) / CLN_TENSOR_ALIGN * CLN_TENSOR_ALIGN;
    network->tensors[network->tensor_count++] = tensor;
}

static void declare_layer(struct cln_network *network, size_t index) {
    const struct cln_layer *layer = &network->layers[index];
    const struct cln_layer_type *type = cln_layer_type_find(layer->type);
    int fan_in = 0;
    for (size_t i = 0; i < type->tensor_count; i++) {
        const struct cln_layer_tensor *t = &type->tensors[i];
        const char *at = (const char *)layer;
        struct cln_tensor_info tensor = {.role = t->role, .count = 1};
        if (t->only_with && !*(const bool *)(at + t->only_with))
            continue;
        for (; tensor.rank < (t->is_whole && layer->flat ? 1 : 4) && t->dims[tensor.rank]; tensor.rank++) {
            tensor.dims[tensor.rank] = *(const int *)(at + t->dims[tensor.rank]);
            tensor.count *= (size_t)tensor.dims[tensor.rank];
        }
        if (t->role == CLN_WEIGHT)
            fan_in = (int)(tensor.count / (size_t)tensor.dims[0]);
        tensor.fan_in = fan_in;
        declare_tensor(network, index, t->name, tensor);
    }
}

static enum cln_status declare_tensors(struct cln_network *network) {
    size_t most = 1; /* calloc(0) may return NULL */
    for (size_t i = 0; i < network->layer_count; i++)
        most += cln_layer_type_find(network->layers[i].type)->tensor_count;
    network->tensors = calloc(most, sizeof(*network->tensors));
    if (!network->tensors)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the tensors of %zu layers", network->layer_count);
    for (size_t i = 0; i < network->layer_count; i++) {
        declare_layer(network, i);
        if (network->parameter_floats > CLN_SIZE_LIMIT)
            return cln_fail(CLN_INVALID, "layer %s (%s): more than %d parameters up to here, clenet's limit",
                            network->layers[i].path, network->layers[i].type, CLN_SIZE_LIMIT);
    }
    if (network->parameter_count == 0)
        return cln_fail(CLN_INVALID, "no layer has anything to train: add a Conv2d or Linear");
    return CLN_OK;
}

enum cln_status cln_network_build(struct cln_network *network, const struct cln_network_params *params) {
    enum cln_status status = params ? apply_params(network, params) : CLN_OK;
    if (status == CLN_OK)
        status = infer_shapes(network);
    if (status == CLN_OK)
        status = check_work(network);
    if (status == CLN_OK)
        status = declare_tensors(network);
    return status;
}

const char *const *cln_network_builtins(void) {
    return cln_builtin_names;
}

void cln_network_destroy(struct cln_network **network) {
    if (!network || !*network)
        return;
    free((*network)->layers);
    free((*network)->tensors);
    free(*network);
    *network = NULL;
}

double cln_network_work(const struct cln_network *network) {
    double work = 0;
    for (size_t i = 0; i < network->layer_count; i++)
        work += cln_layer_work(&network->layers[i]);
    return work;
}

/* Whether a layer has weights that are trained. */
static bool has_weights(const struct cln_layer *layer) {
    const struct cln_layer_type *type = cln_layer_type_find(layer->type);
    const size_t only_with = type->tensor_count > 0 ? type->tensors[0].only_with : 0;
    return type->tensor_count > 0 && (only_with == 0 || *(const bool *)((const char *)layer + only_with));
}

void cln_network_multiply_adds(const struct cln_network *network, double *forward, double *training) {
    bool trains[CLN_LAYER_LIMIT + 1] = {false}; /* at i + 1: layer i has weights, or one before it */
    *forward = *training = 0;
    for (size_t i = 0; i < network->layer_count && i < CLN_LAYER_LIMIT; i++) {
        const struct cln_layer *layer = &network->layers[i];
        const double count = cln_layer_multiply_adds(layer);
        const bool before =
            trains[layer->input + 1] || (layer->kind == CLN_LAYER_RESIDUAL && trains[layer->shortcut + 1]);
        trains[i + 1] = before || has_weights(layer);
        *forward += count;
        *training += before ? 3 * count : 2 * count;
    }
}
