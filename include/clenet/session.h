/* Where and how networks run: the device, its tuning values, the building of kernels. Trainers and predictors are
 * created from the same struct. */
#ifndef CLENET_SESSION_H
#define CLENET_SESSION_H

#include <stdbool.h>

#include "clenet/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a step is enqueued: as the device's profile says; launch by launch; or as one command buffer, which is recorded
 * once, if the device has command buffers. The results are the same bits. With `timings` or `trace` a step is enqueued
 * launch by launch. */
enum cln_replay { CLN_REPLAY_PROFILE, CLN_REPLAY_OFF, CLN_REPLAY_ON };

/* All zero is the default: the best device with its profile, and the embedded kernels. Built kernels are kept on disk,
 * and the start-up guard checks the device. */
struct cln_session_params {
    const char *device;        /* "gpu", "0:1", a name: as --device; NULL: $CLENET_DEVICE or the best */
    const char *profile_file;  /* path or name, as --profile-file; NULL: what matches the device */
    const char *kernel_folder; /* read kernels from this folder; NULL: the embedded kernels */
    bool no_guard;          /* skip the start-up guard, which checks the device before the first training or prediction;
                               its earlier results are not used either (docs/checking.md) */
    bool no_cache;          /* build every kernel, and store none on disk for the next start */
    bool strict;            /* strict arithmetic: the same bits on every device (docs/strict.md) */
    bool no_check;          /* use the guard's earlier results, and check nothing anew */
    enum cln_replay replay; /* 0: as the device's profile says */
    /* The command line that starts this program again, path first, NULL at the end; NULL: this process builds all
     * kernels. If kernels are needed that were never built on this machine, a few such processes ("builders") build
     * them in parallel. This saves time, and the compilers' memory is returned when the builders end. The
     * start-up guard runs its trials in such processes, too. In such a process cln_trainer_builds() returns true. The
     * program must then call cln_trainer_build or cln_predictor_build with the same params, and exit. Kernels that the
     * builders do not finish are built by this process. */
    const char *const *builder;
    double builder_seconds; /* time limit, after which builders are ended; 0: 60 */
    bool timings; /* measure the device time of every kernel, for cln_trainer_timings; of no use to a predictor */
    struct cln_trace *trace; /* gets every launch; NULL: none. It must outlive the trainer or predictor */
};

#ifdef __cplusplus
}
#endif
#endif
