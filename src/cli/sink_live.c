/* Hands the events of a training to its live page. */
#include "src/cli/sink.h"
#include "src/live/live.h"

static enum cln_status put(void *sink, const struct cln_event *event) {
    return cln_live_add(sink, event->record);
}

const struct cln_sink_format cln_sink_live = {.put = put};
