/* Reads and writes a network as JSON text, which comes from memory, a file or the program itself. layer.c has the table
 * of layers' options. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json_text.h"
#include "src/model/build.h"
#include "src/model/builtin.h"
#include "src/model/layer.h"

enum { TEXT_LIMIT = 1 << 20, LAYER_LIMIT = 1000 };

static const char *json_type_name(const json_t *value) {
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
static enum cln_status check_keys(json_t *object, const char *const *known, size_t count) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        size_t i = 0;
        while (i < count && strcmp(key, known[i]) != 0)
            i++;
        if (i < count)
            continue;
        char list[256] = "";
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
        return json_is_boolean(value)
                   ? CLN_OK
                   : cln_fail(CLN_INVALID, "\"%s\" must be true or false, not %s", row->name, json_type_name(value));
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
    return status == CLN_OK ? check_keys(object, known, count) : status;
}

static enum cln_status wrong_value(const struct cln_layer_option *option, const json_t *value) {
    char got[96];
    if (json_is_integer(value))
        snprintf(got, sizeof(got), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(got, sizeof(got), "%.17g", json_real_value(value));
    else
        snprintf(got, sizeof(got), "%s", json_type_name(value));
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

static enum cln_status parse_option(struct cln_layer *layer, const struct cln_layer_option *option, json_t *value) {
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

/* "same": as much on every side as leaves the size as it is; "valid": none. The kernel has been read before. */
static enum cln_status parse_padding(struct cln_conv2d *g, const char *word) {
    const bool same = strcmp(word, "same") == 0;
    if (!same && strcmp(word, "valid") != 0)
        return cln_fail(CLN_INVALID, "\"padding\" is \"%.16s\": it can be a number, \"same\" or \"valid\"", word);
    if (same && (g->stride_h != 1 || g->stride_w != 1))
        return cln_fail(CLN_INVALID, "\"padding\": \"same\" needs a stride of 1, as in PyTorch");
    if (same && (g->kernel_h % 2 == 0 || g->kernel_w % 2 == 0))
        return cln_fail(CLN_INVALID,
                        "\"padding\": \"same\" needs a kernel_size of odd numbers: clenet pads both sides alike");
    g->padding_h = same ? g->kernel_h / 2 : 0;
    g->padding_w = same ? g->kernel_w / 2 : 0;
    return CLN_OK;
}

static enum cln_status parse_options(struct cln_layer *layer, json_t *object, const struct cln_layer_type *type) {
    enum cln_status status = check_layer_keys(object, type);
    for (size_t i = 0; status == CLN_OK && i < type->option_count; i++) {
        const struct cln_layer_option *option = &type->options[i];
        json_t *value = json_object_get(object, option->name);
        if (value && layer->kind == CLN_LAYER_CONV2D && json_is_string(value) && strcmp(option->name, "padding") == 0)
            status = parse_padding(&layer->conv2d, json_string_value(value));
        else if (value)
            status = parse_option(layer, option, value);
        else if (option->required)
            status = cln_fail(CLN_INVALID, "\"%s\" is missing", option->name);
    }
    return status;
}

static enum cln_status find_type(const struct cln_layer_type **out, json_t *object) {
    const char *name = json_string_value(json_object_get(object, "type"));
    if (!name)
        return cln_fail(CLN_INVALID, "must be an object with a \"type\" in quotes, such as {\"type\": \"Flatten\"}");
    *out = cln_layer_type_find(name);
    if (*out)
        return CLN_OK;
    char list[256] = "";
    const struct cln_layer_type *known;
    for (size_t i = 0; (known = cln_layer_type_at(i)); i++)
        append_name(list, sizeof(list), known->name);
    return cln_fail(CLN_INVALID, "unknown type \"%.64s\"; known: %s", name, list);
}

static enum cln_status parse_layers(struct cln_network *network, json_t *list) {
    size_t count = json_array_size(list);
    if (count < 1 || count > LAYER_LIMIT)
        return cln_fail(CLN_INVALID, "\"layers\" must be a list of layers, from 1 to clenet's limit of %d",
                        LAYER_LIMIT);
    network->layers = calloc(count, sizeof(*network->layers));
    if (!network->layers)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu layers", count);
    network->layer_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct cln_layer_type *type;
        json_t *object = json_array_get(list, i);
        enum cln_status status = find_type(&type, object);
        if (status != CLN_OK)
            return cln_fail_within(status, "layer %zu", i);
        cln_layer_init(&network->layers[i], type);
        status = parse_options(&network->layers[i], object, type);
        if (status != CLN_OK)
            return cln_fail_within(status, "layer %zu (%s)", i, type->name);
    }
    return CLN_OK;
}

/* "input": [channels, height, width] or [features]. */
static enum cln_status parse_input(struct cln_network *network, bool *flat, json_t *list) {
    size_t count = json_array_size(list);
    int sizes[3] = {1, 1, 1};
    bool right = count == 1 || count == 3;
    for (size_t i = 0; right && i < count; i++) {
        json_int_t size = json_integer_value(json_array_get(list, i)); /* 0: not a whole number */
        right = size >= 1 && size <= CLN_SIZE_LIMIT;
        sizes[i] = right ? (int)size : 0;
    }
    if (!right || !cln_product_fits(sizes, 3))
        return cln_fail(CLN_INVALID,
                        "\"input\" must be [channels, height, width] or [features]: whole numbers from 1, with a "
                        "product up to clenet's limit of %d",
                        CLN_SIZE_LIMIT);
    network->input = (struct cln_shape){sizes[0], sizes[1], sizes[2]};
    *flat = count == 1;
    return CLN_OK;
}

static enum cln_status parse_name(struct cln_network *network, json_t *value) {
    const char *name = value ? json_string_value(value) : "network";
    size_t length = name ? strlen(name) : 0;
    bool right = length > 0 && length < sizeof(network->name);
    for (size_t i = 0; right && i < length; i++)
        right = (unsigned char)name[i] >= ' ' && name[i] != 127;
    if (!right)
        return cln_fail(CLN_INVALID,
                        "\"name\" must be a string without control characters, from 1 byte to clenet's limit of %zu",
                        sizeof(network->name) - 1);
    memcpy(network->name, name, length + 1);
    return CLN_OK;
}

static enum cln_status parse_root(struct cln_network *network, json_t *root, const struct cln_network_params *params) {
    static const char *const known[] = {"name", "input", "layers"};
    bool flat = false;
    if (!json_is_object(root))
        return cln_fail(CLN_INVALID, "must be an object {\"name\": …, \"input\": …, \"layers\": …}, not %s",
                        json_type_name(root));
    enum cln_status status = check_keys(root, known, sizeof(known) / sizeof(known[0]));
    if (status == CLN_OK)
        status = parse_name(network, json_object_get(root, "name"));
    if (status == CLN_OK)
        status = parse_input(network, &flat, json_object_get(root, "input"));
    if (status == CLN_OK)
        status = parse_layers(network, json_object_get(root, "layers"));
    if (status == CLN_OK)
        status = cln_network_build(network, flat, params);
    return status;
}

enum cln_status cln_network_parse(struct cln_network **out, const char *text, size_t bytes, const char *origin,
                                  const struct cln_network_params *params) {
    *out = NULL;
    if (bytes > TEXT_LIMIT)
        return cln_fail(CLN_INVALID, "%s: more than %d bytes of text, clenet's limit", origin, TEXT_LIMIT);
    json_error_t error;
    json_t *root;
    enum cln_status status = cln_json_parse(&root, text, bytes, 0, &error);
    if (status == CLN_INVALID)
        return cln_fail(CLN_INVALID, "%s: line %d, column %d: %s", origin, error.line, error.column, error.text);
    if (status != CLN_OK)
        return cln_fail_within(status, "%s", origin);
    struct cln_network *network = calloc(1, sizeof(*network));
    status = network ? parse_root(network, root, params) : cln_fail(CLN_OUT_OF_MEMORY, "no memory");
    json_decref(root);
    if (status != CLN_OK) {
        cln_network_destroy(&network);
        return cln_fail_within(status, "%s", origin);
    }
    *out = network;
    return CLN_OK;
}

static enum cln_status load_file(struct cln_network **out, FILE *file, const char *path,
                                 const struct cln_network_params *params) {
    char *text = malloc(TEXT_LIMIT + 1);
    if (!text)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read %s", path);
    size_t bytes = fread(text, 1, TEXT_LIMIT + 1, file);
    enum cln_status status = ferror(file) ? cln_fail(CLN_IO, "reading %s: %s", path, strerror(errno))
                                          : cln_network_parse(out, text, bytes, path, params);
    free(text);
    return status;
}

enum cln_status cln_network_load(struct cln_network **out, const char *name_or_path,
                                 const struct cln_network_params *params) {
    *out = NULL;
    char names[256] = "";
    for (size_t i = 0; cln_builtin_names[i]; i++) {
        const char *name = cln_builtin_names[i];
        if (strcmp(name, name_or_path) == 0)
            return cln_network_parse(out, cln_builtin_texts[i], strlen(cln_builtin_texts[i]), name, params);
        size_t used = strlen(names);
        snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", name);
    }
    FILE *file = fopen(name_or_path, "rb");
    if (!file)
        return cln_fail(errno == ENOENT ? CLN_NOT_FOUND : CLN_IO,
                        "network \"%s\": %s; give a JSON file or a built-in network: %s", name_or_path, strerror(errno),
                        names);
    enum cln_status status = load_file(out, file, name_or_path, params);
    fclose(file);
    return status;
}

static json_t *number_text(const struct cln_layer_option *option, double value) {
    return option->type == CLN_LAYER_OPTION_REAL ? json_real(value) : json_integer((json_int_t)value);
}

static json_t *option_text(const struct cln_layer *layer, const struct cln_layer_option *option) {
    double first = cln_layer_option_get(layer, option, 0);
    if (option->type == CLN_LAYER_OPTION_FLAG)
        return json_boolean(first != 0);
    if (option->type == CLN_LAYER_OPTION_PAIR && cln_layer_option_get(layer, option, 1) != first)
        return json_pack("[o, o]", number_text(option, first),
                         number_text(option, cln_layer_option_get(layer, option, 1)));
    return number_text(option, first);
}

/* A layer as an author would write it: without defaults and without options that follow from the input. */
static json_t *layer_text(const struct cln_layer *layer) {
    const struct cln_layer_type *type = cln_layer_type_find(layer->type);
    json_t *object = json_pack("{s: o}", "type", cln_json_text(layer->type));
    int failed = object == NULL;
    for (size_t i = 0; !failed && i < type->option_count; i++) {
        const struct cln_layer_option *option = &type->options[i];
        if (!option->inferred && !cln_layer_option_is_initial(layer, option))
            failed = json_object_set_new(object, option->name, option_text(layer, option));
    }
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

enum cln_status cln_network_text(char **out, const struct cln_network *network) {
    *out = NULL;
    /* If the network begins with Flatten, its input can be written as an image in either case. */
    const struct cln_layer *first = &network->layers[0];
    struct cln_shape in = network->input;
    json_t *input = first->flat && first->kind != CLN_LAYER_FLATTEN
                        ? json_pack("[i]", in.channels)
                        : json_pack("[i, i, i]", in.channels, in.height, in.width);
    json_t *layers = json_array();
    int failed = layers == NULL;
    for (size_t i = 0; !failed && i < network->layer_count; i++)
        failed = json_array_append_new(layers, layer_text(&network->layers[i]));
    json_t *root =
        json_pack("{s: o, s: o, s: o}", "name", cln_json_text(network->name), "input", input, "layers", layers);
    if (root && !failed)
        *out = cln_json_dump(root, JSON_COMPACT);
    json_decref(root);
    return *out ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the text of network %s", network->name);
}
