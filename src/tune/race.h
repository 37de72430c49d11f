/* A race between two sets of tuning values on one device: training steps with both, in one process and in turn. */
#ifndef SRC_TUNE_RACE_H
#define SRC_TUNE_RACE_H

#include "clenet/network.h"
#include "src/session/session.h"

struct cln_race_params {
    const struct cln_network *network;
    struct cln_session_params session; /* device, and the profile that both start from */
    const char *values[2]; /* the incumbent's and the candidate's values, "vector=4,lanes=16"; "": the profile's own */
    int batch_size;
    double seconds; /* seconds of training steps in all, after building */
};

struct cln_race {
    double seconds[2]; /* seconds per step: the best of several measurements */
    char wrong[512];   /* "": the candidate's step is right; else the error, and it was not timed */
};

/* Runs a race. First checks the candidate's step (check/step.h); a wrong candidate is not timed, and one far behind is
 * given up early. Fails if the driver refuses something or the values are invalid. */
enum cln_status cln_race_run(struct cln_race *out, const struct cln_race_params *params) CLN_MUST_CHECK;

#endif
