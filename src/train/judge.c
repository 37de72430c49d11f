/* Evaluates parts of the data, and keeps the best epoch: see judge.h. */
#include "src/train/judge.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/place.h"
#include "src/ranks/ranks.h"
#include "src/train/saver.h"

/* ---- Evaluation ---- */

/* Images of CLN_TEST, and what messages call them. */
struct part {
    const char *name;
    const uint32_t *order; /* NULL: the first ones */
    size_t count;
};

static enum cln_status evaluate(struct cln_trainer *t, const struct part *part, struct cln_metrics *metrics) {
    const size_t batch = (size_t)t->params.batch_size;
    enum { STEPS_BETWEEN_WAITS = 64 }; /* limits how far the host runs ahead */
    struct cln_state state = {0};
    enum cln_status status = cln_engine_begin(t->engine, CLN_TEST, part->order, part->count);
    for (size_t done = 0; done < part->count && status == CLN_OK; done += batch) {
        status = cln_engine_step(t->engine, CLN_TEST);
        if (status == CLN_OK && (done / batch + 1) % STEPS_BETWEEN_WAITS == 0)
            status = cln_trainer_state(t, CLN_TEST, &state);
    }
    if (status == CLN_OK)
        status = cln_trainer_state(t, CLN_TEST, &state);
    if (status == CLN_OK && t->params.ranks) /* unlike devices may differ in a last bit, and then decide otherwise */
        status = cln_ranks_take_first(t->params.ranks, &state, sizeof state);
    if (status == CLN_OK && state.frozen)
        status = cln_ranks_agree(
            t->params.ranks,
            cln_fail(CLN_NUMERIC, "evaluation: the loss is not finite in the batch that begins at sample %d of the %s",
                     state.position, part->name));
    *metrics = cln_trainer_metrics(&state);
    return status;
}

/* Whether this process has made the prediction of an image. */
static bool is_own(const struct cln_trainer *t, size_t image) {
    const size_t place = image % (size_t)t->params.batch_size;
    const int rank = cln_ranks_here(t->params.ranks).rank;
    const int *bounds = t->deal.bounds;
    return !bounds || (place >= (size_t)bounds[rank] && place < (size_t)bounds[rank + 1]);
}

/* Adds up the counts of all processes. */
static enum cln_status add_confusions(struct cln_trainer *t, size_t *confusion, size_t count) {
    const struct cln_rank here = cln_ranks_here(t->params.ranks);
    size_t *all = calloc((size_t)here.count * count, sizeof *all),
           *bounds = calloc((size_t)here.count + 1, sizeof *bounds);
    enum cln_status status = all && bounds ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu counts", count);
    if (status == CLN_OK) {
        for (int r = 0; r <= here.count; r++)
            bounds[r] = (size_t)r * count * sizeof *all;
        memcpy(all + (size_t)here.rank * count, confusion, count * sizeof *all);
        memset(confusion, 0, count * sizeof *all);
        status = cln_ranks_gather(t->params.ranks, all, bounds);
    }
    for (size_t i = 0; status == CLN_OK && i < (size_t)here.count * count; i++)
        confusion[i % count] += all[i];
    free(all);
    free(bounds);
    return status;
}

static enum cln_status count_confusion(struct cln_trainer *t, size_t *confusion) {
    const struct cln_images *test = &t->params.data->test;
    const size_t classes = (size_t)t->params.data->class_count;
    int *predicted = malloc(test->count * sizeof *predicted);
    if (!predicted)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu predictions", test->count);
    enum cln_status status = cln_engine_predicted(t->engine, predicted, test->count);
    memset(confusion, 0, classes * classes * sizeof *confusion);
    for (size_t i = 0; i < test->count && status == CLN_OK; i++)
        if (is_own(t, i) && (size_t)predicted[i] < classes)
            confusion[(size_t)test->labels[i] * classes + (size_t)predicted[i]]++;
    free(predicted);
    return status == CLN_OK && t->params.ranks ? add_confusions(t, confusion, classes * classes) : status;
}

enum cln_status cln_trainer_evaluate(struct cln_trainer *t, struct cln_metrics *metrics, size_t *confusion) {
    const struct part test = {"test set", NULL, t->params.data->test.count};
    enum cln_status status = evaluate(t, &test, metrics);
    return status == CLN_OK && confusion ? count_confusion(t, confusion) : status;
}

enum cln_status cln_judge_validation(struct cln_trainer *t, struct cln_metrics *metrics) {
    const struct part validation = {"validation images", t->validation_order, t->split.validation_count};
    return evaluate(t, &validation, metrics);
}

/* ---- The best epoch ---- */

static float *allocate_values(const struct cln_network *network) {
    return malloc((network->parameter_floats + network->running_floats + 1) * sizeof(float));
}

static enum cln_status fail_values(const struct cln_network *network) {
    return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the %zu parameters of an epoch", network->parameter_floats);
}

/* What the epoch is judged by: the averages, if there are any. */
static enum cln_status read_values(struct cln_trainer *t, float *values) {
    const struct cln_engine_model model = cln_engine_model(t->engine);
    enum cln_status status = cln_engine_read(t->engine, model.parameters, values);
    return status == CLN_OK ? cln_engine_read(t->engine, model.running, values + t->params.network->parameter_floats)
                            : status;
}

static enum cln_status write_values(struct cln_trainer *t, const float *values) {
    const struct cln_engine_model model = cln_engine_model(t->engine);
    enum cln_status status = cln_engine_write(t->engine, model.parameters, values);
    return status == CLN_OK ? cln_engine_write(t->engine, model.running, values + t->params.network->parameter_floats)
                            : status;
}

enum cln_status cln_judge_note(struct cln_trainer *t, const struct cln_metrics *validation) {
    if (t->params.optimizer.schedule == CLN_PLATEAU) {
        const struct cln_optimizer_params optimizer = cln_optimizer_resolve(t->params.optimizer);
        cln_plateau_note(&t->params.optimizer.plateau, &optimizer, validation->loss);
        cln_engine_place_schedule(t->engine, &t->params.optimizer);
    }
    if (!(validation->accuracy > t->peak_accuracy))
        return CLN_OK;
    if (!t->peak_values)
        t->peak_values = allocate_values(t->params.network);
    if (!t->peak_values)
        return fail_values(t->params.network);
    t->peak_accuracy = validation->accuracy;
    t->peak_epoch = t->epoch;
    return read_values(t, t->peak_values);
}

struct cln_best cln_trainer_best(const struct cln_trainer *t) {
    const int since = cln_trainer_epochs(t) - t->peak_epoch;
    return (struct cln_best){
        .epoch = t->peak_epoch,
        .accuracy = t->peak_accuracy,
        .has_weights = t->peak_values != NULL,
        .is_final = t->params.patience > 0 && t->peak_epoch > 0 && since >= t->params.patience,
    };
}

enum cln_status cln_trainer_evaluate_best(struct cln_trainer *t, struct cln_metrics *metrics, size_t *confusion) {
    *metrics = (struct cln_metrics){0};
    if (!t->peak_values)
        return cln_fail(CLN_INVALID, "this trainer does not have the weights of its best epoch");
    float *own = allocate_values(t->params.network);
    if (!own)
        return fail_values(t->params.network);
    enum cln_status status = read_values(t, own);
    if (status == CLN_OK) {
        status = write_values(t, t->peak_values);
        if (status == CLN_OK)
            status = cln_trainer_evaluate(t, metrics, confusion);
        enum cln_status restored = write_values(t, own);
        status = status == CLN_OK ? restored : status;
    }
    free(own);
    return status;
}

/* ---- After resuming ---- */

/* Whether `c` was made right after the best epoch that `p` names, in the same training. */
static bool is_of_peak(const struct cln_checkpoint *c, const struct cln_training_point *p) {
    const struct cln_training_point *q = c->training;
    return q && q->epochs == p->peak_epoch && q->position == 0 && q->seed == p->seed &&
           q->validation == p->validation && q->peak_epoch == p->peak_epoch && q->peak_accuracy == p->peak_accuracy &&
           strcmp(q->digest, p->digest) == 0;
}

static enum cln_status adopt(struct cln_trainer *t, const struct cln_checkpoint *c) {
    const struct cln_network *network = t->params.network;
    if (t->peak_values || !is_of_peak(c, t->params.resume->training))
        return CLN_OK;
    t->peak_values = allocate_values(network);
    if (!t->peak_values)
        return fail_values(network);
    memcpy(t->peak_values, c->parameters, network->parameter_floats * sizeof *t->peak_values);
    memcpy(t->peak_values + network->parameter_floats, c->running, network->running_floats * sizeof *t->peak_values);
    return CLN_OK;
}

/* From the best model's file beside `path`, if there is one that can be read. */
static enum cln_status adopt_beside(struct cln_trainer *t, const char *path) {
    char *place = path && !t->peak_values ? cln_place_resolve(path) : NULL;
    char *best = place ? cln_saver_name(place, "best") : NULL;
    struct cln_checkpoint *c = NULL;
    enum cln_status status = CLN_OK;
    if (best && cln_checkpoint_read(&c, best, t->params.network) == CLN_OK)
        status = adopt(t, c);
    cln_checkpoint_destroy(&c);
    free(best);
    free(place);
    return status;
}

enum cln_status cln_judge_resume(struct cln_trainer *t) {
    const struct cln_checkpoint *c = t->params.resume;
    t->peak_accuracy = c->training->peak_accuracy;
    t->peak_epoch = c->training->peak_epoch;
    if (t->peak_epoch == 0)
        return CLN_OK;
    enum cln_status status = adopt(t, c);
    if (status == CLN_OK)
        status = adopt_beside(t, t->params.save.path);
    return status == CLN_OK ? adopt_beside(t, c->origin) : status;
}

enum cln_status cln_judge_share(struct cln_trainer *t) {
    const struct cln_network *network = t->params.network;
    const size_t floats = network->parameter_floats + network->running_floats;
    struct {
        bool has_values;
        double best_accuracy;
    } first = {t->peak_values != NULL, t->best_accuracy};
    enum cln_status status = cln_ranks_take_first(t->params.ranks, &first, sizeof first);
    if (status != CLN_OK)
        return status;
    t->best_accuracy = first.best_accuracy;
    if (first.has_values && !t->peak_values)
        t->peak_values = allocate_values(network);
    if (first.has_values && !t->peak_values)
        return fail_values(network);
    if (first.has_values)
        return cln_ranks_take_first(t->params.ranks, t->peak_values, floats * sizeof *t->peak_values);
    free(t->peak_values);
    t->peak_values = NULL;
    return CLN_OK;
}
