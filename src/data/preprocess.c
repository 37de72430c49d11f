/* Scaling, resizing and standardising on the host. */
#include "src/data/preprocess.h"

#include <math.h>
#include <stdlib.h>

#include "src/data/images.h"

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

/* A stored value. */
static float stored(const void *pixels, enum cln_pixel_type type, size_t at) {
    return type == CLN_PIXEL_U8    ? (float)((const uint8_t *)pixels)[at]
           : type == CLN_PIXEL_U16 ? (float)((const uint16_t *)pixels)[at]
                                   : ((const float *)pixels)[at];
}

void cln_resize_bilinear(float *out, int out_height, int out_width, const void *pixels, enum cln_pixel_type type,
                         struct cln_shape in) {
    const float most = type == CLN_PIXEL_U8 ? 255.0f : type == CLN_PIXEL_U16 ? 65535.0f : 1.0f;
    if (in.height == out_height && in.width == out_width) {
        for (size_t i = 0; i < cln_shape_count(in); i++)
            out[i] = stored(pixels, type, i) / most;
        return;
    }
    for (int channel = 0; channel < in.channels; channel++) {
        const size_t plane = (size_t)channel * (size_t)in.height * (size_t)in.width;
        for (int row = 0; row < out_height; row++) {
            struct tap r = tap_of(row, in.height, out_height);
            const size_t upper = plane + (size_t)r.at * (size_t)in.width;
            const size_t lower = plane + (size_t)r.next * (size_t)in.width;
            for (int column = 0; column < out_width; column++) {
                struct tap c = tap_of(column, in.width, out_width);
                const size_t left = (size_t)c.at, right = (size_t)c.next;
                float above =
                    between(stored(pixels, type, upper + left), stored(pixels, type, upper + right), c.weight);
                float below =
                    between(stored(pixels, type, lower + left), stored(pixels, type, lower + right), c.weight);
                *out++ = between(above, below, r.weight) / most;
            }
        }
    }
}

/* ---- Scaling by a triangle filter ---- */

/* What a position of one axis of the output is made of: weights[0 … count − 1] of the input positions from `first` on.
 */
struct window {
    int first, count;
    float *weights;
};

/* The windows of the positions begin … end − 1 of an output's axis. */
struct axis {
    int begin, end;
    struct window *windows;
    float *weights;
};

static void find_window(struct window *window, int position, int in, int scaled) {
    const double ratio = (double)in / scaled, reach = fmax(1, ratio), centre = (position + 0.5) * ratio;
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

/* False: no memory. */
static bool find_axis(struct axis *axis, int in, int scaled, int offset, int out) {
    const size_t room = 2 * (size_t)ceil(fmax(1, (double)in / scaled)) + 1; /* of the widest window */
    axis->begin = offset > 0 ? offset : 0;
    axis->end = offset + scaled < out ? offset + scaled : out;
    const size_t count = (size_t)(axis->end - axis->begin);
    axis->windows = malloc(count * sizeof *axis->windows);
    axis->weights = malloc(count * room * sizeof *axis->weights);
    for (size_t i = 0; i < count && axis->windows && axis->weights; i++) {
        axis->windows[i].weights = axis->weights + i * room;
        find_window(&axis->windows[i], axis->begin - offset + (int)i, in, scaled);
    }
    return axis->windows && axis->weights;
}

/* Pixels → floats. */
static void load_row(float *out, const void *pixels, size_t first, int count, enum cln_pixel_type type) {
    if (type == CLN_PIXEL_U16)
        for (int i = 0; i < count; i++)
            out[i] = (float)((const uint16_t *)pixels)[first + (size_t)i];
    else
        for (int i = 0; i < count; i++)
            out[i] = (float)((const uint8_t *)pixels)[first + (size_t)i];
}

static void store_row(void *pixels, size_t first, const float *row, int count, enum cln_pixel_type type) {
    if (type == CLN_PIXEL_U16)
        for (int i = 0; i < count; i++)
            ((uint16_t *)pixels)[first + (size_t)i] = (uint16_t)fminf(row[i] + 0.5f, 65535);
    else
        for (int i = 0; i < count; i++)
            ((uint8_t *)pixels)[first + (size_t)i] = (uint8_t)fminf(row[i] + 0.5f, 255);
}

static void narrow_row(float *out, const float *row, const struct axis *across) {
    for (int column = 0; column < across->end - across->begin; column++) {
        const struct window *window = &across->windows[column];
        const float *from = row + window->first;
        float sum = 0;
        for (int i = 0; i < window->count; i++)
            sum += window->weights[i] * from[i];
        out[column] = sum;
    }
}

/* The sum of rows[][columns], weighted. */
static void join_rows(float *out, const float *rows, int columns, const struct window *window) {
    for (int column = 0; column < columns; column++)
        out[column] = 0;
    for (int i = 0; i < window->count; i++) {
        const float *from = rows + (size_t)(window->first + i) * (size_t)columns, weight = window->weights[i];
        for (int column = 0; column < columns; column++)
            out[column] += weight * from[column];
    }
}

enum cln_status cln_resize_smooth(void *out, int out_height, int out_width, const struct cln_placement *scaled,
                                  const void *pixels, struct cln_shape in, enum cln_pixel_type type) {
    struct axis across = {0}, down = {0};
    enum cln_status status = CLN_OK;
    const bool has_axes = find_axis(&across, in.width, scaled->width, scaled->left, out_width) &&
                          find_axis(&down, in.height, scaled->height, scaled->top, out_height);
    const int columns = across.end - across.begin, rows = down.end - down.begin;
    float *row = has_axes ? malloc((size_t)(in.width > columns ? in.width : columns) * sizeof *row) : NULL;
    float *narrowed = has_axes ? malloc((size_t)in.height * (size_t)columns * sizeof *narrowed) : NULL;
    if (!row || !narrowed) {
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory to resize an image of %d×%d", in.height, in.width);
        goto cleanup;
    }
    const int first = down.windows[0].first, last = down.windows[rows - 1].first + down.windows[rows - 1].count;
    for (int channel = 0; channel < in.channels; channel++) {
        for (int y = first; y < last; y++) {
            load_row(row, pixels, ((size_t)channel * (size_t)in.height + (size_t)y) * (size_t)in.width, in.width, type);
            narrow_row(narrowed + (size_t)y * (size_t)columns, row, &across);
        }
        for (int y = 0; y < rows; y++) {
            const size_t out_row = (size_t)channel * (size_t)out_height + (size_t)(down.begin + y);
            join_rows(row, narrowed, columns, &down.windows[y]);
            store_row(out, out_row * (size_t)out_width + (size_t)across.begin, row, columns, type);
        }
    }
cleanup:
    free(across.windows);
    free(across.weights);
    free(down.windows);
    free(down.weights);
    free(row);
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
    const size_t bytes = cln_images_bytes(images);
    const size_t features = cln_shape_count((struct cln_shape){images->shape.channels, height, width});
    const uint8_t *from = images->pixels;
    double *sums = calloc(2 * features, sizeof(*sums));
    float *image = malloc(features * sizeof(*image));
    enum cln_status status = CLN_OK;
    if (!sums || !image) {
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory to standardise %zu features", features);
        goto cleanup;
    }
    for (size_t n = 0; n < count; n++) {
        const size_t at = chosen ? chosen[n] : n;
        cln_resize_bilinear(image, height, width, from + at * bytes, images->type, images->shape);
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

void cln_standardize_by_channel(float *mean, float *inverse_deviation, struct cln_shape shape) {
    const size_t plane = (size_t)shape.height * (size_t)shape.width;
    for (size_t first = 0; first < cln_shape_count(shape); first += plane) {
        double all = 0, variance = 0;
        for (size_t f = first; f < first + plane; f++)
            all += (double)mean[f] / (double)plane;
        for (size_t f = first; f < first + plane; f++) {
            const double apart = (double)mean[f] - all, inverse = (double)inverse_deviation[f];
            variance += (apart * apart + (inverse > 0 ? 1 / (inverse * inverse) : 0)) / (double)plane;
        }
        for (size_t f = first; f < first + plane; f++) {
            mean[f] = (float)all;
            inverse_deviation[f] = variance > 0 ? (float)(1 / sqrt(variance)) : 0;
        }
    }
}
