/* Examines a model: see findings.h. */
#include "src/report/findings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/data/preprocess.h"
#include "src/report/findings_private.h"
#include "src/train/logits.h"

static enum cln_status no_memory(const char *what) {
    return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %s", what);
}

/* ---- The test images ---- */

/* Keeps the mistakes that the model was most sure of, the surest first. */
static void keep_mistake(struct cln_findings *f, const struct cln_mistake *mistake) {
    size_t place = f->mistake_count;
    while (place > 0 && f->mistakes[place - 1].probability < mistake->probability)
        place--;
    if (place == CLN_MOST_MISTAKES)
        return;
    const size_t last = f->mistake_count < CLN_MOST_MISTAKES ? f->mistake_count : CLN_MOST_MISTAKES - 1;
    memmove(&f->mistakes[place + 1], &f->mistakes[place], (last - place) * sizeof *mistake);
    f->mistakes[place] = *mistake;
    f->mistake_count = last + 1;
}

static void judge(struct cln_findings *f, size_t image, int label, const float *p, int classes) {
    int best = 0;
    for (int k = 1; k < classes; k++)
        best = p[k] > p[best] ? k : best;
    f->confusion[(size_t)label * (size_t)f->classes + (size_t)best]++;
    f->loss -= log(fmax((double)p[label], 1e-45)) / (double)f->images; /* 1e-45: float32's smallest */
    if (best == label)
        return;
    f->wrong++;
    keep_mistake(f, &(struct cln_mistake){.image = image,
                                          .label = label,
                                          .predicted = best,
                                          .probability = (double)p[best],
                                          .label_probability = (double)p[label]});
}

static enum cln_status classify(struct cln_findings *f, const struct cln_findings_params *params) {
    const struct cln_images *test = &params->data->test;
    const int classes = params->model->network->classes;
    f->images = test->count;
    if (test->count == 0)
        return cln_fail(CLN_INVALID, "%s has no test images to report on", params->data->name);
    float *values = malloc(test->count * (size_t)classes * sizeof *values);
    f->confusion = calloc((size_t)f->classes * (size_t)f->classes, sizeof *f->confusion);
    enum cln_status status = values && f->confusion ? CLN_OK : no_memory("the predictions of all test images");
    if (status == CLN_OK)
        status = cln_trainer_logits(params->trainer, test->count, values);
    if (status == CLN_OK)
        status = cln_logits_check(values, test->count, (size_t)classes);
    for (size_t n = 0; n < test->count && status == CLN_OK; n++) {
        float *p = values + n * (size_t)classes;
        cln_softmax(p, p, (size_t)classes);
        judge(f, n, test->labels[n], p, classes);
    }
    f->accuracy = 1 - (double)f->wrong / (double)f->images;
    free(values);
    return status;
}

/* Pixels as bytes. Floats beyond what a network usually sees are scaled from their least to their largest. */
static void narrow(uint8_t *bytes, const float *values, size_t count) {
    float least = 0, most = 1;
    for (size_t i = 0; i < count; i++) {
        least = fminf(least, values[i]);
        most = fmaxf(most, values[i]);
    }
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)lroundf(255 * (values[i] - least) / (most - least));
}

static enum cln_status copy_picture(struct cln_mistake *m, struct cln_shape shown, const struct cln_images *test) {
    const size_t count = cln_shape_count(test->shape);
    const uint8_t *stored = test->pixels;
    float *values = malloc(count * sizeof *values);
    uint8_t *bytes = malloc(count);
    m->pixels = malloc(cln_shape_count(shown));
    enum cln_status status = values && bytes && m->pixels ? CLN_OK : no_memory("pictures");
    if (status == CLN_OK) {
        cln_resize_bilinear(values, test->shape.height, test->shape.width,
                            stored + m->image * count * cln_pixel_bytes(test->type), test->type, test->shape);
        narrow(bytes, values, count);
        const struct cln_placement whole = {shown.height, shown.width, 0, 0};
        status = cln_resize_smooth(m->pixels, shown.height, shown.width, &whole, bytes, test->shape, CLN_PIXEL_U8);
    }
    free(values);
    free(bytes);
    return status;
}

static int smaller(int side) {
    return side < CLN_PICTURE_SIDE ? side : CLN_PICTURE_SIDE;
}

static enum cln_status copy_pictures(struct cln_findings *f, const struct cln_images *test) {
    f->picture = test->shape;
    f->picture.height = smaller(test->shape.height);
    f->picture.width = smaller(test->shape.width);
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < f->mistake_count && status == CLN_OK; i++)
        status = copy_picture(&f->mistakes[i], f->picture, test);
    return status;
}

/* ---- Filters ---- */

/* Of other numbers of channels than one and three the first is shown. */
static enum cln_status copy_filters(struct cln_findings *f, const struct cln_checkpoint *model) {
    const struct cln_network *network = model->network;
    const struct cln_tensor_info *t = NULL;
    for (size_t i = 0; i < network->tensor_count && t == NULL; i++)
        if (network->tensors[i].role == CLN_WEIGHT &&
            network->layers[network->tensors[i].layer].kind == CLN_LAYER_CONV2D)
            t = &network->tensors[i];
    if (t == NULL)
        return CLN_OK;
    const size_t plane = (size_t)t->dims[2] * (size_t)t->dims[3];
    f->filter = (struct cln_shape){t->dims[1] == 3 ? 3 : 1, t->dims[2], t->dims[3]};
    f->filters_in_all = (size_t)t->dims[0];
    f->filter_count = f->filters_in_all < CLN_MOST_FILTERS ? f->filters_in_all : CLN_MOST_FILTERS;
    cln_text_format(f->filter_layer, sizeof f->filter_layer, "%s %s", network->layers[t->layer].type, t->name);
    const size_t shown = cln_shape_count(f->filter), all = (size_t)t->dims[1] * plane;
    f->filters = malloc(f->filter_count * shown);
    if (f->filters == NULL)
        return no_memory("pictures of filters");
    for (size_t k = 0; k < f->filter_count; k++) {
        const float *values = model->parameters + t->offset + k * all;
        double most = 0;
        for (size_t i = 0; i < shown; i++)
            most = fmax(most, fabs((double)values[i]));
        for (size_t i = 0; i < shown; i++)
            f->filters[k * shown + i] = (uint8_t)(most > 0 ? lround(128 + 127 * (double)values[i] / most) : 128);
    }
    return CLN_OK;
}

/* ---- All ---- */

static enum cln_status copy_names(struct cln_findings *f, const struct cln_findings_params *params) {
    f->class_names = calloc((size_t)f->classes, sizeof *f->class_names);
    f->device = strdup(cln_trainer_device(params->trainer));
    f->model = params->model->origin != NULL ? strdup(params->model->origin) : NULL;
    bool failed = f->class_names == NULL || f->device == NULL || (params->model->origin != NULL && f->model == NULL);
    for (int k = 0; k < f->classes && !failed; k++) {
        f->class_names[k] = strdup(k < params->model->network->classes ? params->class_names[k] : "");
        failed = f->class_names[k] == NULL;
    }
    return failed ? no_memory("the names of classes") : CLN_OK;
}

enum cln_status cln_findings_create(struct cln_findings **out, const struct cln_findings_params *params) {
    const int classes = params->model->network->classes, labels = params->data->class_count;
    struct cln_findings *f = calloc(1, sizeof *f);
    *out = NULL;
    if (f == NULL)
        return no_memory("a report");
    f->network = params->model->network;
    f->classes = labels > classes ? labels : classes;
    enum cln_status status = copy_names(f, params);
    if (status == CLN_OK)
        status = classify(f, params);
    if (status == CLN_OK)
        status = copy_pictures(f, &params->data->test);
    if (status == CLN_OK)
        status = copy_filters(f, params->model);
    if (status == CLN_OK)
        status = cln_findings_weights(f, params->model);
    if (status == CLN_OK)
        status = cln_findings_activations(f, params->model, &params->data->test);
    if (status == CLN_OK)
        *out = f;
    else
        cln_findings_destroy(&f);
    return status;
}

void cln_findings_destroy(struct cln_findings **findings) {
    struct cln_findings *f = *findings;
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->mistake_count; i++)
        free(f->mistakes[i].pixels);
    for (int k = 0; k < f->classes && f->class_names != NULL; k++)
        free(f->class_names[k]);
    free(f->class_names);
    free(f->model);
    free(f->device);
    free(f->confusion);
    free(f->filters);
    free(f->weights);
    free(f->activations);
    cln_benchmark_destroy(&f->benchmark);
    free(f);
    *findings = NULL;
}
