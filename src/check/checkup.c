/* Settings times operations, then whole networks: see checkup.h. */
#include "src/check/checkup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/clock.h"
#include "host/gemm.h"
#include "host/profile.h"
#include "src/check/networks.h"

/* One setting that everything is checked under. */
struct setting {
    const char *name;
    struct cln_tuning tuning;
    const char *operation; /* the only one; NULL: all of them, and networks */
};

enum { MOST_SETTINGS = 3 };

struct run {
    const struct cln_checkup_params *params;
    struct cln_checkup *checkup;
    struct ocl_context *context;
    struct setting settings[MOST_SETTINGS];
    size_t setting_count;
};

static enum cln_status add_setting(struct run *r, const char *name, const char *operation,
                                   const struct ocl_profile *profile) {
    struct setting *s = &r->settings[r->setting_count];
    const enum cln_status status = cln_tuning_create(&s->tuning, profile, r->params->device);
    if (status == CLN_OK) {
        s->name = name;
        s->operation = operation;
        r->setting_count++;
    }
    return status;
}

static enum cln_status describe_profile(struct run *r, const struct ocl_profile *profile) {
    struct cln_checkup *c = r->checkup;
    snprintf(c->profile, sizeof c->profile, "%s", ocl_profile_name(profile));
    c->values = calloc(cln_tuning_key_count, sizeof *c->values);
    if (!c->values)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a profile");
    for (size_t i = 0; i < cln_tuning_key_count; i++) {
        struct cln_checkup_value *v = &c->values[c->value_count++];
        v->key = cln_tuning_keys[i].name;
        v->value = ocl_profile_value(profile, v->key);
        snprintf(v->origin, sizeof v->origin, "%s", ocl_profile_origin(profile, v->key));
    }
    return CLN_OK;
}

/* The device's profile; all operations in their safe variants, where those are others; CLBlast, where the profile does
 * not use it. */
static enum cln_status choose_settings(struct run *r) {
    struct ocl_profile *profile = NULL;
    struct setting *s = r->settings;
    enum cln_status status = cln_tuning_profile(&profile, r->params->device, r->params->profile_file);
    if (status == CLN_OK)
        status = describe_profile(r, profile);
    if (status == CLN_OK)
        status = add_setting(r, "profile", NULL, profile);
    if (status == CLN_OK) {
        r->checkup->tuning = s[0].tuning;
        r->checkup->profile_is_safe = cln_tuning_is_plain(&s[0].tuning);
    }
    if (status == CLN_OK && !r->checkup->profile_is_safe) {
        status = add_setting(r, "safe", NULL, profile);
        cln_tuning_make_safe(&s[1].tuning, cln_all_operations());
    }
    if (status == CLN_OK && !r->params->quick && s[0].tuning.linear_gemm == 0 && ocl_gemm_suits(r->params->device)) {
        status = ocl_profile_set(profile, "linear_gemm", 1);
        if (status == CLN_OK)
            status = add_setting(r, "CLBlast", "linear", profile);
    }
    ocl_profile_destroy(&profile);
    return status;
}

static enum cln_status add_row(struct run *r, const struct setting *s, const char *what, size_t number,
                               enum cln_status (*check)(struct cln_check_result *, size_t,
                                                        const struct cln_check_params *)) {
    struct cln_checkup *c = r->checkup;
    struct cln_checkup_row *grown = realloc(c->rows, (c->row_count + 1) * sizeof *grown);
    if (!grown)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a result");
    c->rows = grown;
    struct cln_checkup_row *row = &grown[c->row_count];
    *row = (struct cln_checkup_row){.what = what, .setting = s->name};
    if (r->params->progress) {
        char doing[160];
        snprintf(doing, sizeof doing, "%s (%s)", what, s->name);
        r->params->progress(r->params->user, doing);
    }
    const enum cln_status status = check(&row->result, number,
                                         &(struct cln_check_params){.context = r->context,
                                                                    .tuning = &s->tuning,
                                                                    .tuning_name = s->name,
                                                                    .quick = r->params->quick,
                                                                    .only = r->params->only});
    if (status != CLN_OK)
        snprintf(row->error, sizeof row->error, "%s", cln_error_message());
    if (status == CLN_OK && row->result.cases == 0)
        return CLN_OK; /* none that is called as `only` says */
    row->passed = status == CLN_OK && row->result.failed == 0;
    c->row_count++;
    return CLN_OK;
}

static enum cln_status run_setting(struct run *r, const struct setting *s) {
    enum cln_status status = CLN_OK;
    for (size_t o = 0; cln_check_operation(o) && status == CLN_OK; o++)
        if (!s->operation || strcmp(s->operation, cln_check_operation(o)) == 0)
            status = add_row(r, s, cln_check_operation(o), o, cln_check_run);
    for (size_t n = 0; !s->operation && cln_check_network(n) && status == CLN_OK; n++)
        if ((!r->params->quick || cln_check_network_is_quick(n)) &&
            (!r->params->only || strstr(cln_check_network(n), r->params->only)))
            status = add_row(r, s, cln_check_network(n), n, cln_check_network_run);
    return status;
}

enum cln_status cln_checkup_run(struct cln_checkup **out, const struct cln_checkup_params *params) {
    struct run r = {.params = params};
    const double start = cln_clock_seconds();
    struct cln_checkup *c = r.checkup = *out = calloc(1, sizeof *c);
    if (!c)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a check");
    c->params = params;
    c->device = *params->device;
    enum cln_status status = choose_settings(&r);
    if (status == CLN_OK)
        status = ocl_context_create(&r.context, params->device,
                                    &(struct ocl_context_params){.kernel_folder = params->kernel_folder,
                                                                 .cache_folder = params->cache_folder,
                                                                 .replay = r.settings[0].tuning.replay});
    for (size_t i = 0; i < r.setting_count && status == CLN_OK; i++)
        status = run_setting(&r, &r.settings[i]);
    ocl_context_destroy(&r.context);
    if (status == CLN_OK && c->row_count == 0)
        status = cln_fail(CLN_NOT_FOUND, "nothing that is checked has \"%s\" in its name", params->only);
    c->seconds = cln_clock_seconds() - start;
    c->passed = true;
    for (size_t i = 0; i < c->row_count; i++)
        c->passed = c->passed && c->rows[i].passed;
    if (status != CLN_OK)
        cln_checkup_destroy(out);
    return status;
}

void cln_checkup_destroy(struct cln_checkup **checkup) {
    if (!*checkup)
        return;
    free((*checkup)->values);
    free((*checkup)->rows);
    free(*checkup);
    *checkup = NULL;
}
