/* A trainer's inside, and what a measurement needs of it beyond its public header. */
#ifndef SRC_TRAIN_TRAINER_PRIVATE_H
#define SRC_TRAIN_TRAINER_PRIVATE_H

#include "clenet/trainer.h"
#include "host/context.h"
#include "host/profile.h"
#include "src/data/random.h"
#include "src/engine/engine.h"
#include "src/train/builders.h"

struct cln_saver;

struct cln_trainer {
    struct cln_trainer_params params;
    struct ocl_context *context;
    struct ocl_profile *profile;
    struct cln_tuning tuning;
    struct cln_engine *engine;
    char device[320];
    struct cln_random init;          /* as the initial weights left it */
    struct cln_random shuffle;       /* draws the next epoch's order */
    struct cln_random drew;          /* that one before it drew the order of this epoch */
    uint32_t *order;                 /* of the training samples, in this epoch */
    float *mean, *inverse_deviation; /* of the input's features, or NULL */
    int epoch;                       /* epochs begun */
    bool within;                     /* this epoch is not finished */
    bool continues;                  /* and has been left there: the next one goes on with it */
    size_t steps;                    /* steps done in all */
    double best_accuracy;            /* of the test images after an epoch; -1 before the first */
    uint64_t batches_before;         /* that a loaded model had been trained on */
    struct cln_saver *saver;         /* NULL: nothing is kept */
    bool builder;                    /* which only builds its share of the kernels */
    struct cln_errand errand;        /* of a builder */
    long taken;                      /* piece of that work that came last; see cln_helper_take */
};

/* The state as of the last step queued, waited for. */
enum cln_status cln_trainer_state(struct cln_trainer *trainer, enum cln_engine_set set,
                                  struct cln_state *state) CLN_MUST_CHECK;
/* Loss and accuracy of the epoch that the state is in. */
struct cln_metrics cln_trainer_metrics(const struct cln_state *state);
/* Fails with CLN_NUMERIC where the device has frozen its state, and names the stage where the loss began not to be
 * finite. */
enum cln_status cln_trainer_check_finite(struct cln_trainer *trainer, const struct cln_state *state) CLN_MUST_CHECK;

/* Where it runs; for its timeline. */
struct ocl_context *cln_trainer_context(const struct cln_trainer *trainer);
/* Launches of one training step. */
size_t cln_trainer_launches(const struct cln_trainer *trainer);
/* Whether training steps are enqueued as one command buffer; known after the first. */
bool cln_trainer_replays(const struct cln_trainer *trainer);

#endif
