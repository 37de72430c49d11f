/* A session's life: see session.h. */
#include "src/session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "clenet/text.h"
#include "host/program_cache.h"
#include "host/select.h"
#include "src/base/helpers.h"
#include "src/session/builders.h"
#include "src/session/guard.h"
#include "src/session/trial.h"

/* For people: where the session runs, and which operations run in their safe variants. */
static void describe(struct cln_session *s) {
    size_t length = cln_text_format(s->description, sizeof s->description, "%s (%s), profile %s%s", s->device.name,
                                    s->device.platform, ocl_profile_name(s->profile),
                                    s->tuning.strict ? ", strict arithmetic" : "");
    const char *before = "; safe: ";
    for (size_t i = 0; i < cln_operation_count; i++)
        if (s->tuning.safe & 1u << i) {
            length += cln_text_format(s->description + length, sizeof s->description - length, "%s%s", before,
                                      cln_operations[i]);
            before = ", ";
        }
}

static void tell_quirks(const struct cln_session *s) {
    size_t count = 0;
    const struct ocl_profile_quirk *quirks = ocl_profile_quirks(s->profile, &count);
    for (size_t i = 0; i < count; i++)
        cln_log(CLN_LOG_INFO, "%s runs in its safe variant: %s (%s)", cln_operations[quirks[i].operation],
                quirks[i].reason, quirks[i].origin);
}

enum cln_status cln_session_create(struct cln_session **out, const struct cln_session_params *params) {
    struct cln_session *s = *out = calloc(1, sizeof *s);
    if (!s)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a session");
    s->params = *params;
    s->taken = -1;
    enum cln_status status = ocl_device_find(&s->device, params->device);
    if (status == CLN_OK)
        status = cln_tuning_profile(&s->profile, &s->device, params->profile_file);
    if (status == CLN_OK && params->strict)
        status = ocl_profile_set(s->profile, "strict", 1);
    if (status == CLN_OK)
        status = cln_tuning_create(&s->tuning, s->profile, &s->device);
    if (status == CLN_OK && !params->no_cache)
        s->cache = ocl_program_cache_folder();
    if (status != CLN_OK)
        cln_session_destroy(out);
    return status;
}

void cln_session_destroy(struct cln_session **session) {
    struct cln_session *s = *session;
    if (!s)
        return;
    *session = NULL;
    ocl_context_destroy(&s->context);
    ocl_profile_destroy(&s->profile);
    free(s->cache);
    free(s);
}

enum cln_status cln_session_set(struct cln_session *s, const char *values) {
    if (!*values)
        return CLN_OK;
    enum cln_status status = cln_tuning_set(s->profile, values);
    return status == CLN_OK ? cln_tuning_create(&s->tuning, s->profile, &s->device) : status;
}

static enum cln_status run_builders(void *session) {
    const struct cln_session *s = session;
    return cln_builders_run(&s->params, s->workload, s->tuning.safe);
}

static bool builds(void *session, size_t number) {
    struct cln_session *s = session;
    return cln_helper_take(&s->taken, number);
}

static struct ocl_context_params context_params(const struct cln_session *s) {
    return (struct ocl_context_params){
        .replay = cln_session_replays(s), .kernel_folder = s->params.kernel_folder, .cache_folder = s->cache};
}

static enum cln_status create_context(struct cln_session *s) {
    struct ocl_context_params params = context_params(s);
    char name[128];
    snprintf(name, sizeof name, "%s, batch %d", s->workload->network->name, s->workload->batch_size);
    params.timings = s->params.timings;
    params.trace = s->params.trace;
    params.trace_name = name;
    params.brief = s->has_built; /* as if this context had called the builders: see asks() in host/program.c */
    params.before_building = s->params.builder ? run_builders : NULL;
    params.building_user = s;
    return ocl_context_create(&s->context, &s->device, &params);
}

/* A driver that crashes may do so from the first call on. So the guard comes before the context, if it can look from
 * another process. */
enum cln_status cln_session_open(struct cln_session *s, const struct cln_workload *workload) {
    const bool guarded = !s->params.no_guard, apart = s->params.builder != NULL;
    enum cln_status status = CLN_OK;
    s->workload = workload;
    tell_quirks(s);
    if (guarded && apart)
        status = cln_guard(s);
    if (status == CLN_OK)
        status = create_context(s);
    if (status == CLN_OK && guarded && !apart)
        status = cln_guard(s);
    describe(s);
    return status;
}

enum cln_status cln_session_open_plain(struct cln_session *s) {
    struct ocl_context_params params = context_params(s);
    params.brief = true;
    describe(s);
    return ocl_context_create(&s->context, &s->device, &params);
}

enum cln_status cln_session_open_builder(struct cln_session *s, const struct cln_workload *workload,
                                         const struct cln_errand *errand) {
    struct ocl_context_params params = context_params(s);
    s->workload = workload;
    s->errand = *errand;
    cln_tuning_make_safe(&s->tuning, errand->safe);
    params.replay = cln_session_replays(s);
    params.builds = builds;
    params.building_user = s;
    return ocl_context_create(&s->context, &s->device, &params);
}

enum cln_status cln_session_answer(struct cln_session *s, const struct cln_workload *workload,
                                   const struct cln_errand *errand) {
    s->workload = workload;
    return cln_trial_answer(&(struct cln_trials){.session = s}, errand);
}
