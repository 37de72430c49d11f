/* Model files and related options, shared by several commands. */
#ifndef SRC_CLI_MODEL_H
#define SRC_CLI_MODEL_H

#include "clenet/checkpoint.h"
#include "clenet/dataset.h"
#include "src/cli/options.h"

/* Reads a model, with the network in its metadata. For a file with tensors only: with `network`, a name or file as for
 * cln_network_load; NULL: not given. */
enum cln_status cln_model_read(struct cln_checkpoint **model, const char *path, const char *network) CLN_MUST_CHECK;

/* The names of the network's classes: the data set's, else the model's, else "". The caller's: free(), before either is
 * destroyed. NULL: no memory. */
const char **cln_model_class_names(const struct cln_checkpoint *model, const struct cln_dataset *data);

/* The words of --running-variance, NULL-terminated, in the order of the enum; see struct
 * cln_batchnorm.biased_running_variance. */
enum { CLN_UNBIASED, CLN_BIASED, CLN_VARIANCE_COUNT };
extern const char *const cln_variances[];

/* The changes that --resize and --running-variance make to a network; an option that was not given changes nothing. */
struct cln_network_params cln_model_network_params(const struct cln_option *options, int resize, int variance);

/* Sets *name and *seed, the values of --data and --seed, from the model's training point if the user did not give them.
 * `memory` holds the name. CLN_INVALID: the model was trained on a folder, whose path it does not have. */
enum { CLN_DATA_NAME_BYTES = 96 };
enum cln_status cln_model_data(const char **name, uint64_t *seed, char memory[CLN_DATA_NAME_BYTES],
                               const struct cln_checkpoint *model, const struct cln_option *options) CLN_MUST_CHECK;

/* Gives the images of `data` the labels that the model has for classes of the same names, if both know names; the data
 * then has the model's classes. CLN_INVALID: the data has images of a class that the model does not know. The model
 * must outlive the data. */
enum cln_status cln_model_match_classes(struct cln_dataset *data, const struct cln_checkpoint *model) CLN_MUST_CHECK;

#endif
