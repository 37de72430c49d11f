/* The start-up guard: what a driver gets wrong is found before a training learns from it. */
#ifndef SRC_TRAIN_GUARD_H
#define SRC_TRAIN_GUARD_H

#include "src/train/trainer_private.h"

/* Before the first training of a network with these images, batch size and optimizer on a device, driver and profile:
 * one step of it against float64 (check/step.h). Where that is right, and the device, driver and profile are new, the
 * quick checks of all operations, too; but not where the tuning does without barriers, local memory and CLBlast, which
 * leaves little to choose, nor where nothing can be remembered. Where the step is wrong, they search. Operations that
 * fail run in their safe variants from now on (t->tuning), which a warning says, and all of them where the step is
 * wrong all the same. Quick checks that cannot be done cost no training whose step is right.
 *
 * A trainer that knows how to start its program anew (params.builder) calls it before it has a context: then all this
 * is done in processes of their own (trial.h), and what crashes or hangs the driver is found, told and got around like
 * what is wrong; so is, where nothing is known of the device and the tuning uses what drivers get wrong, a prediction
 * of a trainer that only evaluates. Kept kernels that crash the driver are removed, and this trainer keeps none. Any
 * other trainer calls it when it has one: then a crash ends the program, once or twice.
 *
 * What came of it is remembered in `cache`, the folder of built kernels (NULL: nowhere), and operations that were wrong
 * are so for everything that runs on this device, driver and profile with these kernels. With params.no_check
 * nothing else is done than to recall it. `replay`: steps will be enqueued as command buffers. CLN_DEVICE where the
 * safe variants are wrong, too. */
enum cln_status cln_guard(struct cln_trainer *t, const struct ocl_device *device, const char *cache,
                          bool replay) CLN_MUST_CHECK;

#endif
