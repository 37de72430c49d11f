/* The start-up guard: see guard.h. */
#include "src/train/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/embedded.h"
#include "host/log.h"
#include "host/program_cache.h"
#include "host/timeline.h"
#include "src/check/step.h"

/* A maximum of a pool can fall to its neighbour by rounding, which looks wrong: not with other numbers again. */
enum { ATTEMPTS = 3 };

/* What is remembered: that the check was passed, with these operations in their safe variant. */
static const char verdict_format[] = "clenet guard, safe %u\n";

/* The text that a verdict depends on, beside device and driver: kernels, network, tuning. NULL where memory ran out. */
static char *subject_of(const struct cln_trainer *t) {
    char *network = NULL, *text = NULL;
    size_t bytes = 0;
    if (cln_network_text(&network, t->params.network) != CLN_OK)
        return NULL;
    FILE *stream = open_memstream(&text, &bytes);
    if (stream) {
        fprintf(stream, "guard\n%s\nbatch %d, optimizer %d", network, t->params.batch_size,
                (int)t->params.optimizer.kind);
        for (size_t i = 0; i < cln_tuning_key_count; i++)
            fprintf(stream, ", %s %ld", cln_tuning_keys[i].name, cln_tuning_value(&t->tuning, cln_tuning_keys[i].name));
        fprintf(stream, ", safe %u\n", t->tuning.safe);
        for (const struct ocl_embedded *file = ocl_embedded_kernels; file->name; file++)
            fprintf(stream, "%s\n%s", file->name, file->text);
        fclose(stream);
    }
    free(network);
    return text;
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

/* Whether a step comes out right. `why` says what was wrong, or what the driver refused. */
static enum cln_status check_step(bool *right, char *why, size_t bytes, const struct cln_trainer *t) {
    struct cln_check_result result;
    const struct cln_check_params params = {.context = t->context, .tuning = &t->tuning, .tuning_name = "guard"};
    *right = false;
    for (int attempt = 0; attempt < ATTEMPTS && !*right; attempt++) {
        const enum cln_status status = cln_check_step(&result,
                                                      &(struct cln_step_check){.network = t->params.network,
                                                                               .optimizer = t->params.optimizer,
                                                                               .batch_size = t->params.batch_size,
                                                                               .seed = (uint64_t)attempt},
                                                      &params);
        if (status == CLN_OUT_OF_MEMORY || status == CLN_INVALID)
            return status; /* not the kernels' fault */
        snprintf(why, bytes, "%s", status == CLN_OK ? result.failure : cln_error_message());
        *right = status == CLN_OK && result.failed == 0;
        if (status != CLN_OK)
            break;
    }
    return CLN_OK;
}

/* The set of operations whose quick checks fail under t->tuning; a warning for each. */
static unsigned find_wrong(const struct cln_trainer *t) {
    unsigned wrong = 0;
    cln_log(CLN_LOG_INFO,
            "a training step is wrong on this device: checking operation by operation, which takes a while");
    for (size_t o = 0; cln_check_operation(o); o++) {
        struct cln_check_result result;
        const enum cln_status status =
            cln_check_run(&result, o,
                          &(struct cln_check_params){
                              .context = t->context, .tuning = &t->tuning, .tuning_name = "guard", .quick = true});
        if (status == CLN_OK && result.failed == 0)
            continue;
        cln_log(CLN_LOG_WARNING, "%s is wrong on this device, and runs in its safe variant: %s", cln_check_operation(o),
                status == CLN_OK ? result.failure : cln_error_message());
        wrong |= cln_operation(cln_check_operation(o));
    }
    return wrong;
}

/* Makes operations safe until a step comes out right. */
static enum cln_status find_right(struct cln_trainer *t) {
    char why[512];
    bool right;
    enum cln_status status = check_step(&right, why, sizeof why, t);
    if (status != CLN_OK || right)
        return status;
    const unsigned all = (1u << cln_operation_count) - 1, wrong = find_wrong(t);
    const unsigned sets[] = {wrong, all};
    for (size_t i = 0; i < sizeof sets / sizeof *sets && !right; i++) {
        if (sets[i] == 0)
            continue;
        if (sets[i] == all && wrong != all)
            cln_log(CLN_LOG_WARNING,
                    "a training step is %s wrong on this device: all operations run in their safe "
                    "variants: %s",
                    wrong ? "still" : "nevertheless", why);
        cln_tuning_make_safe(&t->tuning, sets[i]);
        status = check_step(&right, why, sizeof why, t);
        if (status != CLN_OK)
            return status;
    }
    if (right)
        return CLN_OK;
    return cln_fail(CLN_DEVICE,
                    "%s computes wrongly, in the safe variants as well: %s; \"clenet check\" says what works, "
                    "--no-guard trains all the same",
                    ocl_context_device(t->context)->name, why);
}

enum cln_status cln_guard(struct cln_trainer *t, const char *folder) {
    struct ocl_program_cache *cache = NULL;
    struct ocl_program_key key;
    unsigned safe = 0;
    char *subject = subject_of(t);
    if (!subject)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the start-up guard");
    ocl_program_key_make(&key, ocl_context_device(t->context), subject, "");
    free(subject);
    /* Kernels from a folder are being worked on: always checked. */
    if (folder && !t->params.kernel_folder && ocl_program_cache_open(&cache, folder) != CLN_OK)
        cache = NULL;
    enum cln_status status = CLN_OK;
    if (recall(&safe, cache, &key)) {
        cln_tuning_make_safe(&t->tuning, safe);
    } else {
        status = find_right(t);
        if (status == CLN_OK)
            remember(t->tuning.safe, cache, &key);
        if (status == CLN_OK && t->params.timings)
            status = ocl_timeline_reset(t->context);
    }
    ocl_program_cache_close(&cache);
    return status;
}
