/* The trainer's struct. */
#ifndef SRC_TRAIN_TRAINER_PRIVATE_H
#define SRC_TRAIN_TRAINER_PRIVATE_H

#include "clenet/trainer.h"
#include "src/data/random.h"
#include "src/data/split.h"
#include "src/engine/engine.h"
#include "src/session/session.h"
#include "src/train/deal.h"

struct cln_initial;
struct cln_saver;

struct cln_trainer {
    struct cln_trainer_params params;
    struct cln_workload workload;
    size_t image_bytes; /* of a stored image */
    struct cln_session *session;
    struct cln_engine *engine;
    struct cln_random init;             /* generator of initial weights, after it drew them */
    struct cln_random shuffle;          /* generator of epoch orders, before it draws the next one */
    struct cln_random shuffle_at_start; /* `shuffle` before it drew this epoch's order */
    struct cln_split split;             /* of the training set, for training and validation */
    uint32_t *order;                    /* this epoch's order of the split's training part */
    uint32_t *validation_order;         /* places of the validation images in CLN_TEST, behind those of the test images;
                                           NULL: there are none */
    double *class_weights;              /* copy of the params'; NULL: none */
    struct cln_deal deal;               /* of a batch among params.ranks */
    float *mean, *inverse_deviation;    /* standardization, per input feature; NULL: none */
    bool *frozen;                       /* per tensor of the network: its parameters do not change */
    char freeze[sizeof((struct cln_training_point *)0)->freeze]; /* params.freeze */
    struct cln_initial *initial; /* weights to begin with, until they are on the device; NULL: none */
    int epoch;                   /* number of the current epoch: epochs begun so far */
    bool epoch_open;             /* the current epoch is not finished */
    bool resuming;               /* the current epoch was interrupted: cln_trainer_epoch finishes it */
    size_t steps;                /* steps in all epochs */
    double best_accuracy;        /* highest accuracy after any epoch, of what epochs are evaluated on; -1: none
                                    yet, or the best model has no file */
    double peak_accuracy;        /* highest validation accuracy after any epoch, whatever files there are; -1:
                                    none yet */
    int peak_epoch;              /* the first epoch that reached it; 0: none yet */
    float *peak_values;          /* parameters of that epoch, then running statistics; NULL: not known */
    uint64_t batches_before;     /* batches that a loaded model was trained on, before those of this engine */
    struct cln_saver *saver;     /* NULL: no resume points */
    /* See cln_trainer_meter. */
    struct cln_part_meter *meter;
};

/* The number of steps for so many samples at the end of an epoch, and for so many batches from the beginning of a step
 * on: a step takes optimizer.accumulate batches. */
size_t cln_trainer_steps(const struct cln_trainer *trainer, size_t samples);
size_t cln_trainer_steps_of(const struct cln_trainer *trainer, int batches);

/* Draws the order of an epoch. Images that are still being decoded come in this order. */
void cln_trainer_draw_order(struct cln_trainer *trainer, struct cln_random *shuffle);

/* Waits for all queued steps and reads the state of a set. */
enum cln_status cln_trainer_state(struct cln_trainer *trainer, enum cln_engine_set set,
                                  struct cln_state *state) CLN_MUST_CHECK;
/* The mean loss and accuracy in a state. */
struct cln_metrics cln_trainer_metrics(const struct cln_state *state);
/* CLN_NUMERIC if the device has frozen its state because of a loss that is not finite; the message names the stage
 * where the first such value arose. */
enum cln_status cln_trainer_check_finite(struct cln_trainer *trainer, const struct cln_state *state) CLN_MUST_CHECK;

#endif
