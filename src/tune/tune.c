/* The search for tuning values: see tune.h. */
#include "src/tune/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "host/gemm.h"
#include "host/profile.h"
#include "src/base/child.h"
#include "src/base/clock.h"
#include "src/base/json_text.h"
#include "src/model/batches.h"
#include "src/tune/search.h"

/* A candidate replaces the incumbent below this share of its time; a smaller gain is noise. */
#define FASTER 0.99
#define RACE_SECONDS 0.6
#define CONFIRM_SECONDS 2.5
#define FAR_BEHIND 1.4
#define FAREWELL_SECONDS 1 /* limit for a candidate's process to end after its last message */

static const char variable[] = "CLENET_RACE"; /* "SECONDS;INCUMBENT;CANDIDATE" */

/* ---- One candidate, in its own process ---- */

bool cln_tune_races(void) {
    return getenv(variable) != NULL;
}

/* Parses "SECONDS;INCUMBENT;CANDIDATE". */
static enum cln_status read_variable(struct cln_race_params *p, char *text) {
    char *incumbent = strchr(text, ';'), *candidate = incumbent ? strchr(incumbent + 1, ';') : NULL;
    if (!candidate)
        return cln_fail(CLN_INVALID, "%s is set by clenet, and for its own processes only", variable);
    *incumbent++ = *candidate++ = '\0';
    p->seconds = atof(text);
    p->values[0] = incumbent;
    p->values[1] = candidate;
    return CLN_OK;
}

/* The outcome of a candidate, sent by its process. */
struct outcome {
    double incumbent, candidate; /* seconds per step; 0: not timed */
    bool wrong;
    char reason[800];
};

void cln_tune_race(const struct cln_race_params *params) {
    struct cln_race_params p = *params;
    struct cln_race race = {.wrong = ""};
    static struct outcome o; /* sent over a socket as a whole: static, so that no byte is undefined */
    char *text = strdup(getenv(variable));
    enum cln_status status =
        text ? read_variable(&p, text) : cln_fail(CLN_OUT_OF_MEMORY, "host memory for a candidate");
    if (status == CLN_OK)
        status = cln_race_run(&race, &p);
    o.wrong = status == CLN_OK && race.wrong[0];
    if (status != CLN_OK || o.wrong) {
        cln_text_format(o.reason, sizeof o.reason, "%-s", o.wrong ? race.wrong : cln_error_message());
    } else {
        o.incumbent = race.seconds[0];
        o.candidate = race.seconds[1];
    }
    cln_child_say(&o, sizeof o);
    free(text);
}

/* ---- The search, in the process that asked for it ---- */

struct search {
    const struct cln_tune_params *params;
    const struct ocl_device *device;
    struct cln_tuned *out;
    double begin;
    double longest;        /* longest time of a candidate */
    double gain;           /* gain of the best so far */
    struct cln_tuning now; /* tuning of the best so far */
};

static double gone(const struct search *s) {
    return cln_clock_seconds() - s->begin;
}

/* Runs a race in a process of its own, so that a crash or hang does not end this one. */
static enum cln_status race(struct outcome *o, const struct search *s, const char *incumbent, const char *candidate,
                            double seconds) {
    const double patience = s->params->candidate_seconds;
    char setting[2 * CLN_TUNE_VALUES + 64];
    struct cln_child *child = NULL;
    struct cln_child_result end;
    snprintf(setting, sizeof setting, "%s=%.3f;%s;%s", variable, seconds, incumbent, candidate);
    const enum cln_status status = cln_child_start(&child, s->params->session.builder, setting);
    if (status != CLN_OK)
        return status;
    const bool said = cln_child_listen(child, o, sizeof *o, patience) == CLN_CHILD_SAID;
    cln_child_stop(&child, said ? FAREWELL_SECONDS : 0, &end);
    if (!said) {
        *o = (struct outcome){.reason = ""};
        cln_child_describe(o->reason, sizeof o->reason, &end, patience);
    }
    return CLN_OK;
}

/* Writes `values` with `key` set to `value`, in place of its old value and before all others. False: they do not fit.
 */
static bool set_value(char out[CLN_TUNE_VALUES], const char *values, const char *key, long value) {
    const size_t length = strlen(key);
    size_t used = (size_t)snprintf(out, CLN_TUNE_VALUES, "%s=%ld", key, value);
    while (*values && used < CLN_TUNE_VALUES) {
        const size_t item = strcspn(values, ",");
        if (!(strncmp(values, key, length) == 0 && values[length] == '='))
            used += (size_t)snprintf(out + used, CLN_TUNE_VALUES - used, ",%.*s", (int)item, values);
        values += item;
        values += *values == ',';
    }
    return used < CLN_TUNE_VALUES;
}

/* The tuning of the profile that the search started from, with these values, on the device that was found then: a
 * candidate may have upset the driver since. */
static enum cln_status tuning_with(struct cln_tuning *out, const struct search *s, const char *values) {
    struct ocl_profile *profile = NULL;
    enum cln_status status = cln_tuning_profile(&profile, s->device, s->params->session.profile_file);
    if (status == CLN_OK)
        status = cln_tuning_set(profile, values);
    if (status == CLN_OK)
        status = cln_tuning_create(out, profile, s->device);
    ocl_profile_destroy(&profile);
    return status;
}

static enum cln_status find_tuning(struct search *s) {
    return tuning_with(&s->now, s, s->out->values);
}

static bool is_stopped(const struct search *s) {
    return s->params->stop && s->params->stop(s->params->user);
}

/* Whether there is time for one more candidate like those before, and for the confirmation. */
static bool may_go_on(const struct search *s) {
    const struct cln_tune_params *p = s->params;
    return !is_stopped(s) && gone(s) + 1.25 * s->longest + 2 * CONFIRM_SECONDS < p->seconds;
}

static void tell(const struct search *s, const char *candidate) {
    if (s->params->progress)
        s->params->progress(s->params->user,
                            &(struct cln_tune_progress){
                                .seconds = gone(s), .tried = s->out->tried, .candidate = candidate, .gain = s->gain});
}

/* Tries a candidate. *ratio: its time divided by the incumbent's; infinite: it has none. */
static enum cln_status try_candidate(double *ratio, struct search *s, const char *incumbent, const char *candidate) {
    struct cln_tuned *out = s->out;
    struct outcome o;
    const double start = cln_clock_seconds();
    *ratio = INFINITY;
    tell(s, candidate);
    const enum cln_status status = race(&o, s, incumbent, candidate, RACE_SECONDS);
    if (status != CLN_OK || (o.candidate == 0 && is_stopped(s))) /* it was killed with the search */
        return status;
    out->tried++;
    s->longest = fmax(s->longest, cln_clock_seconds() - start);
    if (o.candidate == 0) {
        char *told = o.wrong ? out->last_wrong : out->last_broken;
        *(o.wrong ? &out->wrong : &out->broken) += 1;
        snprintf(told, sizeof out->last_wrong, "%.80s: %.160s", candidate, o.reason);
    } else {
        *ratio = o.candidate / o.incumbent;
    }
    return CLN_OK;
}

/* Tries all values of one dimension against the best so far or the dimension's base; the best of them replaces it. */
static enum cln_status try_dimension(bool *better, struct search *s, const struct cln_search_dimension *d) {
    char base[CLN_TUNE_VALUES], best[CLN_TUNE_VALUES], key[CLN_LAYER_TEXT + 32];
    snprintf(key, sizeof key, "%s%s%s", d->layer, d->layer[0] ? ":" : "", d->keys[0]);
    snprintf(base, sizeof base, "%s", s->out->values);
    if (d->base && !set_value(base, s->out->values, d->base, 0))
        return CLN_OK;
    const bool apart =
        d->base && cln_tuning_value(&s->now, d->base) != 0; /* the best so far is one of the candidates */
    double best_ratio = 1, own_ratio = apart ? INFINITY : 1;
    enum cln_status status = CLN_OK;
    memcpy(best, base, sizeof best);
    for (size_t i = 0; i < d->count && status == CLN_OK && may_go_on(s); i++) {
        char candidate[CLN_TUNE_VALUES], more[CLN_TUNE_VALUES] = "";
        double ratio;
        bool fits = set_value(candidate, base, key, d->values[i][0]);
        if (d->keys[1]) {
            fits = fits && set_value(more, candidate, d->keys[1], d->values[i][1]);
            memcpy(candidate, more, sizeof candidate);
        }
        if (!fits)
            break;
        status = try_candidate(&ratio, s, base, candidate);
        if (apart && cln_tuning_value(&s->now, d->keys[0]) == d->values[i][0] &&
            cln_tuning_value(&s->now, d->keys[1]) == d->values[i][1])
            own_ratio = ratio;
        if (ratio < FASTER * best_ratio) {
            best_ratio = ratio;
            memcpy(best, candidate, sizeof best);
        }
        if (d->base && i == 0 && ratio > FAR_BEHIND)
            break; /* the other values differ by less */
    }
    if (status != CLN_OK || !(best_ratio < FASTER * own_ratio) || (apart && !isfinite(own_ratio)))
        return status;
    *better = true;
    s->gain *= own_ratio / best_ratio;
    memcpy(s->out->values, best, sizeof best);
    return find_tuning(s);
}

/* Makes dimension `number` of a stage's layer; without values if a stage before it has them for the same layer. */
static void layer_dimension(struct cln_search_dimension *d, const struct search *s, const struct cln_stage *stages,
                            size_t stage, size_t number) {
    struct cln_search_dimension before;
    cln_search_layer_dimension(d, number, &stages[stage], &s->now);
    for (size_t i = 0; i < stage; i++) {
        cln_search_layer_dimension(&before, number, &stages[i], &s->now);
        if (before.count > 0 && strcmp(before.layer, d->layer) == 0)
            d->count = 0;
    }
}

/* Tries all dimensions, first those of all layers, then those of each layer by itself. */
static enum cln_status try_all(bool *better, struct search *s, const struct cln_stage *stages, size_t count) {
    enum cln_status status = CLN_OK;
    struct cln_search_dimension d;
    for (size_t i = 0; i < cln_search_dimensions() && status == CLN_OK; i++) {
        cln_search_dimension(&d, i, s->device, &s->now, ocl_gemm_suits(s->device));
        status = try_dimension(better, s, &d);
    }
    for (size_t stage = 0; stage < count; stage++)
        for (size_t i = 0; i < cln_search_layer_dimensions() && status == CLN_OK; i++) {
            layer_dimension(&d, s, stages, stage, i);
            status = try_dimension(better, s, &d);
        }
    return status;
}

/* Runs one race of the confirmation. A profile that uses CLBlast cannot race against a result with other parameters for
 * CLBlast, which has one set per process. Then both race against our own kernel, whose time cancels out. */
static enum cln_status last_race(struct outcome *o, const struct search *s) {
    struct cln_tuning start;
    enum cln_status status = tuning_with(&start, s, "");
    if (status != CLN_OK)
        return status;
    if (start.min_gemm_weights == 0 || s->now.min_gemm_weights == 0 || start.gemm_parameters == s->now.gemm_parameters)
        return race(o, s, "", s->out->values, CONFIRM_SECONDS);
    struct outcome before;
    status = race(&before, s, "min_gemm_weights=0", "", CONFIRM_SECONDS);
    if (status == CLN_OK)
        status = race(o, s, "min_gemm_weights=0", s->out->values, CONFIRM_SECONDS);
    if (status == CLN_OK && before.candidate > 0 && o->candidate > 0)
        o->incumbent *= before.candidate / before.incumbent;
    else
        o->candidate = 0;
    return status;
}

/* Confirms the result in a longer race against the profile: many small gains may be noise. */
static enum cln_status confirm(struct search *s) {
    struct outcome o;
    tell(s, NULL);
    const enum cln_status status = last_race(&o, s);
    if (status != CLN_OK)
        return status;
    if (o.candidate > 0) {
        s->out->start = o.incumbent;
        s->out->best = o.candidate;
    }
    if (o.candidate == 0 || !(o.candidate < FASTER * o.incumbent))
        s->out->values[0] = '\0';
    return CLN_OK;
}

enum cln_status cln_tune(struct cln_tuned *out, const struct cln_tune_params *params) {
    struct search s = {.params = params, .out = out, .begin = cln_clock_seconds(), .gain = 1};
    struct cln_session *session = NULL;
    struct outcome o;
    bool better = true;
    struct cln_stage *stages = NULL;
    size_t count = 0;
    *out = (struct cln_tuned){.values = ""};
    enum cln_status status = cln_network_check_batches(params->network, params->batch_size, 0, 0);
    if (status == CLN_OK)
        status = cln_session_create(&session, &params->session);
    if (status != CLN_OK)
        return status;
    s.device = &session->device;
    s.now = session->tuning;
    tell(&s, "the profile as it is");
    if (status == CLN_OK)
        status = race(&o, &s, "", "", RACE_SECONDS);
    if (status == CLN_OK && o.candidate == 0 && is_stopped(&s))
        status = cln_fail(CLN_INTERRUPTED, "stopped before anything was measured");
    else if (status == CLN_OK && o.candidate == 0)
        status = cln_fail(CLN_DEVICE, "the profile that the search would start from does not work: %s", o.reason);
    out->start = out->best = status == CLN_OK ? o.incumbent : 0;
    s.longest = gone(&s);
    if (status == CLN_OK)
        status = cln_stages_build(&stages, &count, params->network, NULL);
    while (better && status == CLN_OK) {
        better = false;
        status = try_all(&better, &s, stages, count);
    }
    if (status == CLN_OK && out->values[0])
        status = confirm(&s);
    free(stages);
    cln_session_destroy(&session);
    return status;
}

/* ---- The profile ---- */

/* Whether a profile can match a device by these words: not empty, valid UTF-8, and without |, which separates
 * alternatives. */
static bool is_pattern(const char *words) {
    return *words && cln_text_is_utf8(words) && !strchr(words, '|');
}

/* The values of layers by themselves as the member "layers" of a profile; NULL: there are none. */
static json_t *layers_of(const struct ocl_profile *profile, int *failed) {
    size_t count = 0;
    const struct ocl_profile_layer_value *values = ocl_profile_layers(profile, &count);
    json_t *layers = count > 0 ? json_object() : NULL;
    for (size_t i = 0; i < count && !*failed; i++) {
        if (!json_object_get(layers, values[i].layer))
            *failed |= json_object_set_new(layers, values[i].layer, json_object());
        json_t *layer = json_object_get(layers, values[i].layer);
        *failed |= json_object_set_new(layer, cln_tuning_keys[values[i].key].name, json_integer(values[i].value));
    }
    return layers;
}

enum cln_status cln_tuned_profile(char **out, const struct ocl_device *device, const char *profile_file,
                                  const char *values, const char *measured) {
    struct ocl_profile *profile = NULL;
    enum cln_status status = cln_tuning_profile(&profile, device, profile_file);
    if (status == CLN_OK)
        status = cln_tuning_set(profile, values);
    if (status != CLN_OK) {
        ocl_profile_destroy(&profile);
        return status;
    }
    json_t *table = json_object();
    int failed = 0;
    for (size_t i = 0; i < cln_tuning_key_count; i++)
        failed |= json_object_set_new(table, cln_tuning_keys[i].name,
                                      json_integer(ocl_profile_value(profile, cln_tuning_keys[i].name)));
    json_t *layers = layers_of(profile, &failed);
    ocl_profile_destroy(&profile);
    json_t *match = json_object();
    if (is_pattern(device->name))
        failed |= json_object_set_new(match, "name", cln_json_text(device->name));
    if (is_pattern(device->platform))
        failed |= json_object_set_new(match, "platform", cln_json_text(device->platform));
    json_t *root = json_pack("{s:o, s:o, s:o, s:o, s:o*}", "name", cln_json_text("tuned"), "match",
                             json_object_size(match) > 0 ? match : json_null(), "measured", cln_json_text(measured),
                             "values", table, "layers", layers);
    if (json_object_size(match) == 0)
        json_decref(match);
    *out = failed ? NULL : cln_json_dump(root, JSON_INDENT(4));
    json_decref(root);
    return *out ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for a profile");
}
