/* Prints a network for people to read. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/model/layer.h"
#include "src/model/stage.h"

/* Appends to `text` like printf; a text that is too long is cut. */
static void append(char *text, size_t bytes, const char *format, ...) CLN_PRINTF(3, 4);

static void append(char *text, size_t bytes, const char *format, ...) {
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, bytes - used, format, arguments);
    va_end(arguments);
}

static void append_value(char *text, size_t bytes, const struct cln_layer *layer,
                         const struct cln_layer_option *option) {
    double first = cln_layer_option_get(layer, option, 0);
    if (option->type == CLN_LAYER_OPTION_FLAG)
        append(text, bytes, "%s", first != 0 ? "True" : "False");
    else if (option->type == CLN_LAYER_OPTION_WORD)
        append(text, bytes, "'%s'", cln_layer_option_word(layer, option));
    else if (option->type == CLN_LAYER_OPTION_SHAPE && layer->flat)
        append(text, bytes, "(%.0f,)", first);
    else if (option->type == CLN_LAYER_OPTION_SHAPE)
        append(text, bytes, "(%.0f, %.0f, %.0f)", first, cln_layer_option_get(layer, option, 1),
               cln_layer_option_get(layer, option, 2));
    else if (option->type == CLN_LAYER_OPTION_PAIR && cln_layer_option_get(layer, option, 1) != first)
        append(text, bytes, "(%.0f, %.0f)", first, cln_layer_option_get(layer, option, 1));
    else
        append(text, bytes, "%.10g", first);
}

void cln_layer_describe(const struct cln_layer *layer, char *text, size_t bytes) {
    const struct cln_layer_type *type = cln_layer_type_find(layer->type);
    if (bytes == 0)
        return;
    text[0] = '\0';
    append(text, bytes, "%s(", type->name);
    const char *separator = "";
    for (size_t i = 0; i < type->option_count; i++) {
        const struct cln_layer_option *o = &type->options[i];
        if (o->show == CLN_SHOW_CHANGED && cln_layer_option_is_initial(layer, o)) /* lists of layers always are */
            continue;
        append(text, bytes, "%s%s%s", separator, o->show == CLN_SHOW_VALUE ? "" : o->name,
               o->show == CLN_SHOW_VALUE ? "" : "=");
        append_value(text, bytes, layer, o);
        separator = ", ";
    }
    append(text, bytes, ")");
}

/* Formats 1234567 as "1,234,567". */
static void format_count(char text[32], double count) {
    char digits[32];
    int length = snprintf(digits, sizeof(digits), "%.0f", count);
    char *at = text;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
}

void cln_format_bytes(char text[32], double bytes) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        bytes /= 1024;
    snprintf(text, 32, "%.*f %s", unit ? 2 : 0, bytes, units[unit]);
}

/* Formats a shape; batch_size 0: without the batch. */
static void format_shape(char *text, size_t bytes, int batch_size, struct cln_shape shape, bool flat) {
    text[0] = '\0';
    append(text, bytes, "(");
    if (batch_size)
        append(text, bytes, "%d, ", batch_size);
    append(text, bytes, flat ? "%d)" : "%d, %d, %d)", shape.channels, shape.height, shape.width);
}

static size_t layer_parameters(const struct cln_network *network, size_t layer) {
    size_t count = 0;
    for (size_t i = 0; i < network->tensor_count; i++) {
        if (network->tensors[i].trainable && network->tensors[i].layer == (int)layer)
            count += network->tensors[i].count;
    }
    return count;
}

enum { DESCRIPTION_BYTES = 160, SHAPE_BYTES = 64 };

static void print_layers(const struct cln_network *network, int batch_size, FILE *stream) {
    int path_width = 3, description_width = 5, shape_width = 6;
    char description[DESCRIPTION_BYTES], shape[SHAPE_BYTES], count[32];
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct cln_layer *layer = &network->layers[i];
        cln_layer_describe(layer, description, sizeof(description));
        format_shape(shape, sizeof(shape), batch_size, layer->out, layer->flat);
        if (path_width < (int)strlen(layer->path))
            path_width = (int)strlen(layer->path);
        if (description_width < (int)strlen(description))
            description_width = (int)strlen(description);
        if (shape_width < (int)strlen(shape))
            shape_width = (int)strlen(shape);
    }
    cln_text_print(stream, "%*s  %-*s  %-*s  parameters\n", path_width, "", description_width, "layer", shape_width,
                   "output");
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct cln_layer *layer = &network->layers[i];
        cln_layer_describe(layer, description, sizeof(description));
        format_shape(shape, sizeof(shape), batch_size, layer->out, layer->flat);
        format_count(count, (double)layer_parameters(network, i));
        cln_text_print(stream, "%*s  %-*s  %-*s  %10s\n", path_width, layer->path, description_width, description,
                       shape_width, shape, count);
    }
}

/* A network and its stages. */
struct plan {
    const struct cln_network *network;
    struct cln_stage *stages;
    size_t count;
    int *of_layers;
};

/* Names a value that a stage reads. */
static void append_source(char *text, size_t bytes, int stage) {
    if (stage == CLN_READS_IMAGES)
        append(text, bytes, "the input");
    else
        append(text, bytes, "stage %d", stage + 1);
}

/* Lists the layers of a stage, and what it reads unless that is the stage before it. */
static void describe_stage(const struct plan *p, size_t index, char *text, size_t bytes) {
    const struct cln_stage *stage = &p->stages[index];
    const char *separator = "";
    text[0] = '\0';
    for (size_t i = 0; i < p->network->layer_count; i++) {
        if (p->of_layers[i] != (int)index)
            continue;
        append(text, bytes, "%s%s", separator, p->network->layers[i].type);
        separator = " + ";
    }
    const bool reads_another = stage->input != (int)index - 1, adds = stage->addend != CLN_READS_NOTHING;
    if (reads_another || adds)
        append(text, bytes, " (");
    if (reads_another) {
        append(text, bytes, "of ");
        append_source(text, bytes, stage->input);
    }
    if (adds) {
        append(text, bytes, "%sadds ", reads_another ? ", " : "");
        append_source(text, bytes, stage->addend);
    }
    if (reads_another || adds)
        append(text, bytes, ")");
}

static void print_stages(const struct plan *p, FILE *stream) {
    const struct cln_stage *stages = p->stages;
    cln_text_print(stream, "\nstages\n");
    for (size_t i = 0; i < p->count; i++) {
        char fused[512], x[SHAPE_BYTES], a[SHAPE_BYTES];
        describe_stage(p, i, fused, sizeof(fused));
        format_shape(x, sizeof(x), 0, stages[i].x, cln_shape_count(stages[i].x) == (size_t)stages[i].x.channels);
        format_shape(a, sizeof(a), 0, stages[i].a, cln_shape_count(stages[i].a) == (size_t)stages[i].a.channels);
        cln_text_print(stream, "%3zu  %-13s -> %-13s  %s\n", i + 1, x, a, fused);
    }
}

/* The number of floats that training keeps for the backward pass: the input, and each stage's pre-activation and
 * output. */
static double activation_floats(const struct cln_network *network, const struct cln_stage *stages, size_t count) {
    double floats = (double)cln_shape_count(network->input);
    for (size_t i = 0; i < count; i++) {
        floats += (double)cln_shape_count(stages[i].a) * (stages[i].dropout.p > 0 ? 2 : 1); /* before and after it */
        if (stages[i].affine != CLN_AFFINE_NONE)
            floats += (double)cln_shape_count(stages[i].z);
    }
    return floats;
}

static void print_totals(const struct cln_network *network, const struct cln_stage *stages, size_t count,
                         int batch_size, FILE *stream) {
    enum { ADAM_COPIES = 4 }; /* values, gradients and two moments */
    char a[32], b[32];
    double forward, training;
    cln_network_multiply_adds(network, &forward, &training);
    cln_text_print(stream, "\ntotals\n");
    format_count(a, (double)network->parameter_count);
    cln_format_bytes(b, 4.0 * (double)network->parameter_count);
    cln_text_print(stream, "  parameters          %s (%s", a, b);
    cln_format_bytes(b, 4.0 * ADAM_COPIES * (double)network->parameter_count);
    cln_text_print(stream, "; with gradients and Adam's two moments %s)\n", b);
    format_count(a, (double)network->running_count);
    cln_text_print(stream, "  running statistics  %s\n", a);
    format_count(a, forward);
    format_count(b, training);
    cln_text_print(stream, "  multiply-adds       %s forward, %s in training (%.3f MFLOP) per sample\n", a, b,
                   2e-6 * training);
    cln_format_bytes(a, 4.0 * batch_size * activation_floats(network, stages, count));
    cln_text_print(stream, "  activations         %s for a batch of %d (input and what each stage computes)\n", a,
                   batch_size);
}

enum cln_status cln_network_print(const struct cln_network *network, int batch_size, FILE *stream) {
    char input[SHAPE_BYTES];
    struct plan p = {network, .of_layers = calloc(network->layer_count, sizeof(*p.of_layers))};
    enum cln_status status = p.of_layers ? cln_stages_build(&p.stages, &p.count, network, p.of_layers)
                                         : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the stages' layers");
    if (status != CLN_OK) {
        free(p.of_layers);
        return status;
    }
    format_shape(input, sizeof(input), batch_size, network->input, network->flat);
    cln_text_print(stream, "%s: input %s, %d classes\n\n", network->name, input, network->classes);
    print_layers(network, batch_size, stream);
    print_stages(&p, stream);
    print_totals(network, p.stages, p.count, batch_size, stream);
    free(p.stages);
    free(p.of_layers);
    return CLN_OK;
}
