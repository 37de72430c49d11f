/* Bisecting strict arithmetic: training steps run launch by launch, and a digest of what each launch has written is
 * compared with that of every other device. At the first one that differs, the strict reference (strict.h) works out
 * the exact bits, and so finds the element. Where all are right, the same steps run as a training runs them, with
 * launches joined, and the buffers at the end of each step are compared. */
#ifndef SRC_CHECKUP_BISECT_H
#define SRC_CHECKUP_BISECT_H

#include "src/check/cases.h"
#include "src/checkup/bisect_digests.h"
#include "src/engine/engine.h"

/* The training that is bisected. */
struct cln_bisect_training {
    const struct cln_bisect_digests *digests;
    size_t steps;                    /* each is an epoch of its own, of the next batch_size images in order */
    struct cln_engine_params engine; /* with images for all steps; the test images are not used */
    const float *values;             /* the parameters, then the running statistics, before the first step */
};

/* Bisects. What is found goes to out->failed, out->failure and out->finding; only errors of the device are returned. */
enum cln_status cln_bisect_run(struct cln_check_result *out, const struct cln_bisect_training *training,
                               const struct cln_check_params *params) CLN_MUST_CHECK;

#endif
