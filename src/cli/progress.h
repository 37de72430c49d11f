/* Shows the progress within an epoch: on a terminal as a live line, else as lines at intervals. */
#ifndef SRC_CLI_PROGRESS_H
#define SRC_CLI_PROGRESS_H

#include <stddef.h>

#include "clenet/trainer.h"
#include "src/live/live.h"

/* Updates the live line; does nothing without a terminal. `steps_left` is the number of steps after this epoch, for the
 * remaining time of the whole run. */
void cln_progress_show(const struct cln_progress *progress, size_t steps_left);

/* Prints the address of a live page, even with --quiet; NULL does nothing. */
void cln_progress_tell_address(const struct cln_live *live);
/* Tells a live page; NULL does nothing. `images` is the number of images in an epoch, `epochs` that of all epochs. */
void cln_progress_tell_live(struct cln_live *live, const struct cln_progress *progress, size_t steps_left,
                            size_t images, int epochs);

/* Prints a line of progress, for runs without a terminal. `images` is the number of images in an epoch. */
void cln_progress_tell(const struct cln_progress *progress, size_t images);
/* cln_dataset_params.decoding: shows how many pictures are decoded, live and at intervals. */
void cln_progress_decoding(void *user, size_t begun, size_t count);
/* The seconds between such lines, and between "progress" records of the log: $CLENET_PROGRESS_SECONDS, or 30. */
double cln_progress_interval(void);

#endif
