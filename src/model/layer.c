/* The table of layer types. */
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
CHECK_PAIR(conv2d.dilation);
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
    {"dilation", CLN_LAYER_OPTION_PAIR, CLN_SHOW_CHANGED, AT(conv2d.dilation_h), WINDOW_LIMITS, .initial = 1},
    {"groups", CLN_LAYER_OPTION_INTEGER, CLN_SHOW_CHANGED, AT(conv2d.groups), COUNT_LIMITS, .initial = 1},
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
    {"affine", CLN_LAYER_OPTION_FLAG, CLN_SHOW_CHANGED, AT(batchnorm.affine), .initial = true},
    {"biased_running_variance", CLN_LAYER_OPTION_FLAG, CLN_SHOW_CHANGED, AT(batchnorm.biased_running_variance),
     .only_here = true},
};

static const struct cln_layer_option groupnorm_options[] = {
    {"num_groups", CLN_LAYER_OPTION_INTEGER, CLN_SHOW_VALUE, AT(groupnorm.groups), COUNT_LIMITS, .required = true},
    {"num_channels", CLN_LAYER_OPTION_INTEGER, CLN_SHOW_VALUE, AT(groupnorm.shape.channels), COUNT_LIMITS,
     .inferred = true},
    {"eps", CLN_LAYER_OPTION_REAL, CLN_SHOW_NAMED, AT(groupnorm.eps), .least = 1e-12, .most = 1, .initial = 1e-5},
    {"affine", CLN_LAYER_OPTION_FLAG, CLN_SHOW_NAMED, AT(groupnorm.affine), .initial = true},
};

static const struct cln_layer_option layernorm_options[] = {
    {"normalized_shape", CLN_LAYER_OPTION_SHAPE, CLN_SHOW_VALUE, AT(groupnorm.shape), COUNT_LIMITS, .inferred = true},
    {"eps", CLN_LAYER_OPTION_REAL, CLN_SHOW_NAMED, AT(groupnorm.eps), .least = 1e-12, .most = 1, .initial = 1e-5},
    {"elementwise_affine", CLN_LAYER_OPTION_FLAG, CLN_SHOW_NAMED, AT(groupnorm.affine), .initial = true},
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

static const char *const approximations[] = {"none", "tanh", NULL};
static const struct cln_layer_option gelu_options[] = {
    {"approximate", CLN_LAYER_OPTION_WORD, CLN_SHOW_NAMED, AT(activation.parameter), .least = 0, .most = 1,
     .words = approximations},
};

static const struct cln_layer_option residual_options[] = {
    {"layers", CLN_LAYER_OPTION_LAYERS, CLN_SHOW_CHANGED, .required = true},
    {"shortcut", CLN_LAYER_OPTION_LAYERS, CLN_SHOW_CHANGED},
};

static const struct cln_layer_option dropout_options[] = {
    {"p", CLN_LAYER_OPTION_REAL, CLN_SHOW_NAMED, AT(dropout.p), .least = 0, .most = 0.99, .initial = 0.5},
};

static const struct cln_layer_default conv2d_defaults[] = {{"padding_mode", "\"zeros\""}, {NULL}};
static const struct cln_layer_default batchnorm_defaults[] = {{"track_running_stats", "true"}, {NULL}};
/* Of activations and dropouts. */
static const struct cln_layer_default activation_defaults[] = {{"inplace", NULL}, {NULL}};
static const struct cln_layer_default max_pool_defaults[] = {
    {"dilation", "1", .is_pair = true}, {"return_indices", "false"}, {"ceil_mode", "false"}, {NULL}};
static const struct cln_layer_default average_pool_defaults[] = {
    {"ceil_mode", "false"}, {"count_include_pad", "true"}, {"divisor_override", "null"}, {NULL}};
static const struct cln_layer_default layernorm_defaults[] = {{"bias", "true"}, {NULL}};
static const struct cln_layer_default flatten_defaults[] = {{"start_dim", "1"}, {"end_dim", "-1"}, {NULL}};

static const struct cln_layer_tensor conv2d_tensors[] = {
    {"weight",
     CLN_WEIGHT,
     {AT(conv2d.out.channels), AT(conv2d.in_per_group), AT(conv2d.kernel_h), AT(conv2d.kernel_w)}},
    {"bias", CLN_BIAS, {AT(conv2d.out.channels)}, AT(conv2d.bias)},
};

static const struct cln_layer_tensor linear_tensors[] = {
    {"weight", CLN_WEIGHT, {AT(linear.out_features), AT(linear.in_features)}},
    {"bias", CLN_BIAS, {AT(linear.out_features)}, AT(linear.bias)},
};

static const struct cln_layer_tensor batchnorm_tensors[] = {
    {"weight", CLN_GAMMA, {AT(batchnorm.shape.channels)}, AT(batchnorm.affine)},
    {"bias", CLN_BETA, {AT(batchnorm.shape.channels)}, AT(batchnorm.affine)},
    {"running_mean", CLN_RUNNING_MEAN, {AT(batchnorm.shape.channels)}},
    {"running_var", CLN_RUNNING_VAR, {AT(batchnorm.shape.channels)}},
};

static const struct cln_layer_tensor groupnorm_tensors[] = {
    {"weight", CLN_GAMMA, {AT(groupnorm.shape.channels)}, AT(groupnorm.affine)},
    {"bias", CLN_BETA, {AT(groupnorm.shape.channels)}, AT(groupnorm.affine)},
};

#define WHOLE_SHAPE                                                                                                    \
    { AT(groupnorm.shape.channels), AT(groupnorm.shape.height), AT(groupnorm.shape.width) }
static const struct cln_layer_tensor layernorm_tensors[] = {
    {"weight", CLN_GAMMA, WHOLE_SHAPE, AT(groupnorm.affine), .is_whole = true},
    {"bias", CLN_BETA, WHOLE_SHAPE, AT(groupnorm.affine), .is_whole = true},
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
    {"GroupNorm", CLN_LAYER_GROUPNORM, false, CLN_NEEDS_ANY, NULL, LIST(groupnorm_options), LIST(groupnorm_tensors)},
    {"LayerNorm", CLN_LAYER_GROUPNORM, true, CLN_NEEDS_ANY, NULL, LIST(layernorm_options), LIST(layernorm_tensors),
     layernorm_defaults},
    {"Sigmoid", CLN_LAYER_ACTIVATION, CLN_SIGMOID, CLN_NEEDS_ANY, "Sigmoid"},
    {"ReLU", CLN_LAYER_ACTIVATION, CLN_RELU, CLN_NEEDS_ANY, "Relu", NO_LIST, NO_LIST, activation_defaults},
    {"Tanh", CLN_LAYER_ACTIVATION, CLN_TANH, CLN_NEEDS_ANY, "Tanh"},
    {"LeakyReLU", CLN_LAYER_ACTIVATION, CLN_LEAKY_RELU, CLN_NEEDS_ANY, "LeakyRelu", LIST(leaky_relu_options), NO_LIST,
     activation_defaults},
    {"ELU", CLN_LAYER_ACTIVATION, CLN_ELU, CLN_NEEDS_ANY, "Elu", LIST(elu_options), NO_LIST, activation_defaults},
    {"Hardswish", CLN_LAYER_ACTIVATION, CLN_HARDSWISH, CLN_NEEDS_ANY, NULL, NO_LIST, NO_LIST, activation_defaults,
     .of_input = true},
    {"SiLU", CLN_LAYER_ACTIVATION, CLN_SILU, CLN_NEEDS_ANY, NULL, NO_LIST, NO_LIST, activation_defaults,
     .of_input = true},
    {"GELU", CLN_LAYER_ACTIVATION, CLN_GELU, CLN_NEEDS_ANY, NULL, LIST(gelu_options), .of_input = true},
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
    {"Residual", CLN_LAYER_RESIDUAL, 0, CLN_NEEDS_ANY, "Add", LIST(residual_options)},
};
/* One row per kind; but one per activation, one per pool and one for the adaptive one, and two for a batch norm, for a
 * group norm and for a dropout. */
CLN_EVERY(layer_types, CLN_LAYER_KIND_COUNT - 2 + CLN_ACTIVATION_COUNT + CLN_POOL_KIND_COUNT + 1 + 1 + 1);

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
