/* Training in several processes that MPI has started: `mpirun -n 4 program`. Every process trains with a part of every
 * batch; together they compute what one process computes on whole batches, with strict arithmetic bit for bit
 * (docs/scaling.md). The processes may be on several machines and have devices of different kinds. */
#ifndef CLENET_RANKS_H
#define CLENET_RANKS_H

#include <stdbool.h>

#include "clenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cln_ranks;

/* Where this process stands, as the launcher's environment says: that of Open MPI, MPICH or Slurm. */
struct cln_rank {
    int rank, count; /* its number from 0, and the number of processes; count 1: it is alone */
    int local;       /* its number among those on this machine */
    int together;    /* the number of those on this machine; 0: not known */
    bool is_cut_off; /* no MPI reaches the others, as with srun --mpi=none: cln_ranks_open says what to do */
};
CLN_API struct cln_rank cln_ranks_place(void);

/* Starts MPI, and waits until all processes have. Call it once, before other threads start. *out is NULL if this
 * process is alone. CLN_INVALID: this library was built without the MPI that has started the program, or none has.
 * `stops` says whether this process was asked to end, by a signal for instance; then it waits for no other for long.
 * NULL: never. */
CLN_API enum cln_status cln_ranks_open(struct cln_ranks **out, bool (*stops)(void)) CLN_MUST_CHECK;
/* Ends MPI, when all processes come here. */
CLN_API void cln_ranks_close(struct cln_ranks **ranks);
/* After a failure that the others do not know: ends all processes at once. Does not return, unless `ranks` is NULL. */
CLN_API void cln_ranks_end_all(struct cln_ranks *ranks, int exit_status);

/* `ranks` NULL: as of a process that is alone. */
CLN_API struct cln_rank cln_ranks_here(const struct cln_ranks *ranks);
/* Whether the last failure of a function of `ranks`, or of a trainer with it, is one that all processes know and end
 * with, so that cln_ranks_close may follow, and not cln_ranks_end_all; and whether another process tells it, so that
 * this one may end quietly. */
CLN_API bool cln_ranks_knows(const struct cln_ranks *ranks);
CLN_API bool cln_ranks_told(const struct cln_ranks *ranks);

/* The following are called by all processes at the same place; each waits for the others. */

/* CLN_OK if all processes come with CLN_OK, else the status of the first that does not, with its message and its name.
 * `ranks` NULL: returns `status`. */
CLN_API enum cln_status cln_ranks_agree(struct cln_ranks *ranks, enum cln_status status) CLN_MUST_CHECK;
/* Compares what has to be the same in all processes, such as the digest of the data set. CLN_INVALID says which
 * process has another than the first one; `what` is its name for people: "the data set". */
CLN_API enum cln_status cln_ranks_compare(struct cln_ranks *ranks, const char *what, const char *value) CLN_MUST_CHECK;
/* Gives the first process the lines that the others bring and it does not: each once, behind the name of the first that
 * brings it. *out is the caller's, to free(); NULL in the others, and where there is no such line. `lines` NULL: none.
 */
CLN_API enum cln_status cln_ranks_collect(struct cln_ranks *ranks, const char *lines, char **out) CLN_MUST_CHECK;
/* Sets *any to whether `own` is true in any process. */
CLN_API enum cln_status cln_ranks_any(struct cln_ranks *ranks, bool own, bool *any) CLN_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
