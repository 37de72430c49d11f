/* The deal of a batch among the processes of params.ranks. */
#ifndef SRC_TRAIN_DEAL_H
#define SRC_TRAIN_DEAL_H

#include "clenet/ranks.h"
#include "src/engine/exchange.h"
#include "src/session/session.h"

struct cln_engine;
struct cln_ranks;

struct cln_deal {
    int *bounds;  /* see struct cln_exchange; NULL: this process is alone */
    bool varies;  /* the devices are unlike: by measured speed, again and again */
    size_t steps; /* measured since the last deal */
    size_t due;   /* when the next deal comes, in such steps */
    double busy;  /* seconds of these steps in which this process did not wait for others */
    double all;   /* seconds of these steps */
    int *best;    /* the deal with the shortest step so far, and the seconds of that; 0: none was measured */
    double best_seconds;
    bool settled; /* another deal than the best was tried, and took longer */
    bool apart;   /* speeds are measured: see struct cln_exchange */
};

/* Deals a batch out, equally at first, and lets the workload know. After a failure, too, cln_deal_free frees what there
 * is. */
enum cln_status cln_deal_begin(struct cln_deal *deal, struct cln_workload *workload,
                               struct cln_rank here) CLN_MUST_CHECK;
void cln_deal_free(struct cln_deal *deal);

/* After a step of `seconds`, `waited` of which it waited for other processes: from time to time deals anew, by the
 * speed of each process since the last deal. If steps then take longer than before, it goes back to that deal, until
 * they take longer there, too. The results are the same bits with strict arithmetic, and else within rounding. All
 * processes call it after the same steps. */
enum cln_status cln_deal_step(struct cln_deal *deal, struct cln_ranks *ranks, struct cln_engine *engine, double seconds,
                              double waited) CLN_MUST_CHECK;

#endif
