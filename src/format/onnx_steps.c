/* The steps that onnx_steps.h describes, by operators that operator set 13 has. */
#include "src/format/onnx_steps.h"

#define WITH_INPUT CLN_ONNX_WITH_INPUT
#define CONSTANT CLN_ONNX_WITH_CONSTANT

/* x · sigmoid(x) */
static const struct cln_onnx_step silu[] = {{"Sigmoid"}, {"Mul", WITH_INPUT}, {0}};

/* x · max(0, min(1, x/6 + 1/2)) */
static const struct cln_onnx_step hardswish[] = {
    {"HardSigmoid", .alpha = 1.0 / 6, .beta = 0.5}, {"Mul", WITH_INPUT}, {0}};

/* x · (erf(x/√2) + 1) · 1/2 */
static const struct cln_onnx_step gelu[] = {{"Mul", CONSTANT, 0.70710678118654752},
                                            {"Erf"},
                                            {"Add", CONSTANT, 1},
                                            {"Mul", WITH_INPUT},
                                            {"Mul", CONSTANT, 0.5},
                                            {0}};

/* x · sigmoid(2 √(2/π) (0.044715 x² + 1) x), where (tanh(u) + 1) / 2 = sigmoid(2u) */
static const struct cln_onnx_step gelu_by_tanh[] = {{"Mul", WITH_INPUT},
                                                    {"Mul", CONSTANT, 0.044715},
                                                    {"Add", CONSTANT, 1},
                                                    {"Mul", WITH_INPUT},
                                                    {"Mul", CONSTANT, 1.5957691216057308},
                                                    {"Sigmoid"},
                                                    {"Mul", WITH_INPUT},
                                                    {0}};

const struct cln_onnx_step *cln_onnx_steps(const struct cln_layer *layer) {
    if (layer->kind != CLN_LAYER_ACTIVATION)
        return NULL;
    switch (layer->activation.kind) {
    case CLN_HARDSWISH:
        return hardswish;
    case CLN_SILU:
        return silu;
    case CLN_GELU:
        return layer->activation.parameter == 1 ? gelu_by_tanh : gelu;
    default:
        return NULL;
    }
}
