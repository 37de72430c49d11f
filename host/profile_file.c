/* One profile file: read, and checked to the line. */
#include "host/profile_file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where a value stands, for messages and for finding its line. */
struct place {
    const char *path, *text;
    const char *object; /* "match", "values"; NULL: the top */
};

/* The place of `"key":` in the text, or NULL. */
static const char *find_key(const char *text, const char *key) {
    size_t length = strlen(key);
    for (const char *at = text; (at = strchr(at, '"')) != NULL; at++) {
        if (strncmp(at + 1, key, length) != 0 || at[length + 1] != '"')
            continue;
        const char *after = at + length + 2;
        if (after[strspn(after, " \t\r\n")] == ':')
            return at;
    }
    return NULL;
}

/* The JSON reader keeps no lines for what is well-formed, so the key is looked for in the text. */
static int line_of(const struct place *place, const char *key) {
    const char *start = place->object ? find_key(place->text, place->object) : place->text;
    const char *at = key && start ? find_key(start + (place->object != NULL), key) : start;
    int line = 1;
    for (const char *c = place->text; at && c < at; c++)
        line += *c == '\n';
    return line;
}

static enum cln_status fail_at(const struct place *place, const char *key, const char *problem) {
    return cln_fail(CLN_INVALID, "%s:%d: %s%s%s", place->path, line_of(place, key), key ? key : "", key ? ": " : "",
                    problem);
}

static enum cln_status take_text(char **out, const struct place *place, const char *key, const json_t *value) {
    if (!json_is_string(value) || json_string_length(value) == 0)
        return fail_at(place, key, "has to be a text that is not empty");
    *out = strdup(json_string_value(value));
    return *out ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", place->path);
}

static enum cln_status take_type(enum ocl_device_type *out, const struct place *place, const char *key,
                                 const json_t *value) {
    static const enum ocl_device_type types[] = {OCL_DEVICE_GPU, OCL_DEVICE_CPU, OCL_DEVICE_ACCELERATOR};
    const char *text = json_string_value(value);
    for (size_t i = 0; text && i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(text, ocl_device_type_name(types[i])) == 0) {
            *out = types[i];
            return CLN_OK;
        }
    return fail_at(place, key, "has to be \"gpu\", \"cpu\" or \"accelerator\"");
}

static enum cln_status take_match(struct ocl_profile_file *file, const struct place *top, json_t *match) {
    struct place place = {.path = top->path, .text = top->text, .object = "match"};
    const struct {
        const char *key;
        char **target;
    } texts[] = {{"name", &file->device_name}, {"vendor", &file->vendor}, {"platform", &file->platform}};
    enum { TEXT_COUNT = sizeof texts / sizeof texts[0] };
    file->matches_nothing = json_is_null(match);
    if (!json_is_object(match) && !file->matches_nothing)
        return fail_at(top, "match", "has to be an object or null");
    enum cln_status status = CLN_OK;
    const char *key;
    json_t *value;
    json_object_foreach(match, key, value) {
        size_t i = 0;
        while (i < TEXT_COUNT && strcmp(key, texts[i].key) != 0)
            i++;
        if (i < TEXT_COUNT) {
            status = take_text(texts[i].target, &place, key, value);
        } else if (strcmp(key, "type") == 0) {
            status = take_type(&file->type, &place, key, value);
        } else if (strcmp(key, "min_native_float_vector") == 0) {
            json_int_t width = json_integer_value(value);
            if (width < 1 || width > 1024)
                status = fail_at(&place, key, "has to be an integer from 1 to 1024");
            else
                file->min_native_float_vector = (unsigned)width;
        } else {
            status = fail_at(&place, key,
                             "is not known in \"match\"; known are type, name, vendor, platform, "
                             "min_native_float_vector");
        }
        if (status)
            return status;
    }
    return CLN_OK;
}

static enum cln_status fail_unknown_value(const struct place *place, const char *key,
                                          const struct ocl_profile_params *params) {
    char known[1024] = "";
    size_t length = 0;
    for (size_t i = 0; i < params->key_count && length < sizeof known; i++)
        length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", i ? ", " : "", params->keys[i].name);
    return cln_fail(CLN_INVALID, "%s:%d: %s: is not a value; known are %s", place->path, line_of(place, key), key,
                    known);
}

static enum cln_status take_values(struct ocl_profile_file *file, const struct place *top, json_t *values,
                                   const struct ocl_profile_params *params) {
    struct place place = {.path = top->path, .text = top->text, .object = "values"};
    if (!json_is_object(values))
        return fail_at(top, "values", "has to be an object");
    const char *name;
    json_t *value;
    json_object_foreach(values, name, value) {
        size_t i = 0;
        while (i < params->key_count && strcmp(name, params->keys[i].name) != 0)
            i++;
        if (i == params->key_count)
            return fail_unknown_value(&place, name, params);
        const struct ocl_profile_key *key = &params->keys[i];
        json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || number < key->min || number > key->max)
            return cln_fail(CLN_INVALID, "%s:%d: %s: has to be an integer from %ld to %ld (%s)", place.path,
                            line_of(&place, name), name, key->min, key->max, key->help);
        file->values[i] = (long)number;
    }
    return CLN_OK;
}

static enum cln_status take_all(struct ocl_profile_file *file, const struct place *top, json_t *root,
                                const struct ocl_profile_params *params) {
    static const char *const needed[] = {"name", "match", "values"};
    if (!json_is_object(root))
        return fail_at(top, NULL, "a profile has to be an object");
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!json_object_get(root, needed[i]))
            return cln_fail(CLN_INVALID, "%s:1: \"%s\" is missing", top->path, needed[i]);
    enum cln_status status = CLN_OK;
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value) {
        if (strcmp(key, "name") == 0)
            status = take_text(&file->name, top, key, value);
        else if (strcmp(key, "match") == 0)
            status = take_match(file, top, value);
        else if (strcmp(key, "values") == 0)
            status = take_values(file, top, value, params);
        else if (strcmp(key, "measured") != 0)
            status = fail_at(top, key, "is not known; a profile has name, match, measured, values");
        else if (!json_is_string(value) && !json_is_null(value))
            status = fail_at(top, key, "has to be a text or null");
        if (status)
            return status;
    }
    return CLN_OK;
}

enum cln_status ocl_profile_file_parse(struct ocl_profile_file *out, const char *text, const char *path, int layer,
                                       const struct ocl_profile_params *params) {
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return cln_fail(CLN_INVALID, "%s:%d: %s", path, error.line, error.text);
    *out = (struct ocl_profile_file){.layer = layer, .path = strdup(path)};
    out->values = calloc(params->key_count + 1, sizeof *out->values);
    enum cln_status status = CLN_OK;
    if (!out->path || !out->values)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", path);
    for (size_t i = 0; !status && i < params->key_count; i++)
        out->values[i] = OCL_PROFILE_UNSET;
    struct place top = {.path = path, .text = text};
    if (!status)
        status = take_all(out, &top, root, params);
    json_decref(root);
    if (status)
        ocl_profile_file_clear(out);
    return status;
}

void ocl_profile_file_clear(struct ocl_profile_file *file) {
    free(file->path);
    free(file->name);
    free(file->device_name);
    free(file->vendor);
    free(file->platform);
    free(file->values);
    *file = (struct ocl_profile_file){0};
}

int ocl_profile_file_score(const struct ocl_profile_file *file, const struct ocl_device *device) {
    /* Each weight is larger than the sum of all narrower kinds of match before it. */
    const struct {
        bool asked, fits;
        int weight;
    } rules[] = {
        {file->type != 0, file->type == device->type, 1},
        {file->min_native_float_vector != 0, file->min_native_float_vector <= device->native_float_vector, 2},
        {file->vendor, file->vendor && strcasestr(device->vendor, file->vendor), 4},
        {file->platform, file->platform && strcasestr(device->platform, file->platform), 4},
        {file->device_name, file->device_name && strcasestr(device->name, file->device_name), 16},
    };
    int score = 0;
    if (file->matches_nothing)
        return -1;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].asked && !rules[i].fits)
            return -1;
        score += rules[i].asked ? rules[i].weight : 0;
    }
    return score;
}
