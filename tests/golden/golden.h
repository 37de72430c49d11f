/* Access to the golden values that PyTorch computed (README.md lists them). Every mistake fails the running test. */
#ifndef TESTS_GOLDEN_GOLDEN_H
#define TESTS_GOLDEN_GOLDEN_H

#include <stdint.h>

#include "src/model/network.h"
#include "src/train/safetensors.h"

enum { GOLDEN_STEPS = 10, GOLDEN_BATCH = 20 };

/* `name` is "bn_lenet.safetensors", "lenet.safetensors" or "mixed.safetensors" of this folder. */
struct cln_safetensors *golden_open(const char *name);

/* The network that a file's values are of: built in, or mixed.json of this folder. */
struct cln_network *golden_network(const char *name);

/* Tensor "PREFIX.NAME" (prefix "": just NAME) of exactly `count` numbers, as double. */
void golden_values(const struct cln_safetensors *golden, const char *prefix, const char *name, size_t count,
                   double *values);

/* All tensors "PREFIX.*" laid out by network->tensors: parameter_floats and running_floats numbers, padding 0.
 * `running` may be NULL. */
void golden_state(const struct cln_safetensors *golden, const char *prefix, const struct cln_network *network,
                  double *parameters, double *running);

/* Bytes [GOLDEN_STEPS·GOLDEN_BATCH, 28, 28] and their labels; of bn_lenet.safetensors. */
const uint8_t *golden_images(const struct cln_safetensors *golden);
const uint8_t *golden_labels(const struct cln_safetensors *golden);

#endif
