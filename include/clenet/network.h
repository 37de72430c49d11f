/* Networks: layers in PyTorch's vocabulary, a chain with branches, read from JSON text or built in. Loading infers and
 * checks every shape and declares every parameter once. No device is involved. */
#ifndef CLENET_NETWORK_H
#define CLENET_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "clenet/geometry.h"
#include "clenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum cln_layer_kind {
    CLN_LAYER_CONV2D,
    CLN_LAYER_LINEAR,
    CLN_LAYER_BATCHNORM, /* BatchNorm2d before Flatten, BatchNorm1d after it */
    CLN_LAYER_ACTIVATION,
    CLN_LAYER_POOL2D,
    CLN_LAYER_DROPOUT,
    CLN_LAYER_FLATTEN,
    CLN_LAYER_RESIDUAL,  /* the sum of two layers' outputs */
    CLN_LAYER_GROUPNORM, /* GroupNorm, LayerNorm */
    CLN_LAYER_KIND_COUNT
};

/* In place of the index of a layer whose output is read: the network's input is read. */
enum { CLN_NETWORK_INPUT = -1 };

/* The layers of a Residual come before it in the list: those of its main branch, then those of its shortcut. */
struct cln_layer {
    enum cln_layer_kind kind;
    const char *type; /* PyTorch's name of the layer, "Conv2d"; static storage */
    char path[64];    /* PyTorch's name of the module: "3", or in a Residual "3.layers.0" or "3.shortcut.0" */
    int input;    /* index of the layer whose output it reads, less than its own; of a Residual: of its main branch */
    int shortcut; /* Residual: index of the layer whose output is added, less than its own; else 0 */
    struct cln_shape in, out;
    bool flat; /* the output is a vector of features instead of an image */
    union {
        struct cln_conv2d conv2d;
        struct cln_linear linear;
        struct cln_batchnorm batchnorm;
        struct cln_activation activation;
        struct cln_pool2d pool2d;
        struct cln_dropout dropout;
        struct cln_groupnorm groupnorm;
    };
};

/* One tensor of a checkpoint, its values in PyTorch's order (row-major over dims). Trainable tensors share one flat
 * float32 buffer, running statistics share another. In its buffer each tensor starts at `offset`, a multiple of
 * CLN_TENSOR_ALIGN. */
enum cln_tensor_role {
    CLN_WEIGHT, /* of Conv2d [out, in, kernel_h, kernel_w] or Linear [out, in] */
    CLN_BIAS,
    CLN_GAMMA, /* "weight" of a batch norm, group norm or layer norm */
    CLN_BETA,  /* its "bias" */
    CLN_RUNNING_MEAN,
    CLN_RUNNING_VAR,
};

enum { CLN_TENSOR_ALIGN = 64 };

struct cln_tensor_info {
    char name[80]; /* PyTorch's state-dict name: the layer's path and the tensor's, "0.weight",
                      "1.layers.1.running_mean" */
    enum cln_tensor_role role;
    bool trainable;
    int layer; /* index into layers */
    int rank, dims[4];
    size_t count;  /* product of dims */
    size_t offset; /* in floats, from the start of the trainable or the running-statistics buffer */
    int fan_in;    /* number of inputs of one output, for initial weights; 0 for norms */
};

struct cln_network {
    char name[64];
    struct cln_shape input;
    bool flat;                /* the input is a vector of features instead of an image */
    int classes;              /* features of the last layer's output */
    struct cln_layer *layers; /* each behind those that it reads; the last makes the logits */
    size_t layer_count;
    struct cln_tensor_info *tensors; /* in state-dict order */
    size_t tensor_count;
    size_t parameter_count;  /* number of trainable values, without padding */
    size_t running_count;    /* number of running statistics, without padding */
    size_t parameter_floats; /* size of the trainable buffer in floats, with padding; a multiple of CLN_TENSOR_ALIGN */
    size_t running_floats;   /* size of the running-statistics buffer in floats, with padding */
};

struct cln_network_params {
    /* Replaces the height and width of the network's input, for images of another size; 0: as in the text. */
    int height, width;
    /* Sets biased_running_variance of every batch norm to true or false, whatever the text says; neither: as in the
     * text. */
    bool biased_running_variance, unbiased_running_variance;
};

/* Loads a built-in network ("bn-lenet", "lenet") or a JSON file. `params` NULL: no changes. CLN_NOT_FOUND lists the
 * built-in names; CLN_INVALID names the layer, the option and what is allowed. *out is the caller's. */
CLN_API enum cln_status cln_network_load(struct cln_network **out, const char *name_or_path,
                                         const struct cln_network_params *params) CLN_MUST_CHECK;
/* Like cln_network_load, from JSON text of `bytes`. `origin` names the text in messages. */
CLN_API enum cln_status cln_network_parse(struct cln_network **out, const char *text, size_t bytes, const char *origin,
                                          const struct cln_network_params *params) CLN_MUST_CHECK;
CLN_API void cln_network_destroy(struct cln_network **network);

/* Writes the network as JSON text; cln_network_parse makes an equal network of it. *out is the caller's: free(). */
CLN_API enum cln_status cln_network_text(char **out, const struct cln_network *network) CLN_MUST_CHECK;

/* Names of the built-in networks, NULL-terminated. */
CLN_API const char *const *cln_network_builtins(void);

/* Prints a table of layers, output shapes, parameters, stages, multiply-adds and bytes, for batches of `batch_size`
 * samples. After a failure nothing has been printed. */
CLN_API enum cln_status cln_network_print(const struct cln_network *network, int batch_size, FILE *stream);

/* Prints the network as Python, `net = torch.nn.Sequential(…)`, behind the class Residual if it has branches. That
 * module loads a model's tensors (load_state_dict with strict=True). PyTorch has no biased running variance: such a
 * batch norm gets a comment that says so. */
CLN_API void cln_network_print_python(const struct cln_network *network, FILE *stream);

/* Prints every layer type and its options: meaning, range and default. */
CLN_API void cln_network_print_layers(FILE *stream);

/* Formats a number of bytes for people: "900 bytes", "1.50 KiB". */
void cln_format_bytes(char text[32], double bytes);

/* Multiply-adds that the mathematics needs for one sample. `forward`: the forward pass. `training`: the forward pass,
 * the weight gradients, and the data gradients of all affine layers with weights before them. */
CLN_API void cln_network_multiply_adds(const struct cln_network *network, double *forward, double *training);

/* Multiply-adds of one sample's forward pass, with every cell of a pool's windows counted as one. */
double cln_network_work(const struct cln_network *network);

/* Describes a layer in one line as PyTorch prints it: "Conv2d(1, 6, kernel_size=5, stride=1)". A longer text is cut to
 * `bytes`. */
CLN_API void cln_layer_describe(const struct cln_layer *layer, char *text, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
