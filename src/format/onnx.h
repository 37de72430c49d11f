/* Writes a model as an ONNX file: https://onnx.ai/onnx/repo-docs/IR.html. */
#ifndef SRC_FORMAT_ONNX_H
#define SRC_FORMAT_ONNX_H

#include "clenet/checkpoint.h"

/* Versions of ONNX 1.8 (2020). Later versions keep the meaning of everything written here, so old and new runtimes read
 * the file. */
enum { CLN_ONNX_OPSET = 13, CLN_ONNX_IR_VERSION = 7 };

/* Writes the network for prediction, one node per layer:
 *     Conv2d → Conv Linear → Gemm (transB 1) BatchNorm → BatchNormalization MaxPool2d → MaxPool
 *     AvgPool2d → AveragePool (count_include_pad 1) Sigmoid, ReLU, Tanh, Identity, Flatten → the same
 * Input "images": float32 [batch, C, H, W], or [batch, F] if the network takes features. Output "logits": float32
 * [batch, classes]. `batch` is free at run time. Initializers have the state dict's names. metadata_props are the
 * strings of the model's safetensors file: network, classes, preprocessing.
 *
 * Standardization: `fold_standardize` puts Sub and Mul with the model's `mean` and `inverse_deviation` first, so that
 * the input is pixels in [0, 1]; CLN_INVALID if the model has none. Without it the caller standardises the input, as
 * the input's doc_string says.
 *
 * The file is replaced as a whole (replace.h): a failure leaves the old one. CLN_NUMERIC: a value is not finite.
 * CLN_INVALID: more than 2 GiB, ONNX's limit, or a program built without protobuf-c. */
enum cln_status cln_onnx_write(const char *path, const struct cln_checkpoint *model,
                               bool fold_standardize) CLN_MUST_CHECK;

#endif
