/* The live line of training: bar, images/s, loss, accuracy and time left. */
#ifndef SRC_CLI_PROGRESS_H
#define SRC_CLI_PROGRESS_H

#include <stddef.h>

#include "src/train/trainer.h"

/* Shows where training is, on a terminal only. `steps_left` counts the steps after this epoch that are still to
 * come: the time left is that of the whole run. */
void cln_progress_show(const struct cln_progress *progress, size_t steps_left);

#endif
