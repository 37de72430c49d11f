/* The parts of findings that have files of their own. */
#ifndef SRC_REPORT_FINDINGS_PRIVATE_H
#define SRC_REPORT_FINDINGS_PRIVATE_H

#include "src/report/findings.h"

enum cln_status cln_findings_weights(struct cln_findings *findings, const struct cln_checkpoint *model) CLN_MUST_CHECK;
/* Of the first test images, as many as the reference computes at once. */
enum cln_status cln_findings_activations(struct cln_findings *findings, const struct cln_checkpoint *model,
                                         const struct cln_images *images) CLN_MUST_CHECK;

#endif
