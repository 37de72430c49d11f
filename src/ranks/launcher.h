/* The launchers of MPI programs. */
#ifndef SRC_RANKS_LAUNCHER_H
#define SRC_RANKS_LAUNCHER_H

#include <stddef.h>

#include "clenet/ranks.h"

/* The place of this process, and the name of the module for the MPI that has started it; NULL: it is alone, or cut off.
 */
struct cln_rank cln_launcher_place(const char **module);
/* Writes what tells this machine and its process numbers from others: "" where the system does not say. */
void cln_launcher_machine(char *out, size_t bytes);

#endif
