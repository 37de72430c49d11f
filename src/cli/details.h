/* Events of details: what takes time to find out, so that it is made only for sinks that take it
 * (cln_journal_takes_details). Logs have none of them. */
#ifndef SRC_CLI_DETAILS_H
#define SRC_CLI_DETAILS_H

#include "clenet/trainer.h"
#include "src/base/json_text.h"

/* Reads the parameters that predictions are made with. "histograms": `epoch`, and `tensors`, an object with a histogram
 * by the name of each tensor: `min`, `max`, `count`, `sum`, `sum_squares`, and of buckets of the same width the upper
 * `limits` and the `counts`. Values that are not finite are left out, and a tensor without any others. */
enum cln_status cln_details_histograms(json_t **out, struct cln_trainer *trainer, const struct cln_network *network,
                                       int epoch) CLN_MUST_CHECK;

/* Evaluates the test images, with the weights of the best epoch or with the present ones. "confusion": `classes`, their
 * names, "" where there is none; `counts`, per label a list of the number of images by predicted class; `images`, the
 * number of test images by label, among them those of which the predicted class is none of the data set's. NULL, after
 * a note: there are more than CLN_MOST_CONFUSED classes. */
enum { CLN_MOST_CONFUSED = 256 };
enum cln_status cln_details_confusion(json_t **out, struct cln_trainer *trainer, const struct cln_dataset *data,
                                      bool best) CLN_MUST_CHECK;

#endif
