/* The module of one MPI: see mpi.h. meson.build compiles this file once for each that it finds. */
#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "src/ranks/mpi_functions.h"

static int count, rank;
static MPI_Comm asking = MPI_COMM_NULL; /* of messages that say "here": at most one from each process to each other */
static bool *has_said, *has_heard;      /* to whom, and from whom */
static bool (*may_wait)(double seconds);
static char message[MPI_MAX_ERROR_STRING + 64];
static int *counts[2], *offsets[2]; /* of the bounds of a call: what is sent, what is received */

static const char *failed(const char *function, int code) {
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    snprintf(message, sizeof message, "%s: %s", function, text);
    return message;
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void say_here(int to) {
    static const char here = 1;
    MPI_Request request;
    if (!has_said[to] && MPI_Isend(&here, 1, MPI_CHAR, to, 0, asking, &request) == MPI_SUCCESS)
        MPI_Request_free(&request);
    has_said[to] = true;
}

/* Takes the messages that have come, and answers them. */
static void answer(void) {
    int arrived = 0;
    MPI_Status from;
    char byte;
    while (MPI_Iprobe(MPI_ANY_SOURCE, 0, asking, &arrived, &from) == MPI_SUCCESS && arrived &&
           MPI_Recv(&byte, 1, MPI_CHAR, from.MPI_SOURCE, 0, asking, MPI_STATUS_IGNORE) == MPI_SUCCESS) {
        has_heard[from.MPI_SOURCE] = true;
        say_here(from.MPI_SOURCE);
    }
}

/* Waits for a request. One that does not end stays open: the memory that it writes into, and the bounds above, must
 * stay, and no other may begin. It gives the core up between looks, because the device of another process may be on it:
 * a short while by yielding, then by sleeping. */
static const char *wait_for(MPI_Request *request, const char *function) {
    const double start = seconds_now();
    const struct timespec nap = {0, 20000}, longer = {0, 500000};
    for (int looks = 0;; looks++) {
        int done = 0;
        const int code = MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS)
            return failed(function, code);
        if (done)
            return NULL;
        const double waited = seconds_now() - start;
        if (waited > 300e-6)
            nanosleep(waited > 50e-3 ? &longer : &nap, NULL);
        else
            sched_yield();
        if (looks % 256 != 255)
            continue;
        answer();
        if (!may_wait(waited)) {
            snprintf(message, sizeof message, "%s: the others do not come", function);
            return message;
        }
    }
}

static const char *start(bool (*waits)(double seconds)) {
    int provided;
    may_wait = waits;
    const int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    if (code != MPI_SUCCESS)
        return failed("MPI_Init_thread", code);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &count);
    MPI_Comm_dup(MPI_COMM_WORLD, &asking);
    MPI_Comm_set_errhandler(asking, MPI_ERRORS_RETURN);
    has_said = calloc((size_t)count, sizeof *has_said);
    has_heard = calloc((size_t)count, sizeof *has_heard);
    if (!has_said || !has_heard)
        return "host memory for the processes that answer";
    for (int i = 0; i < 2; i++) {
        counts[i] = calloc((size_t)count, sizeof *counts[i]);
        offsets[i] = calloc((size_t)count, sizeof *offsets[i]);
        if (!counts[i] || !offsets[i])
            return "host memory for the bounds of an exchange";
    }
    return NULL;
}

static void place(int *own, int *all) {
    *own = rank;
    *all = count;
}

/* MPI's numbers are ints. */
static const char *take_bounds(int which, const size_t *bounds) {
    if (bounds[count] > INT_MAX)
        return "an exchange of 2 GiB or more: use a smaller network or a smaller batch";
    for (int r = 0; r < count; r++) {
        offsets[which][r] = (int)bounds[r];
        counts[which][r] = (int)(bounds[r + 1] - bounds[r]);
    }
    return NULL;
}

static const char *gather(void *values, const size_t *bounds) {
    MPI_Request request;
    const char *error = take_bounds(0, bounds);
    if (error)
        return error;
    const int code =
        MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_BYTE, values, counts[0], offsets[0], MPI_BYTE, MPI_COMM_WORLD, &request);
    return code == MPI_SUCCESS ? wait_for(&request, "MPI_Iallgatherv") : failed("MPI_Iallgatherv", code);
}

static const char *scatter(const void *sent, const size_t *sent_bounds, void *received, const size_t *received_bounds) {
    MPI_Request request;
    const char *error = take_bounds(0, sent_bounds);
    if (!error)
        error = take_bounds(1, received_bounds);
    if (error)
        return error;
    const int code = MPI_Ialltoallv(sent, counts[0], offsets[0], MPI_BYTE, received, counts[1], offsets[1], MPI_BYTE,
                                    MPI_COMM_WORLD, &request);
    return code == MPI_SUCCESS ? wait_for(&request, "MPI_Ialltoallv") : failed("MPI_Ialltoallv", code);
}

static const char *barrier(void) {
    MPI_Request request;
    const int code = MPI_Ibarrier(MPI_COMM_WORLD, &request);
    return code == MPI_SUCCESS ? wait_for(&request, "MPI_Ibarrier") : failed("MPI_Ibarrier", code);
}

static void find_missing(bool *missing, double seconds) {
    const double end = seconds_now() + seconds;
    const struct timespec nap = {0, 1000000};
    for (int r = 0; r < count; r++)
        if (r != rank)
            say_here(r);
    while (seconds_now() < end) {
        answer();
        nanosleep(&nap, NULL);
    }
    for (int r = 0; r < count; r++)
        missing[r] = r != rank && !has_heard[r];
}

static void stop(void) {
    MPI_Finalize();
}

static void end_all(int exit_status) {
    MPI_Abort(MPI_COMM_WORLD, exit_status);
}

extern const struct cln_mpi cln_mpi_functions;
__attribute__((visibility("default"))) const struct cln_mpi cln_mpi_functions = {
    CLN_MPI_VERSION, start, place, gather, scatter, barrier, find_missing, stop, end_all};
