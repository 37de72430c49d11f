/* What the commands on data sets share: the operand SET, and how it is read. */
#ifndef SRC_CLI_DATA_SET_H
#define SRC_CLI_DATA_SET_H

#include "clenet/dataset.h"
#include "src/cli/data_options.h"

struct cln_data_set {
    struct cln_data_options options;
    uint64_t seed;
};

/* Adds the rows of SET and of the options behind those of a table: CLN_DATA_OPTION_COUNT and one more. They point into
 * *set, which must not move. */
void cln_data_set_add(struct cln_option *table, struct cln_data_set *set);

/* Fills *params after parsing. CLN_INVALID names the option that is wrong. *params points into *set. */
enum cln_status cln_data_set_params(struct cln_dataset_params *params, const struct cln_data_set *set) CLN_MUST_CHECK;

#endif
