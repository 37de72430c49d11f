/* The table of layer types, and what each kind makes of its input's shape. */
#include "src/model/layer.h"

#include <stdint.h>
#include <string.h>

#include "src/base/table.h"

#define AT(member) offsetof(struct cln_layer, member)
#define CHECK_PAIR(pair)                                                                                               \
    _Static_assert(AT(pair##_w) == AT(pair##_h) + sizeof(int), "the two numbers of a pair stand side by side")
CHECK_PAIR(conv2d.kernel);
CHECK_PAIR(conv2d.stride);
CHECK_PAIR(conv2d.padding);
CHECK_PAIR(pool2d.kernel);
CHECK_PAIR(pool2d.stride);
CHECK_PAIR(pool2d.padding);
CHECK_PAIR(pool2d.output);

#define COUNT_LIMITS .least = 1, .most = CLN_SIZE_LIMIT
#define WINDOW_LIMITS .least = 1, .most = CLN_WINDOW_LIMIT

static const struct cln_layer_option conv2d_options[] = {
    {"in_channels", CLN_LAYER_OPTION_INTEGER, CLN_SHOW_VALUE, AT(conv2d.in.channels), COUNT_LIMITS, .inferred = true},
    {"out_channels", CLN_LAYER_OPTION_INTEGER, CLN_SHOW_VALUE, AT(conv2d.out.channels), COUNT_LIMITS, .required = true},
    {"kernel_size", CLN_LAYER_OPTION_PAIR, CLN_SHOW_NAMED, AT(conv2d.kernel_h), WINDOW_LIMITS, .required = true},
    {"stride", CLN_LAYER_OPTION_PAIR, CLN_SHOW_NAMED, AT(conv2d.stride_h), WINDOW_LIMITS, .initial = 1},
    {"padding", CLN_LAYER_OPTION_PAIR, CLN_SHOW_CHANGED, AT(conv2d.padding_h), .least = 0, .most = CLN_WINDOW_LIMIT},
    {"bias", CLN_LAYER_OPTION_FLAG, CLN_SHOW_CHANGED, AT(conv2d.bias), .initial = true},
};

static const struct cln_layer_option linear_options[] = {
    {"in_features", CLN_LAYER_OPTION_INTEGER, CLN_SHOW_NAMED, AT(linear.in_features), COUNT_LIMITS, .inferred = true},
    {"out_features", CLN_LAYER_OPTION_INTEGER, CLN_SHOW_NAMED, AT(linear.out_features), COUNT_LIMITS, .required = true},
    {"bias", CLN_LAYER_OPTION_FLAG, CLN_SHOW_NAMED, AT(linear.bias), .initial = true},
};

static const struct cln_layer_option batchnorm_options[] = {
    {"num_features", CLN_LAYER_OPTION_INTEGER, CLN_SHOW_VALUE, AT(batchnorm.shape.channels), COUNT_LIMITS,
     .inferred = true},
    {"eps", CLN_LAYER_OPTION_REAL, CLN_SHOW_NAMED, AT(batchnorm.eps), .least = 1e-12, .most = 1, .initial = 1e-5,
     .onnx = "epsilon"},
    {"momentum", CLN_LAYER_OPTION_REAL, CLN_SHOW_NAMED, AT(batchnorm.momentum), .least = 0, .most = 1, .initial = 0.1},
    {"biased_running_variance", CLN_LAYER_OPTION_FLAG, CLN_SHOW_CHANGED, AT(batchnorm.biased_running_variance),
     .only_here = true},
};

/* A stride of 0 stands for "as the kernel" until the layer is inferred. */
static const struct cln_layer_option pool2d_options[] = {
    {"kernel_size", CLN_LAYER_OPTION_PAIR, CLN_SHOW_NAMED, AT(pool2d.kernel_h), WINDOW_LIMITS, .required = true},
    {"stride", CLN_LAYER_OPTION_PAIR, CLN_SHOW_NAMED, AT(pool2d.stride_h), WINDOW_LIMITS},
    {"padding", CLN_LAYER_OPTION_PAIR, CLN_SHOW_NAMED, AT(pool2d.padding_h), .least = 0, .most = CLN_WINDOW_LIMIT},
};

static const struct cln_layer_option adaptive_options[] = {
    {"output_size", CLN_LAYER_OPTION_PAIR, CLN_SHOW_NAMED, AT(pool2d.output_h), .least = 1, .most = 1,
     .required = true},
};

/* With a slope or α above 0 both are monotone. */
static const struct cln_layer_option leaky_relu_options[] = {
    {"negative_slope", CLN_LAYER_OPTION_REAL, CLN_SHOW_NAMED, AT(activation.parameter), .least = 0, .most = 1,
     .initial = 0.01, .onnx = "alpha"},
};

static const struct cln_layer_option elu_options[] = {
    {"alpha", CLN_LAYER_OPTION_REAL, CLN_SHOW_NAMED, AT(activation.parameter), .least = 0, .most = 1000, .initial = 1,
     .onnx = "alpha"},
};

static const struct cln_layer_option dropout_options[] = {
    {"p", CLN_LAYER_OPTION_REAL, CLN_SHOW_NAMED, AT(dropout.p), .least = 0, .most = 0.99, .initial = 0.5},
};

static const struct cln_layer_default conv2d_defaults[] = {
    {"dilation", "1", .is_pair = true}, {"groups", "1"}, {"padding_mode", "\"zeros\""}, {NULL}};
static const struct cln_layer_default batchnorm_defaults[] = {
    {"affine", "true"}, {"track_running_stats", "true"}, {NULL}};
/* Of activations and dropouts. */
static const struct cln_layer_default activation_defaults[] = {{"inplace", NULL}, {NULL}};
static const struct cln_layer_default max_pool_defaults[] = {
    {"dilation", "1", .is_pair = true}, {"return_indices", "false"}, {"ceil_mode", "false"}, {NULL}};
static const struct cln_layer_default average_pool_defaults[] = {
    {"ceil_mode", "false"}, {"count_include_pad", "true"}, {"divisor_override", "null"}, {NULL}};
static const struct cln_layer_default flatten_defaults[] = {{"start_dim", "1"}, {"end_dim", "-1"}, {NULL}};

static const struct cln_layer_tensor conv2d_tensors[] = {
    {"weight", CLN_WEIGHT, {AT(conv2d.out.channels), AT(conv2d.in.channels), AT(conv2d.kernel_h), AT(conv2d.kernel_w)}},
    {"bias", CLN_BIAS, {AT(conv2d.out.channels)}, AT(conv2d.bias)},
};

static const struct cln_layer_tensor linear_tensors[] = {
    {"weight", CLN_WEIGHT, {AT(linear.out_features), AT(linear.in_features)}},
    {"bias", CLN_BIAS, {AT(linear.out_features)}, AT(linear.bias)},
};

static const struct cln_layer_tensor batchnorm_tensors[] = {
    {"weight", CLN_GAMMA, {AT(batchnorm.shape.channels)}},
    {"bias", CLN_BETA, {AT(batchnorm.shape.channels)}},
    {"running_mean", CLN_RUNNING_MEAN, {AT(batchnorm.shape.channels)}},
    {"running_var", CLN_RUNNING_VAR, {AT(batchnorm.shape.channels)}},
};

#define LIST(table) (table), sizeof(table) / sizeof((table)[0])

#define NO_LIST NULL, 0

static const struct cln_layer_type layer_types[] = {
    {"Conv2d", CLN_LAYER_CONV2D, 0, CLN_NEEDS_IMAGE, "Conv", LIST(conv2d_options), LIST(conv2d_tensors),
     conv2d_defaults},
    {"Linear", CLN_LAYER_LINEAR, 0, CLN_NEEDS_FEATURES, "Gemm", LIST(linear_options), LIST(linear_tensors)},
    {"BatchNorm1d", CLN_LAYER_BATCHNORM, 0, CLN_NEEDS_FEATURES, "BatchNormalization", LIST(batchnorm_options),
     LIST(batchnorm_tensors), batchnorm_defaults},
    {"BatchNorm2d", CLN_LAYER_BATCHNORM, 0, CLN_NEEDS_IMAGE, "BatchNormalization", LIST(batchnorm_options),
     LIST(batchnorm_tensors), batchnorm_defaults},
    {"Sigmoid", CLN_LAYER_ACTIVATION, CLN_SIGMOID, CLN_NEEDS_ANY, "Sigmoid"},
    {"ReLU", CLN_LAYER_ACTIVATION, CLN_RELU, CLN_NEEDS_ANY, "Relu", NO_LIST, NO_LIST, activation_defaults},
    {"Tanh", CLN_LAYER_ACTIVATION, CLN_TANH, CLN_NEEDS_ANY, "Tanh"},
    {"LeakyReLU", CLN_LAYER_ACTIVATION, CLN_LEAKY_RELU, CLN_NEEDS_ANY, "LeakyRelu", LIST(leaky_relu_options), NO_LIST,
     activation_defaults},
    {"ELU", CLN_LAYER_ACTIVATION, CLN_ELU, CLN_NEEDS_ANY, "Elu", LIST(elu_options), NO_LIST, activation_defaults},
    {"Identity", CLN_LAYER_ACTIVATION, CLN_IDENTITY, CLN_NEEDS_ANY, "Identity"},
    {"MaxPool2d", CLN_LAYER_POOL2D, CLN_POOL_MAX, CLN_NEEDS_IMAGE, "MaxPool", LIST(pool2d_options), NO_LIST,
     max_pool_defaults},
    {"AvgPool2d", CLN_LAYER_POOL2D, CLN_POOL_AVERAGE, CLN_NEEDS_IMAGE, "AveragePool", LIST(pool2d_options), NO_LIST,
     average_pool_defaults},
    {"AdaptiveAvgPool2d", CLN_LAYER_POOL2D, CLN_POOL_AVERAGE, CLN_NEEDS_IMAGE, "AveragePool", LIST(adaptive_options)},
    {"Dropout", CLN_LAYER_DROPOUT, false, CLN_NEEDS_ANY, "Identity", LIST(dropout_options), NO_LIST,
     activation_defaults},
    {"Dropout2d", CLN_LAYER_DROPOUT, true, CLN_NEEDS_IMAGE, "Identity", LIST(dropout_options), NO_LIST,
     activation_defaults},
    {"Flatten", CLN_LAYER_FLATTEN, 0, CLN_NEEDS_ANY, "Flatten", NO_LIST, NO_LIST, flatten_defaults},
};
/* One row per kind; but one per activation, one per pool and one for the adaptive one, and two for a batch norm and for
 * a dropout. */
CLN_EVERY(layer_types, CLN_LAYER_KIND_COUNT - 2 + CLN_ACTIVATION_COUNT + CLN_POOL_KIND_COUNT + 1 + 1);

const struct cln_layer_type *cln_layer_type_at(size_t index) {
    return index < sizeof(layer_types) / sizeof(layer_types[0]) ? &layer_types[index] : NULL;
}

const struct cln_layer_type *cln_layer_type_find(const char *name) {
    const struct cln_layer_type *type;
    for (size_t i = 0; (type = cln_layer_type_at(i)); i++) {
        if (strcmp(type->name, name) == 0)
            return type;
    }
    return NULL;
}

const struct cln_layer_type *cln_layer_type_of_activation(enum cln_activation_kind kind) {
    const struct cln_layer_type *type;
    for (size_t i = 0; (type = cln_layer_type_at(i)); i++) {
        if (type->kind == CLN_LAYER_ACTIVATION && type->variant == (int)kind)
            return type;
    }
    return NULL;
}

double cln_layer_option_get(const struct cln_layer *layer, const struct cln_layer_option *option, int axis) {
    const char *at = (const char *)layer + option->offset;
    switch (option->type) {
    case CLN_LAYER_OPTION_INTEGER:
    case CLN_LAYER_OPTION_PAIR:
        return ((const int *)at)[axis];
    case CLN_LAYER_OPTION_REAL:
        return *(const double *)at;
    case CLN_LAYER_OPTION_FLAG:
        return *(const bool *)at;
    }
    return 0;
}

void cln_layer_option_set(struct cln_layer *layer, const struct cln_layer_option *option, int axis, double value) {
    char *at = (char *)layer + option->offset;
    switch (option->type) {
    case CLN_LAYER_OPTION_INTEGER:
    case CLN_LAYER_OPTION_PAIR:
        ((int *)at)[axis] = (int)value;
        break;
    case CLN_LAYER_OPTION_REAL:
        *(double *)at = value;
        break;
    case CLN_LAYER_OPTION_FLAG:
        *(bool *)at = value != 0;
        break;
    }
}

/* The second number of a pair counts only where there is one. */
bool cln_layer_option_is_initial(const struct cln_layer *layer, const struct cln_layer_option *option) {
    return cln_layer_option_get(layer, option, 0) == option->initial &&
           (option->type != CLN_LAYER_OPTION_PAIR || cln_layer_option_get(layer, option, 1) == option->initial);
}

void cln_layer_init(struct cln_layer *layer, const struct cln_layer_type *type) {
    *layer = (struct cln_layer){.kind = type->kind, .type = type->name};
    if (type->kind == CLN_LAYER_ACTIVATION)
        layer->activation.kind = (enum cln_activation_kind)type->variant;
    if (type->kind == CLN_LAYER_DROPOUT)
        layer->dropout.by_channel = type->variant;
    if (type->kind == CLN_LAYER_POOL2D)
        layer->pool2d.kind = (enum cln_pool_kind)type->variant;
    for (size_t i = 0; i < type->option_count; i++) {
        const struct cln_layer_option *o = &type->options[i];
        for (int axis = 0; axis <= (o->type == CLN_LAYER_OPTION_PAIR); axis++)
            cln_layer_option_set(layer, o, axis, o->initial);
    }
}

bool cln_product_fits(const int *factors, size_t count) {
    uint64_t product = 1;
    for (size_t i = 0; i < count; i++) {
        product *= (uint64_t)factors[i];
        if (product > CLN_SIZE_LIMIT)
            return false;
    }
    return true;
}

/* One axis of a sliding window: floor((in + 2·padding − kernel) / stride) + 1. */
static enum cln_status infer_window(int *out, const char *axis, int in, int kernel, int stride, int padding) {
    int padded = in + 2 * padding;
    if (kernel > padded)
        return cln_fail(CLN_INVALID,
                        "a kernel_size of %d does not fit into the %s of its input, %d with padding: at most %d",
                        kernel, axis, padded, padded);
    *out = (padded - kernel) / stride + 1;
    return CLN_OK;
}

/* Where the text gives what follows from the input, both must agree; 0: not given. */
static enum cln_status check_inferred(const char *option, int given, int actual) {
    if (given && given != actual)
        return cln_fail(CLN_INVALID, "\"%s\" is %d, but the input has %d: correct it or leave it out", option, given,
                        actual);
    return CLN_OK;
}

static enum cln_status infer_conv2d(struct cln_layer *layer) {
    struct cln_conv2d *g = &layer->conv2d;
    enum cln_status status = check_inferred("in_channels", g->in.channels, layer->in.channels);
    g->in = layer->in;
    if (status == CLN_OK)
        status = infer_window(&g->out.height, "height", g->in.height, g->kernel_h, g->stride_h, g->padding_h);
    if (status == CLN_OK)
        status = infer_window(&g->out.width, "width", g->in.width, g->kernel_w, g->stride_w, g->padding_w);
    if (status == CLN_OK && !cln_product_fits((int[]){g->out.channels, g->in.channels, g->kernel_h, g->kernel_w}, 4))
        status = cln_fail(CLN_INVALID, "more than %d weights, clenet's limit", CLN_SIZE_LIMIT);
    layer->out = g->out;
    return status;
}

static enum cln_status infer_linear(struct cln_layer *layer) {
    struct cln_linear *g = &layer->linear;
    enum cln_status status = check_inferred("in_features", g->in_features, layer->in.channels);
    g->in_features = layer->in.channels;
    if (status == CLN_OK && !cln_product_fits((int[]){g->out_features, g->in_features}, 2))
        status = cln_fail(CLN_INVALID, "more than %d weights, clenet's limit", CLN_SIZE_LIMIT);
    layer->out = (struct cln_shape){g->out_features, 1, 1};
    return status;
}

static enum cln_status infer_batchnorm(struct cln_layer *layer) {
    struct cln_batchnorm *g = &layer->batchnorm;
    enum cln_status status = check_inferred("num_features", g->shape.channels, layer->in.channels);
    g->shape = layer->out = layer->in;
    return status;
}

static enum cln_status infer_elementwise(struct cln_layer *layer) {
    layer->out = layer->in;
    return CLN_OK;
}

static enum cln_status infer_pool2d(struct cln_layer *layer) {
    struct cln_pool2d *g = &layer->pool2d;
    g->in = layer->in;
    g->out.channels = g->in.channels;
    if (g->output_h > 0) {
        g->kernel_h = g->in.height;
        g->kernel_w = g->in.width;
    }
    if (g->stride_h == 0) {
        g->stride_h = g->kernel_h;
        g->stride_w = g->kernel_w;
    }
    if (g->padding_h > g->kernel_h / 2 || g->padding_w > g->kernel_w / 2)
        return cln_fail(CLN_INVALID, "\"padding\" is [%d, %d]: at most half of the kernel_size [%d, %d]", g->padding_h,
                        g->padding_w, g->kernel_h, g->kernel_w);
    if (g->output_h > 0 && g->kernel_h > (1 << 16) / g->kernel_w)
        return cln_fail(CLN_INVALID, "its input is an image of %d x %d: at most %d pixels, clenet's limit", g->kernel_h,
                        g->kernel_w, 1 << 16);
    if (g->kernel_h > (1 << 16) / g->kernel_w)
        return cln_fail(CLN_INVALID, "\"kernel_size\" is [%d, %d]: a window has at most %d cells, clenet's limit",
                        g->kernel_h, g->kernel_w, 1 << 16);
    enum cln_status status =
        infer_window(&g->out.height, "height", g->in.height, g->kernel_h, g->stride_h, g->padding_h);
    if (status == CLN_OK)
        status = infer_window(&g->out.width, "width", g->in.width, g->kernel_w, g->stride_w, g->padding_w);
    layer->out = g->out;
    return status;
}

static enum cln_status infer_flatten(struct cln_layer *layer) {
    layer->out = (struct cln_shape){(int)cln_shape_count(layer->in), 1, 1};
    layer->flat = true;
    return CLN_OK;
}

static enum cln_status (*const infer[])(struct cln_layer *) = {
    [CLN_LAYER_CONV2D] = infer_conv2d,       [CLN_LAYER_LINEAR] = infer_linear,
    [CLN_LAYER_BATCHNORM] = infer_batchnorm, [CLN_LAYER_ACTIVATION] = infer_elementwise,
    [CLN_LAYER_DROPOUT] = infer_elementwise, [CLN_LAYER_POOL2D] = infer_pool2d,
    [CLN_LAYER_FLATTEN] = infer_flatten,
};
CLN_EVERY(infer, CLN_LAYER_KIND_COUNT);

/* A small file can ask for endless work: see CLN_PLACES_LIMIT. */
static enum cln_status check_places(const struct cln_layer *layer) {
    const bool is_conv = layer->kind == CLN_LAYER_CONV2D;
    const int kernel_h = is_conv ? layer->conv2d.kernel_h : layer->pool2d.kernel_h;
    const int kernel_w = is_conv ? layer->conv2d.kernel_w : layer->pool2d.kernel_w;
    if (!is_conv && layer->kind != CLN_LAYER_POOL2D)
        return CLN_OK;
    const double products = (double)kernel_h * kernel_w * layer->out.height * layer->out.width;
    if (products <= CLN_PLACES_LIMIT)
        return CLN_OK;
    return cln_fail(
        CLN_INVALID,
        "a kernel_size of %d x %d at %d x %d places makes %.0f products per channel: clenet takes at most %d", kernel_h,
        kernel_w, layer->out.height, layer->out.width, products, CLN_PLACES_LIMIT);
}

enum cln_status cln_layer_infer(struct cln_layer *layer, struct cln_shape in, bool flat) {
    enum cln_layer_needs needs = cln_layer_type_find(layer->type)->needs;
    if (needs == CLN_NEEDS_IMAGE && flat)
        return cln_fail(CLN_INVALID, "needs images, but its input is a vector of %d features: put it before Flatten",
                        in.channels);
    if (needs == CLN_NEEDS_FEATURES && !flat)
        return cln_fail(CLN_INVALID,
                        "needs a vector of features, but its input is an image of %d x %d x %d: put Flatten before it",
                        in.channels, in.height, in.width);
    layer->in = in;
    layer->flat = flat;
    enum cln_status status = infer[layer->kind](layer);
    if (status == CLN_OK && !cln_product_fits((int[]){layer->out.channels, layer->out.height, layer->out.width}, 3))
        status = cln_fail(CLN_INVALID, "an output of %d x %d x %d; clenet's limit is %d numbers per sample",
                          layer->out.channels, layer->out.height, layer->out.width, CLN_SIZE_LIMIT);
    return status == CLN_OK ? check_places(layer) : status;
}

double cln_layer_multiply_adds(const struct cln_layer *layer) {
    if (layer->kind == CLN_LAYER_CONV2D) {
        const struct cln_conv2d *g = &layer->conv2d;
        return (double)cln_shape_count(g->out) * g->in.channels * g->kernel_h * g->kernel_w;
    }
    if (layer->kind == CLN_LAYER_LINEAR)
        return (double)layer->linear.in_features * layer->linear.out_features;
    return 0;
}

double cln_layer_work(const struct cln_layer *layer) {
    if (layer->kind == CLN_LAYER_POOL2D)
        return (double)cln_shape_count(layer->out) * layer->pool2d.kernel_h * layer->pool2d.kernel_w;
    return cln_layer_multiply_adds(layer);
}
