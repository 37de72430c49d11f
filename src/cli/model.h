/* Model files as commands take them. */
#ifndef SRC_CLI_MODEL_H
#define SRC_CLI_MODEL_H

#include "src/format/checkpoint.h"

/* With the network that the file speaks of; of a file that has the tensors only: that of `network`, a name or a file as
 * for cln_network_load. NULL: none. */
enum cln_status cln_model_read(struct cln_checkpoint **model, const char *path, const char *network) CLN_MUST_CHECK;

/* Words of --running-variance, NULL-terminated: which of struct cln_batchnorm.biased_running_variance. */
enum { CLN_UNBIASED, CLN_BIASED };
extern const char *const cln_variances[];

#endif
