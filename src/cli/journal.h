/* The events of a training. Each is made once, as a JSON object, and handed to all sinks: a "start", an "epoch" per
 * epoch, an "end", and "progress" at intervals within longer epochs. With validation images also a "test", and a
 * "patience" if that ends the training; a "test" also if nothing was left to train. With --lr-find a "rate" per step
 * and a "suggestion" in the place of epochs. */
#ifndef SRC_CLI_JOURNAL_H
#define SRC_CLI_JOURNAL_H

#include "clenet/trainer.h"
#include "src/cli/options.h"
#include "src/cli/outcome.h"
#include "src/cli/sink.h"
#include "src/train/range_test.h"

struct cln_journal;

/* A sink to open; neither path nor memory: it is not wanted. */
struct cln_sink {
    const struct cln_sink_format *format;
    const char *path;
    void *memory; /* of a format without `open`: the sink itself, which the caller owns */
};

/* Opens the sinks, and empties files or appends to them (`append`). If none is wanted, makes a NULL journal; the other
 * functions accept it and do nothing. */
enum cln_status cln_journal_create(struct cln_journal **out, const struct cln_sink *sinks, size_t count,
                                   bool append) CLN_MUST_CHECK;
void cln_journal_destroy(struct cln_journal **journal);

/* What a training starts with. */
struct cln_journal_start {
    const char *device;
    const struct cln_network *network;
    const struct cln_dataset *data;
    size_t validation;                /* number of training images that are set aside */
    const double *class_weights;      /* network->classes of them; NULL: none */
    const struct cln_option *options; /* the command's whole table */
    uint64_t steps;                   /* updates before, of the training that is resumed */
};

/* Each function hands one event to all sinks. A sink that fails is closed; the others go on, and the message names the
 * failure. */
enum cln_status cln_journal_start(struct cln_journal *journal, const struct cln_journal_start *start) CLN_MUST_CHECK;
enum cln_status cln_journal_progress(struct cln_journal *journal, const struct cln_progress *progress) CLN_MUST_CHECK;
/* `validates`: the epoch is evaluated on validation images, not on test images. */
enum cln_status cln_journal_epoch(struct cln_journal *journal, const struct cln_epoch *epoch,
                                  bool validates) CLN_MUST_CHECK;
/* `epoch`: number of finished epochs. */
enum cln_status cln_journal_patience(struct cln_journal *journal, int epoch,
                                     const struct cln_best *best) CLN_MUST_CHECK;
enum cln_status cln_journal_test(struct cln_journal *journal, const struct cln_outcome *outcome) CLN_MUST_CHECK;
/* Whether a sink takes events of details; if not, they need not be made. */
bool cln_journal_takes_details(const struct cln_journal *journal);
/* Hands an event of details.h, which is taken over, to the sinks that take them. NULL: memory has run out. */
enum cln_status cln_journal_details(struct cln_journal *journal, json_t *record) CLN_MUST_CHECK;
/* Of --lr-find: step `number`, counted from 1, and what is suggested. */
enum cln_status cln_journal_rate(struct cln_journal *journal, size_t number,
                                 const struct cln_range_step *step) CLN_MUST_CHECK;
enum cln_status cln_journal_suggestion(struct cln_journal *journal,
                                       const struct cln_range_result *result) CLN_MUST_CHECK;
/* `result`: how training ended. `missed`: which requirement the trained model misses and by how much, or "". `saved`:
 * the model's file; NULL: none was written. */
enum cln_status cln_journal_end(struct cln_journal *journal, enum cln_status result, const char *missed,
                                const char *saved) CLN_MUST_CHECK;

#endif
