/* Optimizers, schedules of the learning rate, and their hyperparameters, in PyTorch's terms. */
#ifndef CLENET_OPTIMIZER_H
#define CLENET_OPTIMIZER_H

enum cln_optimizer_kind { CLN_ADAM, CLN_SGD, CLN_ADAMW, CLN_RMSPROP, CLN_OPTIMIZER_COUNT };
/* By kind; the names of command-line values, operations and kernel files. */
#define CLN_OPTIMIZER_NAMES "adam", "sgd", "adamw", "rmsprop"

/* How the learning rate changes. `lr` is the highest rate of each; t counts steps and e whole epochs, both from 0 at
 * the end of the warm-up, and T is the number of steps from there to the end of schedule_epochs. */
enum cln_schedule_kind {
    CLN_CONSTANT,    /* lr */
    CLN_STEP,        /* StepLR: lr gamma^floor(e / step_size) */
    CLN_MULTISTEP,   /* MultiStepLR: lr gamma^(number of milestones that are at most e) */
    CLN_EXPONENTIAL, /* ExponentialLR: lr gamma^e */
    CLN_COSINE,    /* CosineAnnealingLR, step by step: eta_min + (lr - eta_min) (1 + cos(pi t / T)) / 2, then eta_min */
    CLN_ONE_CYCLE, /* OneCycleLR with cycle_momentum=False, step by step: lr / div_factor, lr after pct_start of the T
                      steps, lr / div_factor / final_div_factor at the last; half a cosine between each two */
    CLN_PLATEAU,   /* ReduceLROnPlateau of the validation loss: lr, times gamma after every plateau_patience + 1 epochs
                      in a row in which the loss did not become lower by 1 part in 10^4; at least eta_min */
    CLN_SCHEDULE_COUNT
};
/* By kind. */
#define CLN_SCHEDULE_NAMES "constant", "step", "multistep", "exponential", "cosine", "one-cycle", "plateau"

enum { CLN_MOST_MILESTONES = 16 };

/* What CLN_PLATEAU goes by. */
struct cln_plateau {
    double rate; /* now; 0: lr */
    double best; /* lowest validation loss so far; 0: none yet */
    int bad;     /* epochs in a row, the last one included, that were no better */
};

/* One of torch.optim.Adam, SGD, AdamW and RMSprop. All members from lr on are double, and each has a row in a table
 * (src/model/optimizer_table.c). A member that is 0 takes PyTorch's default: lr 0.001, for RMSprop 0.01; betas 0.9 and
 * 0.999, alpha 0.99, eps 1e-8, gamma 0.1, pct_start 0.3, div_factor 25, final_div_factor 10000. The others are 0 by
 * default, weight_decay too: `clenet train` takes 0.01 for AdamW, as PyTorch does. */
struct cln_optimizer_params {
    enum cln_optimizer_kind kind;
    enum cln_schedule_kind schedule;
    /* The trainer sets these three: */
    struct cln_plateau plateau;             /* what CLN_PLATEAU has seen so far */
    int step_shift;                         /* steps by which the schedule is ahead of the count of steps */
    int steps_per_epoch;                    /* of the schedule's epochs */
    double milestones[CLN_MOST_MILESTONES]; /* epochs of CLN_MULTISTEP: rising whole numbers, a 0 behind the last */
    double lr, beta1, beta2, alpha, eps, momentum;
    double nesterov;           /* 1: SGD with Nesterov's momentum; 0: without */
    double weight_decay;       /* L2 penalty; in AdamW the decoupled decay of Loshchilov and Hutter, 2019 */
    double decay_weights_only; /* 1: no decay of biases and of batch norm's parameters; 0: of all parameters */
    double warmup_epochs;      /* LinearLR before the schedule: from lr warmup_start up to lr; 0: none */
    double warmup_start;       /* 0: 0.01 */
    double schedule_epochs;    /* end of cosine and one-cycle, counted from the first step, warm-up included */
    double step_size, gamma, eta_min, pct_start, div_factor, final_div_factor;
    double plateau_patience; /* 0: 10 */
    /* Of the training loss: the label has this much less than 1, and every class an equal part of it, as in
     * torch.nn.CrossEntropyLoss(label_smoothing=…). Test and validation losses are without it. */
    double label_smoothing;
    /* Every gradient is multiplied by min(1, clip_norm / (norm + 1e-6)), where the norm is the root of the sum of the
     * squares of all gradients, before weight decay, as in torch.nn.utils.clip_grad_norm_; 0: no clipping. */
    double clip_norm;
    /* Decay of the exponential moving average of parameters and running statistics, which epochs are evaluated with: w
     * = parameters after an update, average = ema average + (1 - ema) w, and average = w after the first update, as in
     * torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(ema), use_buffers=True); 0: none. */
    double ema;
    /* A whole number of batches per update, at most 1000, whose gradients are averaged by their samples: the gradient
     * of the mean loss over all of them. The last update of an epoch takes the batches that are left. Every batch norm
     * normalises by each batch alone. A step is an update: rates, warm-up and limits of steps count updates. 0: 1. */
    double accumulate;
};

#endif
