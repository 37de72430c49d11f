/* What a trainer is asked for, judged before a device is opened. */
#ifndef SRC_TRAIN_PARAMS_H
#define SRC_TRAIN_PARAMS_H

#include "clenet/trainer.h"

/* CLN_INVALID where network, data, optimizer or labels do not go together. Labels are judged against the network: those
 * of the test images, and those of the training images unless the trainer only evaluates. */
enum cln_status cln_params_check(const struct cln_trainer_params *params) CLN_MUST_CHECK;

#endif
