/* Reads a trainer's state: see trainer_private.h. */
#include "src/train/trainer_private.h"

struct cln_metrics cln_trainer_metrics(const struct cln_state *state) {
    const double n = state->seen > 0 ? state->seen : 1;
    return (struct cln_metrics){
        .samples = (size_t)state->seen, .loss = state->loss_sum / n, .accuracy = state->hits / n};
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
    return cln_fail(CLN_NUMERIC,
                    "epoch %d, step %d: the loss is not finite; it began at %s. Try a smaller learning rate (--lr)",
                    t->epoch, state->batches, where);
}

int cln_trainer_epochs(const struct cln_trainer *t) {
    return t->epoch_open ? t->epoch - 1 : t->epoch;
}
