/* Builds the graph that onnx.h describes from protobuf-c's structs (onnx.proto), and writes it. */
#include "src/format/onnx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/version.h"
#include "src/base/replace.h"
#include "src/format/onnx_graph.h"

/* ---- Inputs and outputs, metadata ---- */

static int shape_dims(const struct cln_onnx_graph *g, int dims[3]) {
    const struct cln_shape in = g->model->network->input;
    dims[0] = in.channels;
    dims[1] = in.height;
    dims[2] = in.width;
    return g->model->network->flat ? 1 : 3;
}

/* Adds (x − mean) · inverse_deviation, in the engine's order. */
static void add_standardize(struct cln_onnx_graph *g) {
    static const char mean[] = "mean", deviation[] = "inverse_deviation";
    int dims[3];
    const int rank = shape_dims(g, dims);
    cln_onnx_add_tensor(g, mean, rank, dims, g->model->mean);
    cln_onnx_add_tensor(g, deviation, rank, dims, g->model->inverse_deviation);
    struct cln_onnx_node *node = cln_onnx_add_node(g, "Sub", "subtract_mean");
    cln_onnx_node_input(node, mean);
    node = cln_onnx_add_node(g, "Mul", "standardise");
    cln_onnx_node_input(node, deviation);
}

/* float32 [batch, dims…] */
static Onnx__ValueInfoProto *describe_value(struct cln_onnx_value *value, const char *name, int rank, const int *dims) {
    onnx__value_info_proto__init(&value->proto);
    onnx__type_proto__init(&value->type);
    onnx__type_proto__tensor__init(&value->tensor);
    onnx__tensor_shape_proto__init(&value->shape);
    value->proto.name = (char *)name;
    value->proto.type = &value->type;
    value->type.tensor_type = &value->tensor;
    value->tensor.elem_type = CLN_ONNX_FLOAT32;
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

static void describe_input(struct cln_onnx_graph *g, bool standardises) {
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
static enum cln_status make_metadata(struct cln_onnx_graph *g, bool standardises) {
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

static enum cln_status allocate(struct cln_onnx_graph *g) {
    const struct cln_network *network = g->model->network;
    size_t nodes = CLN_ONNX_OWN_NODES, ones = 1;
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct cln_layer *layer = &network->layers[i];
        nodes += cln_onnx_nodes_of(layer);
        const int needed = layer->kind == CLN_LAYER_GROUPNORM   ? layer->groupnorm.groups
                           : layer->kind == CLN_LAYER_BATCHNORM ? layer->batchnorm.shape.channels
                                                                : 0;
        if (needed > (int)ones)
            ones = (size_t)needed;
    }
    const size_t tensors = network->tensor_count + 2 * nodes; /* a node has at most two constants */
    g->ones = malloc(ones * sizeof(*g->ones));
    g->zeros = calloc(ones, sizeof(*g->zeros));
    for (size_t i = 0; g->ones && i < ones; i++)
        g->ones[i] = 1;
    g->last_of_layer = calloc(network->layer_count, sizeof(*g->last_of_layer));
    g->nodes = calloc(nodes, sizeof(*g->nodes));
    g->node_list = calloc(nodes, sizeof(*g->node_list));
    g->tensors = calloc(tensors, sizeof(*g->tensors));
    g->tensor_list = calloc(tensors, sizeof(*g->tensor_list));
    if (!g->nodes || !g->node_list || !g->tensors || !g->tensor_list || !g->last_of_layer || !g->ones || !g->zeros)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a graph of %zu nodes", nodes);
    return CLN_OK;
}

static void release(struct cln_onnx_graph *g) {
    free(g->nodes);
    free(g->node_list);
    free(g->tensors);
    free(g->tensor_list);
    free(g->last_of_layer);
    free(g->ones);
    free(g->zeros);
    cln_metadata_free(&g->metadata);
}

static void begin_model(struct cln_onnx_graph *g) {
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

static void build_model(struct cln_onnx_graph *g, bool standardises) {
    const struct cln_checkpoint *model = g->model;
    const struct cln_network *network = model->network;
    begin_model(g);
    describe_input(g, standardises);
    g->output_list[0] = describe_value(&g->output, "logits", 1, &network->classes);
    g->last = g->input.proto.name;
    if (standardises)
        add_standardize(g);
    g->images = g->last;
    for (size_t i = 0; i < network->layer_count; i++)
        cln_onnx_add_layer(g, i);
    g->nodes[g->graph.n_node - 1].outputs[0] = g->output.proto.name;
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++)
        cln_onnx_add_parameter(g, t);
}

static enum cln_status check_size(const struct cln_onnx_graph *g) {
    const size_t bytes = onnx__model_proto__get_packed_size(&g->proto);
    if (bytes <= INT32_MAX)
        return CLN_OK;
    return cln_fail(CLN_INVALID, "the model takes %.2f GiB and an ONNX file holds less than 2: keep it as safetensors",
                    (double)bytes / (1 << 30));
}

static enum cln_status check_values(const struct cln_onnx_graph *g) {
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

static enum cln_status write_file(const struct cln_onnx_graph *g, const char *path) {
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
    struct cln_onnx_graph g = {.model = model};
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
