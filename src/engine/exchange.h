/* The exchange: numbers that processes give each other between the launches of a training step. The processes train the
 * same network, each on its own samples. Together they compute what one process would compute on all samples, within
 * rounding; but dropouts and augmentation go by the place of a sample in its own process's batch, so that each process
 * needs a seed of its own for them. */
#ifndef SRC_ENGINE_EXCHANGE_H
#define SRC_ENGINE_EXCHANGE_H

#include "src/engine/plan.h"

/* The statistics of one channel of z before a batch norm: the number of values, their mean, and the sum of their
 * squared deviations from the mean (m2). */
struct cln_channel_moments {
    double count, mean, m2;
};

/* The sums of one channel in a batch norm's backward pass: of dy and of dy·x̂, over this process's samples. */
struct cln_channel_sums {
    double dy, dy_xhat;
};

/* The host calls the functions in every training step, in the order of the step: `moments` and `sums` once for each
 * batch norm, with `count` channels (`sums` not for those behind which no parameter is trained), `gradients` once. If a
 * function fails, the step fails with its status. A function that is NULL exchanges nothing; if all three are NULL,
 * there is no exchange.
 *
 * They are not called in a step without samples (any step that is queued after the epoch's last batch), in prediction,
 * and while the engine looks for a value that is not finite.
 *
 * With class weights each process's loss is divided by the weights of its own samples, and the means below still go by
 * numbers of samples: then the processes compute something else than one process on all samples.
 *
 * No function is told how many samples the step has. The means below are weighted by samples, so `user` has to know the
 * number of samples of every process.
 *
 * The processes must take the same number of steps, of at least one sample each; the numbers of samples may differ. A
 * function must return the same bits in all processes, or their parameters become different. A process whose loss is
 * not finite continues to exchange. Its numbers are not finite, so the others freeze in the same step or the next. */
struct cln_exchange {
    /* Batch norm's statistics. `channels` holds the moments of this process's samples before the call, and has to hold
     * those of all processes' samples after it. NULL: each process normalises by its own samples. */
    enum cln_status (*moments)(void *user, struct cln_channel_moments *channels, size_t count);
    /* Batch norm's gradient. `channels` holds this process's sums before the call, and has to hold the mean of all
     * processes' sums, weighted by their samples, after it. (A mean and not a total: the kernel divides by the number
     * of this process's values.) Set both `moments` and `sums` or neither: otherwise cln_engine_create fails with
     * CLN_INVALID. */
    enum cln_status (*sums)(void *user, struct cln_channel_sums *channels, size_t count);
    /* `gradients` holds `floats` floats (network->parameter_floats): the gradient of each trainable tensor at that
     * tensor's `offset`, with padding between. It is the gradient of the mean loss over this process's samples. After
     * the call the buffer has to hold the mean of all processes' gradients, weighted by their samples: the optimizer
     * uses that. */
    enum cln_status (*gradients)(void *user, struct ocl_buffer *gradients, size_t floats);
    void *user; /* must outlive the engine */
};

/* For the engine: reads the number of samples in the step's batch from `state`. 0: the step does nothing, and no
 * function is called. */
enum cln_status cln_exchange_samples(int *samples, struct ocl_buffer *state) CLN_MUST_CHECK;

/* One place in a sequence where a batch norm's numbers are exchanged. It must outlive the sequence. */
struct cln_exchange_point {
    const struct cln_exchange *exchange;
    struct ocl_buffer *state, *partials;
    size_t channels;
    size_t stride;       /* partials of one channel */
    int splits, samples; /* of a partial */
};

/* cln_exchange_moments adds the exchange of the moments in `partials` to the plan's sequence; cln_exchange_sums adds
 * the exchange of the sums in `sums`, which must have splits 1. Both fill *point. */
enum cln_status cln_exchange_moments(struct cln_plan *plan, struct cln_exchange_point *point,
                                     const struct cln_exchange *exchange, int channels,
                                     struct cln_partials partials) CLN_MUST_CHECK;
enum cln_status cln_exchange_sums(struct cln_plan *plan, struct cln_exchange_point *point,
                                  const struct cln_exchange *exchange, int channels,
                                  struct cln_partials sums) CLN_MUST_CHECK;

#endif
