/* A whole network in float64, layer by layer through the references of this folder. values[0] is the network's input,
 * values[i + 1] the output of layer i. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "src/model/layer.h"
#include "src/reference/reference.h"

struct pass {
    const struct cln_network *network;
    size_t batch;
    const double *parameters;
    double *gradients;
    double *running; /* training mode: the running statistics to move; NULL: none */
    uint64_t seed;   /* training mode: seed and step of dropouts */
    uint32_t step;
    const double *averages; /* prediction mode: running statistics to normalise by; NULL: training mode */
    bool predicts;
};

/* The offset of a layer's tensor in its buffer; −1: it has none. */
static ptrdiff_t offset_of(const struct pass *p, size_t layer, enum cln_tensor_role role) {
    for (size_t i = 0; i < p->network->tensor_count; i++) {
        const struct cln_tensor_info *t = &p->network->tensors[i];
        if ((size_t)t->layer == layer && t->role == role)
            return (ptrdiff_t)t->offset;
    }
    return -1;
}

static const double *value_of(const struct pass *p, const double *buffer, size_t layer, enum cln_tensor_role role) {
    ptrdiff_t offset = offset_of(p, layer, role);
    return buffer && offset >= 0 ? buffer + offset : NULL;
}

static double *result_of(const struct pass *p, double *buffer, size_t layer, enum cln_tensor_role role) {
    ptrdiff_t offset = offset_of(p, layer, role);
    return buffer && offset >= 0 ? buffer + offset : NULL;
}

static void forward_batchnorm(const struct pass *p, size_t index, const double *x, double *y) {
    const struct cln_batchnorm *g = &p->network->layers[index].batchnorm;
    const double *gamma = value_of(p, p->parameters, index, CLN_GAMMA);
    const double *beta = value_of(p, p->parameters, index, CLN_BETA);
    if (p->averages)
        cln_reference_batchnorm_predict(g, p->batch, x, gamma, beta, value_of(p, p->averages, index, CLN_RUNNING_MEAN),
                                        value_of(p, p->averages, index, CLN_RUNNING_VAR), y);
    else
        cln_reference_batchnorm_forward(g, p->batch, x, gamma, beta, y, NULL, NULL,
                                        result_of(p, p->running, index, CLN_RUNNING_MEAN),
                                        result_of(p, p->running, index, CLN_RUNNING_VAR));
}

static void forward_layer(const struct pass *p, size_t index, double *const *values) {
    const struct cln_layer *layer = &p->network->layers[index];
    const double *x = values[layer->input + 1], *added = values[layer->shortcut + 1];
    double *y = values[index + 1];
    const double *weight = value_of(p, p->parameters, index, CLN_WEIGHT);
    const double *bias = value_of(p, p->parameters, index, CLN_BIAS);
    size_t count = p->batch * cln_shape_count(layer->out);
    const struct cln_reference_draw draw = {.seed = p->seed, .step = p->step, .layer = (uint32_t)index};
    switch (layer->kind) {
    case CLN_LAYER_CONV2D:
        cln_reference_conv2d_forward(&layer->conv2d, p->batch, x, weight, bias, y);
        break;
    case CLN_LAYER_LINEAR:
        cln_reference_linear_forward(&layer->linear, p->batch, x, weight, bias, y);
        break;
    case CLN_LAYER_BATCHNORM:
        forward_batchnorm(p, index, x, y);
        break;
    case CLN_LAYER_ACTIVATION:
        for (size_t i = 0; i < count; i++)
            y[i] = cln_reference_activation(layer->activation, x[i]).value;
        break;
    case CLN_LAYER_POOL2D:
        cln_reference_pool2d_forward(&layer->pool2d, p->batch, x, y);
        break;
    case CLN_LAYER_DROPOUT:
        if (p->predicts)
            memcpy(y, x, count * sizeof(*y));
        else
            cln_reference_dropout(&layer->dropout, layer->out, p->batch, &draw, x, y);
        break;
    case CLN_LAYER_FLATTEN:
        memcpy(y, x, count * sizeof(*y));
        break;
    case CLN_LAYER_GROUPNORM:
        cln_reference_groupnorm_forward(&layer->groupnorm, p->batch, x, value_of(p, p->parameters, index, CLN_GAMMA),
                                        value_of(p, p->parameters, index, CLN_BETA), y);
        break;
    case CLN_LAYER_RESIDUAL:
        for (size_t i = 0; i < count; i++)
            y[i] = x[i] + added[i];
        break;
    case CLN_LAYER_KIND_COUNT:
        break;
    }
}

/* The gradient of a layer's input, and those of its parameters. */
static void backward_layer(const struct pass *p, size_t index, const double *x, const double *dy, double *dx) {
    const struct cln_layer *layer = &p->network->layers[index];
    const double *weight = value_of(p, p->parameters, index, CLN_WEIGHT);
    double *dweight = result_of(p, p->gradients, index, CLN_WEIGHT);
    double *dbias = result_of(p, p->gradients, index, CLN_BIAS);
    size_t count = p->batch * cln_shape_count(layer->in);
    const struct cln_reference_draw draw = {.seed = p->seed, .step = p->step, .layer = (uint32_t)index};
    switch (layer->kind) {
    case CLN_LAYER_CONV2D:
        cln_reference_conv2d_backward(&layer->conv2d, p->batch, x, weight, dy, dx, dweight, dbias);
        break;
    case CLN_LAYER_LINEAR:
        cln_reference_linear_backward(&layer->linear, p->batch, x, weight, dy, dx, dweight, dbias);
        break;
    case CLN_LAYER_BATCHNORM:
        cln_reference_batchnorm_backward(&layer->batchnorm, p->batch, x, value_of(p, p->parameters, index, CLN_GAMMA),
                                         dy, dx, result_of(p, p->gradients, index, CLN_GAMMA),
                                         result_of(p, p->gradients, index, CLN_BETA));
        break;
    case CLN_LAYER_ACTIVATION:
        for (size_t i = 0; i < count; i++)
            dx[i] = dy[i] * cln_reference_activation(layer->activation, x[i]).derivative;
        break;
    case CLN_LAYER_POOL2D:
        cln_reference_pool2d_backward(&layer->pool2d, p->batch, x, dy, dx);
        break;
    case CLN_LAYER_DROPOUT:
        cln_reference_dropout(&layer->dropout, layer->out, p->batch, &draw, dy, dx);
        break;
    case CLN_LAYER_GROUPNORM:
        cln_reference_groupnorm_backward(&layer->groupnorm, p->batch, x, value_of(p, p->parameters, index, CLN_GAMMA),
                                         dy, dx, result_of(p, p->gradients, index, CLN_GAMMA),
                                         result_of(p, p->gradients, index, CLN_BETA));
        break;
    case CLN_LAYER_FLATTEN:
    case CLN_LAYER_RESIDUAL:
        memcpy(dx, dy, count * sizeof(*dx));
        break;
    case CLN_LAYER_KIND_COUNT:
        break;
    }

    /* The bias's gradient is 0 by mathematics, because the batch norm removes every constant; here it is exactly 0. */
    bool normalised = index + 1 < p->network->layer_count && layer[1].kind == CLN_LAYER_BATCHNORM &&
                      layer[1].input == (int)index && cln_layer_readers(p->network, (int)index) == 1;
    if (dbias && normalised)
        memset(dbias, 0, (size_t)layer->out.channels * sizeof(*dbias));
}

/* Allocates a tensor for the input and one for each layer's output, in one block of zeros. NULL: out of memory. */
static double **tensors_create(const struct cln_network *network, size_t batch) {
    size_t total = cln_shape_count(network->input);
    for (size_t i = 0; i < network->layer_count; i++)
        total += cln_shape_count(network->layers[i].out);
    double **tensors = malloc((network->layer_count + 1) * sizeof(*tensors));
    double *block = calloc(batch * total, sizeof(*block));
    if (!tensors || !block) {
        free(tensors);
        free(block);
        return NULL;
    }
    tensors[0] = block;
    for (size_t i = 0; i < network->layer_count; i++)
        tensors[i + 1] = tensors[i] + batch * cln_shape_count(i == 0 ? network->input : network->layers[i - 1].out);
    return tensors;
}

static void tensors_destroy(double **tensors) {
    if (tensors)
        free(tensors[0]);
    free(tensors);
}

static enum cln_status no_memory(size_t batch) {
    return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the reference's tensors of %zu samples", batch);
}

static void forward(const struct pass *p, const double *x, double **values, double *logits) {
    size_t last = p->network->layer_count;
    memcpy(values[0], x, p->batch * cln_shape_count(p->network->input) * sizeof(*x));
    for (size_t i = 0; i < last; i++)
        forward_layer(p, i, values);
    if (logits)
        memcpy(logits, values[last], p->batch * (size_t)p->network->classes * sizeof(*logits));
}

static void add(double *sum, const double *terms, size_t count) {
    for (size_t i = 0; i < count; i++)
        sum[i] += terms[i];
}

/* gradients: of all values; that of the logits is known, the others begin with 0. `dx` has room for each of them. */
static void backward(const struct pass *p, double *const *values, double *const *gradients, double *dx) {
    for (size_t i = p->network->layer_count; i-- > 0;) {
        const struct cln_layer *layer = &p->network->layers[i];
        const size_t count = p->batch * cln_shape_count(layer->in);
        backward_layer(p, i, values[layer->input + 1], gradients[i + 1], dx);
        add(gradients[layer->input + 1], dx, count);
        if (layer->kind == CLN_LAYER_RESIDUAL)
            add(gradients[layer->shortcut + 1], dx, count);
    }
}

static size_t largest_input(const struct cln_network *network) {
    size_t most = 0;
    for (size_t i = 0; i < network->layer_count; i++)
        if (most < cln_shape_count(network->layers[i].in))
            most = cln_shape_count(network->layers[i].in);
    return most;
}

enum cln_status cln_reference_network_step(const struct cln_network *network, size_t batch, const double *x,
                                           const int32_t *labels, const double *parameters, double *running,
                                           struct cln_reference_step *step) {
    struct pass p = {network,
                     batch,
                     .parameters = parameters,
                     .gradients = step->gradients,
                     .running = running,
                     .seed = step->seed,
                     .step = step->step};
    size_t last = network->layer_count;
    double **values = tensors_create(network, batch), **gradients = tensors_create(network, batch);
    double *dx = malloc(batch * largest_input(network) * sizeof(*dx));
    const bool fits = values && gradients && dx;
    if (fits) {
        forward(&p, x, values, step->logits);
        step->loss = step->others ? cln_reference_mixed_cross_entropy(batch, network->classes, values[last], labels,
                                                                      step->others, step->own, step->label_smoothing,
                                                                      &step->hits, gradients[last])
                                  : cln_reference_softmax_cross_entropy(batch, network->classes, values[last], labels,
                                                                        step->label_smoothing, step->class_weights,
                                                                        &step->hits, gradients[last]);
        if (step->gradients)
            memset(step->gradients, 0, network->parameter_floats * sizeof(*step->gradients));
        if (step->gradients)
            backward(&p, values, gradients, dx);
    }
    enum cln_status status = fits ? CLN_OK : no_memory(batch);
    free(dx);
    tensors_destroy(values);
    tensors_destroy(gradients);
    return status;
}

enum cln_status cln_reference_network_watch(const struct cln_network *network, size_t batch, const double *x,
                                            const double *parameters, const double *running, cln_reference_watch *watch,
                                            void *user) {
    struct pass p = {network, batch, .parameters = parameters, .averages = running, .predicts = true};
    double **values = tensors_create(network, batch);
    if (!values)
        return no_memory(batch);
    forward(&p, x, values, NULL);
    for (size_t i = 0; i < network->layer_count; i++)
        watch(user, i, values[i + 1], batch * cln_shape_count(network->layers[i].out));
    tensors_destroy(values);
    return CLN_OK;
}

/* Takes the output of the last layer. */
struct taking {
    size_t last;
    double *logits;
};

static void take_logits(void *user, size_t layer, const double *values, size_t count) {
    const struct taking *taking = user;
    if (layer == taking->last)
        memcpy(taking->logits, values, count * sizeof *values);
}

enum cln_status cln_reference_network_predict(const struct cln_network *network, size_t batch, const double *x,
                                              const double *parameters, const double *running, double *logits) {
    struct taking taking = {network->layer_count - 1, logits};
    return cln_reference_network_watch(network, batch, x, parameters, running, take_logits, &taking);
}
