/* The table of layer types: each type's name, its options and the shapes of its tensors with their places in struct
 * cln_layer, and its operator in ONNX. Reading, writing, checking, printing and exporting of layers follow from this
 * table. */
#ifndef SRC_MODEL_LAYER_H
#define SRC_MODEL_LAYER_H

#include "clenet/network.h"

/* Upper limits: of the elements of one sample in any layer, and of the parameters in all (CLN_SIZE_LIMIT); of the
 * height or width of a window (CLN_WINDOW_LIMIT). */
enum { CLN_SIZE_LIMIT = 1 << 28, CLN_WINDOW_LIMIT = 1 << 16 };

/* Upper limit of the layers of a network, those of branches among them. */
enum { CLN_LAYER_LIMIT = 1000 };

/* Upper limits of the work for one image, since a file of a few kilobytes could ask for any amount. CLN_PLACES_LIMIT:
 * cells of a window times the places where it is applied, per pair of channels; an 8 x 8 window on a 4096 x 4096 image
 * reaches it. CLN_WORK_LIMIT: multiply-adds of one image through all layers; VGG-16 has 15.5e9. */
enum { CLN_PLACES_LIMIT = 1 << 30 };
#define CLN_WORK_LIMIT 17179869184.0 /* 2^34 */

enum cln_layer_option_type {
    CLN_LAYER_OPTION_INTEGER,
    CLN_LAYER_OPTION_PAIR, /* two adjacent ints, height and width; in text one number sets both */
    CLN_LAYER_OPTION_REAL,
    CLN_LAYER_OPTION_FLAG,
    CLN_LAYER_OPTION_WORD,   /* one of `words`, kept as a double: its index */
    CLN_LAYER_OPTION_SHAPE,  /* a struct cln_shape; in text [channels, height, width] or a number of features */
    CLN_LAYER_OPTION_LAYERS, /* a list of layers; they are in the network, and the option has no number */
};

enum cln_layer_option_show { CLN_SHOW_NAMED, CLN_SHOW_VALUE, CLN_SHOW_CHANGED };

struct cln_layer_option {
    const char *name;
    enum cln_layer_option_type type;
    enum cln_layer_option_show show; /* in cln_layer_describe: "name=value"; "value"; or named if not the default */
    size_t offset;                   /* offset in struct cln_layer of its number, its two or three ints, or its bool */
    double least, most, initial;     /* a word: the indices of the first, the last and the default word */
    bool required;
    bool inferred;            /* follows from the input; a value in the text is only checked */
    bool only_here;           /* PyTorch's layer has no such option */
    const char *onnx;         /* name of the float attribute with this value in ONNX; NULL: none */
    const char *const *words; /* of a CLN_LAYER_OPTION_WORD, NULL-terminated */
};

/* An option of PyTorch's layer that clenet has only one value of. A text may say it. */
struct cln_layer_default {
    const char *name;
    const char *value; /* as JSON; NULL: true or false, which makes no difference here */
    bool is_pair;      /* may also be a list of two */
};

/* A tensor of a layer. Its sizes are in struct cln_layer once the layer is inferred. */
struct cln_layer_tensor {
    const char *name; /* PyTorch's name: "weight" */
    enum cln_tensor_role role;
    size_t dims[4];   /* offsets of ints; 0 ends the list */
    size_t only_with; /* offset of a bool, without which the layer has no such tensor; 0: always there */
    bool is_whole;    /* the dims are those of a shape: a vector of features has only the first */
};

enum cln_layer_needs { CLN_NEEDS_ANY, CLN_NEEDS_IMAGE, CLN_NEEDS_FEATURES, CLN_NEEDS_COUNT };

struct cln_layer_type {
    const char *name;
    enum cln_layer_kind kind;
    int variant; /* an enum cln_activation_kind or enum cln_pool_kind; of a dropout, by_channel; of a group norm,
                    by_element; 0 for other kinds */
    enum cln_layer_needs needs;
    const char *onnx; /* ONNX's name of the operator; NULL: several nodes (src/format/onnx_steps.h) */
    const struct cln_layer_option *options;
    size_t option_count;
    const struct cln_layer_tensor *tensors; /* in the order of the state dict and of the operator's inputs in ONNX */
    size_t tensor_count;
    const struct cln_layer_default *defaults; /* ended by one without a name; NULL: none */
    /* An activation that is not monotone, or whose derivative is not a function of its value but of its input. So a max
     * pool has to come after it, and its input has to be at hand in the backward pass. */
    bool of_input;
};

/* The type of this name; NULL: unknown. */
const struct cln_layer_type *cln_layer_type_find(const char *name);
/* The type of an activation. If it has an option, that is the activation's `parameter`. */
const struct cln_layer_type *cln_layer_type_of_activation(enum cln_activation_kind kind);
/* Whether the type of an activation has `of_input`. */
bool cln_activation_is_of_input(enum cln_activation_kind kind);
/* The type number `index` in the table's order; NULL after the last. */
const struct cln_layer_type *cln_layer_type_at(size_t index);

/* Reads or sets an option's value as a number. `axis` is 1 for the second value of a pair, 1 or 2 for those of a shape,
 * else 0. */
double cln_layer_option_get(const struct cln_layer *layer, const struct cln_layer_option *option, int axis);
void cln_layer_option_set(struct cln_layer *layer, const struct cln_layer_option *option, int axis, double value);
/* The value of a CLN_LAYER_OPTION_WORD. */
const char *cln_layer_option_word(const struct cln_layer *layer, const struct cln_layer_option *option);

/* Whether the option has its default value. */
bool cln_layer_option_is_initial(const struct cln_layer *layer, const struct cln_layer_option *option);

/* Initialises a layer of this type with every option at its default. */
void cln_layer_init(struct cln_layer *layer, const struct cln_layer_type *type);

/* Infers and checks the layer's output shape and geometry from its input and options; not what a Residual adds. `flat`:
 * the input is a vector of features. */
enum cln_status cln_layer_infer(struct cln_layer *layer, struct cln_shape in, bool flat) CLN_MUST_CHECK;

/* Multiply-adds of one sample's forward pass; 0 for all layers but Conv2d and Linear. */
double cln_layer_multiply_adds(const struct cln_layer *layer);
/* Like cln_layer_multiply_adds, and every cell of a pool's windows counts as one. */
double cln_layer_work(const struct cln_layer *layer);

/* Whether a layer's path is `within`, which ends with a dot or is empty, and a number: the layer is one of that list.
 */
bool cln_layer_is_within(const struct cln_layer *layer, const char *within);

/* The number of layers that read a layer's output, or the network's input. A Residual that adds a layer's output to
 * itself counts twice. */
size_t cln_layer_readers(const struct cln_network *network, int layer);

/* Whether the product of `count` factors ≥ 0 is at most CLN_SIZE_LIMIT. Never overflows. */
bool cln_product_fits(const int *factors, size_t count);

#endif
