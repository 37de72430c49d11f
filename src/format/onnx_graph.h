/* A graph of ONNX while it is built: its messages, and the nodes and tensors of a network's layers. Shared by the files
 * that build it. */
#ifndef SRC_FORMAT_ONNX_GRAPH_H
#define SRC_FORMAT_ONNX_GRAPH_H

#include "src/format/metadata.h"
#include "src/format/onnx_node.h"

enum { CLN_ONNX_FLOAT32 = 1, CLN_ONNX_INT64 = 7, CLN_ONNX_MAX_RANK = 4, CLN_ONNX_OWN_NODES = 2 };

struct cln_onnx_tensor {
    Onnx__TensorProto proto;
    int64_t dims[CLN_ONNX_MAX_RANK], shape[CLN_ONNX_MAX_RANK]; /* shape: the values, if it has those of a shape */
};

/* An input or output of the graph. */
struct cln_onnx_value {
    Onnx__ValueInfoProto proto;
    Onnx__TypeProto type;
    Onnx__TypeProto__Tensor tensor;
    Onnx__TensorShapeProto shape;
    Onnx__TensorShapeProto__Dimension dims[CLN_ONNX_MAX_RANK], *dim_list[CLN_ONNX_MAX_RANK];
};

struct cln_onnx_graph {
    const struct cln_checkpoint *model;
    Onnx__ModelProto proto;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset, *opset_list[1];
    Onnx__StringStringEntryProto entries[CLN_METADATA_MAX], *entry_list[CLN_METADATA_MAX];
    struct cln_onnx_value input, output;
    Onnx__ValueInfoProto *input_list[1], *output_list[1];
    struct cln_onnx_node *nodes;
    Onnx__NodeProto **node_list;
    struct cln_onnx_tensor *tensors;
    Onnx__TensorProto **tensor_list;
    struct cln_metadata metadata;
    float *ones, *zeros;   /* as many as the most groups or channels of a norm */
    char *last;            /* name of the next node's input */
    char *images;          /* name of the first layer's input */
    size_t *last_of_layer; /* by layer: index of the node that makes its output */
    char input_text[320];
};

/* Appends a node whose input is the last node's output. */
struct cln_onnx_node *cln_onnx_add_node(struct cln_onnx_graph *g, const char *operator, const char * name);
/* Appends a tensor of float32; `values` must outlive the graph. */
void cln_onnx_add_tensor(struct cln_onnx_graph *g, const char *name, int rank, const int *dims, const float *values);

/* The number of nodes that a layer becomes; a node has at most two constants. */
size_t cln_onnx_nodes_of(const struct cln_layer *layer);
/* Appends the nodes of a layer, which come behind those of the layers before it, and their constants. */
void cln_onnx_add_layer(struct cln_onnx_graph *g, size_t index);
/* Appends a tensor of the network. */
void cln_onnx_add_parameter(struct cln_onnx_graph *g, const struct cln_tensor_info *t);

#endif
