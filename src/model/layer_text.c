/* Reads a layer's type and options from JSON: see layer_text.h. layer.c has the table of options. */
#include "src/model/layer_text.h"

#include <stdio.h>
#include <string.h>

const char *cln_text_type_name(const json_t *value) {
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list", [JSON_STRING] = "a string", [JSON_INTEGER] = "a number",
        [JSON_REAL] = "a number",    [JSON_TRUE] = "true",    [JSON_FALSE] = "false",     [JSON_NULL] = "null",
    };
    return names[json_typeof(value)];
}

/* Appends a name to a list in a message; a list that is too long is cut. */
static void append_name(char *list, size_t bytes, const char *name) {
    size_t used = strlen(list);
    snprintf(list + used, bytes - used, "%s%s", used ? ", " : "", name);
}

/* Fails unless every key of `object` is one of `known`. */
enum cln_status cln_text_check_keys(json_t *object, const char *const *known, size_t count) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        size_t i = 0;
        while (i < count && strcmp(key, known[i]) != 0)
            i++;
        if (i < count)
            continue;
        char list[512] = "";
        for (i = 0; i < count; i++)
            append_name(list, sizeof(list), known[i]);
        return cln_fail(CLN_INVALID, "unknown option \"%.64s\"; known: %s", key, list);
    }
    return CLN_OK;
}

static const struct cln_layer_default *find_default(const struct cln_layer_type *type, const char *key) {
    const struct cln_layer_default *row = type->defaults;
    while (row && row->name && strcmp(row->name, key) != 0)
        row++;
    return row && row->name ? row : NULL;
}

/* Whether a value in a text is the one that clenet has: the default, or for a pair twice the default. */
static enum cln_status check_default(const struct cln_layer_default *row, json_t *value) {
    if (!row->value)
        return json_is_boolean(value) ? CLN_OK
                                      : cln_fail(CLN_INVALID, "\"%s\" must be true or false, not %s", row->name,
                                                 cln_text_type_name(value));
    json_t *only;
    json_error_t error;
    enum cln_status status = cln_json_parse(&only, row->value, strlen(row->value), JSON_DECODE_ANY, &error);
    if (status != CLN_OK)
        return cln_fail_within(status, "the default of \"%s\"", row->name);
    bool is_only = json_equal(only, value);
    if (row->is_pair && json_is_array(value) && json_array_size(value) == 2)
        is_only = json_equal(only, json_array_get(value, 0)) && json_equal(only, json_array_get(value, 1));
    json_decref(only);
    return is_only ? CLN_OK
                   : cln_fail(CLN_INVALID, "\"%s\" can only be %s here, PyTorch's default", row->name, row->value);
}

/* Checks the options that the type does not know, or has one value of. */
static enum cln_status check_layer_keys(json_t *object, const struct cln_layer_type *type) {
    const char *known[16] = {"type"};
    size_t count = 1;
    for (size_t i = 0; i < type->option_count; i++)
        known[count++] = type->options[i].name;
    const char *key;
    json_t *value;
    enum cln_status status = CLN_OK;
    json_object_foreach(object, key, value) {
        const struct cln_layer_default *row = find_default(type, key);
        if (row && status == CLN_OK)
            status = check_default(row, value);
        if (row)
            known[count++] = row->name;
    }
    return status == CLN_OK ? cln_text_check_keys(object, known, count) : status;
}

static enum cln_status wrong_value(const struct cln_layer_option *option, const json_t *value) {
    char got[96];
    if (json_is_integer(value))
        snprintf(got, sizeof(got), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(got, sizeof(got), "%.17g", json_real_value(value));
    else
        snprintf(got, sizeof(got), "%s", cln_text_type_name(value));
    if (option->type == CLN_LAYER_OPTION_FLAG)
        return cln_fail(CLN_INVALID, "\"%s\" must be true or false, not %s", option->name, got);
    return cln_fail(CLN_INVALID, "\"%s\" must be a %snumber from %.10g to %.10g%s, not %s", option->name,
                    option->type == CLN_LAYER_OPTION_REAL ? "" : "whole ", option->least, option->most,
                    option->type == CLN_LAYER_OPTION_PAIR ? ", or [height, width] of such" : "", got);
}

static bool in_range(const struct cln_layer_option *option, const json_t *value) {
    if (!json_is_integer(value) && !(option->type == CLN_LAYER_OPTION_REAL && json_is_real(value)))
        return false;
    double number = json_number_value(value);
    return number >= option->least && number <= option->most;
}

static enum cln_status parse_word(struct cln_layer *layer, const struct cln_layer_option *option, const json_t *value) {
    char list[64] = "";
    for (int i = 0; option->words[i]; i++) {
        if (json_is_string(value) && strcmp(json_string_value(value), option->words[i]) == 0) {
            cln_layer_option_set(layer, option, 0, i);
            return CLN_OK;
        }
        append_name(list, sizeof(list), option->words[i]);
    }
    if (json_is_string(value))
        return cln_fail(CLN_INVALID, "\"%s\" is \"%.16s\": it can be one of: %s", option->name,
                        json_string_value(value), list);
    return cln_fail(CLN_INVALID, "\"%s\" must be one of these in quotes: %s, not %s", option->name, list,
                    cln_text_type_name(value));
}

static enum cln_status parse_shape(struct cln_layer *layer, const struct cln_layer_option *option, json_t *value) {
    const bool is_list = json_is_array(value) && (json_array_size(value) == 1 || json_array_size(value) == 3);
    bool fits = is_list || json_is_integer(value);
    for (size_t axis = 0; fits && axis < (is_list ? json_array_size(value) : 1); axis++) {
        const json_t *number = is_list ? json_array_get(value, axis) : value;
        fits = in_range(option, number);
        cln_layer_option_set(layer, option, (int)axis, json_number_value(number));
    }
    return fits ? CLN_OK
                : cln_fail(CLN_INVALID, "\"%s\" must be a number of features or [channels, height, width]",
                           option->name);
}

static enum cln_status parse_option(struct cln_layer *layer, const struct cln_layer_option *option, json_t *value) {
    if (option->type == CLN_LAYER_OPTION_LAYERS)
        return CLN_OK; /* parse_branches reads it */
    if (option->type == CLN_LAYER_OPTION_WORD)
        return parse_word(layer, option, value);
    if (option->type == CLN_LAYER_OPTION_SHAPE)
        return parse_shape(layer, option, value);
    if (option->type == CLN_LAYER_OPTION_FLAG) {
        if (!json_is_boolean(value))
            return wrong_value(option, value);
        cln_layer_option_set(layer, option, 0, json_is_true(value));
        return CLN_OK;
    }
    bool both = option->type == CLN_LAYER_OPTION_PAIR && json_is_array(value) && json_array_size(value) == 2;
    for (int axis = 0; axis <= (option->type == CLN_LAYER_OPTION_PAIR); axis++) {
        json_t *number = both ? json_array_get(value, (size_t)axis) : value;
        if (!in_range(option, number))
            return wrong_value(option, number);
        cln_layer_option_set(layer, option, axis, json_number_value(number));
    }
    return CLN_OK;
}

/* "same": as much on every side as leaves the size as it is; "valid": none. All numbers have been read before. */
static enum cln_status parse_padding(struct cln_conv2d *g, const char *word) {
    const bool same = strcmp(word, "same") == 0;
    if (!same && strcmp(word, "valid") != 0)
        return cln_fail(CLN_INVALID, "\"padding\" is \"%.16s\": it can be a number, \"same\" or \"valid\"", word);
    if (same && (g->stride_h != 1 || g->stride_w != 1))
        return cln_fail(CLN_INVALID, "\"padding\": \"same\" needs a stride of 1, as in PyTorch");
    const int64_t height = same ? (int64_t)g->dilation_h * (g->kernel_h - 1) : 0; /* of both sides */
    const int64_t width = same ? (int64_t)g->dilation_w * (g->kernel_w - 1) : 0;
    if (height % 2 != 0 || width % 2 != 0)
        return cln_fail(CLN_INVALID, "\"padding\": \"same\" needs a kernel_size of odd numbers, or an even dilation: "
                                     "clenet pads both sides alike");
    if (height > 2 * CLN_WINDOW_LIMIT || width > 2 * CLN_WINDOW_LIMIT)
        return cln_fail(CLN_INVALID, "\"padding\": \"same\" would pad more than %d on a side, clenet's limit",
                        CLN_WINDOW_LIMIT);
    g->padding_h = (int)(height / 2);
    g->padding_w = (int)(width / 2);
    return CLN_OK;
}

enum cln_status cln_layer_text_options(struct cln_layer *layer, json_t *object, const struct cln_layer_type *type) {
    enum cln_status status = check_layer_keys(object, type);
    const char *padding = NULL; /* in a word */
    for (size_t i = 0; status == CLN_OK && i < type->option_count; i++) {
        const struct cln_layer_option *option = &type->options[i];
        json_t *value = json_object_get(object, option->name);
        if (value && layer->kind == CLN_LAYER_CONV2D && json_is_string(value) && strcmp(option->name, "padding") == 0)
            padding = json_string_value(value);
        else if (value)
            status = parse_option(layer, option, value);
        else if (option->required)
            status = cln_fail(CLN_INVALID, "\"%s\" is missing", option->name);
    }
    return status == CLN_OK && padding ? parse_padding(&layer->conv2d, padding) : status;
}

enum cln_status cln_layer_text_type(const struct cln_layer_type **out, json_t *object) {
    const char *name = json_string_value(json_object_get(object, "type"));
    if (!name)
        return cln_fail(CLN_INVALID, "must be an object with a \"type\" in quotes, such as {\"type\": \"Flatten\"}");
    *out = cln_layer_type_find(name);
    if (*out)
        return CLN_OK;
    char list[512] = "";
    const struct cln_layer_type *known;
    for (size_t i = 0; (known = cln_layer_type_at(i)); i++)
        append_name(list, sizeof(list), known->name);
    return cln_fail(CLN_INVALID, "unknown type \"%.64s\"; known: %s", name, list);
}
