/* The log of --log FILE.jsonl: one JSON object per line. A "start", an "epoch" per epoch, an "end", and "progress" at
 * intervals within longer epochs. With validation images also a "test", and a "patience" if that ends the training. */
#ifndef SRC_CLI_JOURNAL_H
#define SRC_CLI_JOURNAL_H

#include "clenet/trainer.h"
#include "src/cli/options.h"
#include "src/cli/outcome.h"

struct cln_journal;

/* Opens the file and empties it, or appends to it (`append`). A NULL path makes a NULL journal; the other functions
 * accept it and do nothing. */
enum cln_status cln_journal_create(struct cln_journal **out, const char *path, bool append) CLN_MUST_CHECK;
void cln_journal_destroy(struct cln_journal **journal);

/* Each function writes one line and flushes it. `validation`: number of training images that are set aside.
 * `class_weights`: network->classes of them; NULL: none. `options` is the command's whole table. */
enum cln_status cln_journal_start(struct cln_journal *journal, const char *device, const struct cln_network *network,
                                  const struct cln_dataset *data, size_t validation, const double *class_weights,
                                  const struct cln_option *options) CLN_MUST_CHECK;
enum cln_status cln_journal_progress(struct cln_journal *journal, const struct cln_progress *progress) CLN_MUST_CHECK;
/* `validates`: the epoch is evaluated on validation images, not on test images. */
enum cln_status cln_journal_epoch(struct cln_journal *journal, const struct cln_epoch *epoch,
                                  bool validates) CLN_MUST_CHECK;
/* `epoch`: number of finished epochs. */
enum cln_status cln_journal_patience(struct cln_journal *journal, int epoch,
                                     const struct cln_best *best) CLN_MUST_CHECK;
enum cln_status cln_journal_test(struct cln_journal *journal, const struct cln_outcome *outcome) CLN_MUST_CHECK;
/* `result`: how training ended. `missed`: which requirement the trained model misses and by how much, or "". `saved`:
 * the model's file; NULL: none was written. */
enum cln_status cln_journal_end(struct cln_journal *journal, enum cln_status result, const char *missed,
                                const char *saved) CLN_MUST_CHECK;

#endif
