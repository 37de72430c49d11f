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

/* The text that a verdict depends on, beside device and driver: kernels, tuning, limits; and for one about a step also
 * network and how it is run. *out is the caller's: free(). */
static enum cln_status subject_of(char **out, const struct cln_trainer *t, bool of_step, bool replay) {
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
                    (int)t->params.optimizer.kind, (int)replay);
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

static bool recall(unsigned *safe, const struct ocl_program_cache *cache, const struct ocl_program_key *key) {
    size_t bytes = 0;
    char text[64] = "";
    unsigned char *verdict = cache ? ocl_program_cache_read(cache, key, &bytes) : NULL;
    if (verdict)
        memcpy(text, verdict, bytes < sizeof text ? bytes : sizeof text - 1);
    free(verdict);
    return sscanf(text, verdict_format, safe) == 1;
}

static void remember(unsigned safe, const struct ocl_program_cache *cache, const struct ocl_program_key *key) {
    char text[64];
    const int length = snprintf(text, sizeof text, verdict_format, safe);
    if (cache)
        ocl_program_cache_write(cache, key, (const unsigned char *)text, (size_t)length);
}

/* What became of a step. */
enum outcome { RIGHT, WRONG, REFUSED };

/* `why` says what was wrong, or what the driver refused. Fails where that is not the kernels' fault. */
static enum cln_status check_step(enum outcome *out, char why[WHY_BYTES], const struct cln_trainer *t,
                                  struct ocl_context *context, const struct cln_tuning *tuning) {
    struct cln_check_result result;
    const struct cln_check_params params = {.context = context, .tuning = tuning, .tuning_name = "guard"};
    const enum cln_status status = cln_check_step(&result,
                                                  &(struct cln_step_check){.network = t->params.network,
                                                                           .optimizer = t->params.optimizer,
                                                                           .batch_size = t->params.batch_size,
                                                                           .image = t->params.data->train.shape,
                                                                           .standardize = t->params.standardize},
                                                  &params);
    if (status != CLN_OK && status != CLN_BUILD && status != CLN_DEVICE)
        return status;
    snprintf(why, WHY_BYTES, "%s", status == CLN_OK ? result.failure : cln_error_message());
    *out = status != CLN_OK ? REFUSED : result.failed > 0 ? WRONG : RIGHT;
    return CLN_OK;
}

/* The set of operations whose quick checks fail under t->tuning; a warning for each. */
static enum cln_status find_wrong(unsigned *wrong, const struct cln_trainer *t, struct ocl_context *context) {
    *wrong = 0;
    for (size_t o = 0; cln_check_operation(o); o++) {
        struct cln_check_result result;
        const enum cln_status status =
            cln_check_run(&result, o,
                          &(struct cln_check_params){
                              .context = context, .tuning = &t->tuning, .tuning_name = "guard", .quick = true});
        if (status == CLN_OK && result.failed == 0)
            continue;
        if (status != CLN_OK && status != CLN_BUILD && status != CLN_DEVICE)
            return status;
        cln_log(CLN_LOG_WARNING, "%s is wrong on this device, and runs in its safe variant: %s", cln_check_operation(o),
                status == CLN_OK ? result.failure : cln_error_message());
        *wrong |= cln_operation(cln_check_operation(o));
    }
    return CLN_OK;
}

static enum cln_status fail_wrong(struct ocl_context *context, const char *why) {
    return cln_fail(CLN_DEVICE,
                    "%s computes wrongly, in the safe variants as well: %s; \"clenet check\" says what works, "
                    "--no-guard trains all the same",
                    ocl_context_device(context)->name, why);
}

/* Makes operations safe until a step comes out right. `known`: the quick checks have been run here before. *certain:
 * that will come out so again; not where all that is known is that a driver refused something once. */
static enum cln_status find_right(struct cln_trainer *t, struct ocl_context *context, bool known, bool *certain) {
    const unsigned all = cln_all_operations();
    char why[WHY_BYTES], again[WHY_BYTES];
    enum outcome first, now;
    unsigned wrong = 0;
    *certain = true;
    enum cln_status status = check_step(&first, why, t, context, &t->tuning);
    if (status != CLN_OK || (first == RIGHT && (known || cln_tuning_is_safe(&t->tuning))))
        return status;
    if (cln_tuning_is_safe(&t->tuning))
        return first == REFUSED ? cln_fail(CLN_DEVICE, "%s", why) : fail_wrong(context, why);
    if (first == REFUSED) { /* by every variant: then it is not one of them, but a mistake in a kernel, say */
        struct cln_tuning safe = t->tuning;
        cln_tuning_make_safe(&safe, all);
        status = check_step(&now, again, t, context, &safe);
        if (status != CLN_OK || now == REFUSED)
            return status != CLN_OK ? status : cln_fail(CLN_DEVICE, "%s", why);
    }
    cln_log(CLN_LOG_INFO,
            first == RIGHT ? "this device, driver and profile are new: every operation is checked once, which takes a "
                             "while; --no-guard does without"
                           : "a training step is wrong on this device: checking operation by operation, which takes a "
                             "while");
    status = find_wrong(&wrong, t, context);
    *certain = first != REFUSED || wrong != 0;
    now = first == RIGHT && wrong != 0 ? WRONG : first;
    const unsigned sets[] = {wrong, all};
    for (size_t i = 0; i < sizeof sets / sizeof *sets && status == CLN_OK && now != RIGHT; i++) {
        if (sets[i] == 0)
            continue;
        if (sets[i] == all && wrong != all)
            cln_log(CLN_LOG_WARNING,
                    "a training step is %s wrong on this device: all operations run in their safe variants: %s",
                    wrong ? "still" : "nevertheless", why);
        cln_tuning_make_safe(&t->tuning, sets[i]);
        status = check_step(&now, why, t, context, &t->tuning);
    }
    if (status != CLN_OK || now == RIGHT)
        return status;
    return fail_wrong(context, why);
}

/* In the trainer's context, so that training finds its kernels built; but where launches are timed or traced, as they
 * are not to be among those. */
static enum cln_status check(struct cln_trainer *t, const char *folder, bool replay, bool known, bool *certain) {
    if (!t->params.timings && !t->params.trace)
        return find_right(t, t->context, known, certain);
    struct ocl_context *context = NULL;
    enum cln_status status =
        ocl_context_create(&context, ocl_context_device(t->context),
                           &(struct ocl_context_params){
                               .kernel_folder = t->params.kernel_folder, .cache_folder = folder, .replay = replay});
    if (status == CLN_OK)
        status = find_right(t, context, known, certain);
    ocl_context_destroy(&context);
    return status;
}

static enum cln_status make_key(struct ocl_program_key *key, const struct cln_trainer *t, bool of_step, bool replay) {
    char *subject = NULL;
    enum cln_status status = subject_of(&subject, t, of_step, replay);
    if (status == CLN_OK)
        ocl_program_key_make(key, ocl_context_device(t->context), subject, "");
    free(subject);
    return status;
}

enum cln_status cln_guard(struct cln_trainer *t, const char *folder, bool replay) {
    struct ocl_program_cache *cache = NULL;
    struct ocl_program_key of_device, of_step;
    unsigned safe = 0;
    if (folder && ocl_program_cache_open(&cache, folder) != CLN_OK)
        cache = NULL;
    enum cln_status status = make_key(&of_device, t, false, replay);
    if (status == CLN_OK)
        status = make_key(&of_step, t, true, replay);
    const bool known = status == CLN_OK && recall(&safe, cache, &of_device);
    if (known)
        cln_tuning_make_safe(&t->tuning, safe);
    if (status == CLN_OK && recall(&safe, cache, &of_step)) {
        cln_tuning_make_safe(&t->tuning, safe);
    } else if (status == CLN_OK && !t->params.evaluate_only && !t->builder) {
        bool certain = false;
        status = check(t, folder, replay, known, &certain);
        if (status == CLN_OK && certain) {
            remember(t->tuning.safe, cache, &of_step);
            remember(t->tuning.safe, cache, &of_device);
        }
    }
    ocl_program_cache_close(&cache);
    return status;
}
