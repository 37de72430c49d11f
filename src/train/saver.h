/* Resume points of a running training (struct cln_save_params): taken from the device by the thread that trains,
 * written by another. A NULL saver keeps nothing. */
#ifndef SRC_TRAIN_SAVER_H
#define SRC_TRAIN_SAVER_H

#include "src/train/trainer_private.h"

struct cln_saver;

/* NULL where the params of the trainer keep nothing. */
enum cln_status cln_saver_create(struct cln_saver **out, const struct cln_trainer *trainer) CLN_MUST_CHECK;
/* Waits for what is being written. */
void cln_saver_destroy(struct cln_saver **saver);

/* Whether it is time for one within an epoch. */
bool cln_saver_due(const struct cln_saver *saver);
/* Takes one now; `best`: it is also the best one. That one cannot be written is a warning, that it cannot be taken a
 * failure. */
enum cln_status cln_saver_save(struct cln_saver *saver, struct cln_trainer *trainer, bool best) CLN_MUST_CHECK;
/* At the end of an epoch: takes one if it is time, or if it is the `best` and that one is kept. */
enum cln_status cln_saver_epoch(struct cln_saver *saver, struct cln_trainer *trainer, bool best) CLN_MUST_CHECK;
/* At the end of training: what was not kept yet; waits, and fails where it could not be written. */
enum cln_status cln_saver_finish(struct cln_saver *saver, struct cln_trainer *trainer) CLN_MUST_CHECK;
/* Whether params.save.path was written; waits for what is being written. */
bool cln_saver_has_saved(struct cln_saver *saver);

/* Whether the file of the best model is there. */
bool cln_saver_has_best(const struct cln_save_params *params);

/* The name of a file that goes with `path`: `mark` and a dot before its extension ("m.best.safetensors"), or behind the
 * name where it has none. The caller's: free(); NULL where memory ran out. */
char *cln_saver_name(const char *path, const char *mark);

#endif
