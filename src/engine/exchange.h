/* Several processes share every batch: each has a part of its samples, and what needs all samples goes from process to
 * process between the launches of a step. Together they compute what one process computes on the whole batch: within
 * rounding, or with strict arithmetic (docs/strict.md) bit for bit. They train the same network with the same options,
 * take the same steps, and hold the same parameters and state all along. */
#ifndef SRC_ENGINE_EXCHANGE_H
#define SRC_ENGINE_EXCHANGE_H

#include "src/engine/plan.h"

/* How processes reach each other. All of them call the same functions in the same order. A function that fails fails
 * the step. Bounds are offsets in bytes, one for each process and one behind the last: what is between bounds[r] and
 * bounds[r + 1] belongs to process r, and may be empty. */
struct cln_exchange {
    int count; /* processes; 0: this one is alone, and all else is unused */
    int rank;  /* of this process, from 0 */
    /* `count` + 1 places in a full batch: process r has the samples from bounds[r] to before bounds[r + 1]. The first
     * is 0, the last the batch size; all others are multiples of SHARD_SAMPLES. Must outlive the engine. */
    const int *bounds;
    bool varies;     /* the bounds may change, with cln_engine_redeal: the engine has room for a whole batch */
    bool local_norm; /* batch norms go by each process's own samples: nothing of theirs is exchanged */
    /* Before the call each process has filled its own part of `values`; after it everyone has all parts. */
    enum cln_status (*gather)(void *user, void *values, const size_t *bounds);
    /* Sends the part of `sent` that belongs to each process to that process. What comes from process r is put between
     * the bounds r of `received`. */
    enum cln_status (*scatter)(void *user, const void *sent, const size_t *sent_bounds, void *received,
                               const size_t *received_bounds);
    void *user; /* must outlive the engine */
    /* Whether the processes exchange partial sums when their devices are idle, so that one can tell what they compute
     * from what they wait for. NULL: never. */
    const bool *apart;
};

/* The deal of a batch of `samples`: bounds as above, in shards of SHARD_SAMPLES, by weights > 0 (NULL: equal). A
 * process gets none if there are fewer shards than processes; process 0 gets one. */
void cln_exchange_deal(int *bounds, int processes, int samples, const double *weights);

/* The exchanges of partial sums in one sequence, in order. Each is a round, which may carry several kinds of partials.
 * Between the beginning of a round and its end the device makes launches that need nothing of the round, so that the
 * processes wait for each other while their devices are busy. */
struct cln_exchange_rounds {
    const struct cln_exchange *exchange;
    struct cln_exchange_round *first, *last; /* a list */
    int whole;                               /* samples of the batch, as the first round of a step has read them */
};

/* Partial sums that the next round is to take. With strict arithmetic the partials in `all` are those of all processes,
 * each in its place. Otherwise the first partial of a channel has all of it, the others nothing. Moments are (count,
 * mean, M2, unused); sums are pairs, and have splits 1. */
enum cln_status cln_exchange_moments(struct cln_plan *plan, int channels, struct cln_partials own,
                                     struct ocl_buffer *all) CLN_MUST_CHECK;
enum cln_status cln_exchange_sums(struct cln_plan *plan, int channels, struct ocl_buffer *own,
                                  struct ocl_buffer *all) CLN_MUST_CHECK;
/* Whether there are any that no round has taken yet. */
bool cln_exchange_is_due(const struct cln_plan *plan);
/* Add to the plan's sequence the beginning of a round, which takes all that is due, and its end. Launches that come
 * before the beginning have made `own`; launches behind the end read `all`. The next round begins behind the end.
 * cln_exchange_begin is a barrier, and nothing else if nothing is due. cln_exchange_end does nothing if no round is
 * under way. */
enum cln_status cln_exchange_begin(struct cln_plan *plan) CLN_MUST_CHECK;
enum cln_status cln_exchange_end(struct cln_plan *plan) CLN_MUST_CHECK;
/* Frees the rounds, when the device is done with them; before the buffers are destroyed. */
void cln_exchange_free(struct cln_exchange_rounds *rounds);

/* The place in a sequence where the gradients of all processes become one, behind a round. It must outlive the
 * sequence; cln_exchange_free_gradients frees what it keeps from step to step. */
struct cln_exchange_gradients {
    const struct cln_exchange_rounds *rounds;
    struct ocl_buffer *nodes, *sums;
    size_t floats;
    bool strict;
    struct cln_exchange_memory *memory; /* of its own */
};

/* The nodes that a process's gradients have (kernels/sum_gradients.cl): 1 without strict arithmetic. And the most that
 * this process's can have, at least 1. */
int cln_exchange_nodes(const struct cln_exchange *exchange, int process, bool strict);
int cln_exchange_most_nodes(const struct cln_exchange *exchange, bool strict);
/* Adds the exchange of point->nodes, [node][floats], to the plan's sequence. point->sums gets the gradients of the
 * whole batch. */
enum cln_status cln_exchange_add_gradients(struct cln_plan *plan, struct cln_exchange_gradients *point) CLN_MUST_CHECK;
void cln_exchange_free_gradients(struct cln_exchange_gradients *point);

#endif
