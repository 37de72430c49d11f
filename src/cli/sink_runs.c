/* Keeps the events of a training in memory, for its report. */
#include "src/cli/sink.h"
#include "src/report/run.h"

static enum cln_status put(void *sink, const struct cln_event *event) {
    return cln_runs_add(sink, "this training", event->record);
}

const struct cln_sink_format cln_sink_runs = {.put = put};
