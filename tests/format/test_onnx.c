/* ONNX files: decoded by the same schema and compared with the model they were made of, and what is refused. Whether
 * runtimes read them is for tests/interop/run. */
#include "tests/format/onnx.h"

/* Every type of layer, and every option that an operator can be told. */
static const char every_layer[] =
    "{\"name\": \"every\", \"input\": [2, 12, 12], \"layers\": [{\"type\": \"Conv2d\", \"out_channels\": 4, "
    "\"kernel_size\": [3, 5], \"stride\": [2, 1], \"padding\": [1, 4], \"bias\": false, \"dilation\": [1, 2], "
    "\"groups\": 2}, {\"type\": \"BatchNorm2d\", "
    "\"eps\": 0.125, \"momentum\": 0.25}, {\"type\": \"Tanh\"}, {\"type\": \"AvgPool2d\", \"kernel_size\": [2, 3], "
    "\"stride\": [1, 2], \"padding\": [1, 0]}, {\"type\": \"Conv2d\", \"out_channels\": 4, \"kernel_size\": 2}, "
    "{\"type\": \"ReLU\"}, {\"type\": \"MaxPool2d\", \"kernel_size\": 2}, {\"type\": \"Identity\"}, {\"type\": "
    "\"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 5, \"bias\": false}, {\"type\": \"BatchNorm1d\", "
    "\"affine\": false}, {\"type\": \"Sigmoid\"}, {\"type\": \"Linear\", \"out_features\": 3}]}";
static const char features_only[] = "{\"name\": \"flat\", \"input\": [6], \"layers\": [{\"type\": \"BatchNorm1d\"}, "
                                    "{\"type\": \"Linear\", \"out_features\": 2}]}";

static float mean[288], deviation[288];

static int create_folder(void **state) {
    const int failed = begin(state);
    for (size_t i = 0; i < 288; i++) {
        mean[i] = 1 / (float)(i + 7);
        deviation[i] = (float)i;
    }
    return failed;
}

static void assert_ints(const Onnx__NodeProto *node, const char *name, size_t count, const int *expected) {
    const Onnx__AttributeProto *attribute = find_attribute(node, name);
    assert_int_equal(attribute->type, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    assert_int_equal(attribute->n_ints, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(attribute->ints[i], expected[i]);
}

static void assert_window(const Onnx__NodeProto *node, const int *kernel, const int *stride, const int *pads) {
    assert_ints(node, "kernel_shape", 2, kernel);
    assert_ints(node, "strides", 2, stride);
    assert_ints(node, "pads", 4, pads);
}

static void assert_int(const Onnx__NodeProto *node, const char *name, int expected) {
    const Onnx__AttributeProto *attribute = find_attribute(node, name);
    assert_int_equal(attribute->type, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    assert_true(attribute->has_i && attribute->i == expected);
}

/* float32 [batch, dims…] */
static void assert_value(const Onnx__ValueInfoProto *value, const char *name, size_t rank, const int *dims) {
    assert_string_equal(value->name, name);
    assert_int_equal(value->type->tensor_type->elem_type, 1);
    const Onnx__TensorShapeProto *shape = value->type->tensor_type->shape;
    assert_int_equal(shape->n_dim, rank + 1);
    assert_int_equal(shape->dim[0]->value_case, ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM);
    assert_string_equal(shape->dim[0]->dim_param, "batch");
    for (size_t i = 0; i < rank; i++) {
        assert_int_equal(shape->dim[i + 1]->value_case, ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE);
        assert_int_equal(shape->dim[i + 1]->dim_value, dims[i]);
    }
}

static const char *find_metadata(const Onnx__ModelProto *proto, const char *key) {
    for (size_t i = 0; i < proto->n_metadata_props; i++)
        if (strcmp(proto->metadata_props[i]->key, key) == 0)
            return proto->metadata_props[i]->value;
    return NULL;
}

static void test_a_node_per_layer(void **state) {
    (void)state;
    static const struct {
        const char *operator, * name, *inputs[4];
    } expected[] = {
        {"Conv", "0.Conv2d", {"0.weight"}},
        {"BatchNormalization", "1.BatchNorm2d", {"1.weight", "1.bias", "1.running_mean", "1.running_var"}},
        {"Tanh", "2.Tanh", {NULL}},
        {"AveragePool", "3.AvgPool2d", {NULL}},
        {"Conv", "4.Conv2d", {"4.weight", "4.bias"}},
        {"Relu", "5.ReLU", {NULL}},
        {"MaxPool", "6.MaxPool2d", {NULL}},
        {"Identity", "7.Identity", {NULL}},
        {"Flatten", "8.Flatten", {NULL}},
        {"Gemm", "9.Linear", {"9.weight"}},
        {"BatchNormalization", "10.BatchNorm1d", {"10.weight", "10.bias", "10.running_mean", "10.running_var"}},
        {"Sigmoid", "11.Sigmoid", {NULL}},
        {"Gemm", "12.Linear", {"12.weight", "12.bias"}},
    };
    struct cln_checkpoint model = model_of(every_layer);
    Onnx__ModelProto *proto = write_and_read(&model, false);
    const Onnx__GraphProto *graph = proto->graph;
    const char *value = "images";
    assert_int_equal(graph->n_node, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        assert_string_equal(node->op_type, expected[i].operator);
        assert_string_equal(node->name, expected[i].name);
        assert_string_equal(node->input[0], value);
        size_t inputs = 1;
        for (; inputs <= 4 && expected[i].inputs[inputs - 1]; inputs++)
            assert_string_equal(node->input[inputs], expected[i].inputs[inputs - 1]);
        assert_int_equal(node->n_input, inputs);
        assert_int_equal(node->n_output, 1);
        value = node->output[0];
    }
    assert_string_equal(value, "logits");
    onnx__model_proto__free_unpacked(proto, NULL);
    cln_network_destroy(&model.network);
}

static void test_options(void **state) {
    (void)state;
    struct cln_checkpoint model = model_of(every_layer);
    Onnx__ModelProto *proto = write_and_read(&model, false);
    Onnx__NodeProto **node = proto->graph->node;
    assert_window(node[0], (int[]){3, 5}, (int[]){2, 1}, (int[]){1, 4, 1, 4});
    assert_ints(node[0], "dilations", 2, (int[]){1, 2});
    assert_int(node[0], "group", 2);
    assert_float(node[1], "epsilon", 0.125F);
    assert_float(node[1], "momentum", 0.75F);
    assert_window(node[3], (int[]){2, 3}, (int[]){1, 2}, (int[]){1, 0, 1, 0});
    assert_int(node[3], "count_include_pad", 1);
    assert_window(node[4], (int[]){2, 2}, (int[]){1, 1}, (int[]){0, 0, 0, 0});
    assert_ints(node[4], "dilations", 2, (int[]){1, 1});
    assert_int(node[4], "group", 1);
    assert_window(node[6], (int[]){2, 2}, (int[]){2, 2}, (int[]){0, 0, 0, 0});
    assert_int_equal(node[6]->n_attribute, 3);
    assert_int(node[8], "axis", 1);
    assert_int(node[9], "transB", 1);
    assert_int(node[12], "transB", 1);
    onnx__model_proto__free_unpacked(proto, NULL);
    cln_network_destroy(&model.network);
}

static void test_what_is_around_the_nodes(void **state) {
    (void)state;
    static char boot[] = "boot", bag[] = "bag", dress[] = "Kleid \"\xC3\xA4\"";
    char *classes[] = {boot, bag, dress}, *text;
    struct cln_checkpoint model = model_of(every_layer);
    model.class_names = classes;
    model.resize = 12;
    Onnx__ModelProto *proto = write_and_read(&model, false);
    const Onnx__GraphProto *graph = proto->graph;
    assert_int_equal(proto->ir_version, CLN_ONNX_IR_VERSION);
    assert_int_equal(proto->n_opset_import, 1);
    assert_string_equal(proto->opset_import[0]->domain, "");
    assert_int_equal(proto->opset_import[0]->version, CLN_ONNX_OPSET);
    assert_string_equal(proto->producer_name, "clenet");
    assert_true(strlen(proto->producer_version) >= 5);
    assert_string_equal(graph->name, "every");
    assert_int_equal(graph->n_input, 1);
    assert_value(graph->input[0], "images", 3, (int[]){2, 12, 12});
    assert_non_null(strstr(graph->input[0]->doc_string, "[0, 1]"));
    assert_non_null(strstr(graph->input[0]->doc_string, "resized to 12 x 12"));
    assert_null(strstr(graph->input[0]->doc_string, "standardised"));
    assert_int_equal(graph->n_output, 1);
    assert_value(graph->output[0], "logits", 1, (int[]){3});
    assert_int_equal(cln_network_text(&text, model.network), CLN_OK);
    assert_string_equal(find_metadata(proto, "network"), text);
    assert_string_equal(find_metadata(proto, "resize"), "12");
    assert_string_equal(find_metadata(proto, "classes"), "[\"boot\",\"bag\",\"Kleid \\\"\xC3\xA4\\\"\"]");
    assert_null(find_metadata(proto, "mean"));
    free(text);
    const struct cln_network *network = model.network;
    assert_int_equal(graph->n_initializer, 2 + network->tensor_count);
    /* The operator needs γ and β, also where the layer has none. */
    assert_tensor(graph->initializer[0], "10.weight", 1, (int[]){5}, (float[]){1, 1, 1, 1, 1});
    assert_tensor(graph->initializer[1], "10.bias", 1, (int[]){5}, (float[]){0, 0, 0, 0, 0});
    for (size_t i = 0; i < network->tensor_count; i++) {
        const struct cln_tensor_info *t = &network->tensors[i];
        assert_tensor(graph->initializer[2 + i], t->name, (size_t)t->rank, t->dims,
                      (t->trainable ? parameters : running) + t->offset);
    }
    onnx__model_proto__free_unpacked(proto, NULL);
    cln_network_destroy(&model.network);
}

static void test_standardising(void **state) {
    (void)state;
    static const int dims[] = {2, 12, 12};
    struct cln_checkpoint model = model_of(every_layer);
    struct cln_training_point training = {.batch_size = 8};
    model.mean = mean;
    model.inverse_deviation = deviation;
    model.training = &training;
    Onnx__ModelProto *proto = write_and_read(&model, true);
    Onnx__NodeProto **node = proto->graph->node;
    assert_int_equal(proto->graph->n_node, 15);
    assert_string_equal(node[0]->op_type, "Sub");
    assert_string_equal(node[0]->input[0], "images");
    assert_string_equal(node[0]->input[1], "mean");
    assert_string_equal(node[1]->op_type, "Mul");
    assert_string_equal(node[1]->input[0], node[0]->output[0]);
    assert_string_equal(node[1]->input[1], "inverse_deviation");
    assert_string_equal(node[2]->input[0], node[1]->output[0]);
    assert_tensor(proto->graph->initializer[0], "mean", 3, dims, mean);
    assert_tensor(proto->graph->initializer[1], "inverse_deviation", 3, dims, deviation);
    assert_null(strstr(proto->graph->input[0]->doc_string, "standardised"));
    assert_null(find_metadata(proto, "mean"));
    assert_null(find_metadata(proto, "training"));
    onnx__model_proto__free_unpacked(proto, NULL);

    proto = write_and_read(&model, false);
    assert_int_equal(proto->graph->n_node, 13);
    assert_non_null(strstr(proto->graph->input[0]->doc_string, "standardised by the caller"));
    assert_non_null(find_metadata(proto, "mean"));
    assert_non_null(find_metadata(proto, "inverse_deviation"));
    onnx__model_proto__free_unpacked(proto, NULL);
    cln_network_destroy(&model.network);
}

static void test_features(void **state) {
    (void)state;
    struct cln_checkpoint model = model_of(features_only);
    model.mean = mean;
    model.inverse_deviation = deviation;
    Onnx__ModelProto *proto = write_and_read(&model, true);
    assert_value(proto->graph->input[0], "images", 1, (int[]){6});
    assert_tensor(proto->graph->initializer[0], "mean", 1, (int[]){6}, mean);
    onnx__model_proto__free_unpacked(proto, NULL);
    cln_network_destroy(&model.network);
}

static void assert_refused(enum cln_status status, const char *file, const struct cln_checkpoint *model,
                           bool fold_standardize, const char *message) {
    assert_int_equal(cln_onnx_write(file, model, fold_standardize), status);
    if (!strstr(cln_error_message(), message) || !strstr(cln_error_message(), file))
        fail_msg("message \"%s\" lacks \"%s\" or the file", cln_error_message(), message);
}

static void test_what_is_refused_leaves_the_file_as_it_was(void **state) {
    (void)state;
    struct cln_checkpoint model = model_of(features_only);
    assert_int_equal(cln_onnx_write(path, &model, false), CLN_OK);
    const size_t files = temporary_count("");
    assert_refused(CLN_INVALID, path, &model, true, "nothing to fold");
    assert_refused(CLN_IO, temporary_path("missing/model.onnx"), &model, false, "No such file");
    assert_refused(CLN_INVALID, temporary_path(""), &model, false, "not a regular file");
    float *value = &running[model.network->tensors[2].offset + 5], was = *value;
    static const float wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        *value = wrong[i];
        assert_refused(CLN_NUMERIC, path, &model, false, "\"0.running_mean\": value 5 is not finite");
    }
    *value = was;
    assert_int_equal(temporary_count(""), files);
    Onnx__ModelProto *proto = read_back();
    assert_string_equal(proto->graph->name, "flat");
    onnx__model_proto__free_unpacked(proto, NULL);
    cln_network_destroy(&model.network);
}

/* The arrays are not as long as the network says: their sizes alone have to be enough for a refusal. */
static void test_more_than_two_gibibytes(void **state) {
    (void)state;
    static const char text[] = "{\"input\": [1, 16384, 8192], \"layers\": [{\"type\": \"Flatten\"}, {\"type\": "
                               "\"Linear\", \"out_features\": 2, \"bias\": false}]}";
    struct cln_checkpoint model = {
        .parameters = parameters, .running = running, .mean = mean, .inverse_deviation = deviation};
    assert_int_equal(cln_network_parse(&model.network, text, strlen(text), "test", NULL), CLN_OK);
    assert_refused(CLN_INVALID, path, &model, true, "takes 2.00 GiB");
    cln_network_destroy(&model.network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_node_per_layer),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_what_is_around_the_nodes),
        cmocka_unit_test(test_standardising),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_what_is_refused_leaves_the_file_as_it_was),
        cmocka_unit_test(test_more_than_two_gibibytes),
    };
    return cmocka_run_group_tests_name("onnx", tests, create_folder, temporary_remove);
}
