/* Trials in this process and in others: see trial.h. */
#include "src/session/trial.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "clenet/log.h"
#include "host/calls.h"
#include "src/base/child.h"
#include "src/check/step.h"
#include "src/session/builders.h"

#define PATIENCE_SECONDS 60 /* limit of one OpenCL call */
#define START_SECONDS 60    /* limit until a process begins its trial, unless params.builder_seconds is set */
#define FAREWELL_SECONDS 10 /* limit for ending after the last message */

/* ---- In this process ---- */

/* Judges a check that ended with `status`. Fails if the status is not the kernels' fault. */
static enum cln_status judge(struct cln_trial *out, enum cln_status status, const struct cln_check_result *result) {
    if (status != CLN_OK && status != CLN_BUILD && status != CLN_DEVICE)
        return status;
    snprintf(out->why, sizeof out->why, "%s", status == CLN_OK ? result->failure : cln_error_message());
    out->end = status != CLN_OK ? CLN_TRIAL_REFUSED : result->failed > 0 ? CLN_TRIAL_WRONG : CLN_TRIAL_RIGHT;
    return CLN_OK;
}

/* Runs a step with hyperparameters that make every error of an optimizer's kernel visible, whatever the training's
 * are. */
static enum cln_status run_step(struct cln_check_result *result, const struct cln_trials *s,
                                const struct cln_tuning *tuning, struct ocl_context *context) {
    const struct cln_workload *w = s->session->workload;
    const struct cln_optimizer_params optimizer = {.kind = w->optimizer,
                                                   .lr = 0.01,
                                                   .momentum = 0.9,
                                                   .nesterov = w->optimizer == CLN_SGD,
                                                   .weight_decay = 0.1,
                                                   .decay_weights_only = 1,
                                                   .label_smoothing = 0.1,
                                                   .clip_norm = w->clips ? 0.1 : 0,
                                                   .ema = w->averages ? 0.75 : 0,
                                                   .accumulate = w->accumulates ? 2 : 1};
    double weights[CLN_CLASS_LIMIT];
    for (int k = 0; k < CLN_CLASS_LIMIT; k++)
        weights[k] = 0.5 + k % 4;
    return cln_check_step(result,
                          &(struct cln_step_check){.network = w->network,
                                                   .optimizer = optimizer,
                                                   .batch_size = w->batch_size,
                                                   .image = w->image,
                                                   .pixels = w->pixels,
                                                   .streams = w->streams,
                                                   .standardize = w->standardize,
                                                   .augmentation = w->augmentation,
                                                   .frozen = w->frozen,
                                                   .predict_only = w->predict_only,
                                                   .class_weights = w->weighs_classes ? weights : NULL},
                          &(struct cln_check_params){.context = context, .tuning = tuning, .tuning_name = "guard"});
}

/* A refusal may be a coincidence: then try once more, in a new context. */
enum { ATTEMPTS = 2 };

/* `shared`: the context of the first attempt; NULL: a context of its own. */
static enum cln_status step_here(struct cln_trial *out, const struct cln_trials *s, const struct cln_tuning *tuning,
                                 struct ocl_context *shared, const struct ocl_context_params *params) {
    enum cln_status status = CLN_OK;
    out->end = CLN_TRIAL_REFUSED;
    for (int attempt = 0; attempt < ATTEMPTS && status == CLN_OK && out->end == CLN_TRIAL_REFUSED; attempt++) {
        struct ocl_context *own = NULL;
        struct cln_check_result result;
        if (!shared || attempt > 0)
            status = ocl_context_create(&own, &s->session->device, params);
        if (status == CLN_OK) {
            const enum cln_status ran = run_step(&result, s, tuning, own ? own : shared);
            status = judge(out, ran, &result);
        }
        ocl_context_destroy(&own);
    }
    return status;
}

/* Runs the quick cases of an operation in a context of their own, so that none of their programs stays. */
static enum cln_status operation_here(struct cln_trial *out, const struct cln_trials *s, size_t operation,
                                      const struct cln_tuning *tuning) {
    const struct ocl_context_params params = {.kernel_folder = s->session->params.kernel_folder};
    enum cln_status status = CLN_OK;
    out->end = CLN_TRIAL_REFUSED;
    for (int attempt = 0; attempt < ATTEMPTS && status == CLN_OK && out->end == CLN_TRIAL_REFUSED; attempt++) {
        struct ocl_context *own = NULL;
        struct cln_check_result result;
        status = ocl_context_create(&own, &s->session->device, &params);
        if (status == CLN_OK) {
            const enum cln_status ran = cln_check_run(
                &result, operation,
                &(struct cln_check_params){.context = own, .tuning = tuning, .tuning_name = "guard", .quick = true});
            status = judge(out, ran, &result);
        }
        ocl_context_destroy(&own);
    }
    return status;
}

static bool is_due(const struct cln_trials *s, size_t operation) {
    return !cln_check_operation_is_spare(operation) &&
           !(s->session->tuning.safe & cln_operation(cln_check_operation(operation)));
}

/* ---- In a process that was started for a trial ---- */

/* A message of such a process. */
struct answer {
    enum { HELLO, OF_STEP, OF_OPERATION, DONE } kind;
    size_t operation;
    enum cln_status status; /* not CLN_OK: the trial could not be made; trial.why has the reason */
    bool has_built;         /* OF_STEP: the process called builders */
    struct cln_trial trial;
};

static void say(struct answer *a, int kind, size_t operation, enum cln_status status) {
    a->kind = kind;
    a->operation = operation;
    a->status = status;
    if (status != CLN_OK)
        snprintf(a->trial.why, sizeof a->trial.why, "%s", cln_error_message());
    cln_child_say(a, sizeof *a);
}

static enum cln_status run_builders(void *session) {
    struct cln_session *s = session;
    s->has_built = true;
    return cln_builders_run(&s->params, s->workload, s->tuning.safe);
}

enum cln_status cln_trial_answer(struct cln_trials *s, const struct cln_errand *errand) {
    static struct answer a; /* sent over a socket as a whole: static, so that no byte is undefined */
    const struct cln_session_params *p = &s->session->params;
    double patience;
    const enum cln_status patient = cln_child_patience(&patience, PATIENCE_SECONDS);
    if (patient != CLN_OK)
        return patient;
    cln_child_attend(patience, ocl_call_under_way);
    say(&a, HELLO, 0, CLN_OK);
    cln_tuning_make_safe(&s->session->tuning, errand->safe);
    if (errand->kind == CLN_ERRAND_STEP) {
        const bool fresh = errand->first > 0;
        const struct ocl_context_params params = {.kernel_folder = p->kernel_folder,
                                                  .cache_folder = fresh ? NULL : s->session->cache,
                                                  .brief = true,
                                                  .replay = cln_session_replays(s->session),
                                                  .before_building = p->builder ? run_builders : NULL,
                                                  .building_user = s->session};
        const enum cln_status status = step_here(&a.trial, s, &s->session->tuning, NULL, &params);
        a.has_built = s->session->has_built;
        say(&a, OF_STEP, 0, status);
        return status;
    }
    enum cln_status status = CLN_OK;
    if (errand->kind == CLN_ERRAND_OPERATION && cln_check_operation(errand->first)) {
        status = operation_here(&a.trial, s, errand->first, &s->session->tuning);
        say(&a, OF_OPERATION, errand->first, status);
        return status;
    }
    for (size_t o = errand->first; cln_check_operation(o) && status == CLN_OK; o++)
        if (is_due(s, o)) {
            status = operation_here(&a.trial, s, o, &s->session->tuning);
            say(&a, OF_OPERATION, o, status);
        }
    say(&a, DONE, 0, CLN_OK);
    return status;
}

/* ---- In other processes ---- */

/* The outcome of listening to a process. */
enum heard {
    ANSWER,    /* it sent a message */
    END,       /* it crashed or hung, as the trial says */
    LOST,      /* it was killed from outside, or memory ran out: unknown result */
    UNSTARTED, /* it ended before the trial: this program cannot be started again */
};

/* A process that makes trials. */
struct witness {
    struct cln_child *child;
    double patience;
};

static enum heard judge_end(struct cln_trial *out, struct witness *w) {
    struct cln_child_result result;
    cln_child_stop(&w->child, 0, &result);
    out->end = result.end == CLN_CHILD_STOPPED ? CLN_TRIAL_HUNG : CLN_TRIAL_CRASHED;
    cln_child_describe(out->why, sizeof out->why, &result, w->patience);
    return result.end == CLN_CHILD_KILLED ? LOST : END;
}

static enum cln_status listen(enum heard *heard, struct cln_trial *out, struct answer *a, struct witness *w) {
    if (cln_child_listen(w->child, a, sizeof *a, w->patience) != CLN_CHILD_SAID) {
        *heard = judge_end(out, w);
        return CLN_OK;
    }
    *heard = ANSWER;
    *out = a->trial;
    return a->status == CLN_OK ? CLN_OK : cln_fail(a->status, "%-s", a->trial.why);
}

/* Switches to trials in this process, with a notice: from now on a crash of the driver ends the training. */
static void give_up_on_processes(struct cln_trials *s, const char *which, const char *why) {
    s->apart = false;
    cln_log(CLN_LOG_INFO, "the driver is now checked in this process: %s %-s", which, why);
}

static enum cln_status await_images(const struct cln_trials *s) {
    const struct cln_workload *w = s->session->workload;
    return w->wait ? w->wait(w->user) : CLN_OK;
}

/* Starts a process and waits until it begins its trial. The driver is not to blame for an end before that, nor for the
 * time it takes. */
static enum cln_status summon(enum heard *heard, struct witness *w, const struct cln_trials *s,
                              const struct cln_errand *errand, bool first) {
    const struct cln_session_params *p = &s->session->params;
    char setting[CLN_ERRAND_BYTES];
    struct answer hello;
    cln_errand_write(setting, errand);
    *heard = UNSTARTED;
    enum cln_status status = cln_child_patience(&w->patience, PATIENCE_SECONDS);
    if (status != CLN_OK || cln_child_start(&w->child, p->builder, setting) != CLN_OK)
        return status;
    if (first)
        status = await_images(s); /* report this error before seconds pass */
    const double seconds = p->builder_seconds > 0 ? p->builder_seconds : START_SECONDS;
    if (status == CLN_OK && cln_child_listen(w->child, &hello, sizeof hello, seconds) == CLN_CHILD_SAID &&
        hello.kind == HELLO)
        *heard = ANSWER;
    else
        cln_child_stop(&w->child, 0, NULL);
    return status;
}

static enum cln_status step_apart(enum heard *heard, struct cln_trial *out, const struct cln_trials *s,
                                  const struct cln_tuning *tuning, bool first, bool fresh) {
    const struct cln_errand errand = {.kind = CLN_ERRAND_STEP,
                                      .image = s->session->workload->image,
                                      .pixels = s->session->workload->pixels,
                                      .streams = s->session->workload->streams,
                                      .safe = tuning->safe,
                                      .first = fresh};
    struct witness w = {.child = NULL};
    struct answer answer;
    enum cln_status status = summon(heard, &w, s, &errand, first);
    if (status == CLN_OK && *heard == ANSWER)
        status = listen(heard, out, &answer, &w);
    if (status == CLN_OK && *heard == ANSWER)
        s->session->has_built |= answer.has_built;
    cln_child_stop(&w.child, status == CLN_OK ? FAREWELL_SECONDS : 0, NULL);
    return status;
}

static struct ocl_context_params params_here(const struct cln_trials *s) {
    return (struct ocl_context_params){.kernel_folder = s->session->params.kernel_folder,
                                       .cache_folder = s->session->cache,
                                       .replay = cln_session_replays(s->session)};
}

/* A crash counts only if it repeats without the kept kernels, since one of them may be its cause. */
enum cln_status cln_trial_step(struct cln_trial *out, struct cln_trials *s, const struct cln_tuning *tuning,
                               bool first) {
    const struct cln_session_params *p = &s->session->params;
    struct cln_trial trial;
    int crashes = 0, losses = 0;
    while (s->apart && crashes < ATTEMPTS) {
        enum heard heard = UNSTARTED;
        const enum cln_status status =
            step_apart(&heard, &trial, s, tuning, first && crashes + losses == 0, crashes > 0);
        if (status != CLN_OK)
            return status;
        losses += heard == LOST;
        if (heard == UNSTARTED)
            give_up_on_processes(s, "none of its own", "could be started");
        else if (losses == ATTEMPTS)
            give_up_on_processes(s, "one of its own", trial.why);
        if (heard == ANSWER || heard == END)
            *out = trial;
        if (heard == ANSWER || (heard == END && trial.end == CLN_TRIAL_HUNG)) {
            s->kept_crash = s->kept_crash || (crashes > 0 && trial.end == CLN_TRIAL_RIGHT && s->session->cache);
            return CLN_OK;
        }
        crashes += heard == END;
    }
    if (crashes > 0) /* do not repeat it in this process */
        return CLN_OK;
    /* Runs in the session's context, so that training finds its kernels built; but not if launches are timed or traced,
     * because trials must not be among them. */
    const struct ocl_context_params params = params_here(s);
    return step_here(out, s, tuning, first && !p->timings && !p->trace ? s->session->context : NULL, &params);
}

static enum cln_status operations_here(struct cln_trials *s, size_t first, cln_trial_teller *told, void *user) {
    struct cln_trial trial;
    enum cln_status status = CLN_OK;
    for (size_t o = first; cln_check_operation(o) && status == CLN_OK; o++)
        if (is_due(s, o) && (status = operation_here(&trial, s, o, &s->session->tuning)) == CLN_OK)
            told(user, o, &trial);
    return status;
}

/* Checks operations from *next on in one process, as many as it survives. *more is false after the last operation. */
static enum cln_status operations_apart(enum heard *heard, bool *more, size_t *next, struct cln_trial *trial,
                                        struct cln_trials *s, cln_trial_teller *told, void *user) {
    const struct cln_errand errand = {.kind = CLN_ERRAND_OPERATIONS,
                                      .image = s->session->workload->image,
                                      .pixels = s->session->workload->pixels,
                                      .streams = s->session->workload->streams,
                                      .safe = s->session->tuning.safe,
                                      .first = *next};
    struct witness w = {.child = NULL};
    struct answer answer;
    enum cln_status status = summon(heard, &w, s, &errand, false);
    *more = true;
    while (status == CLN_OK && *heard == ANSWER && *more) {
        status = listen(heard, trial, &answer, &w);
        if (status != CLN_OK || *heard != ANSWER)
            break;
        if (answer.kind == OF_OPERATION) {
            told(user, answer.operation, trial);
            *next = answer.operation + 1;
        }
        *more = answer.kind == OF_OPERATION;
    }
    cln_child_stop(&w.child, FAREWELL_SECONDS, NULL);
    while (cln_check_operation(*next) && !is_due(s, *next))
        ++*next;
    return status;
}

enum cln_status cln_trial_operations(struct cln_trials *s, cln_trial_teller *told, void *user) {
    struct cln_trial trial, crash;     /* crash: the trial of the operation `tried` */
    size_t next = 0, tried = SIZE_MAX; /* the operation that ended the last process */
    int crashes = 0, losses = 0;       /* of operation `tried` */
    bool more = true;
    while (s->apart && more && cln_check_operation(next)) {
        enum heard heard = UNSTARTED;
        const enum cln_status status = operations_apart(&heard, &more, &next, &trial, s, told, user);
        if (status != CLN_OK)
            return status;
        if (heard == UNSTARTED) {
            give_up_on_processes(s, "none of its own", "could be started");
            if (crashes > 0 && tried == next) /* do not repeat it in this process */
                told(user, next++, &crash);
        }
        if (heard == ANSWER || heard == UNSTARTED || !cln_check_operation(next)) /* all others have been reported */
            continue;
        if (tried != next)
            crashes = losses = 0;
        tried = next;
        losses += heard == LOST;
        if (losses == ATTEMPTS)
            return cln_fail(CLN_DEVICE, "checking %s %-s", cln_check_operation(next), trial.why);
        if (heard == LOST)
            continue;
        crash = trial;
        crashes++;
        if (crashes == ATTEMPTS || trial.end == CLN_TRIAL_HUNG)
            told(user, next++, &trial);
    }
    return more ? operations_here(s, next, told, user) : CLN_OK;
}

enum cln_status cln_trial_alone(struct cln_trial *out, struct cln_trials *s, size_t operation) {
    const unsigned all = cln_all_operations(), itself = cln_operation(cln_check_operation(operation));
    struct cln_tuning tuning = s->session->tuning;
    enum heard heard = UNSTARTED;
    cln_tuning_make_safe(&tuning, all & ~itself);
    if (s->apart) {
        const struct cln_errand errand = {.kind = CLN_ERRAND_OPERATION,
                                          .image = s->session->workload->image,
                                          .pixels = s->session->workload->pixels,
                                          .streams = s->session->workload->streams,
                                          .safe = tuning.safe,
                                          .first = operation};
        struct witness w = {.child = NULL};
        struct answer answer;
        enum cln_status status = summon(&heard, &w, s, &errand, false);
        if (status == CLN_OK && heard == ANSWER)
            status = listen(&heard, out, &answer, &w);
        cln_child_stop(&w.child, FAREWELL_SECONDS, NULL);
        if (status != CLN_OK)
            return status;
        if (heard == LOST)
            return cln_fail(CLN_DEVICE, "checking %s alone: the process %-s", cln_check_operation(operation), out->why);
    }
    if (heard == UNSTARTED && s->apart)
        give_up_on_processes(s, "none of its own", "could be started");
    return heard == UNSTARTED ? operation_here(out, s, operation, &tuning) : CLN_OK;
}
