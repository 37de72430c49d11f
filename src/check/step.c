/* Checks a step on random images: see step.h. Float32 keeps five digits of a tensor's largest gradient; one max pool
 * whose argmax moves by rounding costs one or two of them. */
#include "src/check/step_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/check/rig.h"
#include "src/data/mix.h"
#include "src/data/random.h"
#include "src/reference/reference.h"

static const double tolerance = 1e-3; /* relative to the largest number of its kind */

static double largest(const double *values, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs(values[i]));
    return most;
}

/* Makes parameters like a fresh network's, but with γ ≠ 1 and β ≠ 0 of either sign. */
static void make_inputs(struct cln_step *s) {
    const struct cln_network *network = s->check->network;
    struct cln_random random;
    cln_random_seed(&random, s->seed, CLN_STREAM_CHECK);
    for (size_t i = 0; i < network->tensor_count; i++) {
        const struct cln_tensor_info *t = &network->tensors[i];
        double *values = t->trainable ? s->parameters : s->running;
        for (size_t k = 0; k < t->count; k++) {
            const double uniform = 2 * cln_random_uniform(&random) - 1;
            const double bound = t->fan_in > 0 ? 1 / sqrt(t->fan_in) : 0.5;
            const bool spread = t->role == CLN_GAMMA || t->role == CLN_RUNNING_VAR;
            values[t->offset + k] = (float)((spread ? 1 : 0) + bound * uniform);
        }
    }
    for (size_t f = 0; f < s->features; f++) {
        s->mean[f] = s->check->standardize ? (float)cln_random_uniform(&random) : 0;
        s->inverse_deviation[f] = s->check->standardize ? (float)(1 + 2 * cln_random_uniform(&random)) : 1;
    }
    const size_t stored = s->count * cln_shape_count(s->image);
    cln_check_draw_pixels(s->pixels, s->check->pixels, stored, &random);
    for (size_t i = 0; i < s->count; i++)
        s->labels[i] = (int32_t)(network->classes * cln_random_uniform(&random));
}

static enum cln_status write_values(struct cln_step *s, enum cln_engine_values which, const double *values,
                                    size_t count) {
    for (size_t i = 0; i < count; i++)
        s->values[i] = (float)values[i];
    return count > 0 ? cln_engine_write(s->engine, which, s->values) : CLN_OK;
}

static enum cln_status make_engine(struct cln_step *s) {
    const struct cln_network *network = s->check->network;
    const struct cln_engine_images images = {.pixels = s->pixels, .labels = s->labels, .count = s->count};
    enum cln_status status =
        cln_engine_create(&s->engine, s->params->context,
                          &(struct cln_engine_params){
                              .network = network,
                              .tuning = s->params->tuning,
                              .optimizer = s->check->optimizer,
                              .seed = s->seed,
                              .batch_size = s->check->batch_size,
                              .image = s->image,
                              .pixels = s->check->pixels,
                              .streams = s->check->streams,
                              .train = s->check->predict_only ? (struct cln_engine_images){0} : images,
                              .test = images,
                              .mean = s->check->standardize ? s->mean : NULL,
                              .inverse_deviation = s->check->standardize ? s->inverse_deviation : NULL,
                              .class_weights = s->check->class_weights,
                              .frozen = s->check->frozen,
                              .augmentation = s->check->augmentation,
                          });
    if (status == CLN_OK) {
        cln_engine_place_epoch(s->engine, 1);
        cln_engine_stream(s->engine, CLN_TRAIN, cln_step_locate, s);
        cln_engine_stream(s->engine, CLN_TEST, cln_step_locate, s);
    }
    if (status == CLN_OK)
        status = write_values(s, CLN_PARAMETERS, s->parameters, network->parameter_floats);
    return status == CLN_OK ? write_values(s, CLN_RUNNING, s->running, network->running_floats) : status;
}

/* Whether a tensor gets a gradient and changes. */
static bool is_trained(const struct cln_step *s, size_t tensor) {
    return s->check->network->tensors[tensor].trainable && !(s->check->frozen && s->check->frozen[tensor]);
}

static enum cln_status run_step(struct cln_step *s, enum cln_engine_set set, struct cln_state *state) {
    struct ocl_ticket *ticket = NULL;
    enum cln_status status = cln_engine_begin(s->engine, set, NULL, s->count);
    if (status == CLN_OK)
        status = cln_engine_step(s->engine, set);
    if (status == CLN_OK)
        status = cln_engine_state(s->engine, set, state, &ticket);
    return status == CLN_OK ? ocl_ticket_wait(&ticket) : status;
}

/* Applies the optimizer's reference to the device's gradients, so that the gradients' errors do not count here. */
static void reference_update(struct cln_step *s, const struct cln_optimizer_params *o, const float *gradients) {
    const struct cln_network *network = s->check->network;
    const size_t count = network->parameter_floats;
    for (size_t i = 0; i < count; i++)
        s->gradients[i] = (double)gradients[i];
    const double factor = cln_reference_clip(o->clip_norm, count, s->gradients);
    for (size_t i = 0; i < count; i++)
        s->gradients[i] *= factor;
    memset(s->moments, 0, CLN_MOMENT_COUNT * count * sizeof *s->moments);
    const struct cln_optimizer_params resolved = cln_optimizer_resolve(*o);
    for (size_t n = 0; n < network->tensor_count; n++) {
        const struct cln_tensor_info *t = &network->tensors[n];
        struct cln_optimizer_params params = resolved;
        double *moments[CLN_MOMENT_COUNT];
        if (params.decay_weights_only > 0 && t->role != CLN_WEIGHT)
            params.weight_decay = 0;
        for (size_t i = 0; i < CLN_MOMENT_COUNT; i++)
            moments[i] = s->moments + i * count + t->offset;
        if (is_trained(s, n))
            cln_reference_optimizer_step(&params, 1, t->count, s->gradients + t->offset, s->parameters + t->offset,
                                         moments);
    }
}

/* The index of the last batch norm that has one value per channel, -1: none. Its x̂ is the rounding error of 0 times up
 * to 1 / √ε, and so are the gradients that pass through it. */
static int last_lone_layer(const struct cln_step *s) {
    const struct cln_network *network = s->check->network;
    int last = -1;
    for (size_t l = 0; l < network->layer_count && s->count == 1; l++) {
        const struct cln_layer *layer = &network->layers[l];
        if (layer->kind == CLN_LAYER_BATCHNORM && layer->in.height * layer->in.width == 1)
            last = (int)l;
    }
    return last;
}

/* Some updates hide a factor of all gradients, as Adam's first does; moments show it. */
static enum cln_status compare_moments(struct cln_step *s) {
    const size_t count = s->check->network->parameter_floats;
    const struct cln_optimizer_row *row = &cln_optimizers[s->check->optimizer.kind];
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < CLN_MOMENT_COUNT && status == CLN_OK; i++) {
        const double *expected = s->moments + i * count;
        if (!row->moments[i].name || row->moments[i].is_ratio)
            continue;
        status = cln_engine_read(s->engine, (enum cln_engine_values)(CLN_MOMENTS + i), s->values);
        if (status == CLN_OK)
            cln_step_compare(s, row->moments[i].name, s->values, expected, count, 1e-5 * largest(expected, count));
    }
    return status;
}

static enum cln_status compare_training(struct cln_step *s) {
    const struct cln_network *network = s->check->network;
    struct cln_reference_step expected = {.label_smoothing = s->check->optimizer.label_smoothing,
                                          .class_weights = s->check->class_weights,
                                          .seed = s->seed,
                                          .step = 1,
                                          .gradients = s->gradients};
    struct cln_state state;
    float *seen = NULL;
    enum cln_status status = cln_step_look_at_pictures(s, &seen);
    if (status == CLN_OK)
        status = run_step(s, CLN_TRAIN, &state);
    if (status == CLN_OK)
        status = cln_step_make_x(s, &s->check->augmentation);
    if (status == CLN_OK && cln_augmentation_mixes(&s->check->augmentation))
        status = cln_step_mix_x(s, &expected);
    if (status == CLN_OK && seen)
        cln_step_take_pictures(s, seen);
    free(seen);
    if (status == CLN_OK)
        status = cln_reference_network_step(network, s->count, s->x, s->labels, s->parameters, s->running, &expected);
    if (status != CLN_OK)
        return status;
    const float loss = (float)(((double)state.loss_sum - (double)state.loss_carry) / (double)s->count);
    cln_step_compare(s, "loss", &loss, &expected.loss, 1, tolerance * (1 + expected.loss));

    status = cln_engine_read(s->engine, CLN_GRADIENTS, s->values);
    const double all = largest(s->gradients, network->parameter_floats);
    const int lone = last_lone_layer(s);
    for (size_t i = 0; i < network->tensor_count && status == CLN_OK; i++) {
        const struct cln_tensor_info *t = &network->tensors[i];
        if (t->trainable && !is_trained(s, i))
            memset(s->gradients + t->offset, 0, t->count * sizeof *s->gradients);
        const double own = t->trainable ? largest(s->gradients + t->offset, t->count) : 0;
        if (t->trainable && t->layer > lone)
            cln_step_compare(s, t->name, s->values + t->offset, s->gradients + t->offset, t->count,
                             tolerance * fmax(own, 1e-2 * all));
    }
    if (status != CLN_OK || s->result->failed > 0)
        return status;
    reference_update(s, &s->check->optimizer, s->values);
    status = cln_engine_read(s->engine, CLN_PARAMETERS, s->values);
    if (status == CLN_OK)
        cln_step_compare(s, "updated parameter", s->values, s->parameters, network->parameter_floats,
                         1e-5 * (1 + largest(s->parameters, network->parameter_floats)));
    if (status == CLN_OK)
        status = compare_moments(s);
    if (status == CLN_OK && network->running_floats > 0)
        status = cln_engine_read(s->engine, CLN_RUNNING, s->values);
    if (status == CLN_OK)
        cln_step_compare(s, "running statistic", s->values, s->running, network->running_floats,
                         tolerance * (1 + largest(s->running, network->running_floats)));
    return status;
}

/* Takes a second step, from which the average and the weights differ, and compares the averages of `which` with those
 * of the device's own values. The averages are then those that predictions are made with. */
static enum cln_status compare_average(struct cln_step *s) {
    const struct cln_network *network = s->check->network;
    const struct {
        enum cln_engine_values values, averages;
        const char *name;
        double *mean;
        size_t count;
    } parts[] = {{CLN_PARAMETERS, CLN_AVERAGE, "averaged parameter", s->parameters, network->parameter_floats},
                 {CLN_RUNNING, CLN_AVERAGE_RUNNING, "averaged statistic", s->running, network->running_floats}};
    enum { PARTS = sizeof parts / sizeof *parts };
    const double ema = s->check->optimizer.ema;
    struct cln_state state;
    enum cln_status status = CLN_OK;
    for (int p = 0; p < PARTS && status == CLN_OK; p++) {
        status = cln_engine_read(s->engine, parts[p].values, s->values);
        for (size_t i = 0; i < parts[p].count && status == CLN_OK; i++)
            parts[p].mean[i] = (double)s->values[i];
    }
    if (status == CLN_OK)
        status = run_step(s, CLN_TRAIN, &state);
    for (int p = 0; p < PARTS && status == CLN_OK; p++) {
        status = cln_engine_read(s->engine, parts[p].values, s->values);
        for (size_t i = 0; i < parts[p].count && status == CLN_OK; i++)
            parts[p].mean[i] = ema * parts[p].mean[i] + (1 - ema) * (double)s->values[i];
        if (status == CLN_OK)
            status = cln_engine_read(s->engine, parts[p].averages, s->values);
        if (status == CLN_OK)
            cln_step_compare(s, parts[p].name, s->values, parts[p].mean, parts[p].count,
                             1e-6 * (1 + largest(parts[p].mean, parts[p].count)));
    }
    return status;
}

static enum cln_status compare_prediction(struct cln_step *s) {
    const struct cln_network *network = s->check->network;
    const size_t count = s->count * (size_t)network->classes;
    struct cln_state state;
    enum cln_status status = run_step(s, CLN_TEST, &state);
    if (status == CLN_OK)
        status = cln_step_make_x(s, &(struct cln_augmentation){0});
    if (status == CLN_OK)
        status = cln_engine_logits(s->engine, s->values, s->count);
    if (status == CLN_OK)
        status = cln_reference_network_predict(network, s->count, s->x, s->parameters, s->running, s->logits);
    if (status == CLN_OK)
        cln_step_compare(s, "logit", s->values, s->logits, count, tolerance * (1 + largest(s->logits, count)));
    return status;
}

static enum cln_status allocate(struct cln_step *s) {
    const struct cln_network *network = s->check->network;
    const size_t logits = s->count * (size_t)network->classes,
                 floats = network->parameter_floats + network->running_floats;
    s->pixels = calloc(s->count, s->image_bytes);
    s->labels = calloc(s->count, sizeof *s->labels);
    s->others = calloc(s->count, sizeof *s->others);
    s->x = calloc(s->count * s->features, sizeof *s->x);
    s->mean = calloc(s->features, sizeof *s->mean);
    s->inverse_deviation = calloc(s->features, sizeof *s->inverse_deviation);
    s->parameters = calloc(network->parameter_floats + 1, sizeof *s->parameters);
    s->running = calloc(network->running_floats + 1, sizeof *s->running);
    s->gradients = calloc(network->parameter_floats + 1, sizeof *s->gradients);
    s->moments = calloc(CLN_MOMENT_COUNT * network->parameter_floats + 1, sizeof *s->moments);
    s->logits = calloc(logits, sizeof *s->logits);
    s->values = calloc(floats + logits, sizeof *s->values);
    if (s->pixels && s->labels && s->others && s->x && s->mean && s->inverse_deviation && s->parameters && s->running &&
        s->gradients && s->moments && s->logits && s->values)
        return CLN_OK;
    return cln_fail(CLN_OUT_OF_MEMORY, "host memory for checking a step of %s", network->name);
}

static enum cln_status run(struct cln_step *s) {
    make_inputs(s);
    enum cln_status status = make_engine(s);
    if (status == CLN_OK && !s->check->predict_only)
        status = compare_training(s);
    if (status == CLN_OK && s->result->failed == 0 && !s->check->predict_only && s->check->optimizer.ema > 0)
        status = compare_average(s);
    if (status == CLN_OK && s->result->failed == 0)
        status = compare_prediction(s);
    cln_engine_destroy(&s->engine);
    return status;
}

enum cln_status cln_check_step(struct cln_check_result *out, const struct cln_step_check *check,
                               const struct cln_check_params *params) {
    enum { ATTEMPTS = 3, MOST = 67 /* float64 is slow */ };
    const double start = cln_clock_seconds();
    const int several = 2 * params->tuning->lanes + 1; /* several blocks, the last with dead lanes */
    struct cln_step s = {.check = check, .params = params, .result = out};
    s.count = (size_t)(check->batch_size < several ? check->batch_size : several);
    s.count = s.count < MOST ? s.count : MOST;
    s.features = cln_shape_count(check->network->input);
    s.image = check->image.channels > 0 ? check->image : check->network->input;
    s.image_bytes = cln_shape_count(s.image) * cln_pixel_bytes(check->pixels);
    enum cln_status status = allocate(&s);
    do
        *out = (struct cln_check_result){.cases = 1};
    while (status == CLN_OK && (status = run(&s)) == CLN_OK && out->failed > 0 && ++s.seed < ATTEMPTS);
    void *all[] = {s.pixels,     s.labels,  s.others,    s.x,       s.mean,   s.inverse_deviation,
                   s.parameters, s.running, s.gradients, s.moments, s.logits, s.values};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    out->failed = out->failed > 0;
    out->seconds = cln_clock_seconds() - start;
    return status;
}
