/* A race between two sets of tuning values on one device: training steps with both, in one process and in turn. */
#ifndef SRC_TUNE_RACE_H
#define SRC_TUNE_RACE_H

#include "clenet/network.h"
#include "src/engine/tuning.h"

struct cln_race_params {
    const struct cln_network *network;
    const struct ocl_device *device;
    const char *profile_file;  /* profile that both start from; NULL: the profiles that match the device */
    const char *kernel_folder; /* read kernels from this folder; NULL: the embedded kernels */
    const char *cache_folder;  /* folder of built kernels; NULL: none are kept */
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

/* Sets values of a profile from text like cln_race_params.values. */
enum cln_status cln_race_set_values(struct ocl_profile *profile, const char *values) CLN_MUST_CHECK;

#endif
