/* The options of `clenet train` that say how pictures are augmented and shown; the first ones are the rows of the table
 * of augmentation. */
#ifndef SRC_CLI_AUGMENTATION_OPTIONS_H
#define SRC_CLI_AUGMENTATION_OPTIONS_H

#include "clenet/trainer.h"
#include "src/cli/options.h"
#include "src/model/augmentation_table.h"

struct cln_augmentation_options {
    struct cln_augmentation values;
    bool flags[CLN_AUGMENTATION_COUNT];     /* the variables of those that are flags */
    char names[CLN_AUGMENTATION_COUNT][24]; /* of the options */
    struct {
        char name[32], help[40];
    } offs[CLN_AUGMENTATION_COUNT]; /* of the options that switch flags off */
    bool standardize_channels;
    const char *sheet; /* NULL: none is written */
    int shown;         /* pictures on the sheet */
};

/* At most: two for a row of the table, and three. */
enum { CLN_AUGMENTATION_OPTION_COUNT = 2 * CLN_AUGMENTATION_COUNT + 3 };

/* Sets the defaults and writes at most CLN_AUGMENTATION_OPTION_COUNT rows. The rows point into *options, which must not
 * move. Returns the number of rows. */
size_t cln_augmentation_options_add(struct cln_option *rows, struct cln_augmentation_options *options);

/* After parsing, without a checkpoint: whether the values can be, and go together. */
enum cln_status cln_augmentation_options_check(const struct cln_augmentation_options *options) CLN_MUST_CHECK;

/* After parsing: sets augmentation and standardising of *params. What no option gives comes from the checkpoint that
 * training resumes; NULL: none. `rows`: of the whole command. */
void cln_augmentation_options_apply(struct cln_augmentation_options *options, const struct cln_option *rows,
                                    const struct cln_checkpoint *resumed, struct cln_trainer_params *params);

/* Writes the sheet of the next pictures, if an option asks for it. `shape`: the network's input. */
enum cln_status cln_augmentation_options_show(const struct cln_augmentation_options *options,
                                              struct cln_trainer *trainer, struct cln_shape shape) CLN_MUST_CHECK;

#endif
