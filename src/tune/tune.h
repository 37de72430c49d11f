/* The search for tuning values on one device: every candidate in a process of its own. */
#ifndef SRC_TUNE_TUNE_H
#define SRC_TUNE_TUNE_H

#include "clenet/network.h"
#include "src/engine/tuning.h"
#include "src/tune/race.h"

enum { CLN_TUNE_VALUES = 512 };

struct cln_tune_progress {
    double seconds;        /* gone by */
    size_t tried;          /* candidates so far */
    const char *candidate; /* "vector=4,lanes=16", being tried; NULL: the result is being confirmed */
    double gain;           /* of the best so far: how many times as fast as the profile */
};

struct cln_tune_params {
    const struct cln_network *network;
    const struct ocl_device *device;
    const char *profile_file;  /* to start from; NULL: what matches the device */
    const char *kernel_folder; /* as in struct cln_race_params */
    int batch_size;
    double seconds;           /* for all of it; it ends when the candidate under way ends */
    double candidate_seconds; /* after which a candidate counts as one that hangs */
    /* A command line that starts this program anew, path first and NULL last; in such a process, which has $CLENET_RACE
     * set, cln_tune_races() is true, and it has to call cln_tune_race. */
    const char *const *race;
    void (*progress)(void *user, const struct cln_tune_progress *progress);
    bool (*stop)(void *user); /* asked between candidates: true ends the search with the best so far. Who
                                 ends the candidate under way, too (cln_spawned_kill), does not wait for it */
    void *user;
};

struct cln_tuned {
    char values[CLN_TUNE_VALUES]; /* what was found, as in struct cln_race_params; "": nothing that is faster */
    double start, best;           /* seconds per step: of the profile, and with these values, in one run */
    size_t tried, wrong, broken;  /* candidates; of these, those with wrong results; refused, crashed or hung */
    char last_wrong[256];         /* one of them with its reason; "": none */
    char last_broken[256];
};

/* Tries values key by key, and keeps what makes a step at least a hundredth faster; at the end the best is confirmed
 * against the profile itself. What is wrong is never kept. Fails only where the profile itself cannot be run;
 * CLN_INTERRUPTED where the search was stopped before it had begun. */
enum cln_status cln_tune(struct cln_tuned *out, const struct cln_tune_params *params) CLN_MUST_CHECK;

/* The profile as JSON text, for devices of this name and platform (where neither can be matched by: for none, to be
 * asked for by name); the caller's: free(). `measured` says how the values were found. */
enum cln_status cln_tuned_profile(char **out, const struct ocl_device *device, const char *profile_file,
                                  const char *values, const char *measured) CLN_MUST_CHECK;

/* In a process that runs one candidate. */
bool cln_tune_races(void);
/* Runs it, and tells the process that asked what came of it. */
void cln_tune_race(const struct cln_race_params *params);

#endif
