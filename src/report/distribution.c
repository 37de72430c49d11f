/* Distributions of weights and of activations: see findings.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/data/preprocess.h"
#include "src/reference/reference.h"
#include "src/report/findings_private.h"

struct cln_distribution cln_distribution_of(const float *values, size_t count) {
    struct cln_distribution d = {.count = count, .least = INFINITY, .most = -INFINITY};
    double sum = 0, squares = 0;
    size_t zeros = 0;
    for (size_t i = 0; i < count; i++) {
        const double v = (double)values[i];
        d.least = fmin(d.least, v);
        d.most = fmax(d.most, v);
        sum += v;
        zeros += v == 0;
    }
    d.mean = sum / (double)count;
    d.zeros = (double)zeros / (double)count;
    const double width = (d.most - d.least) / CLN_DISTRIBUTION_BARS;
    for (size_t i = 0; i < count; i++) {
        const double v = (double)values[i];
        const int bar = width > 0 ? (int)((v - d.least) / width) : 0;
        squares += (v - d.mean) * (v - d.mean);
        d.bars[bar < CLN_DISTRIBUTION_BARS ? bar : CLN_DISTRIBUTION_BARS - 1]++;
    }
    d.deviation = sqrt(squares / (double)count);
    return d;
}

static enum cln_status no_memory(void) {
    return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the distributions of a model");
}

enum cln_status cln_findings_weights(struct cln_findings *f, const struct cln_checkpoint *model) {
    const struct cln_network *network = model->network;
    f->weights = calloc(network->tensor_count + 1, sizeof *f->weights);
    if (f->weights == NULL)
        return no_memory();
    for (size_t i = 0; i < network->tensor_count; i++) {
        const struct cln_tensor_info *t = &network->tensors[i];
        if (t->role != CLN_WEIGHT)
            continue;
        struct cln_distribution *d = &f->weights[f->weight_count++];
        *d = cln_distribution_of(model->parameters + t->offset, t->count);
        cln_text_format(d->name, sizeof d->name, "%s %s", network->layers[t->layer].type, t->name);
    }
    return CLN_OK;
}

/* ---- Activations, by the reference ---- */

static double *widened(const float *values, size_t count) {
    double *wide = malloc((count + 1) * sizeof *wide);
    for (size_t i = 0; wide != NULL && i < count; i++)
        wide[i] = (double)values[i];
    return wide;
}

/* The first `count` test images as the network takes them; NULL: no memory. */
static double *inputs(const struct cln_checkpoint *model, const struct cln_images *images, size_t count) {
    const struct cln_shape in = model->network->input;
    const size_t features = cln_shape_count(in), bytes = cln_shape_count(images->shape) * cln_pixel_bytes(images->type);
    const uint8_t *pixels = images->pixels;
    float *picture = malloc(features * sizeof *picture);
    double *x = picture != NULL ? malloc(count * features * sizeof *x) : NULL;
    for (size_t n = 0; n < count && x != NULL; n++) {
        cln_resize_bilinear(picture, in.height, in.width, pixels + n * bytes, images->type, images->shape);
        for (size_t i = 0; i < features; i++) {
            const double v = (double)picture[i];
            x[n * features + i] =
                model->mean != NULL ? (v - (double)model->mean[i]) * (double)model->inverse_deviation[i] : v;
        }
    }
    free(picture);
    return x;
}

static void watch(void *user, size_t layer, const double *values, size_t count) {
    struct cln_findings *f = user;
    const struct cln_layer *l = &f->network->layers[layer];
    float *narrow =
        l->kind == CLN_LAYER_FLATTEN || l->kind == CLN_LAYER_DROPOUT ? NULL : malloc(count * sizeof *narrow);
    if (narrow == NULL)
        return; /* what these let through is what the layer before them made */
    for (size_t i = 0; i < count; i++)
        narrow[i] = (float)values[i];
    struct cln_distribution *d = &f->activations[f->activation_count++];
    *d = cln_distribution_of(narrow, count);
    cln_text_format(d->name, sizeof d->name, "%s %s", l->type, l->path);
    free(narrow);
}

enum cln_status cln_findings_activations(struct cln_findings *f, const struct cln_checkpoint *model,
                                         const struct cln_images *images) {
    /* Multiply-adds of the plain C reference, some hundred million a second. */
    const double enough = 2.5e7, most = 4e8;
    enum { MOST_IMAGES = 32 };
    const struct cln_network *network = model->network;
    const double work = cln_network_work(network);
    if (work > most)
        return CLN_OK;
    const double wanted = fmax(1, fmin(MOST_IMAGES, enough / fmax(work, 1)));
    const size_t count = wanted < (double)images->count ? (size_t)wanted : images->count;
    double *parameters = widened(model->parameters, network->parameter_floats);
    double *running = widened(model->running, network->running_floats);
    double *x = inputs(model, images, count);
    f->activations = calloc(network->layer_count, sizeof *f->activations);
    enum cln_status status = CLN_OK;
    if (parameters == NULL || running == NULL || x == NULL || f->activations == NULL)
        status = no_memory();
    else
        status = cln_reference_network_watch(network, count, x, parameters, running, watch, f);
    f->watched = status == CLN_OK ? count : 0;
    free(parameters);
    free(running);
    free(x);
    return status;
}
