/* Several processes, as the files of this room see them. */
#ifndef SRC_RANKS_RANKS_PRIVATE_H
#define SRC_RANKS_RANKS_PRIVATE_H

#include <sys/types.h>

#include "src/ranks/mpi_functions.h"
#include "src/ranks/ranks.h"

enum { NAME_BYTES = 192, HOST_BYTES = 64, MESSAGE_BYTES = 512 };

/* A process, as the others know it. */
struct peer {
    char name[NAME_BYTES]; /* "process 1 of 4 (host, device)" */
    char host[HOST_BYTES], device[NAME_BYTES];
    char machine[2 * HOST_BYTES]; /* the same where process numbers are the same: of one boot and one namespace */
    pid_t pid;
};

struct cln_ranks {
    struct cln_rank here;
    void *module;
    const struct cln_mpi *mpi;
    struct peer *peers; /* all processes */
    size_t *bounds;     /* for numbers of one size, `count` + 1 */
    char *received;     /* where MPI puts what others send */
    size_t received_bytes;
    bool (*stops)(void);
    bool is_patient;       /* see cln_ranks_pause */
    size_t step;           /* see cln_ranks_step */
    bool shared;           /* the last failure is known to all */
    int teller;            /* the process that is to tell it */
    bool lost;             /* it is that a process does not answer */
    bool unfinished;       /* a wait was in vain: MPI may still write into `received` */
    double stopped;        /* when `stops` first said so; 0: not yet */
    double waited;         /* see cln_ranks_waited */
    double begun, longest; /* when the step began; the longest one so far, in seconds */
    double looked;         /* when the processes of this machine were looked for last */
    size_t looks;
    int dead; /* one of these that is gone; -1: none */
    /* See cln_ranks_meter. */
    struct cln_part_meter *meter;
};

#endif
