/* Sinks: formats that the events of a training are written in. The journal makes each event once, and hands it to all
 * sinks that are open. */
#ifndef SRC_CLI_SINK_H
#define SRC_CLI_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "clenet/status.h"
#include "src/base/json_text.h"

struct cln_event {
    const char *kind;     /* the record's "event" */
    const json_t *record; /* what a line of a JSON log says; docs/data.md lists the members */
    int digits;           /* of real numbers where they are written as text */
    uint64_t step;        /* updates of the parameters so far, in all epochs */
    double time;          /* seconds since 1970 */
    bool is_detail;       /* it is of details.h */
};

struct cln_sink_format {
    /* Whether it takes events of details, too: see details.h. */
    bool takes_details;
    /* Opens a sink at `path`, which a training that is resumed appends to. NULL, and `close` too: the sink is memory of
     * its owner (struct cln_sink). */
    enum cln_status (*open)(void **out, const char *path, bool append) CLN_MUST_CHECK;
    /* Writes an event so that other processes see it at once, or does nothing if the format has no place for it. After
     * a failure the sink gets no more events. */
    enum cln_status (*put)(void *sink, const struct cln_event *event) CLN_MUST_CHECK;
    /* Frees the sink. NULL does nothing. */
    void (*close)(void *sink);
};

/* A JSON object per event, on a line of its own. */
extern const struct cln_sink_format cln_sink_jsonl;
/* A table with a row per epoch and test, or per step of --lr-find. It refuses to append to a table of other columns. */
extern const struct cln_sink_format cln_sink_csv;

/* Event files for TensorBoard; its path is a folder. */
extern const struct cln_sink_format cln_sink_tensorboard;

/* Keeps the events as runs, in memory: a struct cln_runs. */
extern const struct cln_sink_format cln_sink_runs;

/* The live page: a struct cln_live. */
extern const struct cln_sink_format cln_sink_live;

/* The format of --log FILE: CSV if the name ends with .csv, else JSON lines. */
const struct cln_sink_format *cln_sink_of_log(const char *path);

#endif
