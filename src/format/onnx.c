/* Builds the graph that onnx.h describes from protobuf-c's structs (onnx.proto), and writes it. */
#include "src/format/onnx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/version.h"
#include "src/base/replace.h"
#include "src/format/metadata.h"
#include "src/format/onnx.pb-c.h"
#include "src/model/layer.h"

enum { FLOAT32 = 1, MAX_INPUTS = 5, MAX_ATTRIBUTES = 4, MAX_RANK = 4, OWN_NODES = 2 };

/* A node with memory for everything that it points to. */
struct node {
    Onnx__NodeProto proto;
    char name[32], value[32];
    char *inputs[MAX_INPUTS], *outputs[1];
    Onnx__AttributeProto attributes[MAX_ATTRIBUTES], *attribute_list[MAX_ATTRIBUTES];
    int64_t ints[MAX_ATTRIBUTES][4];
};

struct tensor {
    Onnx__TensorProto proto;
    int64_t dims[MAX_RANK];
};

/* An input or output of the graph. */
struct value {
    Onnx__ValueInfoProto proto;
    Onnx__TypeProto type;
    Onnx__TypeProto__Tensor tensor;
    Onnx__TensorShapeProto shape;
    Onnx__TensorShapeProto__Dimension dims[MAX_RANK], *dim_list[MAX_RANK];
};

struct graph {
    const struct cln_checkpoint *model;
    bool flat; /* the network takes features */
    Onnx__ModelProto proto;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset, *opset_list[1];
    Onnx__StringStringEntryProto entries[CLN_METADATA_MAX], *entry_list[CLN_METADATA_MAX];
    struct value input, output;
    Onnx__ValueInfoProto *input_list[1], *output_list[1];
    struct node *nodes;
    Onnx__NodeProto **node_list;
    struct tensor *tensors;
    Onnx__TensorProto **tensor_list;
    struct cln_metadata metadata;
    char *last; /* name of the next node's input */
    char input_text[320];
};

/* ---- Nodes ---- */

/* Appends a node whose input is the last node's output. */
static struct node *add_node(struct graph *g, const char *operator, const char * name) {
    struct node *node = &g->nodes[g->graph.n_node];
    onnx__node_proto__init(&node->proto);
    snprintf(node->name, sizeof(node->name), "%s", name);
    snprintf(node->value, sizeof(node->value), "%s.output", name);
    node->proto.op_type = (char *)operator;
    node->proto.name = node->name;
    node->proto.input = node->inputs;
    node->inputs[node->proto.n_input++] = g->last;
    node->proto.output = node->outputs;
    node->outputs[node->proto.n_output++] = node->value;
    node->proto.attribute = node->attribute_list;
    g->node_list[g->graph.n_node++] = &node->proto;
    g->last = node->value;
    return node;
}

static Onnx__AttributeProto *add_attribute(struct node *node, const char *name,
                                           Onnx__AttributeProto__AttributeType type) {
    Onnx__AttributeProto *attribute = &node->attributes[node->proto.n_attribute];
    onnx__attribute_proto__init(attribute);
    attribute->name = (char *)name;
    attribute->type = type;
    attribute->has_type = true;
    node->attribute_list[node->proto.n_attribute++] = attribute;
    return attribute;
}

static void add_float(struct node *node, const char *name, double value) {
    Onnx__AttributeProto *attribute = add_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    attribute->f = (float)value;
    attribute->has_f = true;
}

static void add_int(struct node *node, const char *name, int value) {
    Onnx__AttributeProto *attribute = add_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    attribute->i = value;
    attribute->has_i = true;
}

static void add_ints(struct node *node, const char *name, size_t count, const int *values) {
    int64_t *ints = node->ints[node->proto.n_attribute];
    Onnx__AttributeProto *attribute = add_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    attribute->ints = ints;
    attribute->n_ints = count;
    for (size_t i = 0; i < count; i++)
        ints[i] = values[i];
}

/* Adds kernel, strides and pads; pads are those at the beginning of each axis, then those at the end. */
static void add_window(struct node *node, const int kernel[2], const int stride[2], const int padding[2]) {
    add_ints(node, "kernel_shape", 2, kernel);
    add_ints(node, "strides", 2, stride);
    add_ints(node, "pads", 4, (int[]){padding[0], padding[1], padding[0], padding[1]});
}

#define PAIR(geometry, what) ((int[]){(geometry)->what##_h, (geometry)->what##_w})
#define ADD_WINDOW(node, geometry)                                                                                     \
    add_window(node, PAIR(geometry, kernel), PAIR(geometry, stride), PAIR(geometry, padding))

static void add_options(struct node *node, const struct cln_layer *layer, const struct cln_layer_type *type) {
    for (size_t i = 0; i < type->option_count; i++)
        if (type->options[i].onnx)
            add_float(node, type->options[i].onnx, cln_layer_option_get(layer, &type->options[i], 0));
    switch (layer->kind) {
    case CLN_LAYER_CONV2D:
        ADD_WINDOW(node, &layer->conv2d);
        break;
    case CLN_LAYER_LINEAR:
        add_int(node, "transB", 1);
        break;
    case CLN_LAYER_BATCHNORM:
        add_float(node, "momentum",
                  1 - layer->batchnorm.momentum); /* in ONNX momentum is the weight of the old value */
        break;
    case CLN_LAYER_ACTIVATION:
    case CLN_LAYER_DROPOUT: /* in prediction it does nothing */
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

/* Adds a layer. Its tensors are in the order of its operator's inputs. */
static void add_layer(struct graph *g, size_t index) {
    const struct cln_network *network = g->model->network;
    const struct cln_layer *layer = &network->layers[index];
    char name[32];
    snprintf(name, sizeof(name), "%zu.%s", index, layer->type);
    const struct cln_layer_type *type = cln_layer_type_find(layer->type);
    struct node *node = add_node(g, type->onnx, name);
    add_options(node, layer, type);
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++)
        if (t->layer == (int)index)
            node->inputs[node->proto.n_input++] = (char *)t->name;
}

/* ---- Tensors, inputs and outputs, metadata ---- */

static void add_tensor(struct graph *g, const char *name, int rank, const int *dims, const float *values) {
    struct tensor *tensor = &g->tensors[g->graph.n_initializer];
    onnx__tensor_proto__init(&tensor->proto);
    tensor->proto.name = (char *)name;
    tensor->proto.data_type = FLOAT32;
    tensor->proto.has_data_type = true;
    tensor->proto.dims = tensor->dims;
    tensor->proto.n_dims = (size_t)rank;
    tensor->proto.float_data = (float *)values;
    tensor->proto.n_float_data = 1;
    for (int i = 0; i < rank; i++) {
        tensor->dims[i] = dims[i];
        tensor->proto.n_float_data *= (size_t)dims[i];
    }
    g->tensor_list[g->graph.n_initializer++] = &tensor->proto;
}

static int shape_dims(const struct graph *g, int dims[3]) {
    const struct cln_shape in = g->model->network->input;
    dims[0] = in.channels;
    dims[1] = in.height;
    dims[2] = in.width;
    return g->flat ? 1 : 3;
}

/* Adds (x − mean) · inverse_deviation, in the engine's order. */
static void add_standardize(struct graph *g) {
    static const char mean[] = "mean", deviation[] = "inverse_deviation";
    int dims[3];
    const int rank = shape_dims(g, dims);
    add_tensor(g, mean, rank, dims, g->model->mean);
    add_tensor(g, deviation, rank, dims, g->model->inverse_deviation);
    struct node *node = add_node(g, "Sub", "subtract_mean");
    node->inputs[node->proto.n_input++] = (char *)mean;
    node = add_node(g, "Mul", "standardise");
    node->inputs[node->proto.n_input++] = (char *)deviation;
}

/* float32 [batch, dims…] */
static Onnx__ValueInfoProto *describe_value(struct value *value, const char *name, int rank, const int *dims) {
    onnx__value_info_proto__init(&value->proto);
    onnx__type_proto__init(&value->type);
    onnx__type_proto__tensor__init(&value->tensor);
    onnx__tensor_shape_proto__init(&value->shape);
    value->proto.name = (char *)name;
    value->proto.type = &value->type;
    value->type.tensor_type = &value->tensor;
    value->tensor.elem_type = FLOAT32;
    value->tensor.has_elem_type = true;
    value->tensor.shape = &value->shape;
    value->shape.dim = value->dim_list;
    value->shape.n_dim = (size_t)rank + 1;
    for (int i = 0; i <= rank; i++) {
        Onnx__TensorShapeProto__Dimension *dim = value->dim_list[i] = &value->dims[i];
        onnx__tensor_shape_proto__dimension__init(dim);
        if (i == 0) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = (char *)"batch";
        } else {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = dims[i - 1];
        }
    }
    return &value->proto;
}

static void describe_input(struct graph *g, bool standardises) {
    const struct cln_checkpoint *model = g->model;
    char resized[96] = "";
    int dims[3];
    if (model->resize)
        snprintf(resized, sizeof(resized), ", resized to %d x %d (bilinear, half-pixel centres, no antialiasing)",
                 model->resize, model->resize);
    snprintf(g->input_text, sizeof(g->input_text), "Pixels in [0, 1]: byte / 255%s%s", resized,
             model->mean && !standardises
                 ? "; then standardised by the caller, per channel, row and column: (x - mean) * inverse_deviation, "
                   "with the values in metadata_props"
                 : "");
    const int rank = shape_dims(g, dims);
    g->input_list[0] = describe_value(&g->input, "images", rank, dims);
    g->input.proto.doc_string = g->input_text;
}

/* Adds the strings of a safetensors file; those of the standardization only if the caller has to apply it. */
static enum cln_status make_metadata(struct graph *g, bool standardises) {
    struct cln_checkpoint said = *g->model;
    said.training = NULL;
    if (standardises)
        said.mean = said.inverse_deviation = NULL;
    const enum cln_status status = cln_metadata_make(&g->metadata, &said);
    for (size_t i = 0; status == CLN_OK && i < g->metadata.count; i++) {
        Onnx__StringStringEntryProto *entry = g->entry_list[i] = &g->entries[i];
        onnx__string_string_entry_proto__init(entry);
        entry->key = (char *)g->metadata.items[i].key;
        entry->value = (char *)g->metadata.items[i].value;
    }
    return status;
}

/* ---- The whole ---- */

static enum cln_status allocate(struct graph *g) {
    const struct cln_network *network = g->model->network;
    const size_t nodes = network->layer_count + OWN_NODES, tensors = network->tensor_count + OWN_NODES;
    g->nodes = calloc(nodes, sizeof(*g->nodes));
    g->node_list = calloc(nodes, sizeof(*g->node_list));
    g->tensors = calloc(tensors, sizeof(*g->tensors));
    g->tensor_list = calloc(tensors, sizeof(*g->tensor_list));
    if (!g->nodes || !g->node_list || !g->tensors || !g->tensor_list)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a graph of %zu nodes", nodes);
    return CLN_OK;
}

static void release(struct graph *g) {
    free(g->nodes);
    free(g->node_list);
    free(g->tensors);
    free(g->tensor_list);
    cln_metadata_free(&g->metadata);
}

static void begin_model(struct graph *g) {
    onnx__model_proto__init(&g->proto);
    onnx__graph_proto__init(&g->graph);
    onnx__operator_set_id_proto__init(&g->opset);
    g->proto.ir_version = CLN_ONNX_IR_VERSION;
    g->proto.has_ir_version = true;
    g->proto.producer_name = (char *)"clenet";
    g->proto.producer_version = (char *)CLENET_VERSION;
    g->proto.graph = &g->graph;
    g->opset.domain = (char *)"";
    g->opset.version = CLN_ONNX_OPSET;
    g->opset.has_version = true;
    g->opset_list[0] = &g->opset;
    g->proto.opset_import = g->opset_list;
    g->proto.n_opset_import = 1;
    g->proto.metadata_props = g->entry_list;
    g->proto.n_metadata_props = g->metadata.count;
    g->graph.name = g->model->network->name;
    g->graph.node = g->node_list;
    g->graph.initializer = g->tensor_list;
    g->graph.input = g->input_list;
    g->graph.n_input = 1;
    g->graph.output = g->output_list;
    g->graph.n_output = 1;
}

static void build_model(struct graph *g, bool standardises) {
    const struct cln_checkpoint *model = g->model;
    const struct cln_network *network = model->network;
    const struct cln_layer *first = &network->layers[0];
    g->flat = first->flat && first->kind != CLN_LAYER_FLATTEN;
    begin_model(g);
    describe_input(g, standardises);
    g->output_list[0] = describe_value(&g->output, "logits", 1, &network->classes);
    g->last = g->input.proto.name;
    if (standardises)
        add_standardize(g);
    for (size_t i = 0; i < network->layer_count; i++)
        add_layer(g, i);
    g->nodes[g->graph.n_node - 1].outputs[0] = g->output.proto.name;
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++)
        add_tensor(g, t->name, t->rank, t->dims, (t->trainable ? model->parameters : model->running) + t->offset);
}

static enum cln_status check_size(const struct graph *g) {
    const size_t bytes = onnx__model_proto__get_packed_size(&g->proto);
    if (bytes <= INT32_MAX)
        return CLN_OK;
    return cln_fail(CLN_INVALID, "the model takes %.2f GiB and an ONNX file holds less than 2: keep it as safetensors",
                    (double)bytes / (1 << 30));
}

static enum cln_status check_values(const struct graph *g) {
    for (size_t i = 0; i < g->graph.n_initializer; i++) {
        const Onnx__TensorProto *tensor = g->tensor_list[i];
        for (size_t k = 0; k < tensor->n_float_data; k++)
            if (!isfinite(tensor->float_data[k]))
                return cln_fail(CLN_NUMERIC, "tensor \"%s\": value %zu is not finite", tensor->name, k);
    }
    return CLN_OK;
}

/* Receives protobuf-c's output and writes it to the file; errors are reported when the file is committed. */
struct file_buffer {
    ProtobufCBuffer base;
    FILE *stream;
};

static void append(ProtobufCBuffer *buffer, size_t bytes, const uint8_t *data) {
    (void)!fwrite(data, 1, bytes, ((struct file_buffer *)buffer)->stream);
}

static enum cln_status write_file(const struct graph *g, const char *path) {
    struct cln_replacement file = {0};
    enum cln_status status = cln_replace_begin(&file, path);
    if (status == CLN_OK) {
        struct file_buffer buffer = {{append}, file.stream};
        onnx__model_proto__pack_to_buffer(&g->proto, &buffer.base);
        status = cln_replace_commit(&file);
    }
    cln_replace_end(&file);
    return status;
}

enum cln_status cln_onnx_write(const char *path, const struct cln_checkpoint *model, bool fold_standardize) {
    struct graph g = {.model = model};
    if (fold_standardize && !model->mean)
        return cln_fail(CLN_INVALID,
                        "%s is not written: the model was trained on pixels that were not standardised, so that there "
                        "is nothing to fold",
                        path);
    enum cln_status status = allocate(&g);
    if (status == CLN_OK)
        status = make_metadata(&g, fold_standardize);
    if (status == CLN_OK) {
        build_model(&g, fold_standardize);
        status = check_size(&g);
    }
    if (status == CLN_OK)
        status = check_values(&g);
    status = status == CLN_OK ? write_file(&g, path) : cln_fail_within(status, "%s is not written", path);
    release(&g);
    return status;
}
