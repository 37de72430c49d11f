/* Layers that become several nodes of an ONNX graph. */
#include "tests/format/onnx.h"

/* The nodes of a layer read the layer's input where its formula does, and the next layer reads the last of them. */
static void test_layers_of_several_nodes(void **state) {
    (void)state;
    static const char text[] =
        "{\"input\": [6], \"layers\": [{\"type\": \"GELU\"}, {\"type\": \"SiLU\"}, {\"type\": \"Hardswish\"}, "
        "{\"type\": \"GELU\", \"approximate\": \"tanh\"}, {\"type\": \"Linear\", \"out_features\": 3}]}";
#define INPUT(layer) layer ".output"
    static const struct {
        const char *operator, * name, *second;
        float constant;
    } expected[] = {
        {"Mul", "0.GELU.0.Mul", NULL, 0.707106781F},
        {"Erf", "0.GELU.1.Erf"},
        {"Add", "0.GELU.2.Add", NULL, 1},
        {"Mul", "0.GELU.3.Mul", "images"},
        {"Mul", "0.GELU", NULL, 0.5F},
        {"Sigmoid", "1.SiLU.0.Sigmoid"},
        {"Mul", "1.SiLU", INPUT("0.GELU")},
        {"HardSigmoid", "2.Hardswish.0.HardSigmoid"},
        {"Mul", "2.Hardswish", INPUT("1.SiLU")},
        {"Mul", "3.GELU.0.Mul", INPUT("2.Hardswish")},
        {"Mul", "3.GELU.1.Mul", NULL, 0.044715F},
        {"Add", "3.GELU.2.Add", NULL, 1},
        {"Mul", "3.GELU.3.Mul", INPUT("2.Hardswish")},
        {"Mul", "3.GELU.4.Mul", NULL, 1.59576912F},
        {"Sigmoid", "3.GELU.5.Sigmoid"},
        {"Mul", "3.GELU", INPUT("2.Hardswish")},
        {"Gemm", "4.Linear", "4.weight"},
    };
    struct cln_checkpoint model = model_of(text);
    Onnx__ModelProto *proto = write_and_read(&model, false);
    const Onnx__GraphProto *graph = proto->graph;
    const char *value = "images";
    size_t constants = 0;
    assert_int_equal(graph->n_node, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        assert_string_equal(node->op_type, expected[i].operator);
        assert_string_equal(node->name, expected[i].name);
        assert_string_equal(node->input[0], value);
        assert_true(node->n_input >= 1U + (expected[i].second || expected[i].constant != 0));
        if (expected[i].second)
            assert_string_equal(node->input[1], expected[i].second);
        if (expected[i].constant != 0)
            assert_tensor(graph->initializer[constants++], node->input[1], 0, NULL, &expected[i].constant);
        value = node->output[0];
    }
    assert_string_equal(value, "logits");
    assert_float(graph->node[7], "alpha", 1.0F / 6);
    assert_float(graph->node[7], "beta", 0.5F);
    assert_int_equal(graph->n_initializer, constants + 2);
    onnx__model_proto__free_unpacked(proto, NULL);
    cln_network_destroy(&model.network);
}

/* A group norm: an instance norm of its groups, then the weights by channel; a layer norm, one without weights. */
static void test_norms(void **state) {
    (void)state;
    static const char text[] =
        "{\"input\": [6, 2, 3], \"layers\": [{\"type\": \"GroupNorm\", \"num_groups\": 2, \"eps\": 0.25}, {\"type\": "
        "\"LayerNorm\"}, {\"type\": \"Flatten\"}, {\"type\": \"LayerNorm\", \"elementwise_affine\": false}, {\"type\": "
        "\"Linear\", \"out_features\": 3}]}";
    static const struct {
        const char *operator, * name, *second;
        int64_t shape[4];
    } expected[] = {
        {"Reshape", "0.GroupNorm.0.Reshape", NULL, {0, 2, 18}},
        {"InstanceNormalization", "0.GroupNorm.1.InstanceNormalization"},
        {"Reshape", "0.GroupNorm.2.Reshape", NULL, {0, 6, 2, 3}},
        {"Mul", "0.GroupNorm.3.Mul", "0.weight"},
        {"Add", "0.GroupNorm", "0.bias"},
        {"Reshape", "1.LayerNorm.0.Reshape", NULL, {0, 1, 36}},
        {"InstanceNormalization", "1.LayerNorm.1.InstanceNormalization"},
        {"Reshape", "1.LayerNorm.2.Reshape", NULL, {0, 6, 2, 3}},
        {"Mul", "1.LayerNorm.3.Mul", "1.weight"},
        {"Add", "1.LayerNorm", "1.bias"},
        {"Flatten", "2.Flatten"},
        {"Reshape", "3.LayerNorm.0.Reshape", NULL, {0, 1, 36}},
        {"InstanceNormalization", "3.LayerNorm.1.InstanceNormalization"},
        {"Reshape", "3.LayerNorm", NULL, {0, 36}},
        {"Gemm", "4.Linear", "4.weight"},
    };
    struct cln_checkpoint model = model_of(text);
    Onnx__ModelProto *proto = write_and_read(&model, false);
    const Onnx__GraphProto *graph = proto->graph;
    const struct cln_tensor_info *tensors = model.network->tensors;
    const char *value = "images";
    size_t constant = 0;
    assert_int_equal(graph->n_node, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        assert_string_equal(node->op_type, expected[i].operator);
        assert_string_equal(node->name, expected[i].name);
        assert_string_equal(node->input[0], value);
        if (expected[i].second)
            assert_string_equal(node->input[1], expected[i].second);
        if (strcmp(node->op_type, "Reshape") == 0) {
            const Onnx__TensorProto *shape = graph->initializer[constant++];
            assert_string_equal(shape->name, node->input[1]);
            assert_int_equal(shape->data_type, 7);
            assert_int_equal(shape->dims[0], shape->n_int64_data);
            assert_memory_equal(shape->int64_data, expected[i].shape, shape->n_int64_data * sizeof(int64_t));
        } else if (node->n_input == 3 && i < 14) {
            const int groups = i == 1 ? 2 : 1;
            assert_tensor(graph->initializer[constant++], node->input[1], 1, &groups, (float[]){1, 1});
            assert_tensor(graph->initializer[constant++], node->input[2], 1, &groups, (float[]){0, 0});
            assert_float(node, "epsilon", i == 1 ? 0.25F : 1e-5F);
        }
        value = node->output[0];
    }
    assert_string_equal(value, "logits");
    assert_tensor(graph->initializer[constant], "0.weight", 3, (int[]){6, 1, 1}, parameters + tensors[0].offset);
    assert_tensor(graph->initializer[constant + 2], "1.weight", 3, (int[]){6, 2, 3}, parameters + tensors[2].offset);
    assert_int_equal(graph->n_initializer, constant + 6);
    onnx__model_proto__free_unpacked(proto, NULL);
    cln_network_destroy(&model.network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers_of_several_nodes),
        cmocka_unit_test(test_norms),
    };
    return cmocka_run_group_tests_name("onnx nodes", tests, begin, temporary_remove);
}
