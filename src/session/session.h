/* A session: one device with its profile, tuning, context and kept kernels, checked by the guard, its kernels built by
 * builders. Everything that runs kernels of networks runs them in a session. */
#ifndef SRC_SESSION_SESSION_H
#define SRC_SESSION_SESSION_H

#include "clenet/network.h"
#include "clenet/optimizer.h"
#include "clenet/session.h"
#include "host/context.h"
#include "host/profile.h"
#include "src/engine/tuning.h"
#include "src/model/augmentation_table.h"
#include "src/session/errand.h"

/* The work of a session: the guard checks a step of it, and builders build its kernels. */
struct cln_workload {
    const struct cln_network *network;
    struct cln_shape image;     /* of the stored images, before resizing */
    enum cln_pixel_type pixels; /* how they are stored */
    bool streams;               /* they stay on the host */
    int batch_size;
    enum cln_optimizer_kind optimizer;
    bool clips;          /* gradients, by their norm */
    bool averages;       /* weights */
    bool accumulates;    /* gradients, over several batches */
    bool weighs_classes; /* in the training loss */
    const bool *frozen;  /* as in struct cln_engine_params */
    struct cln_augmentation augmentation;
    bool standardize;
    bool predict_only;
    int processes, process; /* that share a batch, and this one's number; 0: it is alone */
    const int *deal;        /* see struct cln_exchange */
    bool local_norm;
    /* Waits for the images and fails if they cannot be read; NULL: they are there. The session starts other
     * processes (the first trial, or builders), calls this function, and then waits for those processes: so an error of
     * the images comes at once. If no such process is started, as without params.builder, the function is not called.
     */
    enum cln_status (*wait)(void *user);
    void *user;
};

struct cln_session {
    struct cln_session_params params;
    struct ocl_device device;
    struct ocl_profile *profile;
    struct cln_tuning tuning;
    char *cache;                         /* folder of kept kernels; NULL: none are kept */
    struct ocl_context *context;         /* NULL until the session is open */
    const struct cln_workload *workload; /* NULL before cln_session_open, and in a plain session */
    bool has_built;                      /* the guard's process for the step has called builders */
    struct cln_errand errand;            /* what this process is to build, if it is a builder */
    long taken;                          /* in a builder: what cln_helper_take gave it last */
    char description[320];               /* for people: device, platform, profile, operations in safe variants */
};

/* Finds the device and its profile, and works the tuning values out. No kernel is built and no context exists yet.
 * `params.builder` and `params.trace` must outlive the session; the other strings of `params` must live until it is
 * open. On failure *out is NULL. */
enum cln_status cln_session_create(struct cln_session **out, const struct cln_session_params *params) CLN_MUST_CHECK;
void cln_session_destroy(struct cln_session **session);

/* Sets profile values, "vector=4,lanes=16", and works the tuning out again; "" changes nothing. Call it before the
 * session is opened: it undoes what the guard has made safe. */
enum cln_status cln_session_set(struct cln_session *session, const char *values) CLN_MUST_CHECK;

/* Opens the context for a workload: the guard checks the device, and builders will build the kernels. With
 * params.builder the guard checks in processes of its own, before this process creates the context; without, it checks
 * in this process, after the context is created. `workload` must outlive the session, because any program that is not
 * in the cache may call builders. */
enum cln_status cln_session_open(struct cln_session *session, const struct cln_workload *workload) CLN_MUST_CHECK;
/* Opens the context alone, without guard and builders. The context only notes which kernels it built; it asks the
 * driver for no binaries. */
enum cln_status cln_session_open_plain(struct cln_session *session) CLN_MUST_CHECK;
/* In a builder: opens the context of a process that builds its share of the workload's kernels. */
enum cln_status cln_session_open_builder(struct cln_session *session, const struct cln_workload *workload,
                                         const struct cln_errand *errand) CLN_MUST_CHECK;
/* In a process that was started for a trial of the guard: makes the trial and reports its result to the parent. */
enum cln_status cln_session_answer(struct cln_session *session, const struct cln_workload *workload,
                                   const struct cln_errand *errand) CLN_MUST_CHECK;

/* Whether params, or else the profile, ask for command buffers. A sequence may still be enqueued launch by launch:
 * see ocl_sequence_run. */
static inline bool cln_session_replays(const struct cln_session *session) {
    return session->params.replay == CLN_REPLAY_PROFILE ? session->tuning.command_buffer
                                                        : session->params.replay == CLN_REPLAY_ON;
}

#endif
