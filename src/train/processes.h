/* What has to be the same in all processes that share batches. */
#ifndef SRC_TRAIN_PROCESSES_H
#define SRC_TRAIN_PROCESSES_H

#include "clenet/status.h"

struct cln_trainer;

/* Compares the trainers of all processes before their first step. All call it. CLN_INVALID says which process differs,
 * and in what. */
enum cln_status cln_processes_compare(struct cln_trainer *trainer) CLN_MUST_CHECK;

/* The first process warns if batches are too small for all to get a part. */
void cln_processes_warn(const struct cln_trainer *trainer);

#endif
