/* Reads a network from JSON text, which comes from memory, a file or the program itself. layer_text.c reads the
 * options of a layer; network_json.c writes what is read here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json_text.h"
#include "src/model/build.h"
#include "src/model/builtin.h"
#include "src/model/layer.h"
#include "src/model/layer_text.h"

/* A path (struct cln_layer) has room for so many Residuals within each other. */
enum { TEXT_LIMIT = 1 << 20, NESTING_LIMIT = 4 };

enum { BRANCHES = 2 };
static const char *const branches[BRANCHES] = {"layers", "shortcut"};

/* The number of layers of a list and of the lists in it. */
static size_t count_layers(json_t *list, int depth) {
    size_t count = json_array_size(list);
    for (size_t i = 0; depth < NESTING_LIMIT && i < json_array_size(list); i++)
        for (size_t b = 0; b < BRANCHES; b++)
            count += count_layers(json_object_get(json_array_get(list, i), branches[b]), depth + 1);
    return count;
}

/* Parses the layers of a list, each of which reads the one before. The first one reads layer *last, which becomes the
 * last one of the list. `within`: what their paths begin with. */
static enum cln_status parse_list(struct cln_network *network, json_t *list, const char *within, int depth, int *last);

/* The two branches of a Residual, which read what it reads. */
static enum cln_status parse_branches(struct cln_network *network, struct cln_layer *residual, json_t *object,
                                      int depth) {
    int *const last[BRANCHES] = {&residual->input, &residual->shortcut};
    residual->shortcut = residual->input;
    enum cln_status status = CLN_OK;
    for (size_t b = 0; b < BRANCHES && status == CLN_OK; b++) {
        json_t *list = json_object_get(object, branches[b]);
        char within[2 * sizeof residual->path];
        snprintf(within, sizeof within, "%s.%s.", residual->path, branches[b]);
        if (depth == NESTING_LIMIT)
            return cln_fail(CLN_INVALID, "layer %s (%s): more than %d of them within each other, clenet's limit",
                            residual->path, residual->type, NESTING_LIMIT);
        if (list && (!json_is_array(list) || (b == 0 && json_array_size(list) == 0)))
            return cln_fail(CLN_INVALID, "layer %s (%s): \"%s\" must be a list of %slayers", residual->path,
                            residual->type, branches[b], b == 0 ? "one or more " : "");
        status = parse_list(network, list, within, depth + 1, last[b]);
    }
    return status;
}

static enum cln_status parse_layer(struct cln_network *network, json_t *object, const char *path, int depth,
                                   int *last) {
    const struct cln_layer_type *type;
    struct cln_layer layer;
    enum cln_status status = cln_layer_text_type(&type, object);
    if (status != CLN_OK)
        return cln_fail_within(status, "layer %s", path);
    cln_layer_init(&layer, type);
    snprintf(layer.path, sizeof layer.path, "%.*s", (int)sizeof layer.path - 1, path);
    layer.input = *last;
    status = cln_layer_text_options(&layer, object, type);
    if (status != CLN_OK)
        return cln_fail_within(status, "layer %s (%s)", path, type->name);
    if (layer.kind == CLN_LAYER_RESIDUAL)
        status = parse_branches(network, &layer, object, depth);
    *last = (int)network->layer_count;
    network->layers[network->layer_count++] = layer;
    return status;
}

static enum cln_status parse_list(struct cln_network *network, json_t *list, const char *within, int depth, int *last) {
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < json_array_size(list) && status == CLN_OK; i++) {
        char path[2 * sizeof network->layers->path + 24];
        snprintf(path, sizeof path, "%s%zu", within, i);
        status = parse_layer(network, json_array_get(list, i), path, depth, last);
    }
    return status;
}

static enum cln_status parse_layers(struct cln_network *network, json_t *list) {
    const size_t count = count_layers(list, 0);
    if (json_array_size(list) < 1 || count > CLN_LAYER_LIMIT)
        return cln_fail(CLN_INVALID, "\"layers\" must be a list of layers, from 1 to clenet's limit of %d",
                        CLN_LAYER_LIMIT);
    network->layers = calloc(count, sizeof(*network->layers));
    if (!network->layers)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu layers", count);
    int last = CLN_NETWORK_INPUT;
    return parse_list(network, list, "", 0, &last);
}

/* "input": [channels, height, width] or [features]. */
static enum cln_status parse_input(struct cln_network *network, json_t *list) {
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
    network->flat = count == 1;
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
    if (!json_is_object(root))
        return cln_fail(CLN_INVALID, "must be an object {\"name\": …, \"input\": …, \"layers\": …}, not %s",
                        cln_text_type_name(root));
    enum cln_status status = cln_text_check_keys(root, known, sizeof(known) / sizeof(known[0]));
    if (status == CLN_OK)
        status = parse_name(network, json_object_get(root, "name"));
    if (status == CLN_OK)
        status = parse_input(network, json_object_get(root, "input"));
    if (status == CLN_OK)
        status = parse_layers(network, json_object_get(root, "layers"));
    if (status == CLN_OK)
        status = cln_network_build(network, params);
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
