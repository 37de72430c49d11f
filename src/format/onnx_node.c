/* Nodes of an ONNX graph: see onnx_node.h. */
#include "src/format/onnx_node.h"

#include <stdio.h>

#include "src/model/layer.h"

void cln_onnx_node_begin(struct cln_onnx_node *node, const char *operator, const char * name) {
    onnx__node_proto__init(&node->proto);
    snprintf(node->name, sizeof(node->name), "%s", name);
    snprintf(node->value, sizeof(node->value), "%s.output", name);
    node->proto.op_type = (char *)operator;
    node->proto.name = node->name;
    node->proto.input = node->inputs;
    node->proto.output = node->outputs;
    node->outputs[node->proto.n_output++] = node->value;
    node->proto.attribute = node->attribute_list;
}

void cln_onnx_node_input(struct cln_onnx_node *node, const char *value) {
    node->inputs[node->proto.n_input++] = (char *)value;
}

static Onnx__AttributeProto *add_attribute(struct cln_onnx_node *node, const char *name,
                                           Onnx__AttributeProto__AttributeType type) {
    Onnx__AttributeProto *attribute = &node->attributes[node->proto.n_attribute];
    onnx__attribute_proto__init(attribute);
    attribute->name = (char *)name;
    attribute->type = type;
    attribute->has_type = true;
    node->attribute_list[node->proto.n_attribute++] = attribute;
    return attribute;
}

void cln_onnx_node_float(struct cln_onnx_node *node, const char *name, double value) {
    Onnx__AttributeProto *attribute = add_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    attribute->f = (float)value;
    attribute->has_f = true;
}

static void add_int(struct cln_onnx_node *node, const char *name, int value) {
    Onnx__AttributeProto *attribute = add_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    attribute->i = value;
    attribute->has_i = true;
}

static void add_ints(struct cln_onnx_node *node, const char *name, size_t count, const int *values) {
    int64_t *ints = node->ints[node->proto.n_attribute];
    Onnx__AttributeProto *attribute = add_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    attribute->ints = ints;
    attribute->n_ints = count;
    for (size_t i = 0; i < count; i++)
        ints[i] = values[i];
}

/* Adds kernel, strides and pads; pads are those at the beginning of each axis, then those at the end. */
static void add_window(struct cln_onnx_node *node, const int kernel[2], const int stride[2], const int padding[2]) {
    add_ints(node, "kernel_shape", 2, kernel);
    add_ints(node, "strides", 2, stride);
    add_ints(node, "pads", 4, (int[]){padding[0], padding[1], padding[0], padding[1]});
}

#define PAIR(geometry, what) ((int[]){(geometry)->what##_h, (geometry)->what##_w})
#define ADD_WINDOW(node, geometry)                                                                                     \
    add_window(node, PAIR(geometry, kernel), PAIR(geometry, stride), PAIR(geometry, padding))

void cln_onnx_node_options(struct cln_onnx_node *node, const struct cln_layer *layer) {
    const struct cln_layer_type *type = cln_layer_type_find(layer->type);
    for (size_t i = 0; i < type->option_count; i++)
        if (type->options[i].onnx)
            cln_onnx_node_float(node, type->options[i].onnx, cln_layer_option_get(layer, &type->options[i], 0));
    switch (layer->kind) {
    case CLN_LAYER_CONV2D:
        ADD_WINDOW(node, &layer->conv2d);
        add_ints(node, "dilations", 2, PAIR(&layer->conv2d, dilation));
        add_int(node, "group", layer->conv2d.groups);
        break;
    case CLN_LAYER_LINEAR:
        add_int(node, "transB", 1);
        break;
    case CLN_LAYER_BATCHNORM:
        cln_onnx_node_float(node, "momentum",
                            1 - layer->batchnorm.momentum); /* in ONNX momentum is the weight of the old value */
        break;
    case CLN_LAYER_ACTIVATION:
    case CLN_LAYER_DROPOUT: /* in prediction it does nothing */
    case CLN_LAYER_RESIDUAL:
    case CLN_LAYER_GROUPNORM:
    case CLN_LAYER_KIND_COUNT:
        break;
    case CLN_LAYER_POOL2D:
        ADD_WINDOW(node, &layer->pool2d);
        if (layer->pool2d.kind == CLN_POOL_AVERAGE)
            add_int(node, "count_include_pad", 1);
        break;
    case CLN_LAYER_FLATTEN:
        add_int(node, "axis", 1);
        break;
    }
}

void cln_onnx_node_step(struct cln_onnx_node *node, const struct cln_onnx_step *step) {
    if (step->alpha == 0 && step->beta == 0)
        return;
    cln_onnx_node_float(node, "alpha", step->alpha);
    cln_onnx_node_float(node, "beta", step->beta);
}
