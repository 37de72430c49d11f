/* Layers as text: a network as PyTorch's Python, and the table of layer types. */
#include <stdio.h>
#include <string.h>

#include "clenet/text.h"
#include "src/base/table.h"
#include "src/model/layer.h"

static void print_python_value(FILE *stream, const struct cln_layer *layer, const struct cln_layer_option *option) {
    const double first = cln_layer_option_get(layer, option, 0);
    if (option->type == CLN_LAYER_OPTION_FLAG)
        cln_text_print(stream, "%-s", first != 0 ? "True" : "False");
    else if (option->type == CLN_LAYER_OPTION_WORD)
        cln_text_print(stream, "'%s'", cln_layer_option_word(layer, option));
    else if (option->type == CLN_LAYER_OPTION_SHAPE && layer->flat)
        cln_text_print(stream, "(%.0f,)", first);
    else if (option->type == CLN_LAYER_OPTION_SHAPE)
        cln_text_print(stream, "(%.0f, %.0f, %.0f)", first, cln_layer_option_get(layer, option, 1),
                       cln_layer_option_get(layer, option, 2));
    else if (option->type == CLN_LAYER_OPTION_PAIR)
        cln_text_print(stream, "(%.0f, %.0f)", first, cln_layer_option_get(layer, option, 1));
    else
        cln_text_print(stream, "%.17g", first);
}

/* Prints a layer's options as Python's arguments. Those that equal PyTorch's defaults are left out; PyTorch needs all
 * inferred ones. */
static void print_python_options(FILE *stream, const struct cln_layer *layer) {
    const struct cln_layer_type *type = cln_layer_type_find(layer->type);
    const char *separator = "";
    for (size_t i = 0; i < type->option_count; i++) {
        const struct cln_layer_option *o = &type->options[i];
        if (o->only_here || (!o->inferred && !o->required && cln_layer_option_is_initial(layer, o)))
            continue;
        cln_text_print(stream, "%s%s=", separator, o->name);
        print_python_value(stream, layer, o);
        separator = ", ";
    }
}

static void print_python_list(FILE *stream, const struct cln_network *network, const char *within, int indent);

/* Residual is a class that the text defines; its branches are its arguments. */
static void print_python_residual(FILE *stream, const struct cln_network *network, const struct cln_layer *layer,
                                  int indent) {
    const struct cln_layer *added = layer->shortcut < 0 ? NULL : &network->layers[layer->shortcut];
    char within[sizeof layer->path + 16];
    snprintf(within, sizeof within, "%s.shortcut.", layer->path);
    const bool has_shortcut = added && strncmp(added->path, within, strlen(within)) == 0;
    cln_text_print(stream, "%*sResidual(nn.Sequential(\n", indent, "");
    snprintf(within, sizeof within, "%s.layers.", layer->path);
    print_python_list(stream, network, within, indent + 4);
    if (has_shortcut) {
        cln_text_print(stream, "%*s), nn.Sequential(\n", indent, "");
        snprintf(within, sizeof within, "%s.shortcut.", layer->path);
        print_python_list(stream, network, within, indent + 4);
    }
    cln_text_print(stream, "%*s)),\n", indent, "");
}

/* The layers whose paths are `within` and a number. */
static void print_python_list(FILE *stream, const struct cln_network *network, const char *within, int indent) {
    for (const struct cln_layer *l = network->layers; l < network->layers + network->layer_count; l++) {
        if (!cln_layer_is_within(l, within))
            continue;
        if (l->kind == CLN_LAYER_RESIDUAL) {
            print_python_residual(stream, network, l, indent);
            continue;
        }
        cln_text_print(stream, "%*snn.%s(", indent, "", l->type);
        print_python_options(stream, l);
        const bool biased = l->kind == CLN_LAYER_BATCHNORM && l->batchnorm.biased_running_variance;
        cln_text_print(stream, "),%s\n",
                       biased ? "  # trained with biased running variances; PyTorch's are unbiased" : "");
    }
}

static const char residual_class[] = "\n"
                                     "class Residual(nn.Module):\n"
                                     "    def __init__(self, layers, shortcut=None):\n"
                                     "        super().__init__()\n"
                                     "        self.layers = layers\n"
                                     "        self.shortcut = shortcut or nn.Sequential()\n"
                                     "\n"
                                     "    def forward(self, x):\n"
                                     "        return self.layers(x) + self.shortcut(x)\n"
                                     "\n";

void cln_network_print_python(const struct cln_network *network, FILE *stream) {
    bool branches = false;
    for (size_t i = 0; i < network->layer_count; i++)
        branches |= network->layers[i].kind == CLN_LAYER_RESIDUAL;
    cln_text_print(stream, "from torch import nn\n%-s\nnet = nn.Sequential(\n", branches ? residual_class : "");
    print_python_list(stream, network, "", 4);
    cln_text_print(stream, "%-s", ")\n");
}

static void print_words(FILE *stream, const char *const *words) {
    cln_text_print(stream, "%s", words[0]);
    for (size_t i = 1; words[i]; i++)
        cln_text_print(stream, " or %s", words[i]);
}

static void print_range(FILE *stream, const struct cln_layer_option *o) {
    if (o->type == CLN_LAYER_OPTION_LAYERS)
        cln_text_print(stream, "%-s", "list of layers");
    else if (o->type == CLN_LAYER_OPTION_FLAG)
        cln_text_print(stream, "%-s", "true or false");
    else if (o->type == CLN_LAYER_OPTION_WORD)
        print_words(stream, o->words);
    else if (o->type == CLN_LAYER_OPTION_SHAPE)
        cln_text_print(stream, "%-s", "number of features, or [channels, height, width]");
    else if (o->least == o->most)
        cln_text_print(stream, "%.10g", o->least);
    else
        cln_text_print(stream, "%s from %.10g to %.10g", o->type == CLN_LAYER_OPTION_REAL ? "number" : "whole number",
                       o->least, o->most);
    if (o->type == CLN_LAYER_OPTION_PAIR)
        cln_text_print(stream, "%-s", ", or [height, width] of such");
}

static void print_default(FILE *stream, const struct cln_layer_option *o) {
    if (o->inferred)
        cln_text_print(stream, "%-s", "taken from the input");
    else if (o->type == CLN_LAYER_OPTION_LAYERS)
        cln_text_print(stream, "%-s", "none, the input itself");
    else if (o->type == CLN_LAYER_OPTION_FLAG)
        cln_text_print(stream, "%-s", o->initial != 0 ? "true" : "false");
    else if (o->type == CLN_LAYER_OPTION_WORD)
        cln_text_print(stream, "%s", o->words[(int)o->initial]);
    else if (o->least > o->initial)
        cln_text_print(stream, "%-s", "as kernel_size"); /* default of a pool's stride */
    else
        cln_text_print(stream, "%.10g", o->initial);
}

void cln_network_print_layers(FILE *stream) {
    static const char *const inputs[] = {[CLN_NEEDS_ANY] = "any input",
                                         [CLN_NEEDS_IMAGE] = "images",
                                         [CLN_NEEDS_FEATURES] = "vectors of features (after Flatten)"};
    CLN_EVERY(inputs, CLN_NEEDS_COUNT);
    const struct cln_layer_type *type;
    for (size_t i = 0; (type = cln_layer_type_at(i)); i++) {
        cln_text_print(stream, "%s: takes %s\n", type->name, inputs[type->needs]);
        for (size_t k = 0; k < type->option_count; k++) {
            cln_text_print(stream, "  %-24s ", type->options[k].name);
            print_range(stream, &type->options[k]);
            cln_text_print(stream, "%-s", type->options[k].required ? "; required" : "; default: ");
            if (!type->options[k].required)
                print_default(stream, &type->options[k]);
            cln_text_print(stream, "\n");
        }
    }
}
