/* Event files, which TensorBoard reads: records of protobuf messages, each with its length and masked CRC-32C before
 * and behind it ("TFRecord"). */
#ifndef SRC_FORMAT_EVENT_FILE_H
#define SRC_FORMAT_EVENT_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "clenet/status.h"

enum cln_event_value_kind {
    CLN_EVENT_SCALAR,
    CLN_EVENT_HISTOGRAM,
    CLN_EVENT_TEXT,  /* Markdown */
    CLN_EVENT_IMAGE, /* a file of a format that web browsers show */
    CLN_EVENT_VALUE_KINDS
};

/* A value with the name that TensorBoard shows it under; a slash in the name makes groups. */
struct cln_event_value {
    const char *tag;
    enum cln_event_value_kind kind;
    union {
        float scalar;
        struct {
            double min, max, count, sum, sum_squares;
            double *limits, *counts; /* upper limits of buckets, and numbers of values in them */
            size_t buckets;
        } histogram;
        const char *text;
        struct {
            int height, width, channels;
            uint8_t *file;
            size_t bytes;
        } image;
    };
};

struct cln_event_time {
    double seconds; /* since 1970 */
    uint64_t step;
};

/* All functions write a record and flush it. CLN_IO: the message has the system's reason, without the file's name. */

/* CLN_INVALID if clenet was built without protobuf-c; all others then fail, too. */
enum cln_status cln_event_file_check(void) CLN_MUST_CHECK;
/* The first record of a file. */
enum cln_status cln_event_file_begin(FILE *stream, double seconds) CLN_MUST_CHECK;
/* A training that was ended is continued: events of earlier files from this step on are not shown. */
enum cln_status cln_event_file_restart(FILE *stream, struct cln_event_time time) CLN_MUST_CHECK;
enum cln_status cln_event_file_put(FILE *stream, struct cln_event_time time, const struct cln_event_value *values,
                                   size_t count) CLN_MUST_CHECK;

#endif
