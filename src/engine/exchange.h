/* The exchange with other processes that train the same network, each on its own samples: what comes between the
 * launches of a training step. Together they then compute what one process would compute on all samples, within
 * rounding. */
#ifndef SRC_ENGINE_EXCHANGE_H
#define SRC_ENGINE_EXCHANGE_H

#include "src/engine/plan.h"

/* Of one channel of z before a batch norm: how many values, their mean, and the sum of their squared deviations from
 * it. */
struct cln_channel_moments {
    double count, mean, m2;
};

/* Of one channel on the way back: the sums of dy and of dy·x̂ over this process's samples. */
struct cln_channel_sums {
    double dy, dy_xhat;
};

/* Each function is called on the host, in every training step, in the order of the step; its failure is that of the
 * step. NULL: nothing is exchanged there, and without any the step is as if there were no exchange. No function is
 * called in a step behind the epoch's end, in prediction or in diagnosis. So the processes have to take the same number
 * of steps, of at least one sample each; the numbers of samples may differ. All processes have to get the same bits
 * from a function, or else their parameters drift apart. A process whose loss is not finite goes on exchanging, and
 * freezes the others in that step or the next. */
struct cln_exchange {
    /* Batch norm's statistics: in come the moments of this process's samples, out go those of all processes' samples.
     * NULL: each process normalises by its own samples. */
    enum cln_status (*moments)(void *user, struct cln_channel_moments *channels, size_t count);
    /* Batch norm's gradient: in come this process's sums, out goes the mean of all processes' sums, weighted by their
     * samples. Goes with `moments`. */
    enum cln_status (*sums)(void *user, struct cln_channel_sums *channels, size_t count);
    /* `gradients` holds `floats` floats, laid out like network->tensors: the gradient of the mean loss over this
     * process's samples. The optimizer takes what it holds afterwards: the mean of all processes' gradients, weighted
     * by their samples. */
    enum cln_status (*gradients)(void *user, struct ocl_buffer *gradients, size_t floats);
    void *user;
};

/* Reads the number of samples in the step's batch; 0: the step does nothing. */
enum cln_status cln_exchange_samples(int *samples, struct ocl_buffer *state) CLN_MUST_CHECK;

/* Where batch norm's numbers are exchanged. It must outlive the sequence. */
struct cln_exchange_point {
    const struct cln_exchange *exchange;
    struct ocl_buffer *state, *partials;
    size_t channels, stride; /* partials of a channel */
    int splits, lanes;
};

/* Add the exchange of the moments in `partials`, and of the sums in them (splits 1), to the plan's sequence. */
enum cln_status cln_exchange_moments(struct cln_plan *plan, struct cln_exchange_point *point,
                                     const struct cln_exchange *exchange, int channels,
                                     struct cln_partials partials) CLN_MUST_CHECK;
enum cln_status cln_exchange_sums(struct cln_plan *plan, struct cln_exchange_point *point,
                                  const struct cln_exchange *exchange, int channels,
                                  struct cln_partials sums) CLN_MUST_CHECK;

#endif
