/* The table of an augmentation's values. The program's options, metadata and resuming follow from its rows. */
#ifndef SRC_MODEL_AUGMENTATION_TABLE_H
#define SRC_MODEL_AUGMENTATION_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "clenet/augmentation.h"
#include "clenet/geometry.h"
#include "clenet/status.h"

struct cln_augmentation_row {
    const char *name;  /* name of the member, also in metadata */
    const char *title; /* in messages */
    size_t offset;     /* of the member */
    double most;       /* valid values are from 0 to this */
    bool is_whole;     /* only whole numbers */
    /* As an option of the program: its placeholder, NULL for a flag that sets 1. */
    const char *argument, *help;
};

enum { CLN_AUGMENTATION_COUNT = sizeof(struct cln_augmentation) / sizeof(double) };

extern const struct cln_augmentation_row cln_augmentation_rows[]; /* CLN_AUGMENTATION_COUNT of them */

/* The address and the value of a row's member. */
double *cln_augmentation_value(struct cln_augmentation *augmentation, const struct cln_augmentation_row *row);
double cln_augmentation_get(const struct cln_augmentation *augmentation, const struct cln_augmentation_row *row);

/* Whether any value is not 0. */
bool cln_augmentation_is_on(const struct cln_augmentation *augmentation);

/* Whether pictures are mixed with each other. */
bool cln_augmentation_mixes(const struct cln_augmentation *augmentation);

/* Checks the range of one value. CLN_INVALID says what it has to be. */
enum cln_status cln_augmentation_check_value(const struct cln_augmentation_row *row, double value) CLN_MUST_CHECK;
/* Checks the range of every value, and that all fit each other. CLN_INVALID names what is wrong by the option. */
enum cln_status cln_augmentation_check_values(const struct cln_augmentation *augmentation) CLN_MUST_CHECK;
/* The same, and that the network's input can be augmented so. */
enum cln_status cln_augmentation_check(const struct cln_augmentation *augmentation,
                                       struct cln_shape input) CLN_MUST_CHECK;

#endif
