/* --log FILE.jsonl: one JSON object per line: a "start", an "epoch" for each, an "end"; "progress" now and then within
 * epochs that take longer. */
#ifndef SRC_CLI_JOURNAL_H
#define SRC_CLI_JOURNAL_H

#include "clenet/trainer.h"
#include "src/cli/options.h"

struct cln_journal;

/* Starts the file anew, or goes on with it (`append`). A NULL path makes a NULL journal, which the others accept and
 * ignore. */
enum cln_status cln_journal_create(struct cln_journal **out, const char *path, bool append) CLN_MUST_CHECK;
void cln_journal_destroy(struct cln_journal **journal);

/* Each writes its line through to the file. `options` is the whole table of the command. */
enum cln_status cln_journal_start(struct cln_journal *journal, const char *device, const struct cln_network *network,
                                  const struct cln_dataset *data, const struct cln_option *options) CLN_MUST_CHECK;
enum cln_status cln_journal_progress(struct cln_journal *journal, const struct cln_progress *progress) CLN_MUST_CHECK;
enum cln_status cln_journal_epoch(struct cln_journal *journal, const struct cln_epoch *epoch) CLN_MUST_CHECK;
/* `result` is how training ended; `missed` says by how much a model that was trained is not what was asked for, or is
 * ""; `saved` is the model's file, or NULL where none was written. */
enum cln_status cln_journal_end(struct cln_journal *journal, enum cln_status result, const char *missed,
                                const char *saved) CLN_MUST_CHECK;

#endif
