/* Builds networks: chains the shapes and declares the tensors. network_text.c reads them from text. */
#include "clenet/network.h"

#include <stdlib.h>
#include <string.h>

#include "src/model/build.h"
#include "src/model/builtin.h"
#include "src/model/layer.h"

enum { CLASS_LIMIT = 256 };

static enum cln_status apply_params(struct cln_network *network, bool flat, const struct cln_network_params *params) {
    if (params->height || params->width) {
        if (flat)
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

static enum cln_status chain_shapes(struct cln_network *network, bool flat) {
    struct cln_shape shape = network->input;
    for (size_t i = 0; i < network->layer_count; i++) {
        struct cln_layer *layer = &network->layers[i];
        enum cln_status status = cln_layer_infer(layer, shape, flat);
        if (status != CLN_OK)
            return cln_fail_within(status, "layer %zu (%s)", i, layer->type);
        shape = layer->out;
        flat = layer->flat;
    }
    size_t last = network->layer_count - 1;
    if (!flat)
        return cln_fail(CLN_INVALID,
                        "layer %zu (%s): the last layer's output must be a vector of classes, not images: "
                        "end with Flatten and Linear",
                        last, network->layers[last].type);
    if (shape.channels < 2 || shape.channels > CLASS_LIMIT)
        return cln_fail(CLN_INVALID, "layer %zu (%s): %d classes: from 2 to %d, clenet's limit", last,
                        network->layers[last].type, shape.channels, CLASS_LIMIT);
    network->classes = shape.channels;
    return CLN_OK;
}

static enum cln_status check_work(const struct cln_network *network) {
    double work = 0;
    for (size_t i = 0; i < network->layer_count; i++) {
        work += cln_layer_work(&network->layers[i]);
        if (work > CLN_WORK_LIMIT)
            return cln_fail(CLN_INVALID,
                            "layer %zu (%s): %.0f products for one image up to here: clenet takes at most %.0f", i,
                            network->layers[i].type, work, CLN_WORK_LIMIT);
    }
    return CLN_OK;
}

static void declare_tensor(struct cln_network *network, size_t layer, const char *name, struct cln_tensor_info tensor) {
    snprintf(tensor.name, sizeof(tensor.name), "%zu.%s", layer, name);
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
        for (; tensor.rank < 4 && t->dims[tensor.rank]; tensor.rank++) {
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
            return cln_fail(CLN_INVALID, "layer %zu (%s): more than %d parameters up to here, clenet's limit", i,
                            network->layers[i].type, CLN_SIZE_LIMIT);
    }
    if (network->parameter_count == 0)
        return cln_fail(CLN_INVALID, "no layer has anything to train: add a Conv2d or Linear");
    return CLN_OK;
}

enum cln_status cln_network_build(struct cln_network *network, bool flat, const struct cln_network_params *params) {
    enum cln_status status = params ? apply_params(network, flat, params) : CLN_OK;
    if (status == CLN_OK)
        status = chain_shapes(network, flat);
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

void cln_network_multiply_adds(const struct cln_network *network, double *forward, double *training) {
    double first = 0;
    *forward = 0;
    for (size_t i = 0; i < network->layer_count; i++) {
        double count = cln_layer_multiply_adds(&network->layers[i]);
        if (first == 0)
            first = count;
        *forward += count;
    }
    *training = 3 * *forward - first;
}
