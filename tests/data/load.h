/* Loads data sets for tests. */
#ifndef TESTS_DATA_LOAD_H
#define TESTS_DATA_LOAD_H

#include "clenet/dataset.h"

/* The data set, or the end of the test. */
struct cln_dataset *load(struct cln_dataset_params params);
/* Nothing is loaded, and the message has the word. */
void assert_load_fails(struct cln_dataset_params params, enum cln_status expected, const char *word);

#endif
