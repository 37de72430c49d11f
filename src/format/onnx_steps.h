/* Layers that no operator of ONNX computes alone: they become several nodes. */
#ifndef SRC_FORMAT_ONNX_STEPS_H
#define SRC_FORMAT_ONNX_STEPS_H

#include "clenet/network.h"

enum cln_onnx_second {
    CLN_ONNX_ALONE,
    CLN_ONNX_WITH_INPUT,    /* the second input is that of the layer */
    CLN_ONNX_WITH_CONSTANT, /* the second input is `constant` */
};

/* One node. Its first input is what the node before it has made; that of the first node is the layer's. */
struct cln_onnx_step {
    const char *operator;
    enum cln_onnx_second second;
    double constant;
    double alpha, beta; /* attributes; both 0: none */
};

/* The nodes that a layer becomes, ended by one without an operator. NULL: it is one node, of its type's operator. */
const struct cln_onnx_step *cln_onnx_steps(const struct cln_layer *layer);

#endif
