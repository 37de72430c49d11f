/* What several files of the trainer need: see trainer_private.h. */
#include "clenet/ranks.h"
#include "src/data/images.h"
#include "src/train/trainer_private.h"

struct cln_metrics cln_trainer_metrics(const struct cln_state *state) {
    const double n = state->seen > 0 ? state->seen : 1;
    return (struct cln_metrics){
        .samples = (size_t)state->seen, .loss = state->loss_sum / n, .accuracy = state->hits / n};
}

static size_t batches_per_step(const struct cln_trainer *t) {
    return (size_t)cln_optimizer_resolve(t->params.optimizer).accumulate;
}

size_t cln_trainer_steps(const struct cln_trainer *t, size_t samples) {
    const size_t each = (size_t)t->params.batch_size * batches_per_step(t);
    return (samples + each - 1) / each;
}

size_t cln_trainer_steps_of(const struct cln_trainer *t, int batches) {
    return ((size_t)batches + batches_per_step(t) - 1) / batches_per_step(t);
}

void cln_trainer_draw_order(struct cln_trainer *t, struct cln_random *shuffle) {
    cln_split_order(&t->split, shuffle, t->order);
    cln_images_want(&t->params.data->train, t->order, t->split.train_count);
}

enum cln_status cln_trainer_state(struct cln_trainer *t, enum cln_engine_set set, struct cln_state *state) {
    struct ocl_ticket *ticket = NULL;
    enum cln_status status = cln_engine_state(t->engine, set, state, &ticket);
    return status == CLN_OK ? ocl_ticket_wait(&ticket) : status;
}

enum cln_status cln_trainer_check_finite(struct cln_trainer *t, const struct cln_state *state) {
    char where[192];
    if (!state->frozen)
        return CLN_OK;
    enum cln_status status = cln_engine_find_nonfinite(t->engine, where, sizeof where);
    if (status != CLN_OK)
        return status;
    status = cln_fail(CLN_NUMERIC,
                      "epoch %d, step %d: the loss is not finite; it began at %s. Try a smaller learning rate (--lr)",
                      t->epoch, (int)cln_trainer_steps_of(t, state->batches), where);
    return cln_ranks_agree(t->params.ranks, status); /* all find it in the same step, each among its own samples */
}

int cln_trainer_epochs(const struct cln_trainer *t) {
    return t->epoch_open ? t->epoch - 1 : t->epoch;
}
