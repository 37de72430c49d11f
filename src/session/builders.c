/* Builders: their number, their errand, and their time limit. */
#include "src/session/builders.h"

#include <stdio.h>

#include "clenet/log.h"
#include "src/base/helpers.h"

/* A builder with PoCL's compiler takes 270 MB, 100 of them shared with the others. More than four builders would have
 * little left to build. */
enum { MOST_BUILDERS = 4, BUILDER_BYTES = 256 << 20, DEFAULT_SECONDS = 60 };

/* The memory of a builder: its engine has the buffers of a batch, about four floats per output of a layer. */
static size_t builder_bytes(const struct cln_workload *w) {
    size_t floats = 0;
    for (size_t i = 0; i < w->network->layer_count; i++)
        floats += 4 * cln_shape_count(w->network->layers[i].out);
    return BUILDER_BYTES + floats * sizeof(float) * (size_t)w->batch_size;
}

enum cln_status cln_builders_run(const struct cln_session_params *p, const struct cln_workload *workload,
                                 unsigned safe) {
    const struct cln_errand errand = {.kind = CLN_ERRAND_BUILD,
                                      .image = workload->image,
                                      .pixels = workload->pixels,
                                      .streams = workload->streams,
                                      .safe = safe};
    const size_t count = cln_helpers_fitting(MOST_BUILDERS, builder_bytes(workload));
    struct cln_helpers *helpers = NULL;
    char setting[CLN_ERRAND_BYTES];
    cln_errand_write(setting, &errand);
    if (cln_helpers_start(&helpers, p->builder, setting, count) != CLN_OK) {
        cln_log(CLN_LOG_DEBUG, "no builders: %-s", cln_error_message());
        return CLN_OK;
    }
    enum cln_status status =
        workload->wait ? workload->wait(workload->user) : CLN_OK; /* report this error before seconds pass */
    if (status != CLN_OK) {
        cln_helpers_destroy(&helpers);
        return status;
    }
    const size_t well = cln_helpers_wait(helpers, p->builder_seconds > 0 ? p->builder_seconds : DEFAULT_SECONDS);
    cln_log(CLN_LOG_DEBUG, "%zu of %zu builders ended well", well, count);
    cln_helpers_destroy(&helpers);
    return CLN_OK;
}
