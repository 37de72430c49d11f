/* The options that say which data set is read, and how; shared by all commands that read one. */
#ifndef SRC_CLI_DATA_OPTIONS_H
#define SRC_CLI_DATA_OPTIONS_H

#include "clenet/checkpoint.h"
#include "src/base/json_text.h"
#include "src/cli/options.h"
#include "src/model/picture_words.h"

struct cln_data_options {
    const char *name;                  /* of --data; before parsing: the default */
    const char *size, *ground, *label; /* as they were given; NULL: not */
    int fit, channels;
    double test;
    bool offline, skip_damaged;
    char ground_text[CLN_GROUND_BYTES]; /* that of a model */
    const struct cln_option *rows;      /* of these options, in the command's table */
};

enum { CLN_DATA_OPTION_COUNT = 9 };

/* Adds CLN_DATA_OPTION_COUNT rows behind those of a table. They point into *options, which must not move. */
void cln_data_options_add(struct cln_option *table, struct cln_data_options *options);

/* After parsing: fills *params. Where no option gives a size or channels, pictures get those of `input`; NULL: they
 * stay as they are. What the command line has is asked for: it has to have an effect (struct cln_dataset_params), other
 * than what a recipe, a log or a model has. CLN_INVALID names the option that is wrong. *params points into *options.
 */
enum cln_status cln_data_options_params(struct cln_dataset_params *params, const struct cln_data_options *options,
                                        uint64_t seed, const struct cln_shape *input) CLN_MUST_CHECK;

/* After parsing: what no option gives, the model was trained with: fit, ground, label, test share, and (see
 * cln_model_data) the data set's name. `rows`: of the whole command. *options points into *model. */
void cln_data_options_resume(struct cln_data_options *options, const struct cln_option *rows,
                             const struct cln_checkpoint *model);

/* After parsing: what no option gives comes from the options that a log has (its start record), as far as it has them.
 */
void cln_data_options_logged(struct cln_data_options *options, const struct cln_option *rows, const json_t *logged);

#endif
