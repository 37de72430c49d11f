/* Divides the time of training steps into parts: what a process computes, what it takes to exchange numbers with
 * others, and what it waits for the last of them. Code that begins another part enters it; the meter does the sums. It
 * is for one thread. Functions take NULL for a meter where nothing is measured. */
#ifndef SRC_BASE_PART_METER_H
#define SRC_BASE_PART_METER_H

#include <stdbool.h>
#include <stddef.h>

enum cln_part { CLN_PART_COMPUTE, CLN_PART_EXCHANGE, CLN_PART_WAITING, CLN_PARTS };

enum {
    CLN_PART_STRETCHES = 256, /* the most stretches of a step that are told apart */
    CLN_PART_STEPS = 512      /* the most steps whose stretches are kept */
};

/* All zero is a meter that has measured nothing. A step's computing is cut by its exchanges into stretches: one before
 * each exchange, and one behind the last. */
struct cln_part_meter {
    size_t steps;              /* measured */
    double seconds[CLN_PARTS]; /* sums over these steps */
    double exchanges, bytes;   /* sums over these steps; bytes: sent by this process to others */
    /* [step][stretch] in seconds, of the first `kept` steps with as many stretches as the first one. */
    double *stretches;
    size_t kept, columns;
    /* Of the step under way: */
    bool is_open;
    enum cln_part part;
    double since; /* the time up to which the parts are summed up */
    double own[CLN_PARTS], computed[CLN_PART_STRETCHES];
    size_t own_exchanges;
    double own_bytes;
};

/* A step begins: with computing. */
void cln_part_meter_begin(struct cln_part_meter *meter);
/* Enters another part, and returns the one before it. */
enum cln_part cln_part_meter_enter(struct cln_part_meter *meter, enum cln_part part);
/* An exchange was made in which this process has sent so many bytes to others. */
void cln_part_meter_exchanged(struct cln_part_meter *meter, size_t bytes);
/* The step ends and is counted. Without memory for stretches none are kept. */
void cln_part_meter_end(struct cln_part_meter *meter);
/* Frees what the meter holds. */
void cln_part_meter_free(struct cln_part_meter *meter);

#endif
