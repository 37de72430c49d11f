/* Scaling, resizing and standardising on the host. */
#include "src/data/preprocess.h"

#include <math.h>
#include <stdlib.h>

/* Where an output position lies between two input positions of one axis: at + weight. */
struct tap {
    int at, next;
    float weight; /* of `next` */
};

static struct tap tap_of(int position, int in, int out) {
    float source = ((float)position + 0.5f) * ((float)in / (float)out) - 0.5f;
    if (source < 0)
        source = 0;
    int at = (int)source;
    if (at > in - 1)
        at = in - 1; /* where rounding passed the border */
    return (struct tap){at, at < in - 1 ? at + 1 : at, source - (float)at};
}

void cln_resize_bilinear(float *out, int out_height, int out_width, const uint8_t *pixels, struct cln_shape in) {
    if (in.height == out_height && in.width == out_width) {
        for (size_t i = 0; i < cln_shape_count(in); i++)
            out[i] = (float)pixels[i] / 255.0f;
        return;
    }
    for (int channel = 0; channel < in.channels; channel++) {
        const uint8_t *plane = pixels + (size_t)channel * (size_t)in.height * (size_t)in.width;
        for (int row = 0; row < out_height; row++) {
            struct tap r = tap_of(row, in.height, out_height);
            const uint8_t *upper = plane + (size_t)r.at * (size_t)in.width;
            const uint8_t *lower = plane + (size_t)r.next * (size_t)in.width;
            for (int column = 0; column < out_width; column++) {
                struct tap c = tap_of(column, in.width, out_width);
                float above = (1 - c.weight) * (float)upper[c.at] + c.weight * (float)upper[c.next];
                float below = (1 - c.weight) * (float)lower[c.at] + c.weight * (float)lower[c.next];
                *out++ = ((1 - r.weight) * above + r.weight * below) / 255.0f;
            }
        }
    }
}

/* B. P. Welford, 1962: mean and sum of squared deviations (m2) without cancellation. */
static void welford_step(double *mean, double *m2, const float *x, size_t features, size_t number) {
    for (size_t i = 0; i < features; i++) {
        double deviation = x[i] - mean[i];
        mean[i] += deviation / (double)number;
        m2[i] += deviation * (x[i] - mean[i]);
    }
}

enum cln_status cln_standardize_measure(float *mean, float *inverse_deviation, const struct cln_images *images,
                                        int height, int width) {
    const size_t pixels = cln_shape_count(images->shape);
    const size_t features = cln_shape_count((struct cln_shape){images->shape.channels, height, width});
    double *sums = calloc(2 * features, sizeof(*sums));
    float *image = malloc(features * sizeof(*image));
    enum cln_status status = CLN_OK;
    if (!sums || !image) {
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory to standardise %zu features", features);
        goto cleanup;
    }
    for (size_t n = 0; n < images->count; n++) {
        cln_resize_bilinear(image, height, width, images->pixels + n * pixels, images->shape);
        welford_step(sums, sums + features, image, features, n + 1);
    }
    for (size_t i = 0; i < features; i++) {
        double m2 = sums[features + i];
        mean[i] = (float)sums[i];
        inverse_deviation[i] = m2 > 0 ? (float)(1 / sqrt(m2 / (double)images->count)) : 0;
    }
cleanup:
    free(sums);
    free(image);
    return status;
}
