/* Golden values: ten training steps of three networks as PyTorch computed them in float64 (tests/golden), embedded. */
#ifndef SRC_CHECK_GOLDEN_H
#define SRC_CHECK_GOLDEN_H

#include <stdint.h>

#include "clenet/network.h"
#include "src/format/safetensors.h"

enum { CLN_GOLDEN_STEPS = 10, CLN_GOLDEN_BATCH = 20 };

enum cln_golden_set { CLN_GOLDEN_BN_LENET, CLN_GOLDEN_LENET, CLN_GOLDEN_MIXED, CLN_GOLDEN_COUNT };

/* "bn-lenet", "lenet", "mixed". */
const char *cln_golden_name(enum cln_golden_set set);

/* The values, and the network that they are of; either may be NULL: not wanted. Both are the caller's. */
enum cln_status cln_golden_open(struct cln_safetensors **values, struct cln_network **network,
                                enum cln_golden_set set) CLN_MUST_CHECK;

/* Tensor "PREFIX.NAME" (prefix "": just NAME) of exactly `count` numbers. */
enum cln_status cln_golden_read(const struct cln_safetensors *golden, const char *prefix, const char *name,
                                size_t count, double *values) CLN_MUST_CHECK;

/* All tensors "PREFIX.*" laid out by network->tensors: parameter_floats and running_floats numbers, padding 0.
 * `running` may be NULL. */
enum cln_status cln_golden_state(const struct cln_safetensors *golden, const char *prefix,
                                 const struct cln_network *network, double *parameters, double *running) CLN_MUST_CHECK;

/* Of CLN_GOLDEN_BN_LENET's values, for all sets: bytes [CLN_GOLDEN_STEPS·CLN_GOLDEN_BATCH, 28, 28] and their labels. */
enum cln_status cln_golden_images(const uint8_t **images, const uint8_t **labels,
                                  const struct cln_safetensors *golden) CLN_MUST_CHECK;

#endif
