/* An augmented picture, from the formulas of struct cln_augmentation. */
#include <math.h>
#include <stdlib.h>

#include "src/data/preprocess.h"
#include "src/reference/philox.h"
#include "src/reference/reference.h"

enum { STAGE = 1 << 30 };

/* What is drawn for a picture. */
struct drawn {
    double dy, dx, angle, zoom, brightness, contrast;
    bool flips;
    int cut_top, cut_left;
};

static int below(uint32_t bits, double n) {
    return (int)((uint64_t)bits * (uint64_t)n >> 32);
}

/* Uniform in ±1, of 32 bits as a signed integer. */
static double signed_uniform(uint32_t bits) {
    return (double)(int32_t)bits * 0x1p-31;
}

static double factor(uint32_t bits, double most) {
    return 1 + most * (2 * (double)cln_reference_random_uniform(bits) - 1);
}

static struct drawn draw(const struct cln_augmentation *a, struct cln_shape shape,
                         const struct cln_reference_picture *p) {
    uint32_t bits[3][4], of_image[4];
    for (uint32_t quad = 0; quad < 3; quad++)
        cln_reference_random_bits(bits[quad], p->seed, p->step, STAGE, p->place, quad);
    cln_reference_random_bits(of_image, p->seed, 0, STAGE, p->image, 0);
    const int half = (int)a->cutout / 2;
    return (struct drawn){
        .dy = below(bits[0][0], 2 * a->shift + 1) - a->shift,
        .dx = below(bits[0][1], 2 * a->shift + 1) - a->shift,
        .flips = a->alternating_flip > 0 ? (of_image[2] >> 31 ^ (p->epoch & 1)) : a->flip > 0 && bits[0][2] >> 31,
        .cut_top = below(bits[1][0], shape.height) - half,
        .cut_left = below(bits[1][1], shape.width) - half,
        .angle = a->rotate * acos(-1) / 180 * signed_uniform(bits[1][2]),
        .zoom = 1 + a->zoom * signed_uniform(bits[1][3]),
        .brightness = factor(bits[2][0], a->brightness),
        .contrast = factor(bits[2][1], a->contrast),
    };
}

/* The pixel of a plane in [0, 1]; outside as `reflects` says. */
static double pixel(const double *plane, int height, int width, int row, int column, bool reflects) {
    if (!reflects && (row < 0 || row >= height || column < 0 || column >= width))
        return 0;
    while (row < 0 || row >= height)
        row = height == 1 ? 0 : row < 0 ? -row : 2 * (height - 1) - row;
    while (column < 0 || column >= width)
        column = width == 1 ? 0 : column < 0 ? -column : 2 * (width - 1) - column;
    return plane[row * width + column];
}

/* The bilinear value at a place, which is rounded to 2^-11 pixels first. */
static double interpolated(const double *plane, int height, int width, double row, double column, bool reflects) {
    const double y = floor(row * 2048 + 0.5) / 2048, x = floor(column * 2048 + 0.5) / 2048;
    const int top = (int)floor(y), left = (int)floor(x);
    double sum = 0;
    for (int down = 0; down < 2; down++)
        for (int across = 0; across < 2; across++)
            sum += (down ? y - top : 1 - (y - top)) * (across ? x - left : 1 - (x - left)) *
                   pixel(plane, height, width, top + down, left + across, reflects);
    return sum;
}

/* The value at an output pixel of the picture that is turned and zoomed about its middle, then moved. */
static double warped(const double *plane, struct cln_shape in, struct cln_shape out, const struct drawn *d, int row,
                     int column, bool reflects) {
    const double down = row - (out.height - 1) / 2.0, across = column - (out.width - 1) / 2.0;
    const double y = (out.height - 1) / 2.0 + d->dy + (cos(d->angle) * down + sin(d->angle) * across) / d->zoom;
    const double x = (out.width - 1) / 2.0 + d->dx + (cos(d->angle) * across - sin(d->angle) * down) / d->zoom;
    return interpolated(plane, in.height, in.width, (y + 0.5) * in.height / out.height - 0.5,
                        (x + 0.5) * in.width / out.width - 0.5, reflects);
}

static double toned(double v, const struct drawn *d) {
    return fmin(fmax(d->contrast * (d->brightness * v - 0.5) + 0.5, 0), 1);
}

static bool is_cut(const struct cln_augmentation *a, const struct drawn *d, int row, int column) {
    return row >= d->cut_top && row < d->cut_top + (int)a->cutout && column >= d->cut_left &&
           column < d->cut_left + (int)a->cutout;
}

/* The stored picture in [0, 1], for a warp, or resized. */
static enum cln_status prepare(double **planes, const struct cln_reference_picture *p, struct cln_shape shape) {
    const size_t count = cln_shape_count(shape);
    float *values = malloc(count * sizeof *values);
    *planes = malloc(count * sizeof **planes);
    if (values && *planes) {
        cln_resize_bilinear(values, shape.height, shape.width, p->pixels, p->type, p->shape);
        for (size_t i = 0; i < count; i++)
            (*planes)[i] = (double)values[i];
    }
    free(values);
    return values && *planes ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for a picture");
}

enum cln_status cln_reference_augment(const struct cln_augmentation *a, const struct cln_reference_picture *p,
                                      struct cln_shape out, const float *mean, const float *inverse_deviation,
                                      double *x) {
    const struct drawn d = draw(a, out, p);
    const bool warps = a->rotate > 0 || a->zoom > 0, reflects = a->reflect > 0;
    const struct cln_shape shape = warps ? p->shape : out;
    double *planes = NULL;
    enum cln_status status = prepare(&planes, p, shape);
    for (int f = 0; status == CLN_OK && f < (int)cln_shape_count(out); f++) {
        const int row = f / out.width % out.height, column = f % out.width;
        const double *plane = planes + (size_t)(f / (out.height * out.width)) * (size_t)(shape.height * shape.width);
        const int from = d.flips ? out.width - 1 - column : column;
        double v = warps ? warped(plane, shape, out, &d, row, from, reflects)
                         : pixel(plane, out.height, out.width, row + (int)d.dy, from + (int)d.dx, reflects);
        if (a->brightness > 0 || a->contrast > 0)
            v = toned(v, &d);
        if (mean)
            v = (v - (double)mean[f]) * (double)inverse_deviation[f];
        x[f] = is_cut(a, &d, row, column) ? 0 : v;
    }
    free(planes);
    return status;
}

void cln_reference_mix(const struct cln_reference_mix *m, struct cln_shape shape, size_t batch, const double *x,
                       double *y) {
    const size_t count = cln_shape_count(shape);
    for (size_t n = 0; n < batch; n++)
        for (size_t f = 0; f < count; f++) {
            const int row = (int)f / shape.width % shape.height, column = (int)f % shape.width;
            const bool inner = row >= m->top && row < m->bottom && column >= m->left && column < m->right;
            const double own = inner ? 0 : m->blend;
            y[n * count + f] = own * x[n * count + f] + (1 - own) * x[(n + 1) % batch * count + f];
        }
}
