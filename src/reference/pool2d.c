/* Max and average pooling as torch.nn.MaxPool2d and AvgPool2d define them. */
#include <string.h>

#include "src/reference/index.h"
#include "src/reference/reference.h"

/* The part of a window inside the image; the ends are exclusive. It is never empty, because the padding is at most half
 * the kernel. */
struct window {
    int top, bottom, left, right;
};

static struct window window_of(const struct cln_pool2d *g, int r, int c) {
    int top = r * g->stride_h - g->padding_h, bottom = top + g->kernel_h;
    int left = c * g->stride_w - g->padding_w, right = left + g->kernel_w;
    return (struct window){top < 0 ? 0 : top, bottom > g->in.height ? g->in.height : bottom, left < 0 ? 0 : left,
                           right > g->in.width ? g->in.width : right};
}

/* The index of the first largest number in the window. */
static size_t largest(const struct cln_pool2d *g, const double *x, size_t n, int channel, const struct window *w) {
    size_t best = cln_index(g->in, n, channel, w->top, w->left);
    for (int h = w->top; h < w->bottom; h++) {
        for (int v = w->left; v < w->right; v++) {
            size_t at = cln_index(g->in, n, channel, h, v);
            if (x[at] > x[best])
                best = at;
        }
    }
    return best;
}

/* The average over the whole kernel; the padding counts as zeros. */
static double average(const struct cln_pool2d *g, const double *x, size_t n, int channel, const struct window *w) {
    double sum = 0;
    for (int h = w->top; h < w->bottom; h++)
        for (int v = w->left; v < w->right; v++)
            sum += x[cln_index(g->in, n, channel, h, v)];
    return sum / (g->kernel_h * g->kernel_w);
}

static void spread(const struct cln_pool2d *g, double da, size_t n, int channel, const struct window *w, double *dx) {
    for (int h = w->top; h < w->bottom; h++)
        for (int v = w->left; v < w->right; v++)
            dx[cln_index(g->in, n, channel, h, v)] += da / (g->kernel_h * g->kernel_w);
}

void cln_reference_pool2d_forward(const struct cln_pool2d *g, size_t batch, const double *x, double *a) {
    for (size_t n = 0; n < batch; n++) {
        for (int i = 0; i < g->out.channels; i++) {
            for (int r = 0; r < g->out.height; r++) {
                for (int c = 0; c < g->out.width; c++) {
                    struct window w = window_of(g, r, c);
                    a[cln_index(g->out, n, i, r, c)] =
                        g->kind == CLN_POOL_MAX ? x[largest(g, x, n, i, &w)] : average(g, x, n, i, &w);
                }
            }
        }
    }
}

/* Windows may overlap; rows and columns after the last window get no gradient. */
void cln_reference_pool2d_backward(const struct cln_pool2d *g, size_t batch, const double *x, const double *da,
                                   double *dx) {
    memset(dx, 0, batch * cln_shape_count(g->in) * sizeof(*dx));
    for (size_t n = 0; n < batch; n++) {
        for (int i = 0; i < g->out.channels; i++) {
            for (int r = 0; r < g->out.height; r++) {
                for (int c = 0; c < g->out.width; c++) {
                    struct window w = window_of(g, r, c);
                    double passed = da[cln_index(g->out, n, i, r, c)];
                    if (g->kind == CLN_POOL_MAX)
                        dx[largest(g, x, n, i, &w)] += passed;
                    else
                        spread(g, passed, n, i, &w, dx);
                }
            }
        }
    }
}
