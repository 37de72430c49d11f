/* Reads and checks one profile file; errors name the line. */
#include "host/profile_file.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clenet/log.h"
#include "src/base/json_place.h"
#include "src/base/json_text.h"
#include "src/base/version_number.h"

/* A JSON object in the text, for messages about its members. */
struct place {
    const char *path, *text;
    const char *object; /* its beginning in the text */
};

/* The names that "known are …" lists. */
struct names {
    char text[1024];
    size_t length;
};

static void add_name(struct names *names, const char *name) {
    if (names->length < sizeof names->text)
        names->length += (size_t)snprintf(names->text + names->length, sizeof names->text - names->length, "%s%s",
                                          names->length ? ", " : "", name);
}

/* The line of a member; of the object if it has no such member. */
static int line_of(const struct place *place, const char *key) {
    const char *at = key ? cln_json_key(place->object, key) : NULL;
    return cln_json_line(place->text, at ? at : place->object);
}

static struct place member_of(const struct place *place, const char *key) {
    const char *at = cln_json_key(place->object, key);
    return (struct place){place->path, place->text, at ? cln_json_value(at) : place->object};
}

static enum cln_status fail_at(const struct place *place, const char *key, const char *problem) {
    return cln_fail(CLN_INVALID, "%s:%d: %s%s%s", place->path, line_of(place, key), key ? key : "", key ? ": " : "",
                    problem);
}

static enum cln_status keep(char **out, const struct place *place, const char *text) {
    *out = strdup(text);
    return *out ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", place->path);
}

static enum cln_status take_text(char **out, const struct place *place, const char *key, const json_t *value) {
    if (!json_is_string(value) || json_string_length(value) == 0)
        return fail_at(place, key, "has to be a text that is not empty");
    return keep(out, place, json_string_value(value));
}

static enum cln_status take_origin(char **out, const struct place *place, const char *key) {
    char text[4200];
    snprintf(text, sizeof text, "%s:%d", place->path, line_of(place, key));
    return keep(out, place, text);
}

/* An empty part is refused: it would match every name. */
static enum cln_status take_parts(char **out, const struct place *place, const char *key, const json_t *value) {
    enum cln_status status = take_text(out, place, key, value);
    const char *text = *out;
    if (status == CLN_OK && (text[0] == '|' || strstr(text, "||") || text[strlen(text) - 1] == '|'))
        status = fail_at(place, key, "has an empty part beside a |");
    return status;
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
    const struct place place = member_of(top, "match");
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
            status = take_parts(texts[i].target, &place, key, value);
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
        if (status != CLN_OK)
            return status;
    }
    return CLN_OK;
}

static enum cln_status fail_unknown_value(const struct place *place, const char *key,
                                          const struct ocl_profile_params *params, bool of_layer) {
    struct names known = {""};
    for (size_t i = 0; i < params->key_count; i++)
        if (params->keys[i].per_layer || !of_layer)
            add_name(&known, params->keys[i].name);
    return cln_fail(CLN_INVALID, "%s:%d: %s: is not a value%s; known are %s", place->path, line_of(place, key), key,
                    of_layer ? " of a layer" : "", known.text);
}

static bool is_named(const struct ocl_profile_key *key, const char *name) {
    return strcmp(name, key->name) == 0 || (key->was && strcmp(name, key->was) == 0);
}

/* A program reads its profiles many times: it is told of each key once. */
static void tell_new_name(const struct place *place, const struct ocl_profile_key *key, size_t number) {
    static atomic_ullong told;
    const unsigned long long bit = 1ull << number % 64;
    if (!(atomic_fetch_or(&told, bit) & bit))
        cln_log(CLN_LOG_WARNING, "%s:%d: \"%s\" is now called \"%s\"", place->path, line_of(place, key->was), key->was,
                key->name);
}

/* Takes the values of the object that is the member `member` of `around`. */
static enum cln_status take_values(struct ocl_profile_values *out, const struct place *around, const char *member,
                                   json_t *values, const struct ocl_profile_params *params) {
    const struct place place = member_of(around, member);
    if (!json_is_object(values))
        return fail_at(around, member, "has to be an object");
    out->values = calloc(params->key_count + 1, sizeof *out->values);
    out->origins = calloc(params->key_count + 1, sizeof *out->origins);
    if (!out->values || !out->origins)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", place.path);
    for (size_t i = 0; i < params->key_count; i++)
        out->values[i] = OCL_PROFILE_UNSET;
    const char *name;
    json_t *value;
    json_object_foreach(values, name, value) {
        size_t i = 0;
        while (i < params->key_count && !is_named(&params->keys[i], name))
            i++;
        if (i == params->key_count || (out->layer && !params->keys[i].per_layer))
            return fail_unknown_value(&place, name, params, out->layer != NULL);
        const struct ocl_profile_key *key = &params->keys[i];
        json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || number < key->min || number > key->max)
            return cln_fail(CLN_INVALID, "%s:%d: %s: has to be an integer from %ld to %ld (%s%s%s)", place.path,
                            line_of(&place, name), name, key->min, key->max, key->meaning, key->zero ? "; 0: " : "",
                            key->zero ? key->zero : "");
        if (out->values[i] != OCL_PROFILE_UNSET)
            return cln_fail(CLN_INVALID, "%s:%d: %s: is the old name of %s, which is given too: remove %s", place.path,
                            line_of(&place, key->was), key->was, key->name, key->was);
        out->values[i] = (long)number;
        if (strcmp(name, key->name) != 0)
            tell_new_name(&place, key, i);
        enum cln_status status = take_origin(&out->origins[i], &place, name);
        if (status != CLN_OK)
            return status;
    }
    return CLN_OK;
}

static enum cln_status take_layers(struct ocl_profile_file *file, const struct place *top, json_t *layers,
                                   const struct ocl_profile_params *params) {
    const struct place place = member_of(top, "layers");
    if (!json_is_object(layers))
        return fail_at(top, "layers", "has to be an object");
    file->layers = calloc(json_object_size(layers) + 1, sizeof *file->layers);
    if (!file->layers)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", top->path);
    enum cln_status status = CLN_OK;
    const char *name;
    json_t *values;
    json_object_foreach(layers, name, values) {
        if (status != CLN_OK)
            return status;
        if (!params->is_layer || !params->is_layer(name))
            return cln_fail(CLN_INVALID, "%s:%d: %s: is no layer; an example of one is \"%s\"", place.path,
                            line_of(&place, name), name, params->layer_example ? params->layer_example : "");
        struct ocl_profile_values *layer = &file->layers[file->layer_count++];
        status = keep(&layer->layer, &place, name);
        if (status == CLN_OK)
            status = take_values(layer, &place, name, values, params);
    }
    return status;
}

static enum cln_status take_operation(size_t *out, const struct place *place, const char *key, const json_t *value,
                                      const struct ocl_profile_params *params) {
    const char *text = json_string_value(value);
    struct names known = {""};
    for (size_t i = 0; i < params->operation_count; i++) {
        if (text && strcmp(text, params->operations[i]) == 0) {
            *out = i;
            return CLN_OK;
        }
        add_name(&known, params->operations[i]);
    }
    return cln_fail(CLN_INVALID, "%s:%d: %s: has to be an operation: %s", place->path, line_of(place, key), key,
                    known.text);
}

static enum cln_status take_version(char **out, const struct place *place, const char *key, const json_t *value) {
    const char *text = json_string_value(value);
    if (!text || !isdigit((unsigned char)text[0]) || text[strspn(text, "0123456789.")] != '\0')
        return fail_at(place, key, "has to be a version in a text, numbers with dots in between");
    return keep(out, place, text);
}

static enum cln_status take_driver(struct ocl_profile_file_quirk *quirk, const struct place *around, json_t *driver) {
    const struct place place = member_of(around, "driver");
    if (!json_is_object(driver))
        return fail_at(around, "driver", "has to be an object with from, below or both");
    const char *key;
    json_t *value;
    json_object_foreach(driver, key, value) {
        char **target = strcmp(key, "from") == 0 ? &quirk->from : strcmp(key, "below") == 0 ? &quirk->below : NULL;
        enum cln_status status = target ? take_version(target, &place, key, value)
                                        : fail_at(&place, key, "is not known in \"driver\"; known are from, below");
        if (status != CLN_OK)
            return status;
    }
    return CLN_OK;
}

static enum cln_status take_quirk(struct ocl_profile_file_quirk *quirk, const struct place *place, json_t *object,
                                  const struct ocl_profile_params *params) {
    if (!json_is_object(object))
        return fail_at(place, NULL, "a quirk has to be an object");
    const char *const needed[] = {"operation", "reason"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!json_object_get(object, needed[i]))
            return cln_fail(CLN_INVALID, "%s:%d: \"%s\" of a quirk is missing", place->path, line_of(place, NULL),
                            needed[i]);
    const char *key;
    json_t *value;
    enum cln_status status = take_origin(&quirk->origin, place, NULL);
    json_object_foreach(object, key, value) {
        if (status != CLN_OK)
            return status;
        if (strcmp(key, "operation") == 0)
            status = take_operation(&quirk->operation, place, key, value, params);
        else if (strcmp(key, "driver") == 0)
            status = take_driver(quirk, place, value);
        else if (strcmp(key, "reason") == 0)
            status = take_text(&quirk->reason, place, key, value);
        else if (strcmp(key, "link") == 0)
            status = take_text(&quirk->link, place, key, value);
        else
            status = fail_at(place, key, "is not known; a quirk has operation, driver, reason, link");
    }
    return status;
}

static enum cln_status take_quirks(struct ocl_profile_file *file, const struct place *top, json_t *quirks,
                                   const struct ocl_profile_params *params) {
    if (!json_is_array(quirks))
        return fail_at(top, "quirks", "has to be an array");
    const struct place array = member_of(top, "quirks");
    file->quirk_count = json_array_size(quirks);
    file->quirks = calloc(file->quirk_count + 1, sizeof *file->quirks);
    if (!file->quirks) {
        file->quirk_count = 0;
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", top->path);
    }
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < file->quirk_count && status == CLN_OK; i++) {
        const char *element = cln_json_element(array.object, i);
        const struct place place = {top->path, top->text, element ? element : top->object};
        status = take_quirk(&file->quirks[i], &place, json_array_get(quirks, i), params);
    }
    return status;
}

static enum cln_status take_all(struct ocl_profile_file *file, const struct place *top, json_t *root,
                                const struct ocl_profile_params *params) {
    static const char *const needed[] = {"name", "match", "values"};
    if (!json_is_object(root))
        return fail_at(top, NULL, "a profile has to be an object");
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!json_object_get(root, needed[i]))
            return cln_fail(CLN_INVALID, "%s:%d: \"%s\" is missing", top->path, line_of(top, NULL), needed[i]);
    enum cln_status status = CLN_OK;
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value) {
        if (strcmp(key, "name") == 0)
            status = take_text(&file->name, top, key, value);
        else if (strcmp(key, "match") == 0)
            status = take_match(file, top, value);
        else if (strcmp(key, "values") == 0)
            status = take_values(&file->all, top, key, value, params);
        else if (strcmp(key, "layers") == 0)
            status = take_layers(file, top, value, params);
        else if (strcmp(key, "quirks") == 0)
            status = take_quirks(file, top, value, params);
        else if (strcmp(key, "note") == 0)
            status = take_text(&file->note, top, key, value);
        else if (strcmp(key, "no_device") == 0)
            status = json_string_length(value) > 0 ? CLN_OK : fail_at(top, key, "has to be a text that is not empty");
        else if (strcmp(key, "measured") != 0)
            status = fail_at(top, key,
                             "is not known; a profile has name, match, measured, note, no_device, values, "
                             "layers, quirks");
        else if (!json_is_null(value))
            status = json_is_string(value) ? take_text(&file->measured, top, key, value)
                                           : fail_at(top, key, "has to be a text or null");
        if (status != CLN_OK)
            return status;
    }
    return CLN_OK;
}

enum cln_status ocl_profile_file_parse(struct ocl_profile_file *out, const char *text, const char *path, int tier,
                                       const struct ocl_profile_params *params) {
    json_error_t error;
    text = cln_json_begin(text);
    json_t *root;
    enum cln_status status = cln_json_parse(&root, text, strlen(text), 0, &error);
    if (status == CLN_INVALID)
        return cln_fail(CLN_INVALID, "%s:%d: %s", path, error.line, error.text);
    if (status != CLN_OK)
        return cln_fail_within(status, "%s", path);
    *out = (struct ocl_profile_file){.tier = tier, .path = strdup(path), .key_count = params->key_count};
    if (!out->path)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", path);
    const struct place top = {.path = path, .text = text, .object = text + strspn(text, " \t\r\n")};
    if (status == CLN_OK)
        status = take_all(out, &top, root, params);
    json_decref(root);
    if (status != CLN_OK)
        ocl_profile_file_clear(out);
    return status;
}

static void clear_values(struct ocl_profile_values *values, size_t key_count) {
    for (size_t i = 0; values->origins && i < key_count; i++)
        free(values->origins[i]);
    free(values->origins);
    free(values->values);
    free(values->layer);
}

void ocl_profile_file_clear(struct ocl_profile_file *file) {
    for (size_t i = 0; i < file->quirk_count; i++) {
        struct ocl_profile_file_quirk *q = &file->quirks[i];
        char *texts[] = {q->from, q->below, q->reason, q->link, q->origin};
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
            free(texts[t]);
    }
    clear_values(&file->all, file->key_count);
    for (size_t i = 0; i < file->layer_count; i++)
        clear_values(&file->layers[i], file->key_count);
    void *all[] = {file->path,   file->name,     file->measured, file->note,  file->device_name,
                   file->vendor, file->platform, file->layers,   file->quirks};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    *file = (struct ocl_profile_file){0};
}
