/* Training and evaluating a network on a device, one epoch at a time. */
#ifndef CLENET_TRAINER_H
#define CLENET_TRAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clenet/augmentation.h"
#include "clenet/checkpoint.h"
#include "clenet/dataset.h"
#include "clenet/network.h"
#include "clenet/optimizer.h"
#include "clenet/ranks.h"
#include "clenet/session.h"
#include "clenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cln_progress {
    int epoch;                /* from 1 */
    size_t step, steps;       /* steps (updates) done in this epoch; steps of a whole epoch */
    size_t samples;           /* samples trained on in this epoch so far */
    size_t before;            /* samples of this epoch from before this call: in `samples`, not in `seconds` */
    double loss, accuracy;    /* means over `samples` */
    double seconds;           /* training time in this call of cln_trainer_epoch */
    double images_per_second; /* of this call: (samples - before) / seconds */
    size_t total_steps;       /* steps in all epochs so far, counting those of the training that is resumed */
};

/* Called at most five times a second during training; a short epoch may pass without a call. If it returns false, no
 * more steps are queued, and cln_trainer_epoch returns after the few that are queued already. There are two cases:
 * - steps of the epoch are left: `stopped` is true, and the next cln_trainer_epoch continues the epoch;
 * - none are left: the epoch ends as usual, and `stopped` is false.
 * So a program that wants to end its training has to remember by itself that the handler returned false. */
typedef bool cln_progress_handler(void *user, const struct cln_progress *progress);

/* The path and the times of resume points, checkpoints that training can resume from. When a resume point is due,
 * training waits for an earlier write that is still under way, and reads the values from the device. It then
 * continues while another thread writes the file. If a write fails, training continues. A warning follows when the
 * next resume point is due; that one is written as usual. If the last write failed, cln_trainer_finish writes
 * again, and returns an error if that fails, too. */
struct cln_save_params {
    const char *path;     /* the newest resume point; NULL: none is written */
    int every_epochs;     /* epochs between resume points; 0: one per epoch, or none if every_seconds is set */
    double every_seconds; /* seconds between resume points, also within an epoch; 0: not by time */
    int keep;  /* number of files, the newest included; older ones have .1, .2, … before their extension. 0: 1 */
    bool best; /* after every epoch whose accuracy is the highest so far, write a resume point, and beside it a copy
                  with .best in its name; `keep` does not count these copies. The accuracy is that of the validation
                  images if there are any, else of the test images */
};

/* Weights to begin with, from a safetensors file of clenet or of another program, with PyTorch's names of tensors. The
 * optimizer begins anew. The network is the trainer's, whatever the file says. */
struct cln_init_params {
    const char *path; /* NULL: weights are drawn from the seed */
    bool by_order; /* the file's convolutions, linear layers and batch norms are the network's by their order, each kind
                      by itself, whatever they are called; tensors of a layer by the last word of their names */
    bool partial;  /* take the tensors that fit by name and shape, and leave the others as drawn; notices list both.
                      Otherwise CLN_INVALID lists tensors that are missing, unknown or misshapen. Not with by_order */
};

struct cln_trainer_params {
    struct cln_session_params session; /* device, profile, building of kernels */
    const struct cln_network *network; /* must fit the images (after `resize`) */
    struct cln_dataset *data;          /* may still be loading: see cln_dataset_open */
    bool stream; /* images stay on the host, and each batch is sent to the device when it is needed: `data` and its
                  * pixels must then outlive the trainer. So it is always if the images would take more than half of the
                  * device's memory. The results are the same bits. With release_pixels training begins before all
                  * pictures of `data` are decoded, where nothing else needs them: pixels may then still be NULL, and
                  * a damaged picture is an error of cln_trainer_epoch */
    bool release_pixels; /* free the pixels of `data` once the device has them */
    int batch_size;      /* 0: 256; for 1 see cln_trainer_create */
    int resize;          /* side length to resize images to; 0: as stored */
    bool standardize; /* every pixel to mean 0 and deviation 1 over the training images as stored, not as augmented */
    bool standardize_channels; /* with `standardize`: instead of every pixel every channel, over all its pixels */
    /* The processes that share every batch; NULL: this one is alone. All have the same params, but for the device, and
     * call the same functions of their trainers. Progress stops all if it returns false in one; files are written by
     * those that name some. It must outlive the trainer. */
    struct cln_ranks *ranks;
    /* With `ranks`: each process normalises by the batch statistics of its own samples, as PyTorch's
     * DistributedDataParallel does. The result then depends on the number of processes; running statistics are those of
     * the first one. Not with strict arithmetic. */
    bool local_batchnorm;
    bool evaluate_only; /* prepare for evaluation only; cln_trainer_load or _set_model brings the model */
    uint64_t seed;      /* seed of initial weights, shuffling, augmentation, dropouts and the split for validation */
    /* Share of the training images that is set aside for validation, above 0 and below 1; 0: none. Every class gives
     * its share of them. The split follows from the labels, the share and the seed alone. Training and `standardize`
     * use the other images, and every epoch is evaluated on the validation images, not on the test images. Not with
     * evaluate_only. */
    double validation;
    int patience; /* with `validation`: train no further epoch after this many in a row without a higher validation
                     accuracy than any before, counting those of the training that is resumed; 0: no limit */
    struct cln_augmentation augmentation; /* of the training pictures; all 0: none */
    struct cln_optimizer_params optimizer;
    /* Weights of the classes in the training loss, network->classes of them, as in torch.nn.CrossEntropyLoss(weight=…):
     * a sample counts as many times as the weight of its label says, and a batch's loss is the sum of its samples'
     * divided by the sum of their weights. Each is finite and at least 0, and one is above 0; a
     * common factor makes no difference. A batch whose
     * labels all weigh 0 has loss 0 and gradient 0. Test and validation losses are without them. NULL: none. Used only
     * while the trainer is created. */
    const double *class_weights;
    /* Not with `resume` and evaluate_only. If the file is a model of clenet, its images have to be standardised where
     * those of this training are: CLN_INVALID. Other statistics of pixels, and another `resize`, are warnings. */
    struct cln_init_params init;
    /* Shell patterns (fnmatch), with commas between them, of names of parameters that training leaves unchanged, such
     * as "0.*,*.bias": these get no update and no weight decay, and their moments stay 0, or as in `resume`. Running
     * statistics are no parameters: they move as always. NULL or "": none. CLN_INVALID: a pattern that matches none,
     * patterns that match all, or more than 255 bytes. */
    const char *freeze;
    struct cln_save_params save;
    /* Resume from this checkpoint, which must have a training point; NULL: start anew. On the same device, driver and
     * profile the results are the same bits as without the interruption, on others equal within rounding. Network,
     * batch size, optimizer, class weights, freeze, augmentation, seed, validation, preprocessing and data must be as
     * in the checkpoint. If they differ, cln_trainer_create fails with CLN_INVALID before it builds a kernel. The
     * message lists all differences; of the layers it names the first that differs. Not with evaluate_only. Used only
     * while the trainer is created. */
    const struct cln_checkpoint *resume;
    /* With `resume`: batch size, class weights, freeze, augmentation, seed, validation, hyperparameters and data may
     * differ from the checkpoint's, and those of these params are used; the kind of optimizer may not differ. With
     * another seed, another share for validation or other data an unfinished epoch starts over. With another split or
     * other data the best accuracy so far does not count. Standardization stays that of the checkpoint. */
    bool override;
    size_t max_steps; /* stop after this many steps, which are updates of the parameters, counting those of the training
                         that is resumed; 0: no limit */
    cln_progress_handler *progress; /* NULL: none; gets `user` */
    void *user;
};

struct cln_metrics {
    size_t samples;
    double loss, accuracy; /* means over `samples` */
};

struct cln_epoch {
    int epoch;                /* from 1 */
    struct cln_metrics train; /* accumulated over the training steps, in training mode */
    size_t before;            /* samples of `train` from before this call; their time is not in train_seconds */
    /* After the epoch, in prediction mode, with the average of the weights if optimizer.ema is set: of the validation
     * images if there are any, else of the test images. The other, or both if nothing was evaluated, has samples 0. */
    struct cln_metrics validation, test;
    double learning_rate;               /* of the epoch's last step so far; 0 also if there was none */
    double gradient_norm;               /* of that step, before clipping; 0 if optimizer.clip_norm is 0 */
    double train_seconds, test_seconds; /* test_seconds: of the evaluation, whichever it was */
    bool stopped;                       /* ended with steps left: by the progress handler, max_steps or patience */
    size_t total_steps;                 /* as in cln_progress; 0 if nothing was trained */
};

/* The epoch of the highest validation accuracy so far; of several the first. */
struct cln_best {
    int epoch;        /* from 1; 0: none was evaluated */
    double accuracy;  /* -1: none was evaluated */
    bool has_weights; /* the trainer has the weights of that epoch; only after resuming it may lack them */
    bool is_final;    /* params.patience has run out: no further epoch is trained */
};

struct cln_trainer;

/* Finds the device, builds the kernels, uploads the data, and draws initial weights: uniform in ±1/√fan_in from
 * `seed`, γ = 1, β = 0. `network`, `data`, session.builder and session.trace must outlive the trainer; the other
 * strings and `resume` are used only by this call. The pixels may be released afterwards
 * (cln_dataset_release_pixels). Params that do not fit together give CLN_INVALID with a message, before a device is
 * opened. Among these errors are: images of another size than the input's, a label beyond the network's classes
 * (with its file and byte offset), a class that `validation` would leave without an image to train on or without one
 * for validation, and batches of one image, if the network has a batch norm behind a Linear layer
 * or on images of 1×1: such a batch has one value per channel. If only the last batch of an epoch has one image,
 * that is a warning. */
CLN_API enum cln_status cln_trainer_create(struct cln_trainer **out,
                                           const struct cln_trainer_params *params) CLN_MUST_CHECK;
CLN_API void cln_trainer_destroy(struct cln_trainer **trainer);

/* Whether a trainer or predictor started this process for an errand ($CLENET_BUILDER is set). */
CLN_API bool cln_trainer_builds(void);
/* In such a process: does the errand for a trainer with these params; afterwards the program must exit. A builder
 * builds its share of the kernels and launches each once on an empty batch, because some drivers compile only at the
 * first launch; other errands check a step or operations for the start-up guard. `data` is not used. */
CLN_API enum cln_status cln_trainer_build(const struct cln_trainer_params *params) CLN_MUST_CHECK;

/* One line for people: device, platform, profile, and the operations that run in their safe variants. It lives as long
 * as the trainer. */
CLN_API const char *cln_trainer_device(const struct cln_trainer *trainer);

/* Number of finished epochs, counting those of the training that is resumed. */
CLN_API int cln_trainer_epochs(const struct cln_trainer *trainer);

/* Trains one epoch, or the rest of an unfinished one, then evaluates the validation images, or without any the test
 * images if there are any, and fills *epoch. Special cases:
 * - the epoch is stopped: nothing is evaluated;
 * - max_steps is already reached, or patience has run out: nothing is trained; returns CLN_OK with epoch->stopped, and
 *   train.samples equals epoch->before;
 * - the epoch was resumed after its last step: the call only evaluates;
 * - the evaluation fails: the call returns its error. The next call begins the next epoch, and only from then on
 *   cln_trainer_epochs counts this one;
 * - a loss is not finite: CLN_NUMERIC. In training the message names the epoch, the step, and where it began: in a
 *   parameter, in a stage, or in the loss itself. In the evaluation it names the first sample of the batch. End
 *   with this trainer then: resume an earlier checkpoint in a new one, and do not call cln_trainer_finish, which
 *   would write over the newest. */
CLN_API enum cln_status cln_trainer_epoch(struct cln_trainer *trainer, struct cln_epoch *epoch) CLN_MUST_CHECK;

/* Evaluates the test images in prediction mode, with the average of the weights if optimizer.ema is set. `confusion` is
 * NULL or gets data->class_count² counters [label][predicted]. CLN_INVALID: there are no test images. */
CLN_API enum cln_status cln_trainer_evaluate(struct cln_trainer *trainer, struct cln_metrics *metrics,
                                             size_t *confusion) CLN_MUST_CHECK;

/* Reads the next *count training pictures as the device makes them for the network: of the unfinished epoch, or else of
 * the next one, in its order, and augmented. If fewer are left in that epoch, reads those; sets *count to the number.
 * `pixels` gets [picture][channel][row][column] of the network's input, without standardisation, as bytes from 0 to
 * 255: pixels that are cut out have the mean of their place. Training goes on as if nothing had been read.
 * CLN_INVALID: the trainer only evaluates. */
CLN_API enum cln_status cln_trainer_pictures(struct cln_trainer *trainer, size_t *count,
                                             uint8_t *pixels) CLN_MUST_CHECK;

CLN_API struct cln_best cln_trainer_best(const struct cln_trainer *trainer);
/* Like cln_trainer_evaluate, with the weights and running statistics of the epoch that cln_trainer_best names. The
 * trainer then has its own again, so that training may continue. CLN_INVALID: it does not have those weights. */
CLN_API enum cln_status cln_trainer_evaluate_best(struct cln_trainer *trainer, struct cln_metrics *metrics,
                                                  size_t *confusion) CLN_MUST_CHECK;

/* Writes a resume point of the present state to `path`, and waits until the file is written; a trainer with
 * evaluate_only writes a model.
 * The file has the data's digest if it is known (cln_dataset_measure_digest) or the pixels are still in memory. */
CLN_API enum cln_status cln_trainer_save(struct cln_trainer *trainer, const char *path) CLN_MUST_CHECK;
/* Call after the last epoch: writes the resume point that params.save asks for if training went on since the last one
 * or the last write failed, and waits until it is written. Does nothing without params.save.path or with evaluate_only.
 */
CLN_API enum cln_status cln_trainer_finish(struct cln_trainer *trainer) CLN_MUST_CHECK;
/* Whether this trainer has written params.save.path. Waits for a write that is under way. */
CLN_API bool cln_trainer_saved(struct cln_trainer *trainer);
/* Set the weights, running statistics and standardization from a checkpoint, or from its file. CLN_INVALID: its network
 * has other tensors (by name or shape), or the trainer's `standardize` or `resize` differs from the model's. */
CLN_API enum cln_status cln_trainer_set_model(struct cln_trainer *trainer,
                                              const struct cln_checkpoint *model) CLN_MUST_CHECK;
CLN_API enum cln_status cln_trainer_load(struct cln_trainer *trainer, const char *path) CLN_MUST_CHECK;

/* Writes a table of device time per kernel as text: a header, one line per kernel, largest first, and a total; "" if
 * params.session has neither timings nor a trace. *out is the caller's: free(). */
CLN_API enum cln_status cln_trainer_timings(struct cln_trainer *trainer, char **out) CLN_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
