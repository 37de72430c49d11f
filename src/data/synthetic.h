/* A data set that needs no files: ten classes of smooth random patterns. Private to src/data. */
#ifndef SRC_DATA_SYNTHETIC_H
#define SRC_DATA_SYNTHETIC_H

#include "clenet/dataset.h"

/* Fills train (`count` images), test (a sixth of them, at least one) and class_count; the same bytes for a seed on
 * every machine. What was allocated before a failure is left to cln_dataset_destroy. */
enum cln_status cln_synthetic_fill(struct cln_dataset *dataset, size_t count, uint64_t seed) CLN_MUST_CHECK;

#endif
