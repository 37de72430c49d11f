/* Networks from names, files and text: what is understood, and what it comes out as. */
#include "tests/model/support.h"

static void bn_lenet_has_the_missions_numbers(void **state) {
    (void)state;
    struct cln_network *network = load("bn-lenet", NULL);
    assert_string_equal(network->name, "bn-lenet");
    assert_int_equal(network->parameter_count, 44878);
    assert_int_equal(network->running_count, 452);
    assert_int_equal(network->classes, 10);
    assert_int_equal(network->layer_count, 16);
    assert_int_equal(network->tensor_count, 5 * 2 + 4 * 4);
    assert_shape(network->layers[0].out, 6, 24, 24);
    assert_shape(network->layers[7].out, 16, 4, 4);
    assert_shape(network->layers[8].out, 256, 1, 1);
    assert_false(network->layers[7].flat);
    assert_true(network->layers[8].flat);
    double forward, training;
    cln_network_multiply_adds(network, &forward, &training);
    assert_true(forward == 281640);
    assert_true(training == 758520);
    cln_network_destroy(&network);
    assert_null(network);
}

static void lenet_is_the_same_without_batch_norm(void **state) {
    (void)state;
    struct cln_network *network = load("lenet", NULL);
    assert_int_equal(network->parameter_count, 44878 - 452);
    assert_int_equal(network->running_count, 0);
    assert_int_equal(network->running_floats, 0);
    assert_int_equal(network->layer_count, 12);
    assert_int_equal(network->layers[7].linear.in_features, 256);
    cln_network_destroy(&network);
}

static void builtins_are_listed_and_named_when_missed(void **state) {
    (void)state;
    const char *const *names = cln_network_builtins();
    assert_string_equal(names[0], "bn-lenet");
    assert_string_equal(names[1], "lenet");
    assert_null(names[2]);
    struct cln_network *network;
    assert_int_equal(cln_network_load(&network, "no-such-network", NULL), CLN_NOT_FOUND);
    assert_null(network);
    assert_non_null(strstr(cln_error_message(), "bn-lenet, lenet"));
    assert_int_equal(cln_network_load(&network, "/", NULL), CLN_IO);
    assert_null(network);
}

static void tensors_come_in_state_dict_order(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum cln_tensor_role role;
        int rank, dims[4], fan_in;
        size_t offset;
    } expected[] = {
        {"0.weight", CLN_WEIGHT, 4, {6, 1, 5, 5}, 25, 0}, /* 150 floats */
        {"0.bias", CLN_BIAS, 1, {6}, 25, 192},
        {"1.weight", CLN_GAMMA, 1, {6}, 0, 256},
        {"1.bias", CLN_BETA, 1, {6}, 0, 320},
        {"1.running_mean", CLN_RUNNING_MEAN, 1, {6}, 0, 0},
        {"1.running_var", CLN_RUNNING_VAR, 1, {6}, 0, 64},
        {"4.weight", CLN_WEIGHT, 4, {16, 6, 5, 5}, 150, 384}, /* 2400 floats */
        {"4.bias", CLN_BIAS, 1, {16}, 150, 2816},
        {"5.weight", CLN_GAMMA, 1, {16}, 0, 2880},
        {"5.bias", CLN_BETA, 1, {16}, 0, 2944},
        {"5.running_mean", CLN_RUNNING_MEAN, 1, {16}, 0, 128},
        {"5.running_var", CLN_RUNNING_VAR, 1, {16}, 0, 192},
        {"9.weight", CLN_WEIGHT, 2, {120, 256}, 256, 3008},
        {"9.bias", CLN_BIAS, 1, {120}, 256, 3008 + 30720},
    };
    struct cln_network *network = load("bn-lenet", NULL);
    for (size_t i = 0; i < COUNT(expected); i++) {
        const struct cln_tensor_info *tensor = &network->tensors[i];
        assert_string_equal(tensor->name, expected[i].name);
        assert_int_equal(tensor->role, expected[i].role);
        assert_int_equal(tensor->rank, expected[i].rank);
        assert_memory_equal(tensor->dims, expected[i].dims, sizeof(tensor->dims));
        assert_int_equal(tensor->fan_in, expected[i].fan_in);
        assert_int_equal(tensor->offset, expected[i].offset);
        assert_int_equal(tensor->trainable, expected[i].role < CLN_RUNNING_MEAN);
    }
    cln_network_destroy(&network);
}

/* Every tensor is aligned, lies in its buffer and overlaps none before it; the counts are their sums. */
static void tensors_tile_their_buffers(void **state) {
    (void)state;
    struct cln_network *network = load(CLN_EXAMPLES "/bn-cnn-relu.json", NULL);
    size_t ends[2] = {0, 0}, counts[2] = {0, 0};
    for (size_t i = 0; i < network->tensor_count; i++) {
        const struct cln_tensor_info *tensor = &network->tensors[i];
        size_t product = 1;
        for (int d = 0; d < tensor->rank; d++)
            product *= (size_t)tensor->dims[d];
        assert_int_equal(tensor->count, product);
        assert_int_equal(tensor->offset % CLN_TENSOR_ALIGN, 0);
        assert_true(tensor->offset >= ends[tensor->trainable]);
        ends[tensor->trainable] = tensor->offset + tensor->count;
        counts[tensor->trainable] += tensor->count;
    }
    assert_int_equal(counts[1], network->parameter_count);
    assert_int_equal(counts[0], network->running_count);
    assert_true(ends[1] <= network->parameter_floats && network->parameter_floats < ends[1] + CLN_TENSOR_ALIGN);
    assert_true(ends[0] <= network->running_floats && network->running_floats < ends[0] + CLN_TENSOR_ALIGN);
    assert_int_equal(network->parameter_floats % CLN_TENSOR_ALIGN, 0);
    cln_network_destroy(&network);
}

static void every_option_arrives(void **state) {
    (void)state;
    struct cln_network *network =
        parsed("{'name': 'all', 'input': [3, 20, 30], 'layers': ["
               "{'type': 'Conv2d', 'in_channels': 3, 'out_channels': 4, 'kernel_size': [3, 5], 'stride': [2, 1],"
               " 'padding': [1, 2], 'bias': false},"
               "{'type': 'BatchNorm2d', 'num_features': 4, 'momentum': 0.25, 'eps': 0.001,"
               " 'biased_running_variance': true},"
               "{'type': 'AvgPool2d', 'kernel_size': [2, 3], 'stride': [1, 2], 'padding': [1, 0]},"
               "{'type': 'MaxPool2d', 'kernel_size': 3},"
               "{'type': 'Flatten'},"
               "{'type': 'Linear', 'in_features': 48, 'out_features': 5, 'bias': false},"
               "{'type': 'BatchNorm1d'}]}");
    const struct cln_conv2d *conv = &network->layers[0].conv2d;
    assert_shape(conv->in, 3, 20, 30);
    assert_shape(conv->out, 4, 10, 30);
    assert_int_equal(conv->kernel_h, 3);
    assert_int_equal(conv->kernel_w, 5);
    assert_int_equal(conv->stride_h, 2);
    assert_int_equal(conv->stride_w, 1);
    assert_int_equal(conv->padding_h, 1);
    assert_int_equal(conv->padding_w, 2);
    assert_false(conv->bias);
    const struct cln_batchnorm *norm = &network->layers[1].batchnorm;
    assert_shape(norm->shape, 4, 10, 30);
    assert_true(norm->momentum == 0.25 && norm->eps == 0.001 && norm->biased_running_variance);
    const struct cln_pool2d *pool = &network->layers[2].pool2d;
    assert_int_equal(pool->kind, CLN_POOL_AVERAGE);
    assert_shape(pool->out, 4, 11, 14);
    pool = &network->layers[3].pool2d;
    assert_int_equal(pool->kind, CLN_POOL_MAX);
    assert_int_equal(pool->stride_h, 3); /* as the kernel */
    assert_int_equal(pool->stride_w, 3);
    assert_shape(pool->out, 4, 3, 4); /* trailing rows and columns are dropped */
    assert_false(network->layers[5].linear.bias);
    norm = &network->layers[6].batchnorm;
    assert_true(norm->momentum == 0.1 && norm->eps == 1e-5 && !norm->biased_running_variance);
    assert_int_equal(network->tensor_count, 1 + 4 + 1 + 4);
    cln_network_destroy(&network);
}

static void layers_read_as_in_pytorch(void **state) {
    (void)state;
    static const struct {
        const char *layer, *description;
    } cases[] = {
        {"{'type': 'Conv2d', 'out_channels': 6, 'kernel_size': 5}", "Conv2d(1, 6, kernel_size=5, stride=1)"},
        {"{'type': 'Conv2d', 'out_channels': 6, 'kernel_size': [5, 3], 'padding': [0, 1], 'bias': false}",
         "Conv2d(1, 6, kernel_size=(5, 3), stride=1, padding=(0, 1), bias=False)"},
        {"{'type': 'Conv2d', 'out_channels': 6, 'kernel_size': 3, 'groups': 1, 'dilation': [2, 1]}",
         "Conv2d(1, 6, kernel_size=3, stride=1, dilation=(2, 1))"},
        {"{'type': 'BatchNorm2d'}", "BatchNorm2d(1, eps=1e-05, momentum=0.1)"},
        {"{'type': 'BatchNorm2d', 'affine': false}", "BatchNorm2d(1, eps=1e-05, momentum=0.1, affine=False)"},
        {"{'type': 'MaxPool2d', 'kernel_size': 2}", "MaxPool2d(kernel_size=2, stride=2, padding=0)"},
        {"{'type': 'Tanh'}", "Tanh()"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[512], description[128];
        snprintf(text, sizeof(text),
                 "{'input': [1, 9, 9], 'layers': [%s, {'type': 'Flatten'}, {'type': 'Linear', 'out_features': 2}]}",
                 cases[i].layer);
        struct cln_network *network = parsed(text);
        cln_layer_describe(&network->layers[0], description, sizeof(description));
        assert_string_equal(description, cases[i].description);
        char cut[8];
        cln_layer_describe(&network->layers[0], cut, sizeof(cut)); /* cut, not overrun */
        assert_true(strlen(cut) < sizeof(cut));
        cln_network_destroy(&network);
    }
}

/* PyTorch: nn.Conv2d(6, 9, 3, stride=2, padding=1, dilation=(2, 1), groups=3).weight is [9, 2, 3, 3], and it makes 9 x
 * 4 x 5 of 6 x 9 x 10. */
static void groups_and_dilation(void **state) {
    (void)state;
    struct cln_network *network =
        parsed("{'input': [6, 9, 10], 'layers': [{'type': 'Conv2d', 'out_channels': 9, 'kernel_size': 3, 'stride': 2,"
               " 'padding': 1, 'dilation': [2, 1], 'groups': 3}, {'type': 'Flatten'}, {'type': 'Linear', "
               "'out_features': 2}]}");
    const struct cln_layer *layer = &network->layers[0];
    assert_shape(layer->out, 9, 4, 5);
    assert_int_equal(layer->conv2d.in_per_group, 2);
    const struct cln_tensor_info *weight = &network->tensors[0];
    assert_string_equal(weight->name, "0.weight");
    for (int i = 0; i < 4; i++)
        assert_int_equal(weight->dims[i], ((const int[]){9, 2, 3, 3})[i]);
    assert_int_equal(weight->fan_in, 2 * 3 * 3);
    assert_int_equal(network->tensors[1].fan_in, 2 * 3 * 3);
    double forward, training;
    cln_network_multiply_adds(network, &forward, &training);
    assert_true(forward == 9 * 4 * 5 * (2 * 3 * 3) + 9 * 4 * 5 * 2);
    char text[128];
    cln_layer_describe(layer, text, sizeof text);
    assert_string_equal(text, "Conv2d(6, 9, kernel_size=3, stride=2, padding=1, dilation=(2, 1), groups=3)");
    cln_network_destroy(&network);
}

/* As in PyTorch: running statistics are all that such a layer has. */
static void a_batchnorm_without_affine_has_statistics_only(void **state) {
    (void)state;
    struct cln_network *network =
        parsed("{'input': [3, 4, 4], 'layers': [{'type': 'BatchNorm2d', 'affine': false}, {'type': 'Flatten'},"
               " {'type': 'Linear', 'out_features': 2}, {'type': 'BatchNorm1d'}]}");
    static const char *const names[] = {"0.running_mean", "0.running_var", "2.weight",       "2.bias",
                                        "3.weight",       "3.bias",        "3.running_mean", "3.running_var"};
    assert_int_equal(network->tensor_count, COUNT(names));
    for (size_t i = 0; i < COUNT(names); i++)
        assert_string_equal(network->tensors[i].name, names[i]);
    assert_int_equal(network->parameter_count, 48 * 2 + 2 + 4);
    cln_network_destroy(&network);
}

static void params_change_size_and_convention(void **state) {
    (void)state;
    const struct cln_network_params params = {.height = 32, .width = 40, .biased_running_variance = true};
    struct cln_network *network = load("bn-lenet", &params);
    assert_shape(network->input, 1, 32, 40);
    assert_int_equal(network->layers[9].linear.in_features, 16 * 5 * 7);
    for (size_t i = 0; i < network->layer_count; i++) {
        if (network->layers[i].kind == CLN_LAYER_BATCHNORM)
            assert_true(network->layers[i].batchnorm.biased_running_variance);
    }
    cln_network_destroy(&network);
    assert_int_equal(cln_network_load(&network, "bn-lenet", &(struct cln_network_params){.height = 8, .width = 8}),
                     CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "layer 4 (Conv2d)"));
    assert_int_equal(cln_network_load(&network, "bn-lenet", &(struct cln_network_params){.height = -1}), CLN_INVALID);
    assert_int_equal(cln_network_load(&network, "bn-lenet", &(struct cln_network_params){.height = 1 << 30}),
                     CLN_INVALID);
    assert_int_equal(parse(&network, "{'input': [9], 'layers': [{'type': 'Linear', 'out_features': 2}]}",
                           &(struct cln_network_params){.height = 32}),
                     CLN_INVALID);
}

static void summary_shows_what_matters(void **state) {
    (void)state;
    static const char *const words[] = {
        "bn-lenet: input (256, 1, 28, 28), 10 classes",
        "Conv2d(1, 6, kernel_size=5, stride=1)",
        "(256, 6, 24, 24)",
        "(256, 120)",
        "30,840",
        "Conv2d + BatchNorm2d + Sigmoid + MaxPool2d + Flatten\n",
        "44,878",
        "452",
        "281,640 forward, 758,520 in training (1.517 MFLOP)",
        "for a batch of 256",
    };
    struct cln_network *network = load("bn-lenet", NULL);
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    assert_non_null(stream);
    cln_network_print(network, 256, stream);
    fclose(stream);
    for (size_t i = 0; i < COUNT(words); i++) {
        if (!strstr(text, words[i]))
            fail_msg("no \"%s\" in:\n%s", words[i], text);
    }
    /* The parameters' column ends at one place in all rows of the table. */
    size_t width = 0;
    const char *line = strstr(text, "  0  ");
    for (size_t i = 0; i < network->layer_count; i++, line = strchr(line, '\n') + 1) {
        size_t length = strcspn(line, "\n");
        assert_true(i == 0 || length == width);
        width = length;
    }
    free(text);
    cln_network_destroy(&network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bn_lenet_has_the_missions_numbers),
        cmocka_unit_test(lenet_is_the_same_without_batch_norm),
        cmocka_unit_test(builtins_are_listed_and_named_when_missed),
        cmocka_unit_test(tensors_come_in_state_dict_order),
        cmocka_unit_test(tensors_tile_their_buffers),
        cmocka_unit_test(every_option_arrives),
        cmocka_unit_test(layers_read_as_in_pytorch),
        cmocka_unit_test(groups_and_dilation),
        cmocka_unit_test(a_batchnorm_without_affine_has_statistics_only),
        cmocka_unit_test(params_change_size_and_convention),
        cmocka_unit_test(summary_shows_what_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
