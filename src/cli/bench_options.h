/* The options of clenet bench. */
#ifndef SRC_CLI_BENCH_OPTIONS_H
#define SRC_CLI_BENCH_OPTIONS_H

#include "src/cli/session_options.h"

struct cln_bench_options {
    struct cln_session_options session;
    const char *network, *trace;
    const char *ranks;   /* "1,2,4": groups of so many processes; NULL: none are started for that */
    const char *devices; /* "gpu:0,cpu": of the processes of a machine; NULL: each takes the one of a single process */
    int batch_size;      /* 0: the usual ones */
    double seconds;
    bool json;
};

/* Whether several processes are measured: by the options, or because MPI has started this one among others. */
bool cln_bench_is_of_ranks(const struct cln_bench_options *options);
/* Measures them: either starts groups and reports, or is a process of a group. Returns the exit status; errors have
 * been printed. */
int cln_bench_ranks(struct cln_bench_options *options);

#endif
