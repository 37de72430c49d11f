/* One job of many equal pieces, done by all processors. */
#ifndef SRC_BASE_PARALLEL_H
#define SRC_BASE_PARALLEL_H

#include <stddef.h>

#include "clenet/status.h"

/* Does item `index`; may run in several threads at the same time, each with another index. */
typedef enum cln_status cln_parallel_work(void *user, size_t index);
/* Called in the thread that waits for the job, with the number of items that were begun: 0 first, then now and then,
 * and all in the end. */
typedef void cln_parallel_tell(void *user, size_t begun);

/* Calls `work` once for every index below `count`, in some threads for each processor of this process. Ends early
 * after a failure and returns, with its message, the one that has the lowest index: all items before it were done.
 * `tell` may be NULL. Allocates nothing and cannot fail by itself: without threads it works in the caller's. */
enum cln_status cln_parallel(size_t count, cln_parallel_work *work, cln_parallel_tell *tell, void *user) CLN_MUST_CHECK;

#endif
