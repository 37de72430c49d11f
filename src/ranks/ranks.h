/* What the trainer needs of include/clenet/ranks.h besides. */
#ifndef SRC_RANKS_RANKS_H
#define SRC_RANKS_RANKS_H

#include <stddef.h>

#include "clenet/ranks.h"

struct cln_part_meter;

/* Tells the others the device of this process, for their messages. All processes call it. Sets *unlike, unless that is
 * NULL, to whether they have different ones. */
enum cln_status cln_ranks_introduce(struct cln_ranks *ranks, const char *device, bool *unlike) CLN_MUST_CHECK;
/* From here on no process waits for another longer than a step may take. `step`: the number of the step, for messages;
 * 0: no step, and the limit is longer. */
void cln_ranks_step(struct cln_ranks *ranks, size_t step);
/* Until the next step there is time: the first process may write files, or others build kernels. */
void cln_ranks_pause(struct cln_ranks *ranks);
/* Processes of one machine take turns: `own` runs in the first of them, while the others wait, and then in the others.
 * So one of them builds the kernels that all need. Returns what `own` returned. */
enum cln_status cln_ranks_in_turn(struct cln_ranks *ranks, enum cln_status (*own)(void *user),
                                  void *user) CLN_MUST_CHECK;

/* From here on all processes meet before each exchange, and the meter (src/base/part_meter.h) tells what each waits for
 * the last of them from what the exchange takes. NULL: as before. All processes call it at the same place. */
void cln_ranks_meter(struct cln_ranks *ranks, struct cln_part_meter *meter);

/* The seconds that this process has waited for others, with what it took to send and to receive. */
double cln_ranks_waited(const struct cln_ranks *ranks);
/* Every process brings its element of `values`, of `bytes`, and gets those of all. */
enum cln_status cln_ranks_gather_each(struct cln_ranks *ranks, void *values, size_t bytes) CLN_MUST_CHECK;

/* Gives all processes the `values` of the first one, of so many bytes. */
enum cln_status cln_ranks_take_first(struct cln_ranks *ranks, void *values, size_t bytes) CLN_MUST_CHECK;

/* See struct cln_exchange (src/engine/exchange.h); `ranks` is its `user`. After a failure no
 * other exchange begins. */
enum cln_status cln_ranks_gather(void *ranks, void *values, const size_t *bounds) CLN_MUST_CHECK;
enum cln_status cln_ranks_scatter(void *ranks, const void *sent, const size_t *sent_bounds, void *received,
                                  const size_t *received_bounds) CLN_MUST_CHECK;

#endif
