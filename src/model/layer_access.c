/* What follows from the table of layer types: the types of activations, the options of a layer as numbers; and where a
 * layer is in its network. */
#include <string.h>

#include "src/model/layer.h"

const struct cln_layer_type *cln_layer_type_of_activation(enum cln_activation_kind kind) {
    const struct cln_layer_type *type;
    for (size_t i = 0; (type = cln_layer_type_at(i)); i++) {
        if (type->kind == CLN_LAYER_ACTIVATION && type->variant == (int)kind)
            return type;
    }
    return NULL;
}

bool cln_activation_is_of_input(enum cln_activation_kind kind) {
    return cln_layer_type_of_activation(kind)->of_input;
}

double cln_layer_option_get(const struct cln_layer *layer, const struct cln_layer_option *option, int axis) {
    const char *at = (const char *)layer + option->offset;
    switch (option->type) {
    case CLN_LAYER_OPTION_INTEGER:
    case CLN_LAYER_OPTION_PAIR:
    case CLN_LAYER_OPTION_SHAPE:
        return ((const int *)at)[axis];
    case CLN_LAYER_OPTION_REAL:
    case CLN_LAYER_OPTION_WORD:
        return *(const double *)at;
    case CLN_LAYER_OPTION_FLAG:
        return *(const bool *)at;
    case CLN_LAYER_OPTION_LAYERS:
        break;
    }
    return 0;
}

void cln_layer_option_set(struct cln_layer *layer, const struct cln_layer_option *option, int axis, double value) {
    char *at = (char *)layer + option->offset;
    switch (option->type) {
    case CLN_LAYER_OPTION_INTEGER:
    case CLN_LAYER_OPTION_PAIR:
    case CLN_LAYER_OPTION_SHAPE:
        ((int *)at)[axis] = (int)value;
        break;
    case CLN_LAYER_OPTION_REAL:
    case CLN_LAYER_OPTION_WORD:
        *(double *)at = value;
        break;
    case CLN_LAYER_OPTION_FLAG:
        *(bool *)at = value != 0;
        break;
    case CLN_LAYER_OPTION_LAYERS:
        break;
    }
}

const char *cln_layer_option_word(const struct cln_layer *layer, const struct cln_layer_option *option) {
    return option->words[(int)cln_layer_option_get(layer, option, 0)];
}

/* The second number of a pair counts only where there is one. */
bool cln_layer_option_is_initial(const struct cln_layer *layer, const struct cln_layer_option *option) {
    return cln_layer_option_get(layer, option, 0) == option->initial &&
           (option->type != CLN_LAYER_OPTION_PAIR || cln_layer_option_get(layer, option, 1) == option->initial);
}

void cln_layer_init(struct cln_layer *layer, const struct cln_layer_type *type) {
    *layer = (struct cln_layer){.kind = type->kind, .type = type->name};
    if (type->kind == CLN_LAYER_ACTIVATION)
        layer->activation.kind = (enum cln_activation_kind)type->variant;
    if (type->kind == CLN_LAYER_DROPOUT)
        layer->dropout.by_channel = type->variant;
    if (type->kind == CLN_LAYER_GROUPNORM)
        layer->groupnorm.by_element = type->variant;
    if (type->kind == CLN_LAYER_POOL2D)
        layer->pool2d.kind = (enum cln_pool_kind)type->variant;
    for (size_t i = 0; i < type->option_count; i++) {
        const struct cln_layer_option *o = &type->options[i];
        for (int axis = 0; axis <= (o->type == CLN_LAYER_OPTION_PAIR); axis++)
            cln_layer_option_set(layer, o, axis, o->initial);
    }
}

size_t cln_layer_readers(const struct cln_network *network, int layer) {
    size_t count = 0;
    for (const struct cln_layer *l = network->layers; l < network->layers + network->layer_count; l++)
        count += (l->input == layer) + (l->kind == CLN_LAYER_RESIDUAL && l->shortcut == layer);
    return count;
}

bool cln_layer_is_within(const struct cln_layer *layer, const char *within) {
    const size_t length = strlen(within);
    return strncmp(layer->path, within, length) == 0 && !strchr(layer->path + length, '.');
}
