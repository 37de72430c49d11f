/* The saver writes resume points during training (struct cln_save_params): the training thread reads them from the
 * device, another thread writes the file. Failing to write only warns; failing to read from the device is an error.
 * cln_saver_save needs a saver; all other functions accept NULL and then do nothing. */
#ifndef SRC_TRAIN_SAVER_H
#define SRC_TRAIN_SAVER_H

#include "src/train/trainer_private.h"

struct cln_saver;

/* Creates a saver; *out is NULL if the trainer's params ask for no resume points. */
enum cln_status cln_saver_create(struct cln_saver **out, const struct cln_trainer *trainer) CLN_MUST_CHECK;
/* Waits for a write that is under way. */
void cln_saver_destroy(struct cln_saver **saver);

/* Whether save.every_seconds have passed since the last resume point. */
bool cln_saver_due(const struct cln_saver *saver);
/* Reads a resume point now and starts writing it. `best`: also write it as the best model. A failed write, of the one
 * before too, is a warning. */
enum cln_status cln_saver_save(struct cln_saver *saver, struct cln_trainer *trainer, bool best) CLN_MUST_CHECK;
/* Call after each epoch: saves if a resume point is due, or if this epoch is the `best` one and save.best is set. */
enum cln_status cln_saver_epoch(struct cln_saver *saver, struct cln_trainer *trainer, bool best) CLN_MUST_CHECK;
/* Call after training: saves if training went on since the last resume point, and waits. Here a failed write is an
 * error. */
enum cln_status cln_saver_finish(struct cln_saver *saver, struct cln_trainer *trainer) CLN_MUST_CHECK;
/* Whether the saver has written save.path; waits for a write that is under way. */
bool cln_saver_has_saved(struct cln_saver *saver);

/* Whether the file of the best model exists. */
bool cln_saver_has_best(const struct cln_save_params *params);

/* The path of a file beside `path`: inserts a dot and `mark` before the extension ("m.best.safetensors"), or appends
 * them if there is none. The caller's: free(). NULL: out of memory. */
char *cln_saver_name(const char *path, const char *mark);

#endif
