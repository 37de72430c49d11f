/* The nodes and tensors of a network's layers: see onnx_graph.h. */
#include <stdio.h>
#include <string.h>

#include "src/format/onnx_graph.h"
#include "src/model/layer.h"

/* Appends a node whose input is the last node's output. */
struct cln_onnx_node *cln_onnx_add_node(struct cln_onnx_graph *g, const char *operator, const char * name) {
    struct cln_onnx_node *node = &g->nodes[g->graph.n_node];
    cln_onnx_node_begin(node, operator, name);
    cln_onnx_node_input(node, g->last);
    g->node_list[g->graph.n_node++] = &node->proto;
    g->last = node->value;
    return node;
}

/* The name of what a layer reads: the output of another, or the images. */
static char *value_of(struct cln_onnx_graph *g, int layer) {
    return layer == CLN_NETWORK_INPUT ? g->images : g->nodes[g->last_of_layer[layer]].value;
}

void cln_onnx_add_tensor(struct cln_onnx_graph *g, const char *name, int rank, const int *dims, const float *values) {
    struct cln_onnx_tensor *tensor = &g->tensors[g->graph.n_initializer];
    onnx__tensor_proto__init(&tensor->proto);
    tensor->proto.name = (char *)name;
    tensor->proto.data_type = CLN_ONNX_FLOAT32;
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

/* Names a constant of a node, "node.what", and makes it the node's next input. */
static char *name_constant(struct cln_onnx_node *node, size_t index, const char *what) {
    snprintf(node->constant_names[index], sizeof(node->constant_names[index]), "%s.%s", node->name, what);
    cln_onnx_node_input(node, node->constant_names[index]);
    return node->constant_names[index];
}

/* Adds the nodes of a layer that has several. The last one has the layer's name, the others a number and their operator
 * behind it. */
static void add_steps(struct cln_onnx_graph *g, const struct cln_onnx_step *steps, const char *layer_name) {
    char *const input = g->last;
    for (const struct cln_onnx_step *step = steps; step->operator; step++) {
        char name[sizeof(g->nodes->name)];
        if (step[1].operator)
            snprintf(name, sizeof(name), "%s.%d.%s", layer_name, (int)(step - steps), step->operator);
        else
            snprintf(name, sizeof(name), "%s", layer_name);
        struct cln_onnx_node *node = cln_onnx_add_node(g, step->operator, name);
        cln_onnx_node_step(node, step);
        if (step->second == CLN_ONNX_WITH_INPUT)
            cln_onnx_node_input(node, input);
        if (step->second != CLN_ONNX_WITH_CONSTANT)
            continue;
        node->constant = (float)step->constant;
        cln_onnx_add_tensor(g, name_constant(node, 0, "constant"), 0, NULL, &node->constant);
    }
}

/* Adds a Reshape to [batch, the rest of the shape]. */
static void add_reshape(struct cln_onnx_graph *g, const char *name, int rank, const int64_t *rest) {
    struct cln_onnx_node *node = cln_onnx_add_node(g, "Reshape", name);
    struct cln_onnx_tensor *tensor = &g->tensors[g->graph.n_initializer];
    cln_onnx_add_tensor(g, name_constant(node, 0, "shape"), 1, (int[]){rank + 1}, NULL);
    tensor->proto.data_type = CLN_ONNX_INT64;
    tensor->proto.n_float_data = 0;
    tensor->proto.int64_data = tensor->shape;
    tensor->proto.n_int64_data = (size_t)rank + 1;
    tensor->shape[0] = 0; /* as it is */
    for (int i = 0; i < rank; i++)
        tensor->shape[i + 1] = rest[i];
}

/* Adds a group norm: as instance norm of [batch, groups, elements], and the weights behind it. */
static void add_groupnorm(struct cln_onnx_graph *g, size_t index, const char *name) {
    const struct cln_network *network = g->model->network;
    const struct cln_layer *layer = &network->layers[index];
    const struct cln_groupnorm *norm = &layer->groupnorm;
    const struct cln_shape s = norm->shape;
    const char *const weighted = norm->affine ? ".2.Reshape" : "";
    char part[sizeof(g->nodes->name)];
    snprintf(part, sizeof(part), "%s.0.Reshape", name);
    add_reshape(g, part, 2, (int64_t[]){norm->groups, (int64_t)cln_shape_count(s) / norm->groups});
    snprintf(part, sizeof(part), "%s.1.InstanceNormalization", name);
    struct cln_onnx_node *node = cln_onnx_add_node(g, "InstanceNormalization", part);
    cln_onnx_node_float(node, "epsilon", norm->eps);
    cln_onnx_add_tensor(g, name_constant(node, 0, "scale"), 1, &norm->groups, g->ones);
    cln_onnx_add_tensor(g, name_constant(node, 1, "shift"), 1, &norm->groups, g->zeros);
    snprintf(part, sizeof(part), "%s%s", name, weighted);
    add_reshape(g, part, layer->flat ? 1 : 3, (int64_t[]){s.channels, s.height, s.width});
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        if (t->layer != (int)index)
            continue;
        snprintf(part, sizeof(part), "%s%s", name, t->role == CLN_GAMMA ? ".3.Mul" : "");
        cln_onnx_node_input(cln_onnx_add_node(g, t->role == CLN_GAMMA ? "Mul" : "Add", part), t->name);
    }
}

/* Gives a batch norm without γ and β, which the operator needs, constants under the names that these would have. */
static void add_constants(struct cln_onnx_graph *g, struct cln_onnx_node *node, const struct cln_layer *layer) {
    static const char *const names[] = {"weight", "bias"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(node->constant_names[i], sizeof(node->constant_names[i]), "%s.%s", layer->path, names[i]);
        cln_onnx_node_input(node, node->constant_names[i]);
        cln_onnx_add_tensor(g, node->constant_names[i], 1, &layer->batchnorm.shape.channels,
                            i == 0 ? g->ones : g->zeros);
    }
}

/* The nodes that a layer becomes. */
size_t cln_onnx_nodes_of(const struct cln_layer *layer) {
    size_t count = 0;
    const struct cln_onnx_step *steps = cln_onnx_steps(layer);
    if (layer->kind == CLN_LAYER_GROUPNORM)
        return layer->groupnorm.affine ? 5 : 3;
    while (steps && steps[count].operator)
        count++;
    return steps ? count : 1;
}

/* Adds a layer. Its tensors are in the order of its operator's inputs. */
void cln_onnx_add_layer(struct cln_onnx_graph *g, size_t index) {
    const struct cln_network *network = g->model->network;
    const struct cln_layer *layer = &network->layers[index];
    const struct cln_onnx_step *steps = cln_onnx_steps(layer);
    char name[sizeof(layer->path) + 32];
    snprintf(name, sizeof(name), "%s.%s", layer->path, layer->type);
    g->last = value_of(g, layer->input);
    g->last_of_layer[index] = g->graph.n_node + cln_onnx_nodes_of(layer) - 1;
    if (layer->kind == CLN_LAYER_GROUPNORM)
        add_groupnorm(g, index, name);
    else if (steps)
        add_steps(g, steps, name);
    if (layer->kind == CLN_LAYER_GROUPNORM || steps)
        return;
    struct cln_onnx_node *node = cln_onnx_add_node(g, cln_layer_type_find(layer->type)->onnx, name);
    cln_onnx_node_options(node, layer);
    if (layer->kind == CLN_LAYER_RESIDUAL)
        cln_onnx_node_input(node, value_of(g, layer->shortcut));
    if (layer->kind == CLN_LAYER_BATCHNORM && !layer->batchnorm.affine)
        add_constants(g, node, layer);
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++)
        if (t->layer == (int)index)
            cln_onnx_node_input(node, t->name);
}

/* Adds a tensor of the network. The weights of a group norm of images get the dims that apply them by channel. */
void cln_onnx_add_parameter(struct cln_onnx_graph *g, const struct cln_tensor_info *t) {
    const struct cln_checkpoint *model = g->model;
    const struct cln_layer *layer = &model->network->layers[t->layer];
    const bool by_channel = layer->kind == CLN_LAYER_GROUPNORM && t->rank == 1 && !layer->flat;
    cln_onnx_add_tensor(g, t->name, by_channel ? 3 : t->rank, by_channel ? (int[]){t->dims[0], 1, 1} : t->dims,
                        (t->trainable ? model->parameters : model->running) + t->offset);
}
