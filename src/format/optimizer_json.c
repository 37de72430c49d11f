/* An optimizer as JSON: see optimizer_json.h. */
#include "src/format/optimizer_json.h"

#include <math.h>

#include "src/base/json_text.h"
#include "src/model/optimizer_table.h"

/* The epochs of milestones; NULL: they could not be made. */
static json_t *milestones(const struct cln_optimizer_params *params) {
    json_t *list = json_array();
    for (int i = 0; list && i < CLN_MOST_MILESTONES && params->milestones[i] > 0; i++)
        if (json_array_append_new(list, json_real(params->milestones[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

json_t *cln_optimizer_json(const struct cln_optimizer_params *params) {
    json_t *object = json_pack("{s:o}", "name", cln_json_text(cln_optimizer_name(params->kind)));
    int failed = !object;
    for (size_t i = 0; !failed && i < CLN_HYPERPARAMETER_COUNT; i++) {
        const struct cln_hyperparameter *row = &cln_hyperparameters[i];
        if (cln_hyperparameter_is_taken(row, params))
            failed = json_object_set_new(object, row->name, json_real(cln_hyperparameter_get(params, row)));
    }
    if (!failed && params->schedule != CLN_CONSTANT)
        failed = json_object_set_new(object, "schedule", cln_json_text(cln_schedule_name(params->schedule)));
    if (!failed && params->schedule == CLN_PLATEAU)
        failed = json_object_set_new(object, "plateau",
                                     json_pack("{s:f, s:f, s:i}", "rate", params->plateau.rate, "best",
                                               params->plateau.best, "bad", params->plateau.bad));
    if (!failed && params->milestones[0] > 0)
        failed = json_object_set_new(object, "milestones", milestones(params));
    if (failed) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

/* A file without the state of a plateau is of a training that has not seen a loss. */
static enum cln_status read_plateau(struct cln_plateau *out, const json_t *object) {
    *out = (struct cln_plateau){0};
    if (!object)
        return CLN_OK;
    if (json_unpack((json_t *)object, "{s:F, s:F, s:i}", "rate", &out->rate, "best", &out->best, "bad", &out->bad) !=
            0 ||
        !(out->rate >= 0 && out->rate <= 1e6) || !(out->best >= 0 && isfinite(out->best)) || out->bad < 0)
        return cln_fail(CLN_INVALID,
                        "metadata \"training\": \"plateau\" is not {\"rate\": …, \"best\": …, \"bad\": …} with numbers "
                        "of at least 0");
    return CLN_OK;
}

static enum cln_status read_schedule(struct cln_optimizer_params *out, const json_t *object) {
    const json_t *name = json_object_get(object, "schedule"), *list = json_object_get(object, "milestones");
    out->schedule = name ? cln_schedule_find(json_is_string(name) ? json_string_value(name) : "") : CLN_CONSTANT;
    if (out->schedule == CLN_SCHEDULE_COUNT)
        return cln_fail(CLN_INVALID,
                        "metadata \"training\": \"optimizer\" has a \"schedule\" that clenet does not know");
    if (list && (!json_is_array(list) || json_array_size(list) > CLN_MOST_MILESTONES))
        return cln_fail(CLN_INVALID,
                        "metadata \"training\": \"milestones\" is not a list of at most %d numbers, clenet's "
                        "limit",
                        CLN_MOST_MILESTONES);
    for (size_t i = 0; list && i < json_array_size(list); i++)
        out->milestones[i] = json_number_value(json_array_get(list, i));
    return read_plateau(&out->plateau, json_object_get(object, "plateau"));
}

enum cln_status cln_optimizer_read_json(struct cln_optimizer_params *out, const json_t *object) {
    const char *name = json_string_value(json_object_get(object, "name"));
    if (!name)
        return cln_fail(CLN_INVALID, "metadata \"training\": \"optimizer\" has no \"name\"");
    out->kind = cln_optimizer_find(name);
    if (out->kind == CLN_OPTIMIZER_COUNT)
        return cln_fail(CLN_INVALID, "metadata \"training\": there is no optimizer \"%.16s\"", name);
    const enum cln_status status = read_schedule(out, object);
    if (status != CLN_OK)
        return status;
    for (size_t i = 0; i < CLN_HYPERPARAMETER_COUNT; i++) {
        const struct cln_hyperparameter *row = &cln_hyperparameters[i];
        const json_t *number = json_object_get(object, row->name);
        if (number ? !json_is_number(number) : !row->is_later && cln_hyperparameter_is_taken(row, out))
            return cln_fail(CLN_INVALID, "metadata \"training\": \"optimizer\" has no number \"%s\"", row->name);
        const double value = number ? json_number_value(number) : row->preset;
        if (!(value >= 0 && value <= 1e12 && value < row->limit) || (row->is_whole && value != floor(value)))
            return cln_fail(CLN_INVALID, "metadata \"training\": \"%s\" of \"optimizer\" is out of range", row->name);
        *cln_hyperparameter_value(out, row) = value;
    }
    if (cln_schedule_check(out) != CLN_OK)
        return cln_fail(CLN_INVALID, "metadata \"training\": %-s", cln_error_message());
    return CLN_OK;
}
