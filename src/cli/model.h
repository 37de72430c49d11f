/* Model files as commands take them. */
#ifndef SRC_CLI_MODEL_H
#define SRC_CLI_MODEL_H

#include "clenet/checkpoint.h"
#include "src/cli/options.h"

/* With the network that the file speaks of; of a file that has the tensors only: that of `network`, a name or a file as
 * for cln_network_load. NULL: none. */
enum cln_status cln_model_read(struct cln_checkpoint **model, const char *path, const char *network) CLN_MUST_CHECK;

/* Words of --running-variance, NULL-terminated: which of struct cln_batchnorm.biased_running_variance. */
enum { CLN_UNBIASED, CLN_BIASED, CLN_VARIANCE_COUNT };
extern const char *const cln_variances[];

/* What --resize and --running-variance change in a network; an option that was not given changes nothing. */
struct cln_network_params cln_model_network_params(const struct cln_option *options, int resize, int variance);

/* Takes *name and *seed, the values of --data and --seed, from where a model's training stood, so far as they were not
 * given. `memory` holds the name then. CLN_INVALID where the images were in a folder: the model does not know its path.
 */
enum { CLN_DATA_NAME_BYTES = 96 };
enum cln_status cln_model_data(const char **name, uint64_t *seed, char memory[CLN_DATA_NAME_BYTES],
                               const struct cln_checkpoint *model, const struct cln_option *options) CLN_MUST_CHECK;

#endif
