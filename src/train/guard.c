/* The start-up guard: see guard.h. */
#include "src/train/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/device_limits.h"
#include "host/embedded.h"
#include "host/log.h"
#include "host/program_cache.h"
#include "host/source.h"
#include "src/check/step.h"

enum {
    WHY_BYTES = 8192, /* a compiler's log and more */
    MOST_TRIES = 2    /* of quick checks that do not come to an end, as where the driver crashes */
};

/* What is remembered: operations that run in their safe variant; and of a device how often its quick checks were begun
 * since they last came to an end. */
static const char verdict_format[] = "clenet guard, safe %u, begun %u\n";

struct verdict {
    unsigned safe, begun;
};

struct guard {
    struct cln_trainer *t;
    const char *folder; /* of built kernels */
    bool replay;
    struct ocl_program_cache *cache; /* in that folder; NULL: nothing is remembered */
    struct ocl_program_key of_device, of_step;
    struct verdict device; /* as it was at the start */
    bool certain;          /* what was found out will come out so again */
};

/* The text that a verdict depends on, beside device and driver: kernels, tuning, limits; and for one about a step also
 * network and how it is run. *out is the caller's: free(). */
static enum cln_status subject_of(char **out, const struct guard *g, bool of_step) {
    const struct cln_trainer *t = g->t;
    const struct cln_shape image = t->params.data->train.shape;
    char *network = NULL;
    size_t bytes = 0;
    *out = NULL;
    enum cln_status status = cln_network_text(&network, t->params.network);
    FILE *stream = status == CLN_OK ? open_memstream(out, &bytes) : NULL;
    if (status == CLN_OK && !stream)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for the start-up guard");
    if (status == CLN_OK) {
        fprintf(stream, "guard of clenet " CLN_VERSION "\n");
        if (of_step)
            fprintf(stream, "%s\nimages %dx%d, standardized %d, batch %d, optimizer %d, replay %d, ", network,
                    image.height, image.width, (int)t->params.standardize, t->params.batch_size,
                    (int)t->params.optimizer.kind, (int)g->replay);
        fprintf(stream, "limits %s", ocl_limits_text() ? ocl_limits_text() : "none");
        for (size_t i = 0; i < cln_tuning_key_count; i++)
            fprintf(stream, ", %s %ld", cln_tuning_keys[i].name, cln_tuning_value(&t->tuning, cln_tuning_keys[i].name));
        fprintf(stream, ", safe %u\n", t->tuning.safe);
    }
    for (const struct ocl_embedded *file = ocl_embedded_kernels; file->name && status == CLN_OK; file++) {
        char *source = NULL;
        status = ocl_source_load(&source, t->params.kernel_folder, file->name);
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
        ocl_program_key_make(key, ocl_context_device(g->t->context), subject, "");
    free(subject);
    return status;
}

/* False where nothing is remembered: *out is empty then. */
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

/* Beside what others have found since. */
static void remember(const struct guard *g, const struct ocl_program_key *key, unsigned begun) {
    char text[64];
    struct verdict before;
    if (!g->cache)
        return;
    recall(&before, g, key);
    const int length = snprintf(text, sizeof text, verdict_format, g->t->tuning.safe | before.safe, begun);
    ocl_program_cache_write(g->cache, key, (const unsigned char *)text, (size_t)length);
}

enum outcome { RIGHT, WRONG, REFUSED };

/* What became of a check that ended with `status`; `why` says what was wrong, or what the driver refused. Fails where
 * that is not the kernels' fault. */
static enum cln_status judge(enum outcome *out, char why[WHY_BYTES], enum cln_status status,
                             const struct cln_check_result *result) {
    if (status != CLN_OK && status != CLN_BUILD && status != CLN_DEVICE)
        return status;
    snprintf(why, WHY_BYTES, "%s", status == CLN_OK ? result->failure : cln_error_message());
    *out = status != CLN_OK ? REFUSED : result->failed > 0 ? WRONG : RIGHT;
    return CLN_OK;
}

/* With numbers that any change of an optimizer's kernel shows in, whatever the training's are. */
static enum cln_status run_step(struct cln_check_result *result, const struct guard *g, const struct cln_tuning *tuning,
                                struct ocl_context *context) {
    const struct cln_trainer_params *p = &g->t->params;
    const struct cln_optimizer_params optimizer = {
        .kind = p->optimizer.kind, .lr = 0.01, .momentum = 0.9, .weight_decay = 0.1};
    return cln_check_step(result,
                          &(struct cln_step_check){.network = p->network,
                                                   .optimizer = optimizer,
                                                   .batch_size = p->batch_size,
                                                   .image = p->data->train.shape,
                                                   .standardize = p->standardize},
                          &(struct cln_check_params){.context = context, .tuning = tuning, .tuning_name = "guard"});
}

/* What is refused may be so by chance: once more, then, in a context that nothing has gone wrong in. The first time in
 * the trainer's, so that training finds its kernels built; but where launches are timed or traced, as they are not to
 * be among those. */
static enum cln_status check_step(enum outcome *out, char why[WHY_BYTES], const struct guard *g,
                                  const struct cln_tuning *tuning, bool first) {
    const struct cln_trainer_params *p = &g->t->params;
    const struct ocl_context_params params = {
        .kernel_folder = p->kernel_folder, .cache_folder = g->folder, .replay = g->replay};
    enum cln_status status = CLN_OK;
    *out = REFUSED;
    for (int attempt = 0; attempt < 2 && status == CLN_OK && *out == REFUSED; attempt++) {
        struct ocl_context *own = NULL;
        struct cln_check_result result;
        if (!first || attempt > 0 || p->timings || p->trace)
            status = ocl_context_create(&own, ocl_context_device(g->t->context), &params);
        if (status == CLN_OK) {
            const enum cln_status ran = run_step(&result, g, tuning, own ? own : g->t->context);
            status = judge(out, why, ran, &result);
        }
        ocl_context_destroy(&own);
    }
    return status;
}

/* The same for the quick cases of an operation; no program of them stays. */
static enum cln_status check_operation(enum outcome *out, char why[WHY_BYTES], const struct guard *g,
                                       size_t operation) {
    const struct ocl_context_params params = {.kernel_folder = g->t->params.kernel_folder};
    enum cln_status status = CLN_OK;
    *out = REFUSED;
    for (int attempt = 0; attempt < 2 && status == CLN_OK && *out == REFUSED; attempt++) {
        struct ocl_context *own = NULL;
        struct cln_check_result result;
        status = ocl_context_create(&own, ocl_context_device(g->t->context), &params);
        if (status == CLN_OK) {
            const enum cln_status ran =
                cln_check_run(&result, operation,
                              &(struct cln_check_params){
                                  .context = own, .tuning = &g->t->tuning, .tuning_name = "guard", .quick = true});
            status = judge(out, why, ran, &result);
        }
        ocl_context_destroy(&own);
    }
    return status;
}

/* Adds the operations to *wrong whose quick checks fail, with a warning for each; of those that could be made safe.
 * Where it fails not all have been checked. */
static enum cln_status find_wrong(unsigned *wrong, const struct guard *g) {
    char why[WHY_BYTES];
    enum cln_status status = CLN_OK;
    for (size_t o = 0; cln_check_operation(o) && status == CLN_OK; o++) {
        enum outcome outcome;
        const unsigned operation = cln_operation(cln_check_operation(o));
        if (g->t->tuning.safe & operation)
            continue;
        status = check_operation(&outcome, why, g, o);
        if (status != CLN_OK || outcome == RIGHT)
            continue;
        cln_log(CLN_LOG_WARNING, "%s is wrong on this device, and runs in its safe variant: %-s",
                cln_check_operation(o), why);
        *wrong |= operation;
    }
    if (status != CLN_OK)
        cln_log(CLN_LOG_WARNING, "not all operations could be checked: %-s", cln_error_message());
    return status;
}

static enum cln_status fail_wrong(const struct guard *g, const char *why) {
    return cln_fail(CLN_DEVICE,
                    "%s computes wrongly, in the safe variants as well: %-s; \"clenet check\" says what works, "
                    "--no-guard trains all the same",
                    ocl_context_device(g->t->context)->name, why);
}

/* A step came out wrong, or was refused: operations become safe until one comes out right. */
static enum cln_status repair(struct guard *g, enum outcome step, char why[WHY_BYTES]) {
    struct cln_tuning *tuning = &g->t->tuning;
    const unsigned all = cln_all_operations();
    unsigned wrong = 0;
    if (step == REFUSED) { /* by every variant: then it is not one of them, but a mistake in a kernel, say */
        struct cln_tuning safe = *tuning;
        char again[WHY_BYTES];
        cln_tuning_make_safe(&safe, all);
        const enum cln_status status = check_step(&step, again, g, &safe, false);
        if (status != CLN_OK || step == REFUSED)
            return status != CLN_OK ? status : cln_fail(CLN_DEVICE, "%-s", why);
    }
    if (tuning->safe == all)
        return fail_wrong(g, why);
    cln_log(CLN_LOG_INFO,
            "a training step is wrong on this device: checking operation by operation, which takes a while");
    g->certain = find_wrong(&wrong, g) == CLN_OK;
    const unsigned sets[] = {wrong, all};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if ((sets[i] | tuning->safe) == tuning->safe)
            continue;
        if (sets[i] != wrong)
            cln_log(CLN_LOG_WARNING,
                    "a training step is %s wrong on this device: all operations run in their safe variants: %-s",
                    wrong ? "still" : "nevertheless", why);
        cln_tuning_make_safe(tuning, sets[i]);
        const enum cln_status status = check_step(&step, why, g, tuning, false);
        if (status == CLN_OK && step == RIGHT && g->certain)
            remember(g, &g->of_device, 0);
        if (status != CLN_OK || step == RIGHT)
            return status;
    }
    return fail_wrong(g, why);
}

/* A step came out right, and nothing is known of what else the device may be asked for. This training goes on, whatever
 * comes of that; and what ends the program here does so a few times only. */
static void check_operations(struct guard *g) {
    const struct cln_tuning right = g->t->tuning;
    unsigned wrong = 0;
    cln_log(CLN_LOG_INFO, "this device, driver and profile are new: every operation is checked once, which takes a "
                          "while; --no-guard does without");
    remember(g, &g->of_device, g->device.begun + 1);
    g->certain = find_wrong(&wrong, g) == CLN_OK;
    if (wrong != 0) {
        enum outcome step;
        char why[WHY_BYTES];
        cln_tuning_make_safe(&g->t->tuning, wrong);
        const enum cln_status status = check_step(&step, why, g, &g->t->tuning, false);
        if (status != CLN_OK || step != RIGHT) {
            cln_log(CLN_LOG_WARNING, "with that a training step is wrong, and everything stays as it was: %-s",
                    status != CLN_OK ? cln_error_message() : why);
            g->t->tuning = right;
        }
    }
    remember(g, &g->of_device, g->certain ? 0 : g->device.begun + 1);
}

/* Whether the quick checks have come to an end here, or have been given up. */
static bool is_known(const struct guard *g, bool recalled) {
    return recalled && (g->device.begun == 0 || g->device.begun >= MOST_TRIES);
}

static enum cln_status check(struct guard *g, bool known) {
    enum outcome step;
    char why[WHY_BYTES];
    enum cln_status status = check_step(&step, why, g, &g->t->tuning, true);
    if (status == CLN_OK && step != RIGHT)
        status = repair(g, step, why);
    else if (status == CLN_OK && !known && g->cache && ocl_program_cache_writable(g->cache) &&
             !cln_tuning_is_plain(&g->t->tuning))
        check_operations(g);
    if (status == CLN_OK && g->certain)
        remember(g, &g->of_step, 0);
    return status;
}

enum cln_status cln_guard(struct cln_trainer *t, const char *folder, bool replay) {
    struct guard g = {.t = t, .folder = folder, .replay = replay, .certain = true};
    struct verdict step;
    if (folder && ocl_program_cache_open(&g.cache, folder) != CLN_OK)
        g.cache = NULL;
    enum cln_status status = make_key(&g.of_device, &g, false);
    if (status == CLN_OK)
        status = make_key(&g.of_step, &g, true);
    if (status == CLN_OK) {
        const bool known = is_known(&g, recall(&g.device, &g, &g.of_device));
        const bool checked = recall(&step, &g, &g.of_step);
        cln_tuning_make_safe(&t->tuning, g.device.safe | step.safe);
        if (!checked && !t->params.evaluate_only && !t->builder)
            status = check(&g, known);
    }
    ocl_program_cache_close(&g.cache);
    return status;
}
