/* One node of an ONNX graph. */
#ifndef SRC_FORMAT_ONNX_NODE_H
#define SRC_FORMAT_ONNX_NODE_H

#include "clenet/network.h"
#include "src/format/onnx.pb-c.h"
#include "src/format/onnx_steps.h"

enum { CLN_ONNX_INPUTS = 5, CLN_ONNX_ATTRIBUTES = 6 };

/* A node with memory for everything that it points to. */
struct cln_onnx_node {
    Onnx__NodeProto proto;
    char name[128], value[144];
    char *inputs[CLN_ONNX_INPUTS], *outputs[1];
    Onnx__AttributeProto attributes[CLN_ONNX_ATTRIBUTES], *attribute_list[CLN_ONNX_ATTRIBUTES];
    int64_t ints[CLN_ONNX_ATTRIBUTES][4];
    char constant_names[2][160]; /* of constants that are its inputs, */
    float constant;              /* and the value of one number */
};

/* Initialises a node without inputs. Its output is called "name.output". */
void cln_onnx_node_begin(struct cln_onnx_node *node, const char *operator, const char * name);
/* Appends an input: the name of a value or tensor, which must outlive the node. */
void cln_onnx_node_input(struct cln_onnx_node *node, const char *value);
/* Adds the attributes that say a layer's options. */
void cln_onnx_node_options(struct cln_onnx_node *node, const struct cln_layer *layer);
/* Adds an attribute. */
void cln_onnx_node_float(struct cln_onnx_node *node, const char *name, double value);
/* Adds the attributes of a step. */
void cln_onnx_node_step(struct cln_onnx_node *node, const struct cln_onnx_step *step);

#endif
