/* Writes a network as JSON text. */
#include <stdlib.h>
#include <string.h>

#include "src/base/json_text.h"
#include "src/model/layer.h"

static json_t *number_text(const struct cln_layer_option *option, double value) {
    return option->type == CLN_LAYER_OPTION_REAL ? json_real(value) : json_integer((json_int_t)value);
}

static json_t *option_text(const struct cln_layer *layer, const struct cln_layer_option *option) {
    double first = cln_layer_option_get(layer, option, 0);
    if (option->type == CLN_LAYER_OPTION_FLAG)
        return json_boolean(first != 0);
    if (option->type == CLN_LAYER_OPTION_WORD)
        return cln_json_text(cln_layer_option_word(layer, option));
    if (option->type == CLN_LAYER_OPTION_PAIR && cln_layer_option_get(layer, option, 1) != first)
        return json_pack("[o, o]", number_text(option, first),
                         number_text(option, cln_layer_option_get(layer, option, 1)));
    return number_text(option, first);
}

static json_t *list_text(const struct cln_network *network, const char *within);

/* A layer as an author would write it: without defaults and without options that follow from the input. */
static json_t *layer_text(const struct cln_network *network, const struct cln_layer *layer) {
    const struct cln_layer_type *type = cln_layer_type_find(layer->type);
    json_t *object = json_pack("{s: o}", "type", cln_json_text(layer->type));
    int failed = object == NULL;
    for (size_t i = 0; !failed && i < type->option_count; i++) {
        const struct cln_layer_option *option = &type->options[i];
        if (option->type == CLN_LAYER_OPTION_LAYERS) {
            char within[sizeof layer->path + 16];
            snprintf(within, sizeof within, "%s.%s.", layer->path, option->name);
            json_t *list = list_text(network, within);
            const bool is_empty = list && json_array_size(list) == 0;
            failed = is_empty ? 0 : json_object_set_new(object, option->name, list);
            if (is_empty)
                json_decref(list);
        } else if (!option->inferred && !cln_layer_option_is_initial(layer, option)) {
            failed = json_object_set_new(object, option->name, option_text(layer, option));
        }
    }
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

/* The list of the layers whose paths are `within` and a number. */
static json_t *list_text(const struct cln_network *network, const char *within) {
    json_t *list = json_array();
    int failed = list == NULL;
    for (size_t i = 0; !failed && i < network->layer_count; i++) {
        const struct cln_layer *layer = &network->layers[i];
        if (cln_layer_is_within(layer, within))
            failed = json_array_append_new(list, layer_text(network, layer));
    }
    if (!failed)
        return list;
    json_decref(list);
    return NULL;
}

enum cln_status cln_network_text(char **out, const struct cln_network *network) {
    *out = NULL;
    struct cln_shape in = network->input;
    json_t *input =
        network->flat ? json_pack("[i]", in.channels) : json_pack("[i, i, i]", in.channels, in.height, in.width);
    json_t *layers = list_text(network, "");
    json_t *root =
        json_pack("{s: o, s: o, s: o}", "name", cln_json_text(network->name), "input", input, "layers", layers);
    if (root)
        *out = cln_json_dump(root, JSON_COMPACT);
    json_decref(root);
    return *out ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the text of network %s", network->name);
}
