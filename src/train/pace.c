/* The pace of a training loop: see pace.h. */
#include "src/train/pace.h"

#include "src/base/clock.h"

struct cln_pace cln_pace_begin(struct cln_trainer *trainer) {
    const double now = cln_clock_seconds();
    return (struct cln_pace){.trainer = trainer, .ahead = 1, .start = now, .last = now, .reported = now};
}

static void report(struct cln_pace *pace, double time) {
    const struct cln_trainer_params *params = &pace->trainer->params;
    const struct cln_metrics metrics = cln_trainer_metrics(&pace->state);
    const struct cln_trainer *t = pace->trainer;
    const struct cln_progress progress = {.epoch = t->epoch,
                                          .step = cln_trainer_steps_of(t, pace->resumed_batches) +
                                                  cln_trainer_steps_of(t, pace->state.batches - pace->resumed_batches),
                                          .steps = pace->steps,
                                          .samples = metrics.samples,
                                          .before = pace->resumed_samples,
                                          .loss = metrics.loss,
                                          .accuracy = metrics.accuracy,
                                          .seconds = time - pace->start,
                                          .images_per_second =
                                              (double)(metrics.samples - pace->resumed_samples) / (time - pace->start),
                                          .total_steps = (size_t)pace->state.step};
    pace->stopped = !params->progress(params->user, &progress);
    pace->reported = time;
}

/* Adapts the number of steps between reads: more if reads come fast, fewer if they come slowly. */
static void adapt(struct cln_pace *pace, double time) {
    enum { MOST_AHEAD = 4 };
    if (pace->trainer->params.ranks) /* all look at the same steps, whatever their clocks say */
        return;
    if (time - pace->last < 0.05 && pace->ahead < MOST_AHEAD)
        pace->ahead *= 2;
    else if (time - pace->last > 0.2 && pace->ahead > 1)
        pace->ahead /= 2;
    pace->last = time;
}

static enum cln_status wait_for_read(struct cln_pace *pace) {
    enum cln_status status = ocl_ticket_wait(&pace->ticket);
    if (status == CLN_OK)
        status = cln_trainer_check_finite(pace->trainer, &pace->state);
    const double time = cln_clock_seconds();
    adapt(pace, time);
    if (status == CLN_OK && pace->trainer->params.progress && time - pace->reported > 0.2)
        report(pace, time);
    return status;
}

enum cln_status cln_pace_step(struct cln_pace *pace) {
    struct cln_trainer *t = pace->trainer;
    if (++pace->since < pace->ahead)
        return CLN_OK;
    pace->since = 0;
    enum cln_status status = pace->ticket ? wait_for_read(pace) : CLN_OK;
    if (status == CLN_OK)
        status = cln_engine_state(t->engine, CLN_TRAIN, &pace->state, &pace->ticket);
    return status == CLN_OK ? ocl_context_flush(t->session->context) : status;
}

enum cln_status cln_pace_end(struct cln_pace *pace, enum cln_status status) {
    enum cln_status read = ocl_ticket_wait(&pace->ticket);
    status = status == CLN_OK ? read : status;
    if (status == CLN_OK)
        status = cln_trainer_state(pace->trainer, CLN_TRAIN, &pace->state);
    return status == CLN_OK ? cln_trainer_check_finite(pace->trainer, &pace->state) : status;
}
