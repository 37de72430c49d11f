/* Optimizers and their hyperparameters, in PyTorch's terms. */
#ifndef CLENET_OPTIMIZER_H
#define CLENET_OPTIMIZER_H

enum cln_optimizer_kind { CLN_ADAM, CLN_SGD, CLN_OPTIMIZER_COUNT };
#define CLN_OPTIMIZER_NAMES "adam", "sgd" /* by kind; the names of command-line values, operations and kernel files */

/* torch.optim.Adam or torch.optim.SGD. All members from lr on are double, and each has a row in a table. A member that
 * is 0 takes PyTorch's default: lr 0.001, betas 0.9 and 0.999, eps 1e-8, momentum and weight_decay 0. */
struct cln_optimizer_params {
    enum cln_optimizer_kind kind;
    double lr, beta1, beta2, eps, momentum, weight_decay;
};

#endif
