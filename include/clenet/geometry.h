/* Shapes and operations of a network as plain numbers, in PyTorch's terms. Shared by the model, the
 * engine and the references. */
#ifndef CLENET_GEOMETRY_H
#define CLENET_GEOMETRY_H

#include <stdbool.h>
#include <stddef.h>

/* One sample: C×H×W. After Flatten, channels is the number of features and height = width = 1. */
struct cln_shape {
    int channels, height, width;
};

/* The most classes that a network or a data set may have. */
enum { CLN_CLASS_LIMIT = 4096 };

static inline size_t cln_shape_count(struct cln_shape s) {
    return (size_t)s.channels * (size_t)s.height * (size_t)s.width;
}

/* z[n,o,r,c] = b[o] + Σ_{i,u,v} W[o,i,u,v] · x[n, first(o) + i, r·stride_h − padding_h + u·dilation_h,
 *                                            c·stride_w − padding_w + v·dilation_w],
 * x zero outside its borders (torch.nn.Conv2d). Channels of input and output are divided into `groups` groups of equal
 * size: i counts the input channels of the group of output channel o, from its first one, first(o). With as many groups
 * as input channels the convolution is depthwise. */
struct cln_conv2d {
    struct cln_shape in, out;
    int kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
    int dilation_h, dilation_w; /* from 1 */
    int groups;                 /* from 1; divides the channels of `in` and of `out` */
    int in_per_group;           /* in.channels / groups: W is [out.channels, in_per_group, kernel_h, kernel_w] */
    bool bias;
};

/* The distance from the first cell of a window of `kernel` cells to the one behind its last, along one axis. */
static inline int cln_window_extent(int kernel, int dilation) {
    return (kernel - 1) * dilation + 1;
}

/* z[n,o] = b[o] + Σ_i W[o,i] · x[n,i] (torch.nn.Linear). */
struct cln_linear {
    int in_features, out_features;
    bool bias;
};

/* torch.nn.BatchNorm1d/2d over all m·H·W elements of a channel.
 * moving ← (1 − momentum)·moving + momentum·batch: `momentum` is the weight of the new value, as in PyTorch. */
struct cln_batchnorm {
    struct cln_shape shape;
    double momentum; /* default 0.1 */
    double eps;      /* default 1e-5 */
    /* false (default, PyTorch): the running variance takes the unbiased batch variance and starts at 1.
     * true (the listing): it takes the biased one and starts at 0. */
    bool biased_running_variance;
    bool affine; /* default true: γ and β are learned; false: the layer has neither, γ is 1 and β is 0 */
};

/* torch.nn.GroupNorm and LayerNorm: y = γ·(x − μ)/√(σ² + eps) + β, with the mean and the biased variance of a sample's
 * own numbers in one of `groups` equal parts of the channels. */
struct cln_groupnorm {
    struct cln_shape shape;
    int groups;      /* of LayerNorm 1 */
    double eps;      /* default 1e-5 */
    bool affine;     /* false: γ is 1, β is 0 */
    bool by_element; /* LayerNorm: each element of a sample has a γ and a β; else each channel has */
};

enum cln_activation_kind {
    CLN_IDENTITY,
    CLN_SIGMOID,
    CLN_RELU,
    CLN_TANH,
    CLN_LEAKY_RELU, /* y, below 0 parameter · y */
    CLN_ELU,        /* y, below 0 parameter · (exp(y) − 1) */
    CLN_HARDSWISH,  /* y · (y + 3) / 6, up to −3 it is 0, from 3 on y */
    CLN_SILU,       /* y · sigmoid(y) */
    CLN_GELU, /* y · Φ(y), Φ(y) = (1 + erf(y/√2)) / 2; parameter 1: (1 + tanh(√(2/π) (y + 0.044715 y³))) / 2 */
    CLN_ACTIVATION_COUNT
};

/* torch.nn.Sigmoid and so on, element by element. */
struct cln_activation {
    enum cln_activation_kind kind;
    double parameter; /* the option of the kind's layer; 0 if it has none */
};

/* torch.nn.Dropout and Dropout2d: in training every element, or every channel of an image, is 0 with probability p, and
 * else multiplied by 1 / (1 − p). Which are 0 follows from seed, step, layer, place of the sample in its batch, and
 * element alone: the same on every device, and after resuming. */
struct cln_dropout {
    double p;
    bool by_channel;
};

enum cln_pool_kind { CLN_POOL_NONE, CLN_POOL_MAX, CLN_POOL_AVERAGE, CLN_POOL_KIND_COUNT };

/* torch.nn.MaxPool2d / AvgPool2d with ceil_mode off: out = floor((in + 2·padding − kernel) / stride) + 1.
 * Padding counts as −∞ for the maximum, and as zeros that are counted for the average
 * (count_include_pad). At most half the kernel, as in PyTorch. Of equal maxima the first in row-major
 * order takes the gradient. */
struct cln_pool2d {
    enum cln_pool_kind kind;
    struct cln_shape in, out;
    int kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
    int output_h, output_w; /* 1, 1: torch.nn.AdaptiveAvgPool2d(1), whose kernel is the whole image; else 0, 0 */
};

#endif
