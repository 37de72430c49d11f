/* What the tests of ONNX files share: a model's values, a file written and decoded again, and comparisons. */
#ifndef TESTS_FORMAT_ONNX_H
#define TESTS_FORMAT_ONNX_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/format/onnx.h"
#include "src/format/onnx.pb-c.h"
#include "tests/temporary.h"

static char path[512];
static float parameters[4096], running[1024];

/* Creates the folder of the file, and the values of models. */
static inline int begin(void **state) {
    const int failed = temporary_create(state);
    snprintf(path, sizeof(path), "%s", temporary_path("model.onnx"));
    for (size_t i = 0; i < 4096; i++)
        parameters[i] = sinf((float)i) / 3;
    for (size_t i = 0; i < 1024; i++)
        running[i] = 1 / (float)(i + 3);
    return failed;
}

static inline struct cln_checkpoint model_of(const char *text) {
    struct cln_checkpoint model = {.parameters = parameters, .running = running};
    if (cln_network_parse(&model.network, text, strlen(text), "test", NULL) != CLN_OK)
        fail_msg("%s", cln_error_message());
    assert_true(model.network->parameter_floats <= 4096 && model.network->running_floats <= 1024);
    return model;
}

static inline Onnx__ModelProto *read_back(void) {
    static uint8_t bytes[1 << 16];
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    const size_t count = fread(bytes, 1, sizeof(bytes), stream);
    fclose(stream);
    Onnx__ModelProto *proto = onnx__model_proto__unpack(NULL, count, bytes);
    assert_non_null(proto);
    return proto;
}

static inline Onnx__ModelProto *write_and_read(const struct cln_checkpoint *model, bool fold_standardize) {
    if (cln_onnx_write(path, model, fold_standardize) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return read_back();
}

static inline const Onnx__AttributeProto *find_attribute(const Onnx__NodeProto *node, const char *name) {
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    fail_msg("node %s has no attribute %s", node->name, name);
    return NULL;
}

static inline void assert_float(const Onnx__NodeProto *node, const char *name, float expected) {
    const Onnx__AttributeProto *attribute = find_attribute(node, name);
    assert_int_equal(attribute->type, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    assert_true(attribute->has_f && attribute->f == expected);
}

static inline void assert_tensor(const Onnx__TensorProto *tensor, const char *name, size_t rank, const int *dims,
                                 const float *values) {
    size_t count = 1;
    assert_string_equal(tensor->name, name);
    assert_int_equal(tensor->data_type, 1);
    assert_int_equal(tensor->n_dims, rank);
    for (size_t i = 0; i < rank; i++) {
        assert_int_equal(tensor->dims[i], dims[i]);
        count *= (size_t)dims[i];
    }
    assert_int_equal(tensor->n_float_data, count);
    assert_memory_equal(tensor->float_data, values, count * sizeof(float));
}

#endif
