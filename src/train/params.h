/* Checks a trainer's params before a device is opened. */
#ifndef SRC_TRAIN_PARAMS_H
#define SRC_TRAIN_PARAMS_H

#include "clenet/trainer.h"

/* CLN_INVALID if network, data, optimizer and labels do not fit together. Labels must be below the network's classes:
 * those of the test images, and unless the trainer only evaluates those of the training images. */
enum cln_status cln_params_check(const struct cln_trainer_params *params) CLN_MUST_CHECK;

/* CLN_INVALID if the network does not take images of this shape, resized to `resize` (0: as stored). `origin` names
 * them in the message. */
enum cln_status cln_params_check_image(const struct cln_network *network, struct cln_shape image, int resize,
                                       const char *origin) CLN_MUST_CHECK;

#endif
