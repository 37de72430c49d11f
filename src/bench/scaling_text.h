/* Prints what was measured of groups of processes, what the model predicts of larger ones, and what simulating them
 * gives: as text for people or as JSON for machines, with the same numbers. */
#ifndef SRC_BENCH_SCALING_TEXT_H
#define SRC_BENCH_SCALING_TEXT_H

#include <stdio.h>

#include "src/bench/scaling.h"

struct cln_scaling_report {
    const struct cln_network *network;
    bool strict;
    const char *cores; /* what each process has of the processor, for people; "" */
    const struct cln_group *const *groups;
    size_t count;
};

enum cln_status cln_scaling_print(const struct cln_scaling_report *report, FILE *stream) CLN_MUST_CHECK;
/* Prints one JSON object on one line. */
enum cln_status cln_scaling_print_json(const struct cln_scaling_report *report, FILE *stream) CLN_MUST_CHECK;

#endif
