/* Networks of tests, from text and compared. */
#ifndef TESTS_MODEL_SUPPORT_H
#define TESTS_MODEL_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clenet/network.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The cases below write ' for " to stay readable. */
static inline char *with_quotes(const char *text) {
    char *copy = strdup(text);
    assert_non_null(copy);
    for (char *at = copy; (at = strchr(at, '\'')); at++)
        *at = '"';
    return copy;
}

static inline enum cln_status parse(struct cln_network **network, const char *text,
                                    const struct cln_network_params *params) {
    char *quoted = with_quotes(text);
    enum cln_status status = cln_network_parse(network, quoted, strlen(quoted), "test.json", params);
    free(quoted);
    return status;
}

static inline struct cln_network *load(const char *name, const struct cln_network_params *params) {
    struct cln_network *network;
    if (cln_network_load(&network, name, params) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return network;
}

static inline struct cln_network *parsed(const char *text) {
    struct cln_network *network;
    if (parse(&network, text, NULL) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return network;
}

static inline void assert_shape(struct cln_shape shape, int channels, int height, int width) {
    assert_int_equal(shape.channels, channels);
    assert_int_equal(shape.height, height);
    assert_int_equal(shape.width, width);
}

static inline void assert_same_network(const struct cln_network *p, const struct cln_network *q) {
    assert_string_equal(p->name, q->name);
    assert_shape(p->input, q->input.channels, q->input.height, q->input.width);
    assert_int_equal(p->flat, q->flat);
    assert_int_equal(p->classes, q->classes);
    assert_int_equal(p->layer_count, q->layer_count);
    for (size_t i = 0; i < p->layer_count; i++) {
        char a[256], b[256];
        cln_layer_describe(&p->layers[i], a, sizeof(a));
        cln_layer_describe(&q->layers[i], b, sizeof(b));
        assert_string_equal(a, b);
        assert_int_equal(p->layers[i].flat, q->layers[i].flat);
        assert_shape(p->layers[i].out, q->layers[i].out.channels, q->layers[i].out.height, q->layers[i].out.width);
        if (p->layers[i].kind == CLN_LAYER_BATCHNORM) {
            assert_true(p->layers[i].batchnorm.eps == q->layers[i].batchnorm.eps);
            assert_true(p->layers[i].batchnorm.momentum == q->layers[i].batchnorm.momentum);
        }
    }
    assert_int_equal(p->tensor_count, q->tensor_count);
    for (size_t i = 0; i < p->tensor_count; i++) {
        assert_string_equal(p->tensors[i].name, q->tensors[i].name);
        assert_int_equal(p->tensors[i].count, q->tensors[i].count);
        assert_int_equal(p->tensors[i].offset, q->tensors[i].offset);
    }
}

#endif
