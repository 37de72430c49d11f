/* Golden values, embedded: ten training steps of three networks as PyTorch computed them in float64 (tests/golden). */
#ifndef SRC_CHECKUP_GOLDEN_H
#define SRC_CHECKUP_GOLDEN_H

#include <stdint.h>

#include "clenet/network.h"
#include "src/base/safetensors.h"

enum { CLN_GOLDEN_STEPS = 10, CLN_GOLDEN_BATCH = 20 };

enum cln_golden_set { CLN_GOLDEN_BN_LENET, CLN_GOLDEN_LENET, CLN_GOLDEN_MIXED, CLN_GOLDEN_COUNT };

/* The name of a set: "bn-lenet", "lenet", "mixed". */
const char *cln_golden_name(enum cln_golden_set set);

/* Opens a set: its values and its network, each the caller's. Either pointer may be NULL: not wanted. */
enum cln_status cln_golden_open(struct cln_safetensors **values, struct cln_network **network,
                                enum cln_golden_set set) CLN_MUST_CHECK;

/* Reads the tensor "PREFIX.NAME" (prefix "": "NAME"), which must have exactly `count` numbers. */
enum cln_status cln_golden_read(const struct cln_safetensors *golden, const char *prefix, const char *name,
                                size_t count, double *values) CLN_MUST_CHECK;

/* Reads all tensors "PREFIX.*" into `parameters` (parameter_floats) and `running` (running_floats), laid out by
 * network->tensors, padding 0. `running` may be NULL. */
enum cln_status cln_golden_state(const struct cln_safetensors *golden, const char *prefix,
                                 const struct cln_network *network, double *parameters, double *running) CLN_MUST_CHECK;

/* Points to the images, bytes [CLN_GOLDEN_STEPS·CLN_GOLDEN_BATCH][28][28], in the values of CLN_GOLDEN_BN_LENET, and
 * copies their labels. All sets use these images. */
enum cln_status cln_golden_images(const uint8_t **images, int32_t labels[CLN_GOLDEN_STEPS * CLN_GOLDEN_BATCH],
                                  const struct cln_safetensors *golden) CLN_MUST_CHECK;

#endif
