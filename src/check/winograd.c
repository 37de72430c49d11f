/* Cases of kernels/winograd.cl: the forward pass with moments and maxima, the data and weight gradients. They are those
 * of conv2d.c, with strides of 1 and with tiles that do not fill rows. */
#include <math.h>

#include "src/base/table.h"
#include "src/check/conv2d.h"
#include "src/engine/winograd.h"
#include "src/reference/index.h"
#include "src/reference/reference.h"

static const struct cln_conv2d_case cases[] = {
    {{"every batch", 257, EVERY_BATCH, .quick = true},
     {IN(1, 4, 5), OUT(2), KERNEL(3, 2), STRIDE(1, 1), .bias = true},
     0,
     1},
    {{"LeNet's second", 7, {7}, .quick = true},
     {IN(6, 12, 12), OUT(16), KERNEL(5, 5), STRIDE(1, 1), .bias = true},
     0,
     1},
    {{"3 x 3, padded", 17, {17, 3}, .quick = true},
     {IN(5, 9, 11), OUT(13), KERNEL(3, 3), STRIDE(1, 1), PADDING(1, 1), .bias = true},
     0,
     1},
    {{"wide layers", 3, {3}}, {IN(33, 8, 8), OUT(35), KERNEL(3, 3), STRIDE(1, 1), PADDING(1, 1)}, 0, 1},
    {{"wide rows", 3, {3}}, {IN(2, 3, 71), OUT(3), KERNEL(3, 3), STRIDE(1, 1), PADDING(0, 1), .bias = true}, 0, 1},
    {{"one row", 5, {5}}, {IN(3, 1, 16), OUT(4), KERNEL(1, 5), STRIDE(1, 1), .bias = true}, 0, 1},
    {{"rows of one column", 9, {9}}, {IN(3, 6, 3), OUT(4), KERNEL(2, 3), STRIDE(1, 1), .bias = true}, 0, 1},
    {{"kernel of 4 columns, not square", 9, {9, 4}, .quick = true},
     {IN(3, 7, 10), OUT(5), KERNEL(2, 4), STRIDE(1, 1), PADDING(1, 2)},
     0,
     1},
    {{"kernel of 6 columns", 3, {3}}, {IN(2, 6, 13), OUT(3), KERNEL(3, 6), STRIDE(1, 1), PADDING(2, 3)}, 0, 1},
    {{"kernel of 7 columns, widest padding", 2, {2}, .quick = true},
     {IN(2, 3, 9), OUT(3), KERNEL(3, 7), STRIDE(1, 1), PADDING(2, 6), .bias = true},
     0,
     1},
    {{"large mean, small deviation", 33, {33, 20}, .quick = true},
     {IN(2, 5, 9), OUT(3), KERNEL(3, 3), STRIDE(1, 1), .bias = true},
     1e4,
     1e-2},
    {{"all zero", 5, {5}}, {IN(2, 4, 4), OUT(3), KERNEL(3, 3), STRIDE(1, 1)}, 0, 0},
    {{"all values alike", 13, {13, 5, 1}}, {IN(2, 9, 11), OUT(7), KERNEL(3, 3), STRIDE(1, 1), .bias = true}, 0.3, 0},
    {{"all values alike, 5 x 5", 3, {3}, .quick = true},
     {IN(2, 9, 13), OUT(3), KERNEL(5, 5), STRIDE(1, 1), .bias = true},
     0.3,
     0},
    {{"maximum behind", 33, {33, 5}, .quick = true},
     {IN(2, 12, 12), OUT(5), KERNEL(5, 5), STRIDE(1, 1), .bias = true},
     0,
     1,
     POOL(MAX, KERNEL(2, 2), STRIDE(2, 2))},
    {{"maximum behind, overlapping and padded", 7, {7}},
     {IN(2, 9, 7), OUT(3), KERNEL(3, 2), STRIDE(1, 1), PADDING(1, 0), .bias = true},
     0,
     1,
     POOL(MAX, KERNEL(3, 3), STRIDE(2, 1), PADDING(1, 1))},
    {{"maximum behind, rows left over", 9, {9}},
     {IN(2, 9, 10), OUT(3), KERNEL(3, 3), STRIDE(1, 1), .bias = true},
     0,
     1,
     POOL(MAX, KERNEL(2, 3), STRIDE(3, 3))},
};

/* The absolute values of the matrices of kernels/winograd.clh, worked out from the points alone. With points p, N(p) =
 * the product of p − q over the other finite points q:
 *   A^T[j][p] = p^j, G[p][v] = p^v / N(p), B^T[p] = the coefficients of the product of (x − q) over the other q;
 * at infinity 1 for the last j and v, and the product over all q. */
enum { MOST_POINTS = 8 };
struct matrices {
    int points, outputs;
    double a[MOST_POINTS][MOST_POINTS], g[MOST_POINTS][MOST_POINTS], b[MOST_POINTS][MOST_POINTS]; /* [point][…] */
};

static void matrices_of(struct matrices *m, int points, int kernel_w) {
    static const double finite[MOST_POINTS - 1] = {0, 1, -1, 2, -2, 0.5, -0.5};
    *m = (struct matrices){.points = points, .outputs = points + 1 - kernel_w};
    for (int p = 0; p < points; p++) {
        const bool infinite = p == points - 1;
        double n = 1;
        m->b[p][0] = 1;
        for (int q = 0, degree = 0; q < points - 1; q++) {
            if (q == p)
                continue;
            degree++;
            for (int k = degree; k >= 0; k--)
                m->b[p][k] = (k > 0 ? m->b[p][k - 1] : 0) - finite[q] * m->b[p][k];
            if (!infinite)
                n *= finite[p] - finite[q];
        }
        for (int j = 0; j < m->outputs; j++)
            m->a[p][j] = infinite ? j == m->outputs - 1 : fabs(pow(finite[p], j));
        for (int v = 0; v < kernel_w; v++)
            m->g[p][v] = infinite ? v == kernel_w - 1 : fabs(pow(finite[p], v) / n);
        for (int s = 0; s < points; s++)
            m->b[p][s] = fabs(m->b[p][s]);
    }
}

static double value_at(const struct cln_shape *shape, const double *values, size_t n, int c, int row, int column) {
    const bool is_inside = row >= 0 && row < shape->height && column >= 0 && column < shape->width;
    return is_inside ? values[cln_index(*shape, n, c, row, column)] : 0;
}

/* |B^T| |x| at point p, for the tile of row `row` whose first output is at `column`. */
static double inputs_at(const struct matrices *m, const struct cln_conv2d *g, const double *x, size_t n, int i, int row,
                        int column, int p) {
    double sum = 0;
    for (int s = 0; s < m->points; s++)
        sum += m->b[p][s] * value_at(&g->in, x, n, i, row, column - g->padding_w + s);
    return sum;
}

/* |G| |w| at point p, for a row of a filter. */
static double filter_at(const struct matrices *m, const double *w, int kernel_w, int p) {
    double sum = 0;
    for (int v = 0; v < kernel_w; v++)
        sum += m->g[p][v] * w[v];
    return sum;
}

/* |A| |dz| at point p, for the tile of row `row` whose first column is `column`. */
static double gradients_at(const struct matrices *m, const struct cln_conv2d *g, const double *dz, size_t n, int o,
                           int row, int column, int p) {
    double sum = 0;
    for (int j = 0; j < m->outputs; j++)
        sum += m->a[p][j] * value_at(&g->out, dz, n, o, row, column + j);
    return sum;
}

/* |A^T| (|G| |w|) (|B^T| |x|), summed over input channels and kernel rows. */
static void forward_terms(const struct matrices *m, const struct cln_conv2d *g, struct cln_conv2d_magnitudes *t) {
    const size_t count = t->samples * cln_shape_count(g->out);
    for (size_t e = 0; e < count; e++) {
        const int column = (int)(e % (size_t)g->out.width), row = (int)(e / (size_t)g->out.width) % g->out.height;
        const int o = (int)(e / (size_t)(g->out.width * g->out.height)) % g->out.channels, j = column % m->outputs;
        t->z_terms[e] = t->bias ? t->bias[o] : 0;
        for (int k = 0; k < g->in.channels * g->kernel_h; k++)
            for (int p = 0; p < m->points; p++)
                t->z_terms[e] +=
                    m->a[p][j] *
                    filter_at(m, t->weight + (o * g->in.channels * g->kernel_h + k) * g->kernel_w, g->kernel_w, p) *
                    inputs_at(m, g, t->x, e / cln_shape_count(g->out), k / g->kernel_h,
                              row - g->padding_h + k % g->kernel_h, column - j, p);
    }
}

/* |B| (|G| |w|) (|A| |dz|), summed over output channels, kernel rows, and the tiles that reach a column. */
static void data_terms(const struct matrices *m, const struct cln_conv2d *g, struct cln_conv2d_magnitudes *t) {
    const size_t count = t->samples * cln_shape_count(g->in);
    for (size_t e = 0; e < count; e++) {
        const int column = (int)(e % (size_t)g->in.width), row = (int)(e / (size_t)g->in.width) % g->in.height;
        const int i = (int)(e / (size_t)(g->in.width * g->in.height)) % g->in.channels;
        t->dx_terms[e] = 0;
        for (int first = 0; first < g->out.width; first += m->outputs) {
            const int s = column + g->padding_w - first;
            if (s < 0 || s >= m->points)
                continue;
            for (int k = 0; k < g->out.channels * g->kernel_h; k++) {
                const int o = k / g->kernel_h, u = k % g->kernel_h;
                const double *w = t->weight + ((o * g->in.channels + i) * g->kernel_h + u) * g->kernel_w;
                for (int p = 0; p < m->points; p++)
                    t->dx_terms[e] +=
                        m->b[p][s] * filter_at(m, w, g->kernel_w, p) *
                        gradients_at(m, g, t->dz, e / cln_shape_count(g->in), o, row + g->padding_h - u, first, p);
            }
        }
    }
}

/* |G^T| (|A| |dz|) (|B^T| |x|), summed over samples, rows and tiles. */
static void weight_terms(const struct matrices *m, const struct cln_conv2d *g, struct cln_conv2d_magnitudes *t) {
    const int rows = g->out.channels * g->in.channels * g->kernel_h;
    for (int k = 0; k < rows; k++) {
        const int u = k % g->kernel_h, i = k / g->kernel_h % g->in.channels, o = k / g->kernel_h / g->in.channels;
        double *terms = t->dw_terms + k * g->kernel_w;
        for (int v = 0; v < g->kernel_w; v++)
            terms[v] = 0;
        for (int p = 0; p < m->points; p++) {
            double sum = 0;
            for (size_t n = 0; n < t->samples; n++)
                for (int row = 0; row < g->out.height; row++)
                    for (int first = 0; first < g->out.width; first += m->outputs)
                        sum += gradients_at(m, g, t->dz, n, o, row, first, p) *
                               inputs_at(m, g, t->x, n, i, row - g->padding_h + u, first, p);
            for (int v = 0; v < g->kernel_w; v++)
                terms[v] += m->g[p][v] * sum;
        }
    }
}

/* The terms of interpolated sums: all magnitudes that pass through them, those of their neighbours, which cancel, among
 * them. */
static void terms_of(const struct cln_rig *b, const struct cln_conv2d *g, struct cln_conv2d_magnitudes *t) {
    static void (*const fill[])(const struct matrices *, const struct cln_conv2d *, struct cln_conv2d_magnitudes *) = {
        [CLN_CONV2D_FORWARD] = forward_terms, [CLN_CONV2D_DATA] = data_terms, [CLN_CONV2D_WEIGHTS] = weight_terms};
    CLN_EVERY(fill, CLN_CONV2D_PART_COUNT);
    struct matrices m;
    cln_reference_conv2d_forward(g, t->samples, t->x, t->weight, t->bias, t->z_terms);
    cln_reference_conv2d_backward(g, t->samples, t->x, t->weight, t->dz, t->dx_terms, t->dw_terms, NULL);
    for (int part = 0; part < CLN_CONV2D_PART_COUNT; part++) {
        const struct cln_winograd w = cln_winograd_choose(&b->plan, g, (enum cln_conv2d_part)part);
        if (w.points == 0) /* the part is computed directly */
            continue;
        matrices_of(&m, w.points, g->kernel_w);
        fill[part](&m, g, t);
    }
}

static enum cln_status run(struct cln_rig *b, const void *entry) {
    b->plan.tuning.winograd = CLN_WINOGRAD_ALWAYS;
    /* Few of the terms are large at once, so four roundings of their sum are enough. */
    return cln_check_conv2d(b, entry, terms_of, 4);
}

static bool covers(const struct cln_tuning *tuning) {
    return cln_tuning_filters(tuning);
}

const struct cln_operation cln_device_winograd = {.name = "winograd",
                                                  .cases = cases,
                                                  .count = sizeof cases / sizeof *cases,
                                                  .stride = sizeof *cases,
                                                  .run = run,
                                                  .covers = covers};
