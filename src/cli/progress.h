/* Where training is within an epoch: the live line of a terminal, and lines for people without one. */
#ifndef SRC_CLI_PROGRESS_H
#define SRC_CLI_PROGRESS_H

#include <stddef.h>

#include "clenet/trainer.h"

/* Shows where training is, on a terminal only. `steps_left` counts the steps after this epoch that are still to
 * come: the time left is that of the whole run. */
void cln_progress_show(const struct cln_progress *progress, size_t steps_left);

/* The same as a note of its own, for those who have no terminal, of `images` in an epoch. */
void cln_progress_tell(const struct cln_progress *progress, size_t images);
/* Seconds between two such lines, and between two "progress" records of the log: $CLENET_PROGRESS_SECONDS, or 30. */
double cln_progress_interval(void);

#endif
