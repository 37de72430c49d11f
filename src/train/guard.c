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

enum { WHY_BYTES = 2048 };

/* What is remembered: that the check was passed, with these operations in their safe variant. */
static const char verdict_format[] = "clenet guard, safe %u\n";

struct guard {
    struct cln_trainer *t;
    struct ocl_context *context; /* that steps run in */
    bool replay;
    struct ocl_program_cache *cache; /* NULL: nothing is remembered */
    struct ocl_program_key of_device, of_step;
    bool known;   /* the quick checks have been run on this device, with this driver, profile and kernels */
    bool certain; /* what was found out will come out so again; not where a driver refused something once */
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
            fprintf(stream, "%s\nimages %dx%d, standardized %d, batch %d, optimizer %d, ", network, image.height,
                    image.width, (int)t->params.standardize, t->params.batch_size, (int)t->params.optimizer.kind);
        fprintf(stream, "replay %d, limits %s", (int)g->replay, ocl_limits_text() ? ocl_limits_text() : "none");
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

/* Makes those operations safe that were found wrong before; false where nothing was found out. */
static bool recall(const struct guard *g, const struct ocl_program_key *key) {
    size_t bytes = 0;
    char text[64] = "";
    unsigned safe = 0;
    unsigned char *verdict = g->cache ? ocl_program_cache_read(g->cache, key, &bytes) : NULL;
    if (verdict)
        memcpy(text, verdict, bytes < sizeof text ? bytes : sizeof text - 1);
    free(verdict);
    if (sscanf(text, verdict_format, &safe) != 1)
        return false;
    cln_tuning_make_safe(&g->t->tuning, safe);
    return true;
}

static void remember(const struct guard *g, const struct ocl_program_key *key) {
    char text[64];
    const int length = snprintf(text, sizeof text, verdict_format, g->t->tuning.safe);
    if (g->cache)
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

static enum cln_status check_step(enum outcome *out, char why[WHY_BYTES], const struct guard *g,
                                  const struct cln_tuning *tuning) {
    const struct cln_trainer_params *p = &g->t->params;
    const struct cln_step_check check = {.network = p->network,
                                         .optimizer = p->optimizer,
                                         .batch_size = p->batch_size,
                                         .image = p->data->train.shape,
                                         .standardize = p->standardize};
    const struct cln_check_params params = {.context = g->context, .tuning = tuning, .tuning_name = "guard"};
    struct cln_check_result result;
    const enum cln_status status = cln_check_step(&result, &check, &params);
    return judge(out, why, status, &result);
}

/* What is refused may be so by chance: once more, then. */
static enum cln_status check_operation(enum outcome *out, char why[WHY_BYTES], const struct guard *g, size_t operation,
                                       struct ocl_context *context) {
    const struct cln_check_params params = {
        .context = context, .tuning = &g->t->tuning, .tuning_name = "guard", .quick = true};
    enum cln_status status = CLN_OK;
    *out = REFUSED;
    for (int attempt = 0; attempt < 2 && status == CLN_OK && *out == REFUSED; attempt++) {
        struct cln_check_result result;
        const enum cln_status ran = cln_check_run(&result, operation, &params);
        status = judge(out, why, ran, &result);
    }
    return status;
}

/* The set of operations whose quick checks fail under the trainer's tuning; a warning for each. In a context of its
 * own, which takes the programs of the checks with it. */
static enum cln_status find_wrong(unsigned *wrong, const struct guard *g) {
    struct ocl_context *context = NULL;
    char why[WHY_BYTES];
    *wrong = 0;
    enum cln_status status = ocl_context_create(
        &context, ocl_context_device(g->t->context),
        &(struct ocl_context_params){.kernel_folder = g->t->params.kernel_folder, .replay = g->replay});
    for (size_t o = 0; cln_check_operation(o) && status == CLN_OK; o++) {
        enum outcome outcome;
        status = check_operation(&outcome, why, g, o, context);
        if (status != CLN_OK || outcome == RIGHT)
            continue;
        cln_log(CLN_LOG_WARNING, "%s is wrong on this device, and runs in its safe variant: %s", cln_check_operation(o),
                why);
        *wrong |= cln_operation(cln_check_operation(o));
    }
    ocl_context_destroy(&context);
    return status;
}

static enum cln_status fail_wrong(const struct guard *g, const char *why) {
    return cln_fail(CLN_DEVICE,
                    "%s computes wrongly, in the safe variants as well: %s; \"clenet check\" says what works, "
                    "--no-guard trains all the same",
                    ocl_context_device(g->context)->name, why);
}

/* Makes these operations safe, and all where that is not enough for a step to come out right. `why` says what was wrong
 * with one before. */
static enum cln_status make_right(struct guard *g, unsigned wrong, char why[WHY_BYTES]) {
    struct cln_tuning *tuning = &g->t->tuning;
    const unsigned sets[] = {wrong, cln_all_operations()};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        enum outcome outcome;
        if ((sets[i] | tuning->safe) == tuning->safe)
            continue;
        if (sets[i] != wrong)
            cln_log(CLN_LOG_WARNING,
                    "a training step is %s wrong on this device: all operations run in their safe variants: %s",
                    wrong ? "still" : "nevertheless", why);
        cln_tuning_make_safe(tuning, sets[i]);
        const enum cln_status status = check_step(&outcome, why, g, tuning);
        if (status != CLN_OK || outcome == RIGHT)
            return status;
    }
    return fail_wrong(g, why);
}

/* A step came out wrong, or was refused. */
static enum cln_status repair(struct guard *g, enum outcome step, char why[WHY_BYTES]) {
    const unsigned all = cln_all_operations();
    enum cln_status status = CLN_OK;
    unsigned wrong = 0;
    if (step == REFUSED) { /* by every variant: then it is not one of them, but a mistake in a kernel, say */
        struct cln_tuning safe = g->t->tuning;
        char again[WHY_BYTES];
        cln_tuning_make_safe(&safe, all);
        status = check_step(&step, again, g, &safe);
        if (status != CLN_OK || step == REFUSED)
            return status != CLN_OK ? status : cln_fail(CLN_DEVICE, "%s", why);
        g->certain = false;
    } else if (g->t->tuning.safe == all) {
        return fail_wrong(g, why);
    }
    cln_log(CLN_LOG_INFO,
            "a training step is wrong on this device: checking operation by operation, which takes a while");
    status = find_wrong(&wrong, g);
    g->certain |= wrong != 0;
    return status == CLN_OK ? make_right(g, wrong, why) : status;
}

/* A step came out right, and nothing is known of what else the device may be asked for. Whatever comes of that, this
 * training can go on; and what ends the program here is not to end it again at the next start. */
static void check_operations(struct guard *g) {
    const struct cln_tuning right = g->t->tuning;
    char why[WHY_BYTES] = "";
    unsigned wrong = 0;
    cln_log(CLN_LOG_INFO, "this device, driver and profile are new: every operation is checked once, which takes a "
                          "while; --no-guard does without");
    remember(g, &g->of_device);
    enum cln_status status = find_wrong(&wrong, g);
    if (status == CLN_OK && wrong != 0)
        status = make_right(g, wrong, why);
    if (status == CLN_OK)
        return;
    cln_log(CLN_LOG_WARNING, "not all operations could be checked: %s; a training step came out right, so this goes on",
            cln_error_message());
    g->t->tuning = right;
    g->certain = false;
}

static enum cln_status check(struct guard *g) {
    const unsigned before = g->t->tuning.safe;
    enum outcome step;
    char why[WHY_BYTES];
    enum cln_status status = check_step(&step, why, g, &g->t->tuning);
    if (status == CLN_OK && step != RIGHT)
        status = repair(g, step, why);
    else if (status == CLN_OK && !g->known && g->cache && ocl_program_cache_writable(g->cache) &&
             !cln_tuning_is_safe(&g->t->tuning))
        check_operations(g);
    if (status != CLN_OK || !g->certain)
        return status;
    remember(g, &g->of_step);
    if (g->t->tuning.safe != before) {
        recall(g, &g->of_device); /* what others have found since */
        remember(g, &g->of_device);
    }
    return CLN_OK;
}

/* In the trainer's context, so that training finds its kernels built; but where launches are timed or traced, as they
 * are not to be among those. */
static enum cln_status check_in_context(struct guard *g, const char *folder) {
    const struct cln_trainer *t = g->t;
    struct ocl_context *own = NULL;
    enum cln_status status = CLN_OK;
    if (t->params.timings || t->params.trace)
        status = ocl_context_create(&own, ocl_context_device(t->context),
                                    &(struct ocl_context_params){.kernel_folder = t->params.kernel_folder,
                                                                 .cache_folder = folder,
                                                                 .replay = g->replay});
    g->context = own ? own : t->context;
    if (status == CLN_OK)
        status = check(g);
    ocl_context_destroy(&own);
    return status;
}

enum cln_status cln_guard(struct cln_trainer *t, const char *folder, bool replay) {
    struct guard g = {.t = t, .replay = replay, .certain = true};
    if (folder && ocl_program_cache_open(&g.cache, folder) != CLN_OK)
        g.cache = NULL;
    enum cln_status status = make_key(&g.of_device, &g, false);
    if (status == CLN_OK)
        status = make_key(&g.of_step, &g, true);
    if (status == CLN_OK)
        g.known = recall(&g, &g.of_device);
    if (status == CLN_OK && !recall(&g, &g.of_step) && !t->params.evaluate_only && !t->builder)
        status = check_in_context(&g, folder);
    ocl_program_cache_close(&g.cache);
    return status;
}
