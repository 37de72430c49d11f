/* Reads a layer's type and options from JSON. For src/model alone. */
#ifndef SRC_MODEL_LAYER_TEXT_H
#define SRC_MODEL_LAYER_TEXT_H

#include "src/base/json_text.h"
#include "src/model/layer.h"

/* What a JSON value is called in a message: "a list". */
const char *cln_text_type_name(const json_t *value);
/* Fails unless every key of `object` is one of `known`. */
enum cln_status cln_text_check_keys(json_t *object, const char *const *known, size_t count) CLN_MUST_CHECK;

/* Finds the type that a layer's object names. */
enum cln_status cln_layer_text_type(const struct cln_layer_type **out, json_t *object) CLN_MUST_CHECK;
/* Sets the options that a layer's object has, and checks that it has no others and all that are required. */
enum cln_status cln_layer_text_options(struct cln_layer *layer, json_t *object,
                                       const struct cln_layer_type *type) CLN_MUST_CHECK;

#endif
