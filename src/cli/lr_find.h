/* clenet train --lr-find: tests learning rates, and suggests one. */
#ifndef SRC_CLI_LR_FIND_H
#define SRC_CLI_LR_FIND_H

#include "src/cli/journal.h"

struct cln_lr_find_params {
    double from, to; /* the rates */
    uint64_t steps;  /* 0: CLN_RANGE_USUAL */
};

/* Trains with rising rates, prints a table of rates and losses with a suggestion, and writes all steps to the log, if
 * that is not NULL. The trainer is then of no more use. CLN_INTERRUPTED: a signal ended the test; nothing is suggested.
 */
enum cln_status cln_lr_find(struct cln_trainer *trainer, struct cln_journal *journal,
                            const struct cln_lr_find_params *params) CLN_MUST_CHECK;

#endif
