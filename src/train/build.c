/* A process that was started for an errand: see build.h. */
#include "src/train/build.h"

#include <stdlib.h>

#include "src/engine/engine.h"

/* An engine for one image builds the same kernels as one for many; its launches run on no samples. */
static enum cln_status build_kernels(const struct cln_session *session, const struct cln_workload *w) {
    float *zeros = calloc(cln_shape_count(w->network->input), sizeof *zeros);
    static const double weights[CLN_CLASS_LIMIT];
    struct cln_engine *engine = NULL;
    if (!zeros)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a builder");
    const struct cln_engine_params params = {.network = w->network,
                                             .tuning = &session->tuning,
                                             .optimizer = {.kind = w->optimizer,
                                                           .clip_norm = w->clips,
                                                           .ema = w->averages ? 0.5 : 0,
                                                           .accumulate = w->accumulates ? 2 : 1},
                                             .batch_size = w->batch_size,
                                             .image = w->image,
                                             .pixels = w->pixels,
                                             .streams = w->streams,
                                             .augmentation = w->augmentation,
                                             .frozen = w->frozen,
                                             .train.count = w->predict_only ? 0 : 1,
                                             .test.count = 1,
                                             .mean = w->standardize ? zeros : NULL,
                                             .inverse_deviation = w->standardize ? zeros : NULL,
                                             .class_weights = w->weighs_classes ? weights : NULL,
                                             .exchange = {w->processes, w->process, w->deal, false, w->local_norm}};
    enum cln_status status = cln_engine_create(&engine, session->context, &params);
    cln_engine_destroy(&engine);
    free(zeros);
    return status;
}

enum cln_status cln_build(const struct cln_session_params *params, struct cln_workload *workload) {
    struct cln_session_params untimed = *params;
    struct cln_session *session = NULL;
    struct cln_errand errand;
    enum cln_status status = cln_errand_read(&errand);
    if (status != CLN_OK)
        return status;
    untimed.timings = false;
    untimed.trace = NULL;
    workload->image = errand.image;
    workload->pixels = errand.pixels;
    workload->streams = errand.streams;
    workload->wait = NULL;
    status = cln_session_create(&session, &untimed);
    if (status == CLN_OK && errand.kind != CLN_ERRAND_BUILD)
        status = cln_session_answer(session, workload, &errand);
    else if (status == CLN_OK)
        status = cln_session_open_builder(session, workload, &errand);
    if (status == CLN_OK && errand.kind == CLN_ERRAND_BUILD)
        status = build_kernels(session, workload);
    cln_session_destroy(&session);
    return status;
}
