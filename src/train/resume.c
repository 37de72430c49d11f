/* Resumes from a checkpoint: see resume.h. */
#include "src/train/resume.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/model/augmentation_table.h"
#include "src/model/optimizer_table.h"
#include "src/train/judge.h"
#include "src/train/saver.h"

/* The differences between params and checkpoint, one line each. */
struct differences {
    char text[2048];
    size_t used;
    bool final; /* one of them cannot be overridden */
};

CLN_PRINTF(3, 4)
static void differ(struct differences *d, bool final, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    d->used += cln_text_format(d->text + d->used, sizeof d->text - d->used, "\n  ");
    d->used += cln_text_vformat(d->text + d->used, sizeof d->text - d->used, format, arguments);
    va_end(arguments);
    d->final |= final;
}

/* Adds the first layer that differs. */
static void differ_in_layers(struct differences *d, const struct cln_network *here, const struct cln_network *there) {
    char texts[2][192];
    for (size_t i = 0; i < here->layer_count && i < there->layer_count; i++) {
        cln_layer_describe(&here->layers[i], texts[0], sizeof texts[0]);
        cln_layer_describe(&there->layers[i], texts[1], sizeof texts[1]);
        const char *const paths[2] = {here->layers[i].path, there->layers[i].path};
        if (strcmp(paths[0], paths[1]) != 0)
            differ(d, true, "network: %s is layer %s here, and %s layer %s there", texts[0], paths[0], texts[1],
                   paths[1]);
        else if (strcmp(texts[0], texts[1]) != 0)
            differ(d, true, "network: layer %s is %s here, %s there", paths[0], texts[0], texts[1]);
        else
            continue;
        return;
    }
    differ(d, true, "network: %s with %zu layers here, %s with %zu there", here->name, here->layer_count, there->name,
           there->layer_count);
}

static enum cln_status compare_networks(struct differences *d, const struct cln_network *here,
                                        const struct cln_network *there) {
    char *texts[2] = {NULL, NULL};
    enum cln_status status = cln_network_text(&texts[0], here);
    if (status == CLN_OK)
        status = cln_network_text(&texts[1], there);
    if (status == CLN_OK && strcmp(texts[0], texts[1]) != 0)
        differ_in_layers(d, here, there);
    free(texts[0]);
    free(texts[1]);
    return status;
}

static bool is_same_data(const struct cln_training_point *there, const struct cln_dataset *here) {
    if (there->digest[0] && here->digest[0])
        return strcmp(there->digest, here->digest) == 0;
    return strcmp(there->data, here->name) == 0 && there->samples == here->train.count;
}

/* Whether epochs are evaluated on the same images; the seed draws those for validation. */
static bool is_same_judgement(const struct cln_training_point *there, const struct cln_trainer_params *p) {
    return is_same_data(there, p->data) && there->validation == p->validation &&
           (!(p->validation > 0) || there->seed == p->seed);
}

static void compare_number(struct differences *d, const char *name, double here, double there) {
    if (here != there)
        differ(d, false, "%s: %.10g here, %.10g there", name, here, there);
}

static void compare_class_weights(struct differences *d, const struct cln_trainer_params *p,
                                  const struct cln_checkpoint *c) {
    const double *here = p->class_weights, *there = c->training->class_weights;
    if (!here != !there)
        differ(d, false, "class weights: %s here, %s there", here ? "some" : "none", there ? "some" : "none");
    for (int k = 0; here && there && k < p->network->classes && k < c->network->classes; k++)
        if (here[k] != there[k]) {
            differ(d, false, "class weights: that of class %d is %.10g here, %.10g there", k, here[k], there[k]);
            return;
        }
}

static void compare_numbers(struct differences *d, const struct cln_trainer_params *p,
                            const struct cln_training_point *there) {
    const struct cln_optimizer_params optimizer = cln_optimizer_resolve(p->optimizer);
    compare_number(d, "batch size", p->batch_size > 0 ? p->batch_size : 256, there->batch_size);
    for (size_t i = 0; i < CLN_HYPERPARAMETER_COUNT; i++) {
        const struct cln_hyperparameter *row = &cln_hyperparameters[i];
        if (!cln_hyperparameter_is_taken(row, &optimizer))
            continue;
        compare_number(d, row->title, cln_hyperparameter_get(&optimizer, row),
                       cln_hyperparameter_get(&there->optimizer, row));
    }
    if (optimizer.schedule != there->optimizer.schedule)
        differ(d, false, "schedule: %s here, %s there", cln_schedule_name(optimizer.schedule),
               cln_schedule_name(there->optimizer.schedule));
    for (int i = 0; i < CLN_MOST_MILESTONES; i++)
        compare_number(d, "milestone", optimizer.milestones[i], there->optimizer.milestones[i]);
    for (size_t i = 0; i < CLN_AUGMENTATION_COUNT; i++)
        compare_number(d, cln_augmentation_rows[i].title,
                       cln_augmentation_get(&p->augmentation, cln_augmentation_rows + i),
                       cln_augmentation_get(&there->augmentation, cln_augmentation_rows + i));
    if (p->seed != there->seed)
        differ(d, false, "seed: %llu here, %llu there", (unsigned long long)p->seed, (unsigned long long)there->seed);
    compare_number(d, "share for validation", p->validation, there->validation);
    compare_number(d, "share for testing", p->data->test_share, there->test);
    if (strcmp(p->freeze ? p->freeze : "", there->freeze) != 0)
        differ(d, false, "frozen parameters: '%s' here, '%s' there", p->freeze ? p->freeze : "", there->freeze);
}

enum cln_status cln_resume_check(const struct cln_trainer_params *p) {
    const struct cln_checkpoint *c = p->resume;
    const struct cln_training_point *there = c->training;
    struct differences d = {.used = 0};
    if (p->evaluate_only)
        return cln_fail(CLN_INVALID, "this trainer was created to evaluate only: it cannot resume training");
    if (!there)
        return cln_fail(CLN_INVALID, "%s is a model only: it has no state of training to resume from",
                        c->origin ? c->origin : "this");
    enum cln_status status = compare_networks(&d, p->network, c->network);
    if (status == CLN_OK)
        status = cln_dataset_wait(p->data);
    if (status != CLN_OK)
        return status;
    if (p->optimizer.kind != there->optimizer.kind)
        differ(&d, true, "optimizer: %s here, %s there", cln_optimizers[p->optimizer.kind].title,
               cln_optimizers[there->optimizer.kind].title);
    if (p->standardize != (c->mean != NULL))
        differ(&d, true, "pixels: %sstandardised here, %sstandardised there", p->standardize ? "" : "not ",
               c->mean ? "" : "not ");
    if (p->standardize && c->mean && p->standardize_channels != there->standardize_channels)
        differ(&d, true, "pixels: standardised %s here, %s there",
               p->standardize_channels ? "by channel" : "one by one",
               there->standardize_channels ? "by channel" : "one by one");
    if (p->resize != c->resize)
        differ(&d, true, "images: resized to %d here, to %d there (0: not resized)", p->resize, c->resize);
    compare_numbers(&d, p, there);
    compare_class_weights(&d, p, c);
    cln_dataset_measure_digest(p->data);
    const bool is_same = is_same_data(there, p->data);
    if (!is_same && strcmp(p->data->label, there->label) != 0) /* the same labels may have been found without it */
        differ(&d, false, "choice of labels: '%s' here, '%s' there", p->data->label, there->label);
    if (!is_same)
        differ(&d, false, "data: %s here (%zu training images, SHA-256 %.16s), %s there (%zu, %.16s)", p->data->name,
               p->data->train.count, p->data->digest[0] ? p->data->digest : "unknown", there->data, there->samples,
               there->digest[0] ? there->digest : "unknown");
    if (d.used == 0 || (p->override && !d.final))
        return CLN_OK;
    return cln_fail(CLN_INVALID, "%s%scannot resume; these differ from the checkpoint:%-s\n  %s",
                    c->origin ? c->origin : "", c->origin ? ": " : "", d.text,
                    d.final ? "Some of these cannot be changed: set them as they were"
                            : "Set them as they were, or override them (--override)");
}

static enum cln_status write_values(struct cln_trainer *t) {
    const struct cln_checkpoint *c = t->params.resume;
    enum cln_status status = cln_trainer_set_model(t, c); /* begins an average */
    if (status == CLN_OK && c->training->raw_parameters)
        status = cln_engine_write(t->engine, CLN_PARAMETERS, c->training->raw_parameters);
    if (status == CLN_OK && c->training->raw_running)
        status = cln_engine_write(t->engine, CLN_RUNNING, c->training->raw_running);
    for (int i = 0; i < CLN_MOMENT_COUNT && status == CLN_OK; i++)
        if (c->training->moments[i])
            status = cln_engine_write(t->engine, CLN_MOMENTS + i, c->training->moments[i]);
    return status;
}

/* Puts the schedule where the training was: it goes by the epochs that are finished, and the part of one that was
 * begun. With another batch size or other data that is not the place of the step. What a plateau fell to stays, unless
 * the learning rate is another; the loss that it went by counts on the same images only. */
static void place_schedule(struct cln_trainer *t, const struct cln_training_point *p, bool continues,
                           bool is_judged_alike) {
    struct cln_optimizer_params *o = &t->params.optimizer;
    const double per_epoch = o->steps_per_epoch;
    const double left = (double)cln_trainer_steps(t, t->split.train_count - p->position);
    const double begun = per_epoch - left; /* so that the epoch ends where the next one begins */
    const double place = p->epochs * per_epoch + (continues ? begun : 0);
    o->step_shift = (int)fmax(fmin(place - (double)p->steps, INT32_MAX), INT32_MIN);
    if (is_judged_alike)
        o->plateau = p->optimizer.plateau;
    o->plateau.rate = cln_optimizer_resolve(*o).lr == p->optimizer.lr ? p->optimizer.plateau.rate : 0;
    cln_engine_place_schedule(t->engine, o);
}

enum cln_status cln_resume(struct cln_trainer *t) {
    const struct cln_checkpoint *c = t->params.resume;
    const struct cln_training_point *p = c->training;
    const bool is_judged_alike = is_same_judgement(p, &t->params);
    enum cln_status status = write_values(t);
    if (status == CLN_OK && t->params.validation > 0 && is_judged_alike)
        status = cln_judge_resume(t);
    t->init = (struct cln_random){p->init[0], p->init[1]};
    if (t->params.seed == p->seed)
        t->shuffle = (struct cln_random){p->shuffle[0], p->shuffle[1]};
    t->steps = (size_t)p->steps;
    /* The best accuracy counts only on the same images, and only if the best model's file exists. */
    if (is_judged_alike && (!t->params.save.best || cln_saver_has_best(&t->params.save)))
        t->best_accuracy = p->best_accuracy;
    t->batches_before = c->batches_tracked > p->steps ? c->batches_tracked : p->steps;
    t->epoch = p->epochs + 1;
    t->epoch_open = t->resuming = true;
    t->shuffle_at_start = t->shuffle;
    cln_trainer_draw_order(t, &t->shuffle);
    struct cln_state at = {.step = (int)p->steps};
    const bool continues = t->params.seed == p->seed && is_judged_alike;
    place_schedule(t, p, continues, is_judged_alike);
    if (continues) {
        at.seen = (int)p->position;
        at.batches = p->batches;
        at.hits = p->hits;
        at.loss_sum = p->loss_sum;
        at.loss_carry = p->loss_carry;
    }
    cln_engine_place_epoch(t->engine, t->epoch);
    return status == CLN_OK ? cln_engine_continue(t->engine, t->order, t->split.train_count, &at) : status;
}

enum cln_status cln_resume_check_arithmetic(const struct cln_trainer_params *p, const struct cln_session *session) {
    const bool here = session->tuning.strict, there = p->resume->training->strict;
    if (here == there || p->override)
        return CLN_OK;
    return cln_fail(CLN_INVALID, "%s%scannot resume; arithmetic: %sstrict here, %sstrict there\n  %s",
                    p->resume->origin ? p->resume->origin : "", p->resume->origin ? ": " : "", here ? "" : "not ",
                    there ? "" : "not ", "Set it as it was, or override it (--override)");
}
