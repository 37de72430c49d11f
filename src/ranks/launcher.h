/* The launchers of MPI programs. */
#ifndef SRC_RANKS_LAUNCHER_H
#define SRC_RANKS_LAUNCHER_H

#include "clenet/ranks.h"

/* The place of this process, and the name of the module for the MPI that has started it; NULL: it is alone. */
struct cln_rank cln_launcher_place(const char **module);

#endif
