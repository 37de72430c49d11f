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

static inline size_t cln_shape_count(struct cln_shape s) {
    return (size_t)s.channels * (size_t)s.height * (size_t)s.width;
}

/* z[n,o,r,c] = b[o] + Σ_{i,u,v} W[o,i,u,v] · x[n, i, r·stride_h − padding_h + u, c·stride_w − padding_w + v],
 * x zero outside its borders (torch.nn.Conv2d, groups 1, dilation 1). */
struct cln_conv2d {
    struct cln_shape in, out;
    int kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
    bool bias;
};

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
};

enum cln_activation_kind {
    CLN_IDENTITY,
    CLN_SIGMOID,
    CLN_RELU,
    CLN_TANH,
    CLN_LEAKY_RELU, /* y, below 0 parameter · y */
    CLN_ELU,        /* y, below 0 parameter · (exp(y) − 1) */
    CLN_ACTIVATION_COUNT
};

/* torch.nn.Sigmoid and so on, element by element. Every kind is monotone, so that a maximum may be taken before it, and
 * its derivative is a function of its value. */
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
