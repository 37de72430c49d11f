/* The speed of a group of processes that train together (include/clenet/ranks.h), and the parts of a step. */
#ifndef SRC_BENCH_GROUP_H
#define SRC_BENCH_GROUP_H

#include <jansson.h>

#include "clenet/network.h"
#include "clenet/ranks.h"
#include "clenet/session.h"

struct cln_group_params {
    const struct cln_network *network;
    struct cln_session_params session; /* `builder` and `trace` should be NULL */
    struct cln_ranks *ranks;           /* NULL: a group of one */
    const int *batch_sizes;
    size_t batch_size_count;
    double seconds; /* of training per batch size; measuring the parts takes half as long again */
    void (*progress)(void *user, const char *doing); /* NULL: none; gets `user` */
    void *user;
};

/* What was measured with one batch size. Speed comes from a pass that nothing disturbs. Parts come from a pass of its
 * own, in which the processes meet before every exchange: waiting is the time until the last of them comes, exchange
 * what then passes until the numbers are on the device, compute all the rest. They are means over steps and processes
 * in seconds, and their sum is `measured`. A process that is alone computes all the time; its parts are the step of the
 * first pass. */
struct cln_group_run {
    int batch_size;
    size_t measurements;
    double best, median;                         /* images per second */
    size_t steps;                                /* of the pass for the parts; 0: there was none */
    double measured, compute, exchange, waiting; /* seconds of a step there */
    double exchanges, bytes;                     /* per step; bytes: that a process sends to others */
    size_t rows, columns;                        /* of `stretches` */
    double *stretches; /* [row][column], seconds: for some steps of every process what it computed before each exchange,
                          and behind the last; NULL: none */
};

struct cln_group {
    int processes;
    char device[320]; /* of the first process */
    double latency;   /* seconds of an exchange of a few bytes between all, no process being waited for; 0: alone */
    double bandwidth; /* bytes per second that a process sends in a large exchange; 0: alone */
    struct cln_group_run *runs;
    size_t run_count;
};

/* Measures the group of this process. All its processes call it with the same params; all but the first one get the
 * numbers of their own alone. *out is the caller's; NULL after a failure, which all know as in a training. */
enum cln_status cln_group_create(struct cln_group **out, const struct cln_group_params *params) CLN_MUST_CHECK;
void cln_group_destroy(struct cln_group **group);

/* The group as JSON; with `stretches` all of it, so that cln_group_parse makes the same group again. NULL: out of
 * memory. */
json_t *cln_group_json(const struct cln_group *group, bool stretches);
/* CLN_INVALID: this is no such JSON. *out is the caller's. */
enum cln_status cln_group_parse(struct cln_group **out, const json_t *value) CLN_MUST_CHECK;

#endif
