/* Training runs as their events tell them: from logs (`clenet train --log`), or from memory while a run goes on. */
#ifndef SRC_REPORT_RUN_H
#define SRC_REPORT_RUN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "clenet/status.h"

/* The numbers of an epoch. */
enum cln_column {
    CLN_COLUMN_LOSS,
    CLN_COLUMN_ACCURACY,
    CLN_COLUMN_VALIDATION_LOSS,
    CLN_COLUMN_VALIDATION_ACCURACY,
    CLN_COLUMN_TEST_LOSS,
    CLN_COLUMN_TEST_ACCURACY,
    CLN_COLUMN_RATE,
    CLN_COLUMN_NORM,  /* of the gradient */
    CLN_COLUMN_SPEED, /* training images per second */
    CLN_COLUMN_COUNT
};

/* An epoch; what is not known is not a number. */
struct cln_run_epoch {
    int epoch; /* from 1, ascending */
    double values[CLN_COLUMN_COUNT];
};

/* A step of --lr-find. */
struct cln_run_step {
    double rate, loss, smoothed;
};

/* A run. A training that was resumed is one run: epochs that were trained again stand once, as they were last. */
struct cln_run {
    char *name;     /* for legends: the log's path, with a number from its second run on */
    json_t *start;  /* the last "start" event: device, network, data, options */
    json_t *recipe; /* of the first "start"; NULL: the log begins with a resumed training */
    json_t *test;   /* the last "test" event; NULL: none */
    json_t *end;    /* the last "end" event; NULL: the run was killed, or still goes on */
    json_t *rate;   /* the "suggestion" of --lr-find; NULL: none */
    int resumed;    /* how often it was resumed */
    double seconds; /* of all epochs, with evaluations */
    struct cln_run_epoch *epochs;
    size_t epoch_count;
    struct cln_run_step *steps;
    size_t step_count;
};

/* Runs, in the order in which they began. All zero before the first event. */
struct cln_runs {
    struct cln_run *list;
    size_t count;
};

/* Takes an event of the run that goes on, or with a "start" that resumes no training of a new run, called `name`.
 * Events of unknown kinds are passed over. CLN_INVALID says what is wrong with the event; it then changes nothing. */
enum cln_status cln_runs_add(struct cln_runs *runs, const char *name, const json_t *event) CLN_MUST_CHECK;
/* Adds the runs of a log. A line that was cut off, at the end of the file or before a "start", is left out with a
 * notice. CLN_NOT_FOUND, CLN_IO; CLN_INVALID names the line and what is wrong with it. */
enum cln_status cln_runs_read(struct cln_runs *runs, const char *path) CLN_MUST_CHECK;
void cln_runs_release(struct cln_runs *runs);

/* A member of an event, as text or as a number; "" and not a number if `event` is NULL or has no such member. */
const char *cln_event_text(const json_t *event, const char *member);
double cln_event_number(const json_t *event, const char *member);

/* Copies a column's numbers into `values`, and their epochs into `epochs`, each with room for run->epoch_count. Returns
 * whether any is known. */
bool cln_run_column(const struct cln_run *run, enum cln_column column, double *epochs, double *values);

#endif
