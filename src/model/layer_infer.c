/* What each kind of layer makes of its input's shape: see layer.h. */
#include "src/model/layer.h"

#include <stdint.h>

#include "src/base/table.h"

bool cln_product_fits(const int *factors, size_t count) {
    uint64_t product = 1;
    for (size_t i = 0; i < count; i++) {
        product *= (uint64_t)factors[i];
        if (product > CLN_SIZE_LIMIT)
            return false;
    }
    return true;
}

/* One axis of a sliding window: floor((in + 2·padding − dilation·(kernel − 1) − 1) / stride) + 1. */
static enum cln_status infer_window(int *out, const char *axis, int in, int kernel, int stride, int padding,
                                    int dilation) {
    const int padded = in + 2 * padding;
    const int64_t extent = (int64_t)(kernel - 1) * dilation + 1;
    if (extent > padded && dilation > 1)
        return cln_fail(CLN_INVALID,
                        "a kernel_size of %d with a dilation of %d spans %lld: that does not fit into the %s of its "
                        "input, %d with padding",
                        kernel, dilation, (long long)extent, axis, padded);
    if (extent > padded)
        return cln_fail(CLN_INVALID,
                        "a kernel_size of %d does not fit into the %s of its input, %d with padding: at most %d",
                        kernel, axis, padded, padded);
    *out = (padded - (int)extent) / stride + 1;
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
    if (status == CLN_OK && (g->in.channels % g->groups != 0 || g->out.channels % g->groups != 0))
        status = cln_fail(CLN_INVALID,
                          "\"groups\" is %d: it must divide the input's %d channels and the %d \"out_channels\"",
                          g->groups, g->in.channels, g->out.channels);
    g->in_per_group = g->in.channels / g->groups;
    if (status == CLN_OK)
        status =
            infer_window(&g->out.height, "height", g->in.height, g->kernel_h, g->stride_h, g->padding_h, g->dilation_h);
    if (status == CLN_OK)
        status =
            infer_window(&g->out.width, "width", g->in.width, g->kernel_w, g->stride_w, g->padding_w, g->dilation_w);
    if (status == CLN_OK && !cln_product_fits((int[]){g->out.channels, g->in_per_group, g->kernel_h, g->kernel_w}, 4))
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

/* Where the text gives the shape that is normalised, it is that of the input. One number has no height. */
static enum cln_status check_whole(const struct cln_layer *layer) {
    const struct cln_shape given = layer->groupnorm.shape, in = layer->in;
    const bool is_vector = given.height == 0, agrees = layer->flat
                                                           ? is_vector && given.channels == in.channels
                                                           : !is_vector && given.channels == in.channels &&
                                                                 given.height == in.height && given.width == in.width;
    if (given.channels == 0 || agrees)
        return CLN_OK;
    if (layer->flat)
        return cln_fail(CLN_INVALID,
                        "\"normalized_shape\" must be that of the whole input, %d: correct it or leave it out",
                        in.channels);
    return cln_fail(CLN_INVALID,
                    "\"normalized_shape\" must be that of the whole input, [%d, %d, %d]: correct it or leave it out",
                    in.channels, in.height, in.width);
}

static enum cln_status infer_groupnorm(struct cln_layer *layer) {
    struct cln_groupnorm *g = &layer->groupnorm;
    enum cln_status status =
        g->by_element ? check_whole(layer) : check_inferred("num_channels", g->shape.channels, layer->in.channels);
    g->shape = layer->out = layer->in;
    if (g->by_element)
        g->groups = 1;
    if (status == CLN_OK && g->shape.channels % g->groups != 0)
        status = cln_fail(CLN_INVALID, "\"num_groups\" is %d: it must divide the %d channels of the input", g->groups,
                          g->shape.channels);
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
        infer_window(&g->out.height, "height", g->in.height, g->kernel_h, g->stride_h, g->padding_h, 1);
    if (status == CLN_OK)
        status = infer_window(&g->out.width, "width", g->in.width, g->kernel_w, g->stride_w, g->padding_w, 1);
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
    [CLN_LAYER_FLATTEN] = infer_flatten,     [CLN_LAYER_RESIDUAL] = infer_elementwise,
    [CLN_LAYER_GROUPNORM] = infer_groupnorm,
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
        return (double)cln_shape_count(g->out) * g->in_per_group * g->kernel_h * g->kernel_w;
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
