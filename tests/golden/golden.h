/* src/checkup/golden.h for tests: every mistake fails the running one. */
#ifndef TESTS_GOLDEN_GOLDEN_H
#define TESTS_GOLDEN_GOLDEN_H

#include "src/checkup/golden.h"

enum { GOLDEN_STEPS = CLN_GOLDEN_STEPS, GOLDEN_BATCH = CLN_GOLDEN_BATCH };

struct cln_safetensors *golden_open(enum cln_golden_set set);
struct cln_network *golden_network(enum cln_golden_set set);
void golden_values(const struct cln_safetensors *golden, const char *prefix, const char *name, size_t count,
                   double *values);
void golden_state(const struct cln_safetensors *golden, const char *prefix, const struct cln_network *network,
                  double *parameters, double *running);
/* Of CLN_GOLDEN_BN_LENET. */
const uint8_t *golden_images(const struct cln_safetensors *golden);
const int32_t *golden_labels(const struct cln_safetensors *golden);

#endif
