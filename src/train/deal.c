/* See deal.h. */
#include "src/train/deal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/engine/engine.h"
#include "src/ranks/ranks.h"

enum { FIRST_DEAL = 8, MOST_STEPS = 256 }; /* steps before a deal; each takes twice as many as the one before */

enum cln_status cln_deal_begin(struct cln_deal *deal, struct cln_workload *w, struct cln_rank here) {
    *deal = (struct cln_deal){.due = FIRST_DEAL};
    if (here.count < 2)
        return CLN_OK;
    deal->bounds = calloc((size_t)here.count + 1, sizeof *deal->bounds);
    deal->best = calloc((size_t)here.count + 1, sizeof *deal->best);
    if (!deal->bounds || !deal->best)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %d processes", here.count);
    cln_exchange_deal(deal->bounds, here.count, w->batch_size, NULL);
    w->processes = here.count;
    w->process = here.rank;
    w->deal = deal->bounds;
    return CLN_OK;
}

void cln_deal_free(struct cln_deal *deal) {
    free(deal->bounds);
    free(deal->best);
    deal->bounds = deal->best = NULL;
}

/* What a process has measured since the last deal. */
struct speed {
    double samples;      /* per second that it was busy; 0: it had none */
    double step_seconds; /* of a whole step */
};

/* Deals by speed. A process that had no samples is taken for as fast as the mean. */
static enum cln_status deal_by_speed(struct cln_deal *deal, const struct speed *speeds, int count) {
    double *weights = calloc((size_t)count, sizeof *weights), sum = 0;
    int known = 0;
    if (!weights)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %d processes", count);
    for (int r = 0; r < count; r++)
        if (speeds[r].samples > 0)
            sum += speeds[r].samples, known++;
    for (int r = 0; r < count; r++)
        weights[r] = speeds[r].samples > 0 ? speeds[r].samples : sum / known;
    cln_exchange_deal(deal->bounds, count, deal->bounds[count], weights);
    free(weights);
    return CLN_OK;
}

/* Decides on the next deal. All processes have the same speeds, and decide alike. */
static enum cln_status deal_anew(struct cln_deal *deal, const struct speed *speeds, int count,
                                 struct cln_engine *engine) {
    const size_t bytes = ((size_t)count + 1) * sizeof *deal->bounds;
    double seconds = 0;
    for (int r = 0; r < count; r++)
        seconds = fmax(seconds, speeds[r].step_seconds);
    if (deal->settled && seconds > 1.3 * deal->best_seconds) { /* something has changed: search again */
        deal->settled = false;
        deal->best_seconds = 0;
    }
    if (deal->settled)
        return CLN_OK;
    enum cln_status status = CLN_OK;
    if (deal->best_seconds == 0 || seconds < deal->best_seconds) {
        memcpy(deal->best, deal->bounds, bytes);
        deal->best_seconds = seconds;
        status = deal_by_speed(deal, speeds, count);
        deal->settled = memcmp(deal->best, deal->bounds, bytes) == 0;
    } else {
        memcpy(deal->bounds, deal->best, bytes);
        deal->settled = true;
    }
    return status == CLN_OK ? cln_engine_redeal(engine) : status;
}

enum cln_status cln_deal_step(struct cln_deal *deal, struct cln_ranks *ranks, struct cln_engine *engine, double seconds,
                              double waited) {
    if (!deal->varies)
        return CLN_OK;
    deal->apart = !deal->settled; /* from the next step on */
    const struct cln_rank here = cln_ranks_here(ranks);
    const int own = deal->bounds[here.rank + 1] - deal->bounds[here.rank];
    deal->busy += seconds - waited;
    deal->all += seconds;
    if (++deal->steps < deal->due)
        return CLN_OK;
    struct speed *speeds = calloc((size_t)here.count, sizeof *speeds);
    if (!speeds)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %d speeds", here.count);
    speeds[here.rank] =
        (struct speed){own * (double)deal->steps / fmax(deal->busy, 1e-9), deal->all / (double)deal->steps};
    enum cln_status status = cln_ranks_gather_each(ranks, speeds, sizeof *speeds);
    if (status == CLN_OK)
        status = deal_anew(deal, speeds, here.count, engine);
    free(speeds);
    deal->due = deal->due < MOST_STEPS ? 2 * deal->due : deal->due;
    deal->steps = 0;
    deal->busy = deal->all = 0;
    return status;
}
