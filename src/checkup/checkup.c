/* A checkup is a list of rows, settings times operations and networks. Rows are checked in this process or in others:
 * see checkup.h. */
#include "src/checkup/checkup.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/calls.h"
#include "host/gemm.h"
#include "host/profile.h"
#include "src/base/child.h"
#include "src/base/clock.h"
#include "src/base/table.h"
#include "src/checkup/networks.h"

enum kind { PROFILE, SAFE, CLBLAST, STRICT, KIND_COUNT };

/* The kinds of settings that rows are checked under. */
static const struct {
    const char *name;
    const char *operation; /* check only this operation; "": none; NULL: all operations */
    bool networks;         /* check networks */
} kinds[] = {[PROFILE] = {"profile", NULL, true},
             [SAFE] = {"safe", NULL, true},
             [CLBLAST] = {"CLBlast", "linear", false},
             [STRICT] = {"strict", "", true}};
CLN_EVERY(kinds, KIND_COUNT);

struct setting {
    enum kind kind;
    struct cln_tuning tuning;
};

enum { MOST_ENTRIES = 128 };

#define PATIENCE_SECONDS 300 /* limit of one OpenCL call */
#define START_SECONDS 60     /* least limit for a process to load the drivers, during which it gives no sign of life */
#define FAREWELL_SECONDS 2   /* limit for a process to end after its last message */

/* A row to check. */
struct entry {
    const struct setting *setting;
    const char *what;
    size_t number; /* number of the operation or the network */
    bool apart;    /* launch by launch */
    /* NULL: left out of quick checks */
    enum cln_status (*check)(struct cln_check_result *, size_t, const struct cln_check_params *);
};

struct run {
    const struct cln_checkup_params *params;
    struct cln_checkup *checkup;
    struct cln_session *session;
    struct setting settings[KIND_COUNT];
    size_t setting_count;
    struct entry entries[MOST_ENTRIES];
    size_t entry_count;
    int number; /* of the run, from 1 to params->repeat */
};

static struct cln_tuning *add_setting(struct run *r, enum kind kind) {
    struct setting *s = &r->settings[r->setting_count++];
    *s = (struct setting){.kind = kind, .tuning = r->session->tuning};
    return &s->tuning;
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

/* Chooses settings: the device's profile; all operations in their safe variants, if the profile's are not; CLBlast, if
 * the profile does not use it; strict arithmetic. With session.strict that alone. */
static enum cln_status choose_settings(struct run *r) {
    struct ocl_profile *profile = r->session->profile;
    const struct cln_tuning *tuning = &r->session->tuning;
    enum cln_status status = describe_profile(r, profile);
    if (status != CLN_OK)
        return status;
    r->checkup->tuning = *tuning;
    if (r->params->session.strict) {
        add_setting(r, STRICT);
        return CLN_OK;
    }
    add_setting(r, PROFILE);
    r->checkup->profile_is_safe = cln_tuning_is_plain(tuning);
    if (!r->checkup->profile_is_safe)
        cln_tuning_make_safe(add_setting(r, SAFE), cln_all_operations());
    if (!r->params->quick && tuning->min_gemm_weights == 0 && ocl_gemm_suits(&r->session->device)) {
        status = ocl_profile_set(profile, "min_gemm_weights", 1);
        if (status == CLN_OK)
            status = cln_tuning_create(add_setting(r, CLBLAST), profile, &r->session->device);
    }
    if (status == CLN_OK)
        status = ocl_profile_set(profile, "strict", 1);
    return status == CLN_OK ? cln_tuning_create(add_setting(r, STRICT), profile, &r->session->device) : status;
}

static void add_entry(struct run *r, const struct setting *s, const char *what, size_t number,
                      enum cln_status (*check)(struct cln_check_result *, size_t, const struct cln_check_params *)) {
    assert(r->entry_count < MOST_ENTRIES);
    r->entries[r->entry_count++] = (struct entry){.setting = s, .what = what, .number = number, .check = check};
}

static void add_entries(struct run *r, const struct setting *s) {
    const char *operation = kinds[s->kind].operation;
    for (size_t o = 0; cln_check_operation(o); o++)
        if (!operation || strcmp(operation, cln_check_operation(o)) == 0)
            add_entry(r, s, cln_check_operation(o), o, cln_check_run);
    for (size_t n = 0; kinds[s->kind].networks && cln_check_network(n); n++) {
        if (cln_check_network_is_strict(n) != (s->kind == STRICT) ||
            (cln_check_network_is_apart(n) && !r->params->bisect))
            continue;
        const bool left_out = r->params->quick && !cln_check_network_is_quick(n);
        if (r->params->only ? strstr(cln_check_network(n), r->params->only) == NULL : left_out)
            continue;
        add_entry(r, s, cln_check_network(n), n, left_out ? NULL : cln_check_network_run);
        r->entries[r->entry_count - 1].apart = cln_check_network_is_apart(n);
    }
}

static bool is_name(const char *name, const char *what, enum kind kind) {
    const size_t length = strlen(what);
    return strncmp(name, what, length) == 0 && strncmp(name + length, ", ", 2) == 0 &&
           strcmp(name + length + 2, kinds[kind].name) == 0;
}

bool cln_checkup_knows(const char *name) {
    bool known = false;
    for (enum kind k = 0; k < KIND_COUNT; k++) {
        const char *operation = kinds[k].operation;
        for (size_t o = 0; cln_check_operation(o); o++)
            known |= (!operation || strcmp(operation, cln_check_operation(o)) == 0) &&
                     is_name(name, cln_check_operation(o), k);
        for (size_t n = 0; kinds[k].networks && cln_check_network(n); n++)
            known |= cln_check_network_is_strict(n) == (k == STRICT) && is_name(name, cln_check_network(n), k);
    }
    return known;
}

/* Makes settings and entries, and the checkup's description of the device. */
static enum cln_status prepare(struct run *r, const struct cln_checkup_params *params) {
    struct cln_checkup *c = calloc(1, sizeof *c);
    *r = (struct run){.params = params, .checkup = c};
    if (!c)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a check");
    c->params = params;
    enum cln_status status = cln_session_create(&r->session, &params->session);
    if (status != CLN_OK)
        return status;
    c->device = r->session->device;
    status = choose_settings(r);
    for (size_t i = 0; i < r->setting_count && status == CLN_OK; i++)
        add_entries(r, &r->settings[i]);
    return status;
}

/* ---- Rows, in this process ---- */

static void check_row(struct cln_checkup_row *row, const struct run *r, const struct entry *e) {
    const struct cln_check_params params = {.context = r->session->context,
                                            .tuning = &e->setting->tuning,
                                            .tuning_name = kinds[e->setting->kind].name,
                                            .quick = r->params->quick,
                                            .only = r->params->only};
    const enum cln_status status = e->check ? e->check(&row->result, e->number, &params) : CLN_OK;
    row->result.left_out += e->check == NULL;
    if (status != CLN_OK)
        snprintf(row->error, sizeof row->error, "%s", cln_error_message());
    row->passed = status == CLN_OK && row->result.failed == 0;
}

static void tell(const struct run *r, const struct entry *e) {
    if (!r->params->progress)
        return;
    char doing[160];
    if (r->params->repeat > 1)
        snprintf(doing, sizeof doing, "%s (%s), run %d of %d", e->what, kinds[e->setting->kind].name, r->number,
                 r->params->repeat);
    else
        snprintf(doing, sizeof doing, "%s (%s)", e->what, kinds[e->setting->kind].name);
    r->params->progress(r->params->user, doing);
}

/* The row of an entry, which is added if no run before had it. NULL: out of memory. */
static struct cln_checkup_row *row_of(struct cln_checkup *c, const struct entry *e) {
    const char *setting = kinds[e->setting->kind].name;
    for (size_t i = 0; i < c->row_count; i++)
        if (c->rows[i].what == e->what && c->rows[i].setting == setting)
            return &c->rows[i];
    struct cln_checkup_row *grown = realloc(c->rows, (c->row_count + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    c->rows = grown;
    grown[c->row_count] =
        (struct cln_checkup_row){.what = e->what, .setting = setting, .apart = e->apart, .passed = true};
    return &grown[c->row_count++];
}

/* Adds the result of one run to its row, unless the entry has no case that contains `only`. */
static enum cln_status add_result(struct run *r, const struct entry *e, const struct cln_checkup_row *result) {
    if (result->result.cases + result->result.left_out == 0 && !result->error[0])
        return CLN_OK;
    struct cln_checkup_row *row = row_of(r->checkup, e);
    if (!row)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a result");
    const struct cln_checkup_row old = *row;
    if (old.passed)
        *row = *result;
    row->what = old.what;
    row->setting = old.setting;
    row->apart = old.apart;
    row->runs = old.runs + 1;
    row->failures = old.failures + !result->passed;
    row->result.worst = fmax(old.result.worst, result->result.worst);
    row->result.seconds = old.result.seconds + result->result.seconds;
    return CLN_OK;
}

static enum cln_status check_here(struct run *r) {
    enum cln_status status = r->session->context ? CLN_OK : cln_session_open_plain(r->session);
    for (size_t i = 0; i < r->entry_count && status == CLN_OK; i++) {
        struct cln_checkup_row row = {.what = NULL};
        tell(r, &r->entries[i]);
        check_row(&row, r, &r->entries[i]);
        status = add_result(r, &r->entries[i], &row);
    }
    if (status == CLN_OK)
        ocl_usage_add(&r->checkup->usage, ocl_context_usage(r->session->context));
    return status;
}

/* ---- Rows, in processes of their own ---- */

static const char variable[] = "CLENET_CHECKUP"; /* "DEVICE,FIRST": FIRST is the first row to check */

/* A message of such a process: first that it begins, then one per row. */
struct answer {
    size_t row; /* SIZE_MAX: it begins, or failed to: content.error */
    struct cln_checkup_row content;
    struct ocl_usage usage; /* of the process so far */
};

bool cln_checkup_asked(void) {
    return getenv(variable) != NULL;
}

const char *cln_checkup_device(void) {
    static char device[32];
    snprintf(device, sizeof device, "%.*s", (int)strcspn(getenv(variable), ","), getenv(variable));
    return device;
}

enum cln_status cln_checkup_answer(const struct cln_checkup_params *params) {
    static struct answer a; /* sent over a socket as a whole: static, so that no byte is undefined */
    const char *comma = strchr(getenv(variable), ',');
    struct run r;
    double patience;
    enum cln_status status = cln_child_patience(&patience, PATIENCE_SECONDS);
    if (status != CLN_OK)
        return status;
    cln_child_attend(patience, ocl_call_under_way);
    status = prepare(&r, params);
    if (status == CLN_OK)
        status = cln_session_open_plain(r.session);
    if (status != CLN_OK)
        snprintf(a.content.error, sizeof a.content.error, "%s", cln_error_message());
    a.row = SIZE_MAX;
    cln_child_say(&a, sizeof a);
    for (size_t i = comma ? strtoul(comma + 1, NULL, 10) : 0; i < r.entry_count && status == CLN_OK; i++) {
        memset(&a, 0, sizeof a);
        a.row = i;
        check_row(&a.content, &r, &r.entries[i]);
        a.usage = *ocl_context_usage(r.session->context);
        cln_child_say(&a, sizeof a);
    }
    cln_session_destroy(&r.session);
    cln_checkup_destroy(&r.checkup);
    return status;
}

/* Judges a row that ended its process. */
static void judge_end(struct cln_checkup_row *row, const struct cln_child_result *end, double patience,
                      double seconds) {
    *row = (struct cln_checkup_row){.end = end->end == CLN_CHILD_STOPPED  ? CLN_CHECKUP_HUNG
                                           : end->end == CLN_CHILD_KILLED ? CLN_CHECKUP_ENDED
                                                                          : CLN_CHECKUP_CRASHED};
    row->result.seconds = seconds;
    cln_child_describe(row->error, sizeof row->error, end, patience);
}

/* Checks rows from *next on in one process; the row that ends the process is the last. */
static enum cln_status check_some(struct run *r, size_t *next, struct cln_child *child, double patience) {
    struct answer a;
    struct cln_child_result end;
    enum cln_status status = CLN_OK;
    const double start_patience = patience > START_SECONDS ? patience : START_SECONDS;
    bool said = cln_child_listen(child, &a, sizeof a, start_patience) == CLN_CHILD_SAID;
    const bool began = said && !a.content.error[0];
    while (began && said && *next < r->entry_count && status == CLN_OK) {
        const double start = cln_clock_seconds();
        tell(r, &r->entries[*next]);
        said = cln_child_listen(child, &a, sizeof a, patience) == CLN_CHILD_SAID && a.row == *next;
        if (!said) {
            cln_child_stop(&child, 0, &end);
            judge_end(&a.content, &end, patience, cln_clock_seconds() - start);
        } else {
            ocl_usage_add(&r->checkup->usage, &a.usage);
        }
        status = add_result(r, &r->entries[(*next)++], &a.content);
    }
    cln_child_stop(&child, said ? FAREWELL_SECONDS : 0, &end);
    if (began)
        return status;
    if (!said)
        cln_child_describe(a.content.error, sizeof a.content.error, &end, start_patience);
    return cln_fail(CLN_DEVICE, "nothing could be checked: %s%-s", said ? "" : "the process for it ", a.content.error);
}

static enum cln_status check_apart(struct run *r) {
    double patience;
    enum cln_status status = cln_child_patience(&patience, PATIENCE_SECONDS);
    for (size_t next = 0; next < r->entry_count && status == CLN_OK;) {
        char setting[64];
        struct cln_child *child = NULL;
        snprintf(setting, sizeof setting, "%s=%u:%u,%zu", variable, r->session->device.platform_index,
                 r->session->device.device_index, next);
        status = cln_child_start(&child, r->params->session.builder, setting);
        if (status == CLN_OK)
            status = check_some(r, &next, child, patience);
    }
    return status;
}

enum cln_status cln_checkup_run(struct cln_checkup **out, const struct cln_checkup_params *params) {
    struct run r;
    const double start = cln_clock_seconds();
    enum cln_status status = prepare(&r, params);
    struct cln_checkup *c = *out = r.checkup;
    while (status == CLN_OK && (r.number == 0 || r.number < params->repeat)) {
        r.number++;
        status = params->session.builder ? check_apart(&r) : check_here(&r);
    }
    cln_session_destroy(&r.session);
    if (status == CLN_OK && c->row_count == 0)
        status = cln_fail(CLN_NOT_FOUND, "no check has \"%s\" in its name", params->only);
    if (status != CLN_OK) {
        cln_checkup_destroy(out);
        return status;
    }
    c->seconds = cln_clock_seconds() - start;
    c->passed = true;
    for (size_t i = 0; i < c->row_count; i++)
        c->passed = c->passed && c->rows[i].passed;
    return CLN_OK;
}

void cln_checkup_destroy(struct cln_checkup **checkup) {
    if (!*checkup)
        return;
    free((*checkup)->values);
    free((*checkup)->rows);
    free(*checkup);
    *checkup = NULL;
}
