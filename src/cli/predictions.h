/* Writes the predicted class of every test image as a table for other programs. */
#ifndef SRC_CLI_PREDICTIONS_H
#define SRC_CLI_PREDICTIONS_H

#include <stdio.h>

#include "clenet/trainer.h"

/* Writes CSV: a line of titles, then one line per image of `test`, the trainer's test images: index, label, label_name,
 * predicted, predicted_name, probability (of the predicted class), label_probability. `names` are the network's class
 * names. Fields are quoted as in RFC 4180; lines end with \n. The caller checks the stream for errors. */
enum cln_status cln_predictions_write(FILE *stream, struct cln_trainer *trainer, const struct cln_images *test,
                                      const char *const *names, size_t classes) CLN_MUST_CHECK;

#endif
