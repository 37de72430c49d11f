/* The search for tuning values on one device. Every candidate runs in a process of its own. */
#ifndef SRC_TUNE_TUNE_H
#define SRC_TUNE_TUNE_H

#include "clenet/network.h"
#include "src/engine/tuning.h"
#include "src/tune/race.h"

enum { CLN_TUNE_VALUES = 4096 };

struct cln_tune_progress {
    double seconds;        /* since the start */
    size_t tried;          /* candidates tried so far */
    const char *candidate; /* values being tried, "vector=4,lanes=16"; NULL: the result is being confirmed */
    double gain;           /* speed of the best so far, relative to the profile */
};

struct cln_tune_params {
    const struct cln_network *network;
    /* Device and profile to start from. `builder` starts a candidate's process: in it $CLENET_RACE is set and
     * cln_tune_races() is true, and it must call cln_tune_race. */
    struct cln_session_params session;
    int batch_size;
    double seconds;           /* seconds for the whole search; a candidate under way is finished */
    double candidate_seconds; /* time limit of a candidate, after which it counts as hanging */
    void (*progress)(void *user, const struct cln_tune_progress *progress); /* NULL: none; gets `user` */
    bool (*stop)(void *user); /* called between candidates; true ends the search with the best so far. To end at once,
                                 kill the candidate's process too (cln_spawned_kill) */
    void *user;
};

struct cln_tuned {
    char values[CLN_TUNE_VALUES]; /* the values found, like cln_race_params.values; "": none is faster */
    double start, best;           /* seconds per step with the profile and with these values, from one race */
    size_t tried, wrong, broken;  /* number of candidates; of these, with wrong results; and refused, crashed or hung */
    char last_wrong[256];         /* one candidate of `wrong` with its reason; "": none */
    char last_broken[256];
};

/* Tries values key by key, for all layers and then for each layer of the network by itself, and keeps those that make a
 * step at least 1 % faster; finally confirms the best against the profile. Wrong candidates are never kept. Fails only
 * if the profile itself cannot run; CLN_INTERRUPTED: stopped before the search began. */
enum cln_status cln_tune(struct cln_tuned *out, const struct cln_tune_params *params) CLN_MUST_CHECK;

/* Writes a profile as JSON text that matches devices of this name and platform; if those cannot be matched, it matches
 * no device and must be named by the user. `measured` says how the values were found. The caller's: free(). */
enum cln_status cln_tuned_profile(char **out, const struct ocl_device *device, const char *profile_file,
                                  const char *values, const char *measured) CLN_MUST_CHECK;

/* Whether this process was started to run one candidate. */
bool cln_tune_races(void);
/* In such a process: runs the race and reports the result to the parent. */
void cln_tune_race(const struct cln_race_params *params);

#endif
