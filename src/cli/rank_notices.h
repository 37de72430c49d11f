/* Warnings in several processes: one that all have is printed once, by the first of them. One that only others have is
 * printed by the first, too, with the name of the process. */
#ifndef SRC_CLI_RANK_NOTICES_H
#define SRC_CLI_RANK_NOTICES_H

#include "clenet/ranks.h"

/* From here on warnings are also kept; in a process other than the first they are not printed. */
void cln_rank_notices_begin(struct cln_rank here);
/* Prints what the first process does not have, and ends the above: a later warning is the process's own matter, and
 * printed with its number. All processes call it. */
enum cln_status cln_rank_notices_share(struct cln_ranks *ranks) CLN_MUST_CHECK;

#endif
