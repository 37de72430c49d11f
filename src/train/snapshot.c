/* Reads a trainer's state from the device: see snapshot.h. */
#include "src/train/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/model/optimizer_table.h"

/* A network may have more outputs than the data set has classes. False: no memory. */
static bool name_classes(struct cln_snapshot *s, const struct cln_dataset *data, int classes) {
    if (!data->class_names)
        return true;
    s->names = calloc((size_t)classes, sizeof *s->names);
    for (int k = 0; s->names && k < classes; k++)
        s->names[k] = k < data->class_count ? data->class_names[k] : "";
    return s->names != NULL;
}

enum cln_status cln_snapshot_create(struct cln_snapshot **out, const struct cln_trainer *t) {
    const struct cln_network *network = t->params.network;
    const struct cln_optimizer_params *o = &t->params.optimizer;
    const size_t floats = network->parameter_floats, moments = CLN_MOMENT_COUNT * floats;
    const size_t raw = cln_engine_model(t->engine).parameters == CLN_AVERAGE ? floats + network->running_floats : 0;
    const size_t features = t->mean ? cln_shape_count(network->input) : 0;
    struct cln_snapshot *s = *out = calloc(1, sizeof *s);
    if (s)
        s->values = calloc(floats + moments + network->running_floats + 2 * features + raw + 1, sizeof *s->values);
    if (!s || !s->values || !name_classes(s, t->params.data, network->classes))
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a checkpoint of %zu parameters", floats);
    const bool trains = !t->params.evaluate_only;
    float *const running = s->values + floats + moments, *const mean = running + network->running_floats;
    s->checkpoint = (struct cln_checkpoint){
        .network = (struct cln_network *)network,
        .parameters = s->values,
        .running = running,
        .resize = t->params.resize,
        .fit = t->params.data->fit,
        .ground = t->params.data->ground,
        .pixels = t->params.data->train.type,
        .image = t->params.data->train.shape,
        .mean = features ? mean : NULL,
        .inverse_deviation = features ? mean + features : NULL,
        .class_names = (char **)s->names,
        .training = trains ? &s->training : NULL,
    };
    s->training = (struct cln_training_point){
        .optimizer = cln_optimizer_resolve(*o),
        .batch_size = t->params.batch_size,
        .seed = t->params.seed,
        .samples = t->params.data->train.count,
        .validation = t->params.validation,
        .test = t->params.data->test_share,
        .class_weights = t->class_weights,
        .augmentation = t->params.augmentation,
        .standardize_channels = t->params.standardize_channels,
        .strict = t->session->tuning.strict,
        .init = {t->init.state, t->init.increment},
    };
    for (int i = 0; i < CLN_MOMENT_COUNT; i++)
        if (cln_optimizer_moment(o, i))
            s->training.moments[i] = s->values + (size_t)(1 + i) * floats;
    if (raw > 0) {
        s->training.raw_parameters = mean + 2 * features;
        s->training.raw_running = s->training.raw_parameters + floats;
    }
    snprintf(s->training.data, sizeof s->training.data, "%s", t->params.data->name);
    snprintf(s->training.label, sizeof s->training.label, "%s", t->params.data->label);
    snprintf(s->training.freeze, sizeof s->training.freeze, "%s", t->params.freeze ? t->params.freeze : "");
    return CLN_OK;
}

void cln_snapshot_destroy(struct cln_snapshot **snapshot) {
    if (*snapshot) {
        free((*snapshot)->values);
        free((*snapshot)->names);
    }
    free(*snapshot);
    *snapshot = NULL;
}

/* Sets the place in the epoch; the end of a finished epoch is the start of the next. */
static void note_place(struct cln_training_point *p, const struct cln_trainer *t, const struct cln_state *state) {
    const struct cln_random *shuffle = t->epoch_open ? &t->shuffle_at_start : &t->shuffle;
    p->epochs = cln_trainer_epochs(t);
    p->steps = (uint64_t)state->step;
    p->shuffle[0] = shuffle->state;
    p->shuffle[1] = shuffle->increment;
    p->position = t->epoch_open ? (size_t)state->seen : 0;
    p->batches = t->epoch_open ? state->batches : 0;
    p->hits = t->epoch_open ? state->hits : 0;
    p->loss_sum = t->epoch_open ? state->loss_sum : 0.0f;
    p->loss_carry = t->epoch_open ? state->loss_carry : 0.0f;
    p->best_accuracy = t->best_accuracy;
    p->peak_accuracy = t->peak_accuracy;
    p->peak_epoch = t->peak_epoch;
    p->optimizer.plateau = t->params.optimizer.plateau;
}

enum cln_status cln_snapshot_take(struct cln_snapshot *s, struct cln_trainer *t) {
    struct cln_checkpoint *c = &s->checkpoint;
    struct cln_state state = {0};
    const struct cln_engine_model model = cln_engine_model(t->engine);
    enum cln_status status = cln_engine_read(t->engine, model.parameters, c->parameters);
    if (status == CLN_OK)
        status = cln_engine_read(t->engine, model.running, c->running);
    if (status == CLN_OK && s->training.raw_parameters)
        status = cln_engine_read(t->engine, CLN_PARAMETERS, s->training.raw_parameters);
    if (status == CLN_OK && s->training.raw_parameters)
        status = cln_engine_read(t->engine, CLN_RUNNING, s->training.raw_running);
    for (int i = 0; c->training && i < CLN_MOMENT_COUNT && status == CLN_OK; i++)
        if (c->training->moments[i])
            status = cln_engine_read(t->engine, CLN_MOMENTS + i, c->training->moments[i]);
    if (status == CLN_OK && c->training)
        status = cln_trainer_state(t, CLN_TRAIN, &state);
    if (status != CLN_OK)
        return status;
    if ((status = cln_dataset_wait(t->params.data)) != CLN_OK) /* the digest is of all pictures */
        return status;
    cln_dataset_measure_digest(t->params.data);
    memcpy(s->training.digest, t->params.data->digest, sizeof s->training.digest);
    const uint64_t before = t->batches_before, here = cln_engine_batches(t->engine);
    const uint64_t most = INT64_MAX - here; /* files count as int64 */
    c->batches_tracked = (before < most ? before : most) + here;
    if (c->mean) {
        const size_t bytes = cln_shape_count(c->network->input) * sizeof *c->mean;
        memcpy(c->mean, t->mean, bytes);
        memcpy(c->inverse_deviation, t->inverse_deviation, bytes);
    }
    if (c->training)
        note_place(c->training, t, &state);
    return CLN_OK;
}
