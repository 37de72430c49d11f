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

/* From a to b, of which `part` is behind: exactly a where they are equal. */
static float between(float a, float b, float part) {
    return a + part * (b - a);
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
                float above = between((float)upper[c.at], (float)upper[c.next], c.weight);
                float below = between((float)lower[c.at], (float)lower[c.next], c.weight);
                *out++ = between(above, below, r.weight) / 255.0f;
            }
        }
    }
}

/* What an output position of one axis is made of: weights[0 … count − 1] of the input positions from `first` on. */
struct window {
    int first, count;
    float *weights;
};

/* Room for the widest window of an axis. */
static size_t window_room(int in, int out) {
    return 2 * (size_t)ceil(fmax(1, (double)in / out)) + 1;
}

static void find_window(struct window *window, int position, int in, int out) {
    const double ratio = (double)in / out, reach = fmax(1, ratio), centre = (position + 0.5) * ratio;
    const int last = (int)fmin(in - 1, ceil(centre + reach - 0.5) - 1);
    double sum = 0;
    window->first = (int)fmax(0, floor(centre - reach - 0.5) + 1);
    window->count = last - window->first + 1;
    for (int i = 0; i < window->count; i++) {
        const double weight = 1 - fabs(window->first + i + 0.5 - centre) / reach;
        window->weights[i] = (float)weight;
        sum += weight;
    }
    for (int i = 0; i < window->count; i++)
        window->weights[i] = (float)(window->weights[i] / sum);
}

/* in[rows][columns] → out[rows][out_columns]. */
static void narrow(float *out, int out_columns, const uint8_t *in, int rows, int columns, struct window *window) {
    for (int column = 0; column < out_columns; column++) {
        find_window(window, column, columns, out_columns);
        for (int row = 0; row < rows; row++) {
            const uint8_t *from = in + (size_t)row * (size_t)columns + window->first;
            float sum = 0;
            for (int i = 0; i < window->count; i++)
                sum += window->weights[i] * (float)from[i];
            out[(size_t)row * (size_t)out_columns + (size_t)column] = sum;
        }
    }
}

/* in[rows][columns] → out[out_rows][columns], rounded. */
static void lower(uint8_t *out, int out_rows, const float *in, int rows, int columns, struct window *window) {
    for (int row = 0; row < out_rows; row++) {
        find_window(window, row, rows, out_rows);
        for (int column = 0; column < columns; column++) {
            const float *from = in + (size_t)window->first * (size_t)columns + column;
            float sum = 0;
            for (int i = 0; i < window->count; i++)
                sum += window->weights[i] * from[(size_t)i * (size_t)columns];
            *out++ = (uint8_t)fminf(sum + 0.5f, 255);
        }
    }
}

enum cln_status cln_resize_smooth(uint8_t *out, int out_height, int out_width, const uint8_t *pixels,
                                  struct cln_shape in) {
    const size_t across = window_room(in.width, out_width), down = window_room(in.height, out_height);
    const size_t plane = (size_t)in.height * (size_t)in.width, out_plane = (size_t)out_height * (size_t)out_width;
    struct window window = {.weights = malloc((across > down ? across : down) * sizeof(float))};
    float *narrowed = malloc((size_t)in.height * (size_t)out_width * sizeof *narrowed);
    enum cln_status status = CLN_OK;
    if (!window.weights || !narrowed)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory to resize an image of %d×%d", in.height, in.width);
    for (int channel = 0; channel < in.channels && status == CLN_OK; channel++) {
        narrow(narrowed, out_width, pixels + (size_t)channel * plane, in.height, in.width, &window);
        lower(out + (size_t)channel * out_plane, out_height, narrowed, in.height, out_width, &window);
    }
    free(window.weights);
    free(narrowed);
    return status;
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
                                        const uint32_t *chosen, size_t count, int height, int width) {
    const size_t pixels = cln_shape_count(images->shape);
    const size_t features = cln_shape_count((struct cln_shape){images->shape.channels, height, width});
    double *sums = calloc(2 * features, sizeof(*sums));
    float *image = malloc(features * sizeof(*image));
    enum cln_status status = CLN_OK;
    if (!sums || !image) {
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory to standardise %zu features", features);
        goto cleanup;
    }
    for (size_t n = 0; n < count; n++) {
        const size_t at = chosen ? chosen[n] : n;
        cln_resize_bilinear(image, height, width, images->pixels + at * pixels, images->shape);
        welford_step(sums, sums + features, image, features, n + 1);
    }
    for (size_t i = 0; i < features; i++) {
        double m2 = sums[features + i];
        mean[i] = (float)sums[i];
        inverse_deviation[i] = m2 > 0 ? (float)(1 / sqrt(m2 / (double)count)) : 0;
    }
cleanup:
    free(sums);
    free(image);
    return status;
}
