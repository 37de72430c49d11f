/* A model as an ONNX file, for the runtimes that read those: https://onnx.ai/onnx/repo-docs/IR.html. */
#ifndef SRC_FORMAT_ONNX_H
#define SRC_FORMAT_ONNX_H

#include "clenet/checkpoint.h"

/* Both came with ONNX 1.8 of 2020, and what is written here means the same in all later versions: old runtimes read the
 * file as well as new ones. */
enum { CLN_ONNX_OPSET = 13, CLN_ONNX_IR_VERSION = 7 };

/* Writes the network for prediction, a node per layer:
 *     Conv2d → Conv    Linear → Gemm (transB 1)    BatchNorm → BatchNormalization    MaxPool2d → MaxPool
 *     AvgPool2d → AveragePool (count_include_pad 1)    Sigmoid, ReLU, Tanh, Identity, Flatten → the same
 * Input "images" float32 [batch, C, H, W] ([batch, F] where the network takes features), output "logits"
 * float32 [batch, classes]; `batch` may be any number at run time. Initializers have the names of the state dict.
 * Where the model has `mean` and `inverse_deviation`, `fold_standardize` puts Sub and Mul with them in front, so that
 * the input is pixels in [0, 1]; without it the caller has to standardise, which the input's doc_string says.
 * `fold_standardize` for a model without them is CLN_INVALID. metadata_props are the strings that a safetensors file of
 * the model has: network, classes, what was done to the pixels.
 *
 * Written aside, synced and renamed over `path`: a failure leaves an older file as it was. A value that is not finite
 * is CLN_NUMERIC. More than 2 GiB, which no ONNX file can hold, is CLN_INVALID, and so is a program that was built
 * without protobuf-c. */
enum cln_status cln_onnx_write(const char *path, const struct cln_checkpoint *model,
                               bool fold_standardize) CLN_MUST_CHECK;

#endif
