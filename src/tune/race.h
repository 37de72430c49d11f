/* Two sets of tuning values against each other on one device, in one process and in turn: what one candidate costs. */
#ifndef SRC_TUNE_RACE_H
#define SRC_TUNE_RACE_H

#include "clenet/network.h"
#include "src/engine/tuning.h"

struct cln_race_params {
    const struct cln_network *network;
    const struct ocl_device *device;
    const char *profile_file;  /* that both start from; NULL: what matches the device */
    const char *kernel_folder; /* NULL: embedded kernels */
    const char *cache_folder;  /* of built kernels; NULL: none are kept */
    const char *values[2];     /* of the incumbent and the candidate: "vector=4,lanes=16"; "" leaves the profile's */
    int batch_size;
    double seconds; /* of steps in all, once both are built */
};

struct cln_race {
    double seconds[2]; /* per step, the least of several pieces */
    char wrong[512];   /* "": the candidate's step is right; else what is not, and it was not timed */
};

/* The candidate is checked first (check/step.h): a wrong one is not timed. A candidate that is far behind is not timed
 * to the end. Fails where a driver refuses something, or the values make no sense. */
enum cln_status cln_race_run(struct cln_race *out, const struct cln_race_params *params) CLN_MUST_CHECK;

/* Sets values of a profile as in struct cln_race_params. */
enum cln_status cln_race_set_values(struct ocl_profile *profile, const char *values) CLN_MUST_CHECK;

#endif
