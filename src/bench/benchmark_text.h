/* Prints a benchmark as text for people or as JSON for machines. */
#ifndef SRC_BENCH_BENCHMARK_TEXT_H
#define SRC_BENCH_BENCHMARK_TEXT_H

#include <stdio.h>

#include "src/bench/benchmark.h"

void cln_benchmark_print(const struct cln_benchmark *benchmark, FILE *stream);
/* Prints one JSON object on one line. */
enum cln_status cln_benchmark_print_json(const struct cln_benchmark *benchmark, FILE *stream) CLN_MUST_CHECK;

#endif
