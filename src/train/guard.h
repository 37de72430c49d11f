/* The start-up guard: what a driver gets wrong is found before a training learns from it. */
#ifndef SRC_TRAIN_GUARD_H
#define SRC_TRAIN_GUARD_H

#include "src/train/trainer_private.h"

/* Before the first training of a network with these images, batch size and optimizer on a device, driver and profile:
 * one step of it against float64 (check/step.h). Where that is right, and the device, driver and profile are new, the
 * quick checks of all operations, too; but not where the tuning does without barriers, local memory and CLBlast, which
 * leaves little to choose, nor where nothing can be remembered. Where the step is wrong, they search. Operations that
 * fail run in their safe variants from now on (t->tuning), which a warning says, and all of them where the step is
 * wrong all the same. Quick checks that cannot be done cost no training whose step is right; where the program ends in
 * them, they are tried once more by a later start. What came of it is remembered in `cache`, the folder of built
 * kernels (NULL: nowhere), and operations that were wrong are so for everything that runs on this device, driver and
 * profile with these kernels: a trainer that only evaluates, or builds, recalls them and checks nothing. `replay`:
 * steps will be enqueued as command buffers. CLN_DEVICE where the safe variants are wrong, too. */
enum cln_status cln_guard(struct cln_trainer *t, const char *cache, bool replay) CLN_MUST_CHECK;

#endif
