/* Builders: helpers that build and launch once the kernels of a trainer, so that this process need not compile. */
#ifndef SRC_TRAIN_BUILDERS_H
#define SRC_TRAIN_BUILDERS_H

#include "src/train/trainer.h"

/* Starts params->builder as often as there is room and waits for all of them. What they leave undone, this process
 * builds itself, so nothing about them is a failure; but pixels that cannot be read are, and end them at once. */
enum cln_status cln_builders_run(const struct cln_trainer_params *params) CLN_MUST_CHECK;

/* In a builder: the shape of the images. CLN_INVALID where this process is none. */
enum cln_status cln_builder_image(struct cln_shape *image) CLN_MUST_CHECK;

#endif
