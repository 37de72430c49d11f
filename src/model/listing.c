/* Layers as text: a network as PyTorch's Python, and the table of layer types. */
#include <stdio.h>

#include "clenet/text.h"
#include "src/base/table.h"
#include "src/model/layer.h"

static void print_python_value(FILE *stream, const struct cln_layer *layer, const struct cln_layer_option *option) {
    const double first = cln_layer_option_get(layer, option, 0);
    if (option->type == CLN_LAYER_OPTION_FLAG)
        cln_text_print(stream, "%-s", first != 0 ? "True" : "False");
    else if (option->type == CLN_LAYER_OPTION_PAIR)
        cln_text_print(stream, "(%.0f, %.0f)", first, cln_layer_option_get(layer, option, 1));
    else
        cln_text_print(stream, "%.17g", first);
}

/* Prints a layer as Python. Options that equal PyTorch's defaults are left out; PyTorch needs all inferred options. */
static void print_python_layer(FILE *stream, const struct cln_layer *layer) {
    const struct cln_layer_type *type = cln_layer_type_find(layer->type);
    const char *separator = "";
    cln_text_print(stream, "    nn.%s(", type->name);
    for (size_t i = 0; i < type->option_count; i++) {
        const struct cln_layer_option *o = &type->options[i];
        if (o->only_here || (!o->inferred && !o->required && cln_layer_option_is_initial(layer, o)))
            continue;
        cln_text_print(stream, "%s%s=", separator, o->name);
        print_python_value(stream, layer, o);
        separator = ", ";
    }
    const bool biased = layer->kind == CLN_LAYER_BATCHNORM && layer->batchnorm.biased_running_variance;
    cln_text_print(stream, "),%s\n", biased ? "  # trained with biased running variances; PyTorch's are unbiased" : "");
}

void cln_network_print_python(const struct cln_network *network, FILE *stream) {
    cln_text_print(stream, "%-s", "from torch import nn\n\nnet = nn.Sequential(\n");
    for (size_t i = 0; i < network->layer_count; i++)
        print_python_layer(stream, &network->layers[i]);
    cln_text_print(stream, "%-s", ")\n");
}

static void print_range(FILE *stream, const struct cln_layer_option *o) {
    if (o->type == CLN_LAYER_OPTION_FLAG)
        cln_text_print(stream, "%-s", "true or false");
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
    else if (o->type == CLN_LAYER_OPTION_FLAG)
        cln_text_print(stream, "%-s", o->initial != 0 ? "true" : "false");
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
