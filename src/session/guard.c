/* The start-up guard: see guard.h. */
#include "src/session/guard.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "clenet/version.h"
#include "host/device_limits.h"
#include "host/embedded.h"
#include "host/program_cache.h"
#include "host/source.h"
#include "src/base/file.h"
#include "src/base/table.h"
#include "src/check/cases.h"
#include "src/session/trial.h"

enum { MOST_TRIES = 2 }; /* limit of quick checks that do not finish, such as when a driver ends this process */

/* A stored verdict: operations that run in their safe variants; for a device also how often its quick checks were begun
 * since they last finished. */
static const char verdict_format[] = "clenet guard, safe %u, begun %u\n";

struct verdict {
    unsigned safe, begun;
};

struct guard {
    struct cln_session *session;
    struct cln_trials trials;
    struct ocl_program_cache *cache; /* in the folder of kept kernels; NULL: nothing is stored */
    struct ocl_program_key of_device, of_step;
    struct verdict device; /* the stored verdict at the start */
    bool certain;          /* the results are repeatable */
};

/* The text that a verdict depends on, in addition to device and driver: kernels, tuning, limits; for a step also the
 * network and how it is run. *out is the caller's: free(). */
static enum cln_status subject_of(char **out, const struct guard *g, bool of_step) {
    const struct cln_session *session = g->session;
    const struct cln_workload *work = session->workload;
    char *network = NULL;
    size_t bytes = 0;
    *out = NULL;
    enum cln_status status = cln_network_text(&network, work->network);
    FILE *stream = status == CLN_OK ? open_memstream(out, &bytes) : NULL;
    if (status == CLN_OK && !stream)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for the start-up guard");
    if (status == CLN_OK) {
        fprintf(stream, "guard of clenet " CLENET_VERSION "\n");
        if (of_step)
            fprintf(stream,
                    "%s\nimages %dx%d, pixels %d, streams %d, standardized %d, batch %d, optimizer %d, clips %d, "
                    "averages %d, accumulates %d, "
                    "weighs %d, predict only %d, replay %d, ",
                    network, work->image.height, work->image.width, (int)work->pixels, (int)work->streams,
                    (int)work->standardize, work->batch_size, (int)work->optimizer, (int)work->clips,
                    (int)work->averages, (int)work->accumulates, (int)work->weighs_classes, (int)work->predict_only,
                    (int)cln_session_replays(session));
        for (size_t i = 0; of_step && i < CLN_AUGMENTATION_COUNT; i++)
            fprintf(stream, "%s %.17g, ", cln_augmentation_rows[i].name,
                    cln_augmentation_get(&work->augmentation, &cln_augmentation_rows[i]));
        for (size_t t = 0; of_step && work->frozen && t < work->network->tensor_count; t++)
            if (work->frozen[t])
                fprintf(stream, "frozen %zu, ", t);
        fprintf(stream, "limits %s", ocl_limits_text() ? ocl_limits_text() : "none");
        for (size_t i = 0; i < cln_tuning_key_count; i++)
            fprintf(stream, ", %s %ld", cln_tuning_keys[i].name,
                    cln_tuning_value(&session->tuning, cln_tuning_keys[i].name));
        for (size_t i = 0; i < session->tuning.layer_count; i++) {
            const struct cln_layer_value *layer = &session->tuning.layers[i];
            fprintf(stream, ", %s: %s %d", layer->layer, cln_tuning_keys[layer->key].name, layer->value);
        }
        fprintf(stream, ", safe %u\n", session->tuning.safe);
    }
    for (const struct ocl_embedded *file = ocl_embedded_kernels; file->name && status == CLN_OK; file++) {
        char *source = NULL;
        status = ocl_source_load(&source, session->params.kernel_folder, file->name);
        if (status == CLN_OK)
            fprintf(stream, "%s\n%s", file->name, source);
        free(source);
    }
    if (stream && (fclose(stream) || !*out) && status == CLN_OK)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for the start-up guard");
    free(network);
    if (status != CLN_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

static enum cln_status make_key(struct ocl_program_key *key, const struct guard *g, bool of_step) {
    char *subject = NULL;
    enum cln_status status = subject_of(&subject, g, of_step);
    if (status == CLN_OK)
        ocl_program_key_make(key, &g->session->device, subject, ocl_build_options());
    free(subject);
    return status;
}

/* Reads a verdict. False: none is stored, and *out is zero. */
static bool recall(struct verdict *out, const struct guard *g, const struct ocl_program_key *key) {
    size_t bytes = 0;
    char text[64] = "";
    *out = (struct verdict){0};
    unsigned char *kept = g->cache ? ocl_program_cache_read(g->cache, key, &bytes) : NULL;
    if (kept)
        memcpy(text, kept, bytes < sizeof text ? bytes : sizeof text - 1);
    free(kept);
    struct verdict verdict;
    if (sscanf(text, verdict_format, &verdict.safe, &verdict.begun) != 2)
        return false;
    *out = verdict;
    return true;
}

/* Stores a verdict, merged with what other processes have stored since. */
static void remember(const struct guard *g, const struct ocl_program_key *key, unsigned begun) {
    char text[64];
    struct verdict before;
    if (!g->cache)
        return;
    recall(&before, g, key);
    const int length = snprintf(text, sizeof text, verdict_format, g->session->tuning.safe | before.safe, begun);
    ocl_program_cache_write(g->cache, key, (const unsigned char *)text, (size_t)length);
}

/* The words for a trial's end. */
static const struct {
    const char *does, *to_whom;
    bool explained; /* the message adds the trial's `why` */
} ends[] = {
    [CLN_TRIAL_WRONG] = {"is wrong", "on this device", true},
    [CLN_TRIAL_REFUSED] = {"is wrong", "on this device", true},
    [CLN_TRIAL_CRASHED] = {"crashes", "this driver", false},
    [CLN_TRIAL_HUNG] = {"hangs", "this driver", true},
};
CLN_EVERY(ends, CLN_TRIAL_END_COUNT);

/* Operations whose quick checks fail. */
struct findings {
    unsigned wrong; /* the set of all that fail */
    unsigned alone; /* those that fail even while all others run in their safe variants */
    struct cln_trial trials[CHAR_BIT * sizeof(unsigned)]; /* by number, as in cln_check_operation */
};

static void on_operation(void *user, size_t operation, const struct cln_trial *trial) {
    struct findings *found = user;
    if (trial->end == CLN_TRIAL_RIGHT)
        return;
    found->wrong |= cln_operation(cln_check_operation(operation));
    found->trials[operation] = *trial;
}

static void warn_of(const struct findings *found, unsigned operations) {
    for (size_t o = 0; cln_check_operation(o); o++) {
        const struct cln_trial *trial = &found->trials[o];
        const char *name = cln_check_operation(o);
        const bool explained = ends[trial->end].explained;
        if (operations & cln_operation(name))
            cln_log(CLN_LOG_WARNING, "%s %s %s, and runs in its safe variant%s%-s", name, ends[trial->end].does,
                    ends[trial->end].to_whom, explained ? ": " : "", explained ? trial->why : "");
    }
}

/* Finds the cause among several operations that end the process. The cases of an operation may launch kernels of
 * others, as convolutions launch those of a batch norm's statistics, so one operation may be the cause of several
 * failures. */
static enum cln_status find_cause(struct findings *found, struct guard *g) {
    struct cln_trial trial;
    unsigned right = 0;
    enum cln_status status = CLN_OK;
    for (size_t o = 0; cln_check_operation(o) && status == CLN_OK; o++) {
        const unsigned operation = cln_operation(cln_check_operation(o));
        const bool ended = found->trials[o].end == CLN_TRIAL_CRASHED || found->trials[o].end == CLN_TRIAL_HUNG;
        if (!(found->wrong & operation) || !ended || found->wrong == operation)
            continue;
        status = cln_trial_alone(&trial, &g->trials, o);
        right |= status == CLN_OK && trial.end == CLN_TRIAL_RIGHT ? operation : 0;
    }
    found->alone = found->wrong & ~right;
    return status;
}

/* Runs the quick checks. *out is the caller's: free(), even if not all operations could be checked. */
static enum cln_status find_wrong(struct findings **out, struct guard *g) {
    struct findings *found = *out = calloc(1, sizeof *found);
    g->certain = false;
    if (!found)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for checking operations");
    enum cln_status status = cln_trial_operations(&g->trials, on_operation, found);
    if (status == CLN_OK)
        status = find_cause(found, g);
    if (status != CLN_OK) {
        found->alone = found->wrong;
        cln_log(CLN_LOG_WARNING, "not all operations could be checked: %-s", cln_error_message());
    }
    g->certain = status == CLN_OK;
    return CLN_OK;
}

/* The subject of this session's trials. */
static const char *subject_name(const struct guard *g) {
    return g->session->workload->predict_only ? "a prediction" : "a training step";
}

static enum cln_status fail_wrong(const struct guard *g, const struct cln_trial *trial) {
    return cln_fail(CLN_DEVICE,
                    "%s %s %s (%s), in the safe variants as well: %-s; \"clenet check\" shows which operations work%s",
                    subject_name(g), ends[trial->end].does, ends[trial->end].to_whom, g->session->device.name,
                    trial->why, g->session->workload->predict_only ? "" : ", --no-guard trains without this check");
}

/* A step crashes, but not with all operations safe, and no quick case shows the cause. Starts with all operations and
 * removes those, one by one, that need not be safe for the step to pass. Returns the rest and adds it to the
 * findings. */
static unsigned narrow(struct findings *found, struct guard *g, const struct cln_trial *crash) {
    unsigned set = cln_all_operations();
    for (size_t o = 0; cln_check_operation(o); o++) {
        const unsigned operation = cln_operation(cln_check_operation(o));
        struct cln_tuning tuning = g->session->tuning;
        struct cln_trial trial;
        if ((tuning.safe & operation) || cln_check_operation_is_spare(o))
            continue;
        cln_tuning_make_safe(&tuning, set & ~operation);
        if (cln_trial_step(&trial, &g->trials, &tuning, false) == CLN_OK && trial.end == CLN_TRIAL_RIGHT)
            set &= ~operation;
        else
            found->trials[o] = *crash;
    }
    return set;
}

/* A step was not right: makes operations safe until one is. */
static enum cln_status repair(struct guard *g, struct cln_trial *trial) {
    struct cln_tuning *tuning = &g->session->tuning;
    const unsigned all = cln_all_operations();
    if ((tuning->safe & all) == all)
        return trial->end == CLN_TRIAL_REFUSED ? cln_fail(CLN_DEVICE, "%-s", trial->why) : fail_wrong(g, trial);
    /* If the safe variants fail likewise, the cause is no variant but, say, an error in a kernel. */
    if (trial->end != CLN_TRIAL_WRONG) {
        struct cln_tuning safe = *tuning;
        struct cln_trial again;
        cln_tuning_make_safe(&safe, all);
        const enum cln_status status = cln_trial_step(&again, &g->trials, &safe, false);
        if (status != CLN_OK)
            return status;
        if (again.end == CLN_TRIAL_REFUSED)
            return cln_fail(CLN_DEVICE, "%-s", trial->why);
        if (again.end == CLN_TRIAL_CRASHED || again.end == CLN_TRIAL_HUNG)
            return fail_wrong(g, &again);
    }
    cln_log(CLN_LOG_INFO, "%s %s %s: checking operation by operation, which takes a while", subject_name(g),
            ends[trial->end].does, ends[trial->end].to_whom);
    struct findings *found;
    enum cln_status status = find_wrong(&found, g);
    if (status != CLN_OK)
        return status;
    const unsigned first[] = {found->alone, found->wrong};
    for (size_t i = 0; i < 4; i++) { /* the last two sets: the result of narrow, and all operations */
        const unsigned set = i < 2                                       ? first[i]
                             : i == 2 && trial->end == CLN_TRIAL_CRASHED ? narrow(found, g, trial)
                                                                         : all;
        const unsigned more = set & ~tuning->safe;
        if (more == 0)
            continue;
        if (set != all)
            warn_of(found, more);
        else
            cln_log(CLN_LOG_WARNING, "%s %s %s %s: all operations run in their safe variants: %-s", subject_name(g),
                    found->wrong ? "still" : "nevertheless", ends[trial->end].does, ends[trial->end].to_whom,
                    trial->why);
        cln_tuning_make_safe(tuning, set);
        status = cln_trial_step(trial, &g->trials, tuning, false);
        if (status == CLN_OK && trial->end == CLN_TRIAL_RIGHT && g->certain)
            remember(g, &g->of_device, 0);
        if (status != CLN_OK || trial->end == CLN_TRIAL_RIGHT)
            break;
    }
    free(found);
    return status != CLN_OK || trial->end == CLN_TRIAL_RIGHT ? status : fail_wrong(g, trial);
}

/* A step was right, and the device is unknown: checks all operations. The training continues whatever the result is. If
 * this ends the program, that happens only MOST_TRIES times. */
static void check_operations(struct guard *g) {
    const struct cln_tuning right = g->session->tuning;
    struct findings *found = NULL;
    cln_log(CLN_LOG_INFO, "this device, driver and profile are new: checking every operation once, which takes a "
                          "while; --no-guard skips it");
    remember(g, &g->of_device, g->device.begun + 1);
    if (find_wrong(&found, g) == CLN_OK && found->alone != 0) {
        struct cln_trial trial;
        warn_of(found, found->alone);
        cln_tuning_make_safe(&g->session->tuning, found->alone);
        const enum cln_status status = cln_trial_step(&trial, &g->trials, &g->session->tuning, false);
        if (status != CLN_OK || trial.end != CLN_TRIAL_RIGHT) {
            cln_log(CLN_LOG_WARNING, "but with them a training step %s %s, so the operations stay as they were: %-s",
                    status == CLN_OK ? ends[trial.end].does : "cannot be checked",
                    status == CLN_OK ? ends[trial.end].to_whom : "on this device",
                    status == CLN_OK ? trial.why : cln_error_message());
            g->session->tuning = right;
        }
    }
    free(found);
    remember(g, &g->of_device, g->certain ? 0 : g->device.begun + 1);
}

/* Whether the quick checks have finished on this device, or have been given up. */
static bool is_known(const struct guard *g, bool recalled) {
    return recalled && (g->device.begun == 0 || g->device.begun >= MOST_TRIES);
}

/* Kept kernels crash the driver, perhaps because a file is damaged: this training builds its own, and the next one
 * checks again. */
static void drop_kept_kernels(struct guard *g) {
    cln_log(CLN_LOG_WARNING, "kernels in %s crash this driver: they are deleted and built again", g->session->cache);
    if (g->cache)
        ocl_program_cache_trim(g->cache, 0);
    free(g->session->cache);
    g->session->cache = NULL;
    g->certain = false;
}

static enum cln_status check(struct guard *g, bool known) {
    struct cln_trial trial;
    const bool may_check_all = !known && !g->session->workload->predict_only && g->cache &&
                               ocl_program_cache_writable(g->cache) && !cln_tuning_is_plain(&g->session->tuning);
    enum cln_status status = cln_trial_step(&trial, &g->trials, &g->session->tuning, true);
    if (status == CLN_OK && trial.end != CLN_TRIAL_RIGHT)
        status = repair(g, &trial);
    else if (status == CLN_OK && may_check_all)
        check_operations(g);
    if (g->trials.kept_crash)
        drop_kept_kernels(g);
    if (status == CLN_OK && g->certain)
        remember(g, &g->of_step, 0);
    return status;
}

/* Whether a trial is due. A prediction is checked only in another process and on an unknown device: in this process a
 * crash in the check would be no better than one in the prediction. */
static bool is_due(const struct guard *g, bool step_known, bool device_known) {
    if (step_known)
        return false;
    return !g->session->workload->predict_only ||
           (g->trials.apart && !device_known && !cln_tuning_is_plain(&g->session->tuning));
}

enum cln_status cln_guard(struct cln_session *session) {
    const char *folder = session->cache;
    struct guard g = {.session = session,
                      .trials = {.session = session, .apart = session->context == NULL && session->params.builder},
                      .certain = true};
    struct verdict step;
    if (folder &&
        (cln_folder_make(folder, CLN_FOLDER_PRIVATE) != CLN_OK || ocl_program_cache_open(&g.cache, folder) != CLN_OK))
        g.cache = NULL;
    enum cln_status status = make_key(&g.of_device, &g, false);
    if (status == CLN_OK)
        status = make_key(&g.of_step, &g, true);
    if (status == CLN_OK) {
        const bool recalled = recall(&g.device, &g, &g.of_device), known = is_known(&g, recalled);
        const bool checked = recall(&step, &g, &g.of_step);
        cln_tuning_make_safe(&session->tuning, g.device.safe | step.safe);
        if (!session->params.no_check && is_due(&g, checked, recalled))
            status = check(&g, known);
    }
    ocl_program_cache_close(&g.cache);
    return status;
}
