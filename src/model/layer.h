/* Layer types as a table: name, options and where they are kept in struct cln_layer. Reading, writing, checking and
 * printing a layer all walk this table. Private to src/model. */
#ifndef SRC_MODEL_LAYER_H
#define SRC_MODEL_LAYER_H

#include "clenet/network.h"

/* Elements of one sample anywhere in the network, and parameters in all. */
enum { CLN_SIZE_LIMIT = 1 << 28, CLN_WINDOW_LIMIT = 1 << 16 };

/* A file of a few kilobytes can ask for any amount of work, so work has limits of its own. A window (kernel) times the
 * places where it is put, per pair of channels: as many as one of 8 x 8 has on a picture of 4096 x 4096. Products of
 * one image through all layers: VGG-16 has 15.5 thousand million. */
enum { CLN_PLACES_LIMIT = 1 << 30 };
#define CLN_WORK_LIMIT 17179869184.0 /* 2^34 */

enum cln_layer_option_type {
    CLN_LAYER_OPTION_INTEGER,
    CLN_LAYER_OPTION_PAIR, /* two ints in a row, height and width; in text one number means both */
    CLN_LAYER_OPTION_REAL,
    CLN_LAYER_OPTION_FLAG,
};

enum cln_layer_option_show { CLN_SHOW_NAMED, CLN_SHOW_VALUE, CLN_SHOW_CHANGED };

struct cln_layer_option {
    const char *name;
    enum cln_layer_option_type type;
    enum cln_layer_option_show show; /* in cln_layer_describe: "name=value", "value", or named where not the default */
    size_t offset;                   /* in struct cln_layer, of an int, two ints, a double or a bool */
    double least, most, initial;
    bool required;
    bool inferred;  /* follows from the input; where the text gives it, it is only checked */
    bool only_here; /* PyTorch's layer has no such option */
};

enum cln_layer_needs { CLN_NEEDS_ANY, CLN_NEEDS_IMAGE, CLN_NEEDS_FEATURES, CLN_NEEDS_COUNT };

struct cln_layer_type {
    const char *name;
    enum cln_layer_kind kind;
    int variant; /* enum cln_activation or enum cln_pool_kind */
    enum cln_layer_needs needs;
    const struct cln_layer_option *options;
    size_t option_count;
};

/* NULL for an unknown name. */
const struct cln_layer_type *cln_layer_type_find(const char *name);
/* Type number `index` in the table's order, NULL behind the last. */
const struct cln_layer_type *cln_layer_type_at(size_t index);

/* An option's value as a number; `axis` is 1 for the second one of a pair, else 0. */
double cln_layer_option_get(const struct cln_layer *layer, const struct cln_layer_option *option, int axis);
void cln_layer_option_set(struct cln_layer *layer, const struct cln_layer_option *option, int axis, double value);

bool cln_layer_option_is_initial(const struct cln_layer *layer, const struct cln_layer_option *option);

/* A layer of this type with every option at its default. */
void cln_layer_init(struct cln_layer *layer, const struct cln_layer_type *type);

/* From the input and the options: the output's shape and all of the geometry, checked. */
enum cln_status cln_layer_infer(struct cln_layer *layer, struct cln_shape in, bool flat) CLN_MUST_CHECK;

/* Multiply-adds of one sample forward; 0 for all but Conv2d and Linear. */
double cln_layer_multiply_adds(const struct cln_layer *layer);
/* The same, with every cell of a pool's windows counted too. */
double cln_layer_work(const struct cln_layer *layer);

/* Whether the product of `count` factors ≥ 0 is at most CLN_SIZE_LIMIT; never overflows. */
bool cln_product_fits(const int *factors, size_t count);

#endif
