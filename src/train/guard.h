/* The start-up guard: what a driver gets wrong is found before a training learns from it. */
#ifndef SRC_TRAIN_GUARD_H
#define SRC_TRAIN_GUARD_H

#include "src/train/trainer_private.h"

/* Before training on a device, driver and profile not seen before: one step of the network against float64
 * (check/step.h), by the kernels that the training will use, but for the batch's own where it resizes or standardises
 * images. Where that fails, the quick checks of all operations say which are wrong: those run in their safe variants
 * from now on (t->tuning), which a warning says; all of them where that is not enough. What came of it is remembered in
 * `cache`, the folder of built kernels (NULL: nowhere); operations that were wrong are so for everything that runs on
 * this device, driver and profile with these kernels: a trainer that only evaluates, or builds, recalls them and checks
 * nothing. Nor is a batch of one checked: a batch norm of a single sample magnifies rounding beyond what can be told
 * from mistakes. `replay`: steps will be enqueued as command buffers. CLN_DEVICE where the safe variants are wrong,
 * too. */
enum cln_status cln_guard(struct cln_trainer *t, const char *cache, bool replay) CLN_MUST_CHECK;

#endif
