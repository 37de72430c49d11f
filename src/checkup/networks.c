/* Whole networks on a device: see networks.h. */
#include "src/checkup/networks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/check/arithmetic.h"
#include "src/check/step.h"
#include "src/checkup/bisect.h"
#include "src/checkup/golden.h"
#include "src/data/random.h"
#include "src/engine/engine.h"

enum { STEPS = CLN_GOLDEN_STEPS, BATCH = CLN_GOLDEN_BATCH };

/* The allowed multiple of the distance between PyTorch's own float32 and float64 results (tests/golden/README.md):
 * another order of summation may be a few times as far off. */
static const double allowed = 6;

/* A network on the golden images, with all its data. */
struct subject {
    const struct network_check *check;
    const struct cln_check_params *params;
    struct cln_check_result *result;
    struct cln_safetensors *images, *golden;
    struct cln_network *network;
    struct cln_engine *engine;
    double *parameters, *running; /* parameter_floats and running_floats; initially the golden values */
    float *values;                /* scratch for either */
};

struct network_check {
    const char *name;
    enum cln_golden_set set;
    struct cln_optimizer_params optimizer;
    double loss, gradient, final,
        logits; /* PyTorch's own distances between float32 and float64; final, logits 0: not in the file */
    bool quick;
    enum cln_status (*run)(struct subject *s);
    const char *optimizer_part;               /* part of the values: "sgd"; NULL: the main one, of Adam, with hits */
    uint32_t bits[STEPS + 2];                 /* digests in strict arithmetic (run_bits); 0: not checked for its bits */
    const struct cln_bisect_digests *digests; /* of what every launch writes (run_apart); NULL: it is not bisected */
};

static void compare(struct subject *s, const char *what, size_t at, double actual, double expected, double tolerance) {
    struct cln_check_result *r = s->result;
    const double error = fabs(actual - expected);
    if (!(error <= tolerance)) {
        if (r->failed == 0)
            snprintf(r->failure, sizeof r->failure, "%s, %s: %s[%zu] is wrong: %.9g, expected %.9g within %.3g",
                     s->check->name, s->params->tuning_name, what, at, actual, expected, tolerance);
        r->failed = 1;
        snprintf(r->failed_case, sizeof r->failed_case, "%s", s->check->name);
    } else if (error > r->worst * tolerance) {
        r->worst = error / tolerance;
        snprintf(r->worst_case, sizeof r->worst_case, "%s, %s: %s", s->check->name, s->params->tuning_name, what);
    }
}

static size_t count_of(const struct subject *s, enum cln_engine_values which) {
    return which == CLN_RUNNING ? s->network->running_floats : s->network->parameter_floats;
}

static enum cln_status write_values(struct subject *s, enum cln_engine_values which, const double *values) {
    for (size_t i = 0; i < count_of(s, which); i++)
        s->values[i] = (float)values[i];
    return count_of(s, which) > 0 ? cln_engine_write(s->engine, which, s->values) : CLN_OK;
}

/* Runs one step on a batch of the golden images, as an epoch of its own; gives the mean loss and the hits. */
static enum cln_status step_on(struct subject *s, enum cln_engine_set set, size_t step, double *loss, int *hits) {
    uint32_t order[BATCH];
    struct cln_state state;
    struct ocl_ticket *ticket = NULL;
    for (size_t i = 0; i < BATCH; i++)
        order[i] = (uint32_t)(step * BATCH + i);
    enum cln_status status = cln_engine_begin(s->engine, set, order, BATCH);
    if (status == CLN_OK)
        status = cln_engine_step(s->engine, set);
    if (status == CLN_OK)
        status = cln_engine_state(s->engine, set, &state, &ticket);
    if (status == CLN_OK)
        status = ocl_ticket_wait(&ticket);
    if (status == CLN_OK) {
        *loss = state.frozen ? (double)NAN : ((double)state.loss_sum - (double)state.loss_carry) / BATCH;
        *hits = state.hits;
    }
    return status;
}

static enum cln_status compare_values(struct subject *s, const char *what, enum cln_engine_values which,
                                      const double *expected, double tolerance) {
    if (count_of(s, which) == 0)
        return CLN_OK;
    const enum cln_status status = cln_engine_read(s->engine, which, s->values);
    for (size_t i = 0; status == CLN_OK && i < count_of(s, which); i++)
        compare(s, what, i, (double)s->values[i], expected[i], tolerance);
    return status;
}

static enum cln_status compare_prediction(struct subject *s) {
    double expected[BATCH * 10], loss;
    float logits[BATCH * 10];
    int hits;
    enum cln_status status = cln_golden_read(s->golden, "", "logits", BATCH * 10, expected);
    if (status == CLN_OK)
        status = step_on(s, CLN_TEST, 0, &loss, &hits);
    if (status == CLN_OK)
        status = cln_engine_logits(s->engine, logits, BATCH);
    for (size_t i = 0; status == CLN_OK && i < BATCH * 10; i++)
        compare(s, "logits", i, (double)logits[i], expected[i], allowed * (s->check->logits + s->check->final));
    return status;
}

/* Compares losses, hits, the first gradient, and the weights, running statistics and predictions after ten updates. */
static enum cln_status run_golden(struct subject *s) {
    const struct network_check *c = s->check;
    const char *part = c->optimizer_part ? c->optimizer_part : "";
    char final[32];
    double losses[STEPS], hits[STEPS];
    snprintf(final, sizeof final, "%s%sfinal", part, *part ? "." : "");
    enum cln_status status = cln_golden_read(s->golden, part, "loss", STEPS, losses);
    if (status == CLN_OK)
        status = cln_golden_read(s->golden, "", "hits", STEPS, hits);
    for (size_t step = 0; step < STEPS && status == CLN_OK; step++) {
        double loss;
        int step_hits;
        status = step_on(s, CLN_TRAIN, step, &loss, &step_hits);
        if (status != CLN_OK)
            break;
        s->result->cases++;
        compare(s, "loss of step", step, loss, losses[step], allowed * c->loss);
        if (!*part)
            compare(s, "hits of step", step, step_hits, hits[step], 0);
        if (step > 0)
            continue;
        status = cln_golden_state(s->golden, "gradient", s->network, s->parameters, NULL);
        if (status == CLN_OK)
            status = compare_values(s, "gradient", CLN_GRADIENTS, s->parameters, allowed * c->gradient);
    }
    if (status == CLN_OK && c->final > 0) {
        status = cln_golden_state(s->golden, final, s->network, s->parameters, s->running);
        if (status == CLN_OK)
            status = compare_values(s, "parameters", CLN_PARAMETERS, s->parameters, allowed * c->final);
        if (status == CLN_OK)
            status = compare_values(s, "running statistics", CLN_RUNNING, s->running, allowed * c->final);
    }
    return status == CLN_OK && c->logits > 0 ? compare_prediction(s) : status;
}

/* Compares (L(p + h·d) − L(p − h·d)) / 2h with ∇L·d along a random direction d uphill, so that the difference exceeds
 * the rounding of L (about 1e-7). */
static enum cln_status run_differences(struct subject *s) {
    const size_t count = s->network->parameter_floats;
    double losses[2], length = 0, slope = 0;
    int hits;
    double *d = calloc(count, sizeof *d), *moved = calloc(count, sizeof *moved);
    enum cln_status status = CLN_OK;
    if (!d || !moved)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu parameters", count);
    if (status == CLN_OK)
        status = step_on(s, CLN_TRAIN, 0, &losses[0], &hits);
    if (status == CLN_OK)
        status = cln_engine_read(s->engine, CLN_GRADIENTS, s->values);
    if (status == CLN_OK) {
        struct cln_random random;
        cln_random_seed(&random, 3, CLN_STREAM_CHECK);
        for (size_t i = 0; i < count; i++) {
            d[i] = (double)s->values[i] * cln_random_uniform(&random);
            length += d[i] * d[i];
        }
        for (size_t i = 0; i < count; i++) {
            d[i] /= sqrt(length);
            slope += d[i] * (double)s->values[i];
        }
    }
    const double h = 1e-3 / slope; /* small enough for few maxima and ReLUs to switch over */
    for (int side = 0; side < 2 && status == CLN_OK; side++) {
        for (size_t i = 0; i < count; i++)
            moved[i] = s->parameters[i] + (side ? -h : h) * d[i];
        status = write_values(s, CLN_PARAMETERS, moved);
        if (status == CLN_OK)
            status = step_on(s, CLN_TRAIN, 0, &losses[side], &hits);
    }
    if (status == CLN_OK) {
        s->result->cases++;
        compare(s, "slope by differences of the loss", 0, (losses[0] - losses[1]) / (2 * h), slope, 2e-3 * slope);
    }
    free(d);
    free(moved);
    return status;
}

/* What makes an engine on the golden images; their labels go to `labels`. */
static enum cln_status describe_engine(struct cln_engine_params *out, const struct subject *s,
                                       int32_t labels[STEPS * BATCH]) {
    const uint8_t *pixels = NULL;
    const enum cln_status status = cln_golden_images(&pixels, labels, s->images);
    const struct cln_engine_images set = {.pixels = pixels, .labels = labels, .count = STEPS * BATCH};
    *out = (struct cln_engine_params){.network = s->network,
                                      .tuning = s->params->tuning,
                                      .optimizer = s->check->optimizer,
                                      .batch_size = BATCH,
                                      .image = {1, 28, 28},
                                      .train = set,
                                      .test = set};
    return status;
}

static enum cln_status make_engine(struct subject *s) {
    int32_t labels[STEPS * BATCH];
    struct cln_engine_params params;
    enum cln_status status = describe_engine(&params, s, labels);
    if (status != CLN_OK)
        return status;
    cln_engine_destroy(&s->engine);
    status = cln_engine_create(&s->engine, s->params->context, &params);
    if (status == CLN_OK)
        status = write_values(s, CLN_PARAMETERS, s->parameters);
    return status == CLN_OK ? write_values(s, CLN_RUNNING, s->running) : status;
}

/* Runs ten steps twice, from a fresh start each: they must give the same bits. */
static enum cln_status run_twice(struct subject *s) {
    const size_t count = s->network->parameter_floats;
    float *once = calloc(count, sizeof *once);
    double loss, first_loss = 0;
    int hits;
    enum cln_status status = CLN_OK;
    if (!once)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu parameters", count);
    for (int round = 0; round < 2 && status == CLN_OK; round++) {
        if (round > 0)
            status = make_engine(s);
        for (size_t step = 0; step < STEPS && status == CLN_OK; step++)
            status = step_on(s, CLN_TRAIN, step, &loss, &hits);
        if (status == CLN_OK)
            status = cln_engine_read(s->engine, CLN_PARAMETERS, round ? s->values : once);
        if (round == 0)
            first_loss = loss;
    }
    if (status == CLN_OK) {
        s->result->cases++;
        compare(s, "loss of the same steps again", 0, loss, first_loss, 0);
        for (size_t i = 0; i < count; i++)
            if (memcmp(&once[i], &s->values[i], sizeof *once) != 0)
                compare(s, "parameters after the same steps again", i, (double)s->values[i], (double)once[i], -1);
    }
    free(once);
    return status;
}

/* Compares one step on random images with float64: PyTorch's golden values are of steps without clipping. */
static enum cln_status run_one_step(struct subject *s) {
    const struct cln_step_check check = {.network = s->network, .optimizer = s->check->optimizer, .batch_size = BATCH};
    const enum cln_status status = cln_check_step(s->result, &check, s->params);
    if (s->result->failed > 0)
        snprintf(s->result->failed_case, sizeof s->result->failed_case, "%s", s->check->name);
    return status;
}

/* Compares digests of the gradients of each step, and of parameters and running statistics in the end, with those that
 * every device has in strict arithmetic (docs/strict.md). */
static enum cln_status run_bits(struct subject *s) {
    const enum cln_engine_values in_the_end[] = {CLN_PARAMETERS, CLN_RUNNING};
    double loss;
    int hits;
    enum cln_status status = CLN_OK;
    for (size_t step = 0; step < STEPS + 2 && status == CLN_OK; step++) {
        const enum cln_engine_values which = step < STEPS ? CLN_GRADIENTS : in_the_end[step - STEPS];
        if (step < STEPS)
            status = step_on(s, CLN_TRAIN, step, &loss, &hits);
        if (status == CLN_OK)
            status = cln_engine_read(s->engine, which, s->values);
        if (status != CLN_OK)
            break;
        static const char *const names[] = {"digest of the gradients of step", "digest of the parameters after step",
                                            "digest of the running statistics after step"};
        s->result->cases++;
        compare(s, names[step < STEPS ? 0 : step - STEPS + 1], step < STEPS ? step : STEPS,
                cln_digest_of(s->values, count_of(s, which)), s->check->bits[step], 0);
    }
    return status;
}

/* Runs the steps launch by launch: bisect.h. */
static enum cln_status run_apart(struct subject *s) {
    int32_t labels[STEPS * BATCH];
    struct cln_bisect_training training = {.digests = s->check->digests, .steps = STEPS, .values = s->values};
    for (size_t i = 0; i < s->network->parameter_floats + s->network->running_floats; i++)
        s->values[i] = (float)s->parameters[i];
    const enum cln_status status = describe_engine(&training.engine, s, labels);
    snprintf(s->result->failed_case, sizeof s->result->failed_case, "%s", s->check->name);
    return status == CLN_OK ? cln_bisect_run(s->result, &training, s->params) : status;
}

static const struct network_check checks[] = {
    {"bn-lenet, ten steps of Adam", CLN_GOLDEN_BN_LENET, {0}, 3.5e-7, 1.6e-7, 1.1e-5, 1.7e-7, true, run_golden},
    {"bn-lenet, the same bits twice", CLN_GOLDEN_BN_LENET, .quick = true, .run = run_twice},
    {"bn-lenet, differences of the loss", CLN_GOLDEN_BN_LENET, .quick = true, .run = run_differences},
    {"bn-lenet, a step of SGD, clipped",
     CLN_GOLDEN_BN_LENET,
     {.kind = CLN_SGD, .lr = 1, .momentum = 0.9, .weight_decay = 0.1, .clip_norm = 0.1},
     .quick = true,
     .run = run_one_step},
    {"bn-lenet, clipped, the same bits twice",
     CLN_GOLDEN_BN_LENET,
     {.kind = CLN_SGD, .lr = 0.1, .clip_norm = 0.1},
     .run = run_twice},
    {"bn-lenet, steps of SGD, averaged",
     CLN_GOLDEN_BN_LENET,
     {.kind = CLN_SGD, .lr = 1, .momentum = 0.9, .ema = 0.75},
     .quick = true,
     .run = run_one_step},
    {"bn-lenet, ten steps of SGD",
     CLN_GOLDEN_BN_LENET,
     {.kind = CLN_SGD, .lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4},
     3.5e-7,
     1.6e-7,
     3.6e-7,
     0,
     false,
     run_golden,
     "sgd"},
    {"lenet, ten steps of Adam", CLN_GOLDEN_LENET, {0}, 2.5e-7, 1.5e-8, 0, 1.1e-7, false, run_golden},
    {"mixed, ten steps of Adam", CLN_GOLDEN_MIXED, {0}, 4.9e-7, 1.1e-6, 2.4e-7, 2.8e-7, false, run_golden},
    {"mixed, differences of the loss", CLN_GOLDEN_MIXED, .run = run_differences},
    {"bn-lenet, bits of ten steps", CLN_GOLDEN_BN_LENET, .quick = true, .run = run_bits,
     .bits = {58322688, 505425059, 131659032, 445522486, 194938571, 321357355, 83385907, 49330659, 443236934, 236334566,
              465703556, 175288776}},
    {"mixed, bits of ten steps",
     CLN_GOLDEN_MIXED,
     {.kind = CLN_SGD, .lr = 0.01, .momentum = 0.9, .clip_norm = 0.1},
     .quick = true,
     .run = run_bits,
     .bits = {322748129, 461540638, 116794994, 488513675, 103054004, 318357681, 85916924, 451225349, 535602857,
              291279030, 474029856, 381439940}},
    {"bn-lenet, launch by launch", CLN_GOLDEN_BN_LENET, .quick = true, .run = run_apart,
     .digests = &cln_bisect_bn_lenet},
    {"mixed, launch by launch",
     CLN_GOLDEN_MIXED,
     {.kind = CLN_SGD, .lr = 0.01, .momentum = 0.9, .clip_norm = 0.1},
     .quick = true,
     .run = run_apart,
     .digests = &cln_bisect_mixed},
};

enum { CHECK_COUNT = sizeof checks / sizeof *checks };

const char *cln_check_network(size_t network) {
    return network < CHECK_COUNT ? checks[network].name : NULL;
}

bool cln_check_network_is_quick(size_t network) {
    return checks[network].quick;
}

bool cln_check_network_is_apart(size_t network) {
    return checks[network].digests != NULL;
}

bool cln_check_network_is_strict(size_t network) {
    return checks[network].bits[0] != 0 || cln_check_network_is_apart(network);
}

enum cln_status cln_check_network_run(struct cln_check_result *out, size_t network,
                                      const struct cln_check_params *params) {
    struct subject s = {.check = &checks[network], .params = params, .result = out};
    const double start = cln_clock_seconds();
    *out = (struct cln_check_result){0};
    enum cln_status status = cln_golden_open(&s.images, NULL, CLN_GOLDEN_BN_LENET);
    if (status == CLN_OK)
        status = cln_golden_open(&s.golden, &s.network, s.check->set);
    if (status == CLN_OK) {
        const size_t floats = s.network->parameter_floats + s.network->running_floats;
        s.parameters = calloc(floats, sizeof *s.parameters);
        s.running = s.parameters ? s.parameters + s.network->parameter_floats : NULL;
        s.values = calloc(floats, sizeof *s.values);
        if (!s.parameters || !s.values)
            status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for checking %s", s.network->name);
    }
    if (status == CLN_OK)
        status = cln_golden_state(s.golden, "initial", s.network, s.parameters, s.running);
    if (status == CLN_OK && !s.check->digests)
        status = make_engine(&s);
    if (status == CLN_OK)
        status = s.check->run(&s);
    cln_engine_destroy(&s.engine);
    cln_network_destroy(&s.network);
    cln_safetensors_destroy(&s.golden);
    cln_safetensors_destroy(&s.images);
    free(s.parameters);
    free(s.values);
    out->seconds = cln_clock_seconds() - start;
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "%s, %s", checks[network].name, params->tuning_name);
}
