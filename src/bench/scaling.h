/* A model of training in many processes: how long a step takes, from parts that were measured in a few. All functions
 * are pure. Times are in seconds, sizes in bytes.
 *
 *   step(N, B)     = shared(n) + exchange(N, n)                                        N > 1
 *   step(1, B)     = alone(B)
 *   n              = the samples of the process that has most: B is dealt out in shards of 64
 *   shared(n)      = fixed + per_sample · n                                            alone likewise
 *   exchange(N, n) = exchanges · (host + latency · rounds(N) + overhead · messages(N)) + bytes(N, n) / bandwidth
 *   bytes(N, n)    = 2 · parameter_bytes · (N − 1) / N + (N − 1) · (point_bytes + sample_bytes · n)
 *
 * These are the terms of LogGP (A. Alexandrov, M. Ionescu, K. Schauser, C. Scheiman, 1995, "LogGP: incorporating long
 * messages into the LogP model"): latency is its L, overhead its o, 1 / bandwidth its G. Exchanges do not overlap with
 * computing, and no process waits for another: the simulation below adds that. */
#ifndef SRC_BENCH_SCALING_H
#define SRC_BENCH_SCALING_H

#include "src/bench/group.h"

enum { CLN_SCALING_MOST = 1024, CLN_SCALING_LARGEST_BATCH = 65536 };

struct cln_scaling_line {
    double fixed, per_sample;
};

/* What connects the processes. */
struct cln_scaling_link {
    const char *name;
    double latency;   /* from one process to another, of a message without content */
    double overhead;  /* of a process, for each message that it sends and receives */
    double bandwidth; /* bytes per second that a process sends; 0: no limit */
    int most;         /* the most processes that it can connect */
};

/* The order of messages in an exchange. Direct: every process sends to every other, all at once: one round, N − 1
 * messages. That is how MPI_Iallgatherv and MPI_Ialltoallv of Open MPI 4.1 do it. Doubling: in each round the distance
 * doubles, and so does what is passed on: ⌈log2 N⌉ rounds of a message (R. Thakur, R. Rabenseifner, W. Gropp, 2005,
 * "Optimization of collective communication operations in MPICH"). Both send the same bytes in this model. */
enum cln_scaling_order { CLN_SCALING_DIRECT, CLN_SCALING_DOUBLING };

struct cln_scaling_model {
    struct cln_scaling_line alone;  /* a step of one process by itself */
    struct cln_scaling_line shared; /* what a process computes in a step with others, of its samples */
    double exchanges;               /* per step */
    double host;                    /* of an exchange, besides messages: to and from the device, packing, sums */
    double parameter_bytes;         /* of all parameters */
    double point_bytes;             /* that a process sends each other in a step, besides gradients */
    double sample_bytes;            /* the same, for each of its samples */
};

/* The links that are predicted: the first is within a machine and is filled in from measurements. */
enum { CLN_SCALING_LINKS = 4 };
extern const struct cln_scaling_link cln_scaling_links[CLN_SCALING_LINKS];

/* The samples of the process that has most of a batch. */
int cln_scaling_share(int batch, int processes);
/* The line through measured points by least squares, neither part of it below 0. One point, or points of one number of
 * samples: fixed is 0. */
struct cln_scaling_line cln_scaling_fit(const double *samples, const double *seconds, size_t count);
double cln_scaling_at(struct cln_scaling_line line, int samples);

double cln_scaling_bytes(const struct cln_scaling_model *model, int processes, int share);
/* 0 for one process. */
double cln_scaling_exchange(const struct cln_scaling_model *model, const struct cln_scaling_link *link,
                            enum cln_scaling_order order, int processes, int share);
double cln_scaling_step(const struct cln_scaling_model *model, const struct cln_scaling_link *link,
                        enum cln_scaling_order order, int processes, int batch);

/* Images per second of N processes over those of one. Weak: each process has `batch` samples, as the one has. Strong:
 * all together have them. */
double cln_scaling_weak(const struct cln_scaling_model *model, const struct cln_scaling_link *link,
                        enum cln_scaling_order order, int processes, int batch);
double cln_scaling_strong(const struct cln_scaling_model *model, const struct cln_scaling_link *link,
                          enum cln_scaling_order order, int processes, int batch);
/* The smallest batch of whole shards that N processes train on faster than one; 0: none up to the largest batch. */
int cln_scaling_pays(const struct cln_scaling_model *model, const struct cln_scaling_link *link,
                     enum cln_scaling_order order, int processes);

/* Makes a model of measured groups. `alone` comes from the group of one, or is `shared` if there is none. All else is
 * of the smallest group with more; false: there is none. With `strict` what goes round besides gradients grows with the
 * samples, else it does not. Writes to *links the links, the first as measured in that group, and to *from the group's
 * run of the largest batch. */
bool cln_scaling_from(struct cln_scaling_model *model, struct cln_scaling_link *links,
                      const struct cln_group_run **from, const struct cln_group *const *groups, size_t count,
                      size_t parameters, bool strict);

/* ---- Simulation ---- */

struct cln_simulation_params {
    const struct cln_scaling_model *model;
    int processes, batch; /* the whole batch */
    int steps;
    uint64_t seed;
    const double *stretches; /* [row][column], measured: what a process computed before each exchange of a step, and
                                behind the last; 1 column: of a whole step */
    size_t rows, columns;    /* > 0 */
};

/* Means of a step over steps and processes, without the time of the exchanges themselves. */
struct cln_simulation {
    double compute, waiting;
};

/* Every process draws one of the measured steps for each step, from Philox with the process and the step as counter;
 * its stretches are scaled so that a measured step takes in the mean what the model says for the process's samples. At
 * each exchange all wait for the last. So compute + waiting is the sum over stretches of the longest. Where all rows
 * are equal, and shares of the batch, too, waiting is 0 and compute is shared(n) of the model. */
struct cln_simulation cln_simulate(const struct cln_simulation_params *params);

#endif
