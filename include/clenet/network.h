/* What a network is: a chain of layers in PyTorch's vocabulary, read from JSON text or built in,
 * with every shape inferred and checked, and every parameter declared once. No device here. */
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
    CLN_LAYER_FLATTEN,
    CLN_LAYER_KIND_COUNT
};

struct cln_layer {
    enum cln_layer_kind kind;
    const char *type; /* PyTorch's name, "Conv2d"; static storage */
    struct cln_shape in, out;
    bool flat; /* the output is a vector of features, not an image */
    union {
        struct cln_conv2d conv2d;
        struct cln_linear linear;
        struct cln_batchnorm batchnorm;
        enum cln_activation activation;
        struct cln_pool2d pool2d;
    };
};

/* One tensor that a checkpoint holds. Trainable ones live in one flat buffer of float32, each starting
 * at `offset`, a multiple of CLN_TENSOR_ALIGN; running statistics in another one with offsets of its own.
 * Values are stored in PyTorch's order (row-major over dims). */
enum cln_tensor_role {
    CLN_WEIGHT, /* of Conv2d [out, in, kernel_h, kernel_w] or Linear [out, in] */
    CLN_BIAS,
    CLN_GAMMA, /* "weight" of a batch norm */
    CLN_BETA,  /* "bias" of a batch norm */
    CLN_RUNNING_MEAN,
    CLN_RUNNING_VAR,
};

enum { CLN_TENSOR_ALIGN = 64 };

struct cln_tensor_info {
    char name[32]; /* PyTorch's state-dict name in an nn.Sequential: "0.weight", "1.running_mean" */
    enum cln_tensor_role role;
    bool trainable;
    int layer; /* index into layers */
    int rank, dims[4];
    size_t count;  /* product of dims */
    size_t offset; /* in floats, into the trainable or the running-statistics buffer */
    int fan_in;    /* inputs of one output, for initial weights; 0 for batch norm */
};

struct cln_network {
    char name[64];
    struct cln_shape input;
    int classes; /* features of the last layer's output */
    struct cln_layer *layers;
    size_t layer_count;
    struct cln_tensor_info *tensors; /* in state-dict order */
    size_t tensor_count;
    size_t parameter_count;  /* trainable numbers, without padding */
    size_t running_count;    /* running statistics, without padding */
    size_t parameter_floats; /* size of the trainable buffer, with padding; a multiple of the alignment */
    size_t running_floats;   /* size of the running-statistics buffer, with padding */
};

struct cln_network_params {
    /* Takes the place of the network's input height and width, for data of another size; 0: as written. */
    int height, width;
    /* What running variances take in every batch norm, whatever the text says; neither: as the text says. */
    bool biased_running_variance, unbiased_running_variance;
};

/* A built-in name ("bn-lenet", "lenet") or the path of a JSON file. `params` may be NULL.
 * CLN_NOT_FOUND names the built-ins; CLN_INVALID names the layer, the option and what is allowed. */
CLN_API enum cln_status cln_network_load(struct cln_network **out, const char *name_or_path,
                                         const struct cln_network_params *params) CLN_MUST_CHECK;
/* The same from text; `origin` is the name in messages. */
CLN_API enum cln_status cln_network_parse(struct cln_network **out, const char *text, size_t bytes, const char *origin,
                                          const struct cln_network_params *params) CLN_MUST_CHECK;
CLN_API void cln_network_destroy(struct cln_network **network);

/* The network as JSON text, complete enough to be parsed back to an equal one. *out is the caller's: free(). */
CLN_API enum cln_status cln_network_text(char **out, const struct cln_network *network) CLN_MUST_CHECK;

/* Names of the built-in networks, NULL-terminated. */
CLN_API const char *const *cln_network_builtins(void);

/* `print(net)`: layers, output shapes, parameters, stages, multiply-adds and bytes, for `batch_size` samples. Fails
 * before anything is printed. */
CLN_API enum cln_status cln_network_print(const struct cln_network *network, int batch_size, FILE *stream);

/* The network as a line of Python per layer: `net = torch.nn.Sequential(…)`, which takes the tensors of a model under
 * their names (load_state_dict with strict=True). Python cannot say everything: where a batch norm's running variance
 * is biased, a comment says that PyTorch's is not. */
CLN_API void cln_network_print_python(const struct cln_network *network, FILE *stream);

/* Every layer type with its options: what each is, its range and its default. */
CLN_API void cln_network_print_layers(FILE *stream);

/* A size for people: "900 bytes", "1.50 KiB". */
void cln_format_bytes(char text[32], double bytes);

/* Useful multiply-adds of one sample: forward, and a whole training step (forward, weight gradients,
 * and data gradients of all but the first affine layer). */
CLN_API void cln_network_multiply_adds(const struct cln_network *network, double *forward, double *training);

/* Products of one image through all layers, those of pools included. */
double cln_network_work(const struct cln_network *network);

/* One line of a layer as PyTorch prints it: "Conv2d(1, 6, kernel_size=5, stride=1)". */
CLN_API void cln_layer_describe(const struct cln_layer *layer, char *text, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
