/* What a model takes every test image for, as a table for other programs. */
#ifndef SRC_CLI_PREDICTIONS_H
#define SRC_CLI_PREDICTIONS_H

#include <stdio.h>

#include "clenet/trainer.h"

/* Writes CSV: a line of titles, then one line per test image of the trainer, `test`: index, label, label_name,
 * predicted, predicted_name, probability of the predicted class, label_probability. `names` are those of the network's
 * classes. Fields are quoted as in RFC 4180, lines end with \n. What the stream reports is the caller's to look at. */
enum cln_status cln_predictions_write(FILE *stream, struct cln_trainer *trainer, const struct cln_images *test,
                                      const char *const *names, size_t classes) CLN_MUST_CHECK;

#endif
