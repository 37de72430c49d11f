/* What this library needs of an MPI. Each implementation has a binary interface of its own, so each gets a module of
 * its own, which is loaded when its launcher has started the program: a program that is alone loads none. */
#ifndef SRC_RANKS_MPI_FUNCTIONS_H
#define SRC_RANKS_MPI_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { CLN_MPI_VERSION = 1 };
#define CLN_MPI_SYMBOL "cln_mpi_functions"

/* Functions return NULL, or a message that lives until the next call. Bounds are in bytes, as in struct cln_exchange. A
 * function that waits for other processes calls `waits` from time to time, and ends with a message if that returns
 * false. */
struct cln_mpi {
    int version;
    const char *(*start)(bool (*waits)(double seconds));
    void (*place)(int *rank, int *count); /* as MPI has it */
    const char *(*gather)(void *values, const size_t *bounds);
    const char *(*scatter)(const void *sent, const size_t *sent_bounds, void *received, const size_t *received_bounds);
    const char *(*barrier)(void);
    /* Asks all processes whether they are there, and sets missing[rank] of those that do not answer in `seconds`. A
     * process answers in this function, and wherever it waits for others itself. */
    void (*find_missing)(bool *missing, double seconds);
    void (*stop)(void);
    void (*end_all)(int exit_status); /* ends this process, too */
};

#endif
