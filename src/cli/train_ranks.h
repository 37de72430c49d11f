/* clenet train in several processes: --devices, and what differs between the processes of one training. */
#ifndef SRC_CLI_TRAIN_RANKS_H
#define SRC_CLI_TRAIN_RANKS_H

#include "src/cli/train_run.h"

/* Settles what is this process's own: its device; and only the first one writes files and tells anything. With
 * --devices and without a launcher starts `mpirun` with a process for each device instead. False: there is nothing more
 * to do; an error has been printed. */
bool cln_train_ranks_settle(struct cln_train_options *o, struct cln_save_params *save, int *exit_status);
/* Tells the others that this process's options are refused. Otherwise they would wait for it: not every launcher ends
 * them. */
void cln_train_ranks_refuse(int exit_status);

/* Compares what all processes need besides the trainer's params. */
enum cln_status cln_train_ranks_compare(const struct cln_train_run *run) CLN_MUST_CHECK;

/* Whether the training is to stop: all processes stop as soon as one is asked to. */
enum cln_status cln_train_ranks_stop(struct cln_train_run *run, bool *stop) CLN_MUST_CHECK;

/* Ends MPI. After a failure that the others do not know, ends them, too, and does not return. */
void cln_train_ranks_end(struct cln_train_run *run, enum cln_status status, int exit_status);

#endif
