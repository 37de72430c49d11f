/* Constants and costs of a convolution, however it is computed. */
#include "src/engine/convolution.h"

void cln_convolution_constants(struct ocl_constants *constants, const struct cln_conv2d *g) {
    const struct {
        const char *name;
        int value;
    } values[] = {
        {"IN_C", g->in.channels},      {"IN_H", g->in.height},        {"IN_W", g->in.width},
        {"OUT_C", g->out.channels},    {"OUT_H", g->out.height},      {"OUT_W", g->out.width},
        {"KERNEL_H", g->kernel_h},     {"KERNEL_W", g->kernel_w},     {"STRIDE_H", g->stride_h},
        {"STRIDE_W", g->stride_w},     {"PADDING_H", g->padding_h},   {"PADDING_W", g->padding_w},
        {"DILATION_H", g->dilation_h}, {"DILATION_W", g->dilation_w}, {"CONV_GROUPS", g->groups},
        {"HAS_BIAS", g->bias},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        ocl_constants_int(constants, values[i].name, values[i].value);
}

double cln_convolution_flops(const struct cln_plan *plan, const struct cln_conv2d *g) {
    return 2.0 * plan->batch_size * (double)cln_shape_count(g->out) * g->in_per_group * g->kernel_h * g->kernel_w;
}

double cln_convolution_bytes(const struct cln_plan *plan, const struct cln_conv2d *g) {
    return (double)sizeof(float) * plan->batch_size * (double)(cln_shape_count(g->in) + cln_shape_count(g->out));
}
