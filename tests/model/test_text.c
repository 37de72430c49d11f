/* Networks as text: what is written parses back to the same, and what may be left out may be written. */
#include "tests/model/support.h"

/* Destroys the network, whose text must parse back to the same. */
static void check_text(struct cln_network *network) {
    struct cln_network *again;
    char *text;
    assert_int_equal(cln_network_text(&text, network), CLN_OK);
    assert_int_equal(cln_network_parse(&again, text, strlen(text), "text", NULL), CLN_OK);
    assert_same_network(network, again);
    free(text);
    cln_network_destroy(&network);
    cln_network_destroy(&again);
}

static void text_parses_back_to_the_same(void **state) {
    (void)state;
    static const char *const names[] = {"bn-lenet",
                                        "lenet",
                                        CLN_EXAMPLES "/bn-cnn-relu.json",
                                        CLN_EXAMPLES "/mlp.json",
                                        CLN_EXAMPLES "/resnet-8.json",
                                        CLN_EXAMPLES "/resnet-20.json",
                                        CLN_EXAMPLES "/lenet-5.json",
                                        CLN_EXAMPLES "/vgg-mini.json",
                                        CLN_EXAMPLES "/mobilenet-like.json"};
    for (size_t i = 0; i < COUNT(names); i++) {
        for (int size = 28; size <= 35; size += 7)
            check_text(load(names[i], &(struct cln_network_params){.height = size, .width = size}));
    }
}

/* Also of an input that is flat, of numbers that decimal digits hold badly, and of a name with quotes. */
static void odd_text_parses_back_to_the_same(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{'name': 'a\\'b\\\\c', 'input': [7], 'layers': [{'type': 'Sigmoid'}, {'type': 'Linear', 'out_features': 3}]}",
        "{'input': [7], 'layers': [{'type': 'Flatten'}, {'type': 'Linear', 'out_features': 3},"
        " {'type': 'BatchNorm1d', 'eps': 3.0000000000000004e-7, 'momentum': 0.30000000000000004},"
        " {'type': 'BatchNorm1d', 'affine': false}]}",
        "{'input': [1, 5, 7], 'layers': [{'type': 'AvgPool2d', 'kernel_size': [2, 3], 'stride': [2, 1],"
        " 'padding': [1, 0]}, {'type': 'Flatten'}, {'type': 'Linear', 'out_features': 3, 'bias': false}]}",
        "{'input': [3], 'layers': [{'type': 'GELU'}, {'type': 'SiLU'}, {'type': 'Hardswish'},"
        " {'type': 'GELU', 'approximate': 'tanh'}, {'type': 'Linear', 'out_features': 2}]}",
        "{'input': [6, 3, 2], 'layers': [{'type': 'GroupNorm', 'num_groups': 3}, {'type': 'LayerNorm', 'eps': 0.25},"
        " {'type': 'GroupNorm', 'num_groups': 1, 'eps': 1e-6, 'affine': false}, {'type': 'Flatten'},"
        " {'type': 'LayerNorm', 'elementwise_affine': false}, {'type': 'Linear', 'out_features': 2},"
        " {'type': 'LayerNorm'}]}",
        "{'input': [2, 5, 7], 'layers': [{'type': 'LeakyReLU'}, {'type': 'LeakyReLU', 'negative_slope': 0.2},"
        " {'type': 'ELU', 'alpha': 0.30000000000000004}, {'type': 'Dropout'}, {'type': 'Dropout2d', 'p': 0.1}, "
        "{'type': 'Conv2d', 'out_channels': 4, 'kernel_size': [5, 3],"
        " 'padding': 'same'}, {'type': 'Conv2d', 'out_channels': 6, 'kernel_size': 2, 'dilation': [1, 3], 'groups': "
        "2}, {'type': 'AdaptiveAvgPool2d', 'output_size': [1, 1]}, {'type': 'Flatten'}]}",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        check_text(parsed(texts[i]));
}

/* PyTorch's defaults may be written out, and words and numbers of a padding mean the same. */
static void what_is_written_out_changes_nothing(void **state) {
    (void)state;
    static const char
        short_text[] =
            "{'input': [1, 8, 6], 'layers': [{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': [3, 5], 'padding': "
            "[1, 2]},"
            " {'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 1}, {'type': 'Conv2d', 'out_channels': 2, "
            "'kernel_size': "
            "[2, 3], 'dilation': [4, 1], 'padding': [2, 1], 'groups': 2}, {'type': 'BatchNorm2d'}, {'type': 'ReLU'},"
            " {'type': 'SiLU'}, {'type': 'Hardswish'}, {'type': 'GELU'},"
            " {'type': 'GroupNorm', 'num_groups': 2}, {'type': 'LayerNorm'},"
            " {'type': 'MaxPool2d', 'kernel_size': 2}, {'type': 'AvgPool2d', 'kernel_size': 2}, {'type': 'Flatten'}]}",
        long_text[] =
            "{'input': [1, 8, 6], 'layers': [{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': [3, 5], 'padding': "
            "'same',"
            " 'dilation': [1, 1], 'groups': 1, 'padding_mode': 'zeros', 'bias': true},"
            " {'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 1, 'padding': 'valid', 'dilation': 1},"
            " {'type': 'Conv2d', 'out_channels': 2, 'groups': 2, 'padding': 'same', 'dilation': [4, 1], 'kernel_size': "
            "[2, 3]},"
            " {'type': 'BatchNorm2d', 'affine': true, 'track_running_stats': true}, {'type': 'ReLU', 'inplace': true},"
            " {'type': 'SiLU', 'inplace': false}, {'type': 'Hardswish', 'inplace': true},"
            " {'type': 'GELU', 'approximate': 'none'},"
            " {'type': 'GroupNorm', 'num_groups': 2, 'num_channels': 2, 'affine': true},"
            " {'type': 'LayerNorm', 'normalized_shape': [2, 8, 6], 'bias': true, 'elementwise_affine': true},"
            " {'type': 'MaxPool2d', 'kernel_size': 2, 'dilation': 1, 'return_indices': false, 'ceil_mode': false},"
            " {'type': 'AvgPool2d', 'kernel_size': 2, 'ceil_mode': false, 'count_include_pad': true,"
            " 'divisor_override': null}, {'type': 'Flatten', 'start_dim': 1, 'end_dim': -1}]}";
    struct cln_network *expected = parsed(short_text), *found = parsed(long_text);
    assert_same_network(expected, found);
    assert_int_equal(found->layers[0].conv2d.padding_h, 1);
    assert_int_equal(found->layers[0].out.width, 6);
    cln_network_destroy(&expected);
    cln_network_destroy(&found);
}

/* The whole image is one window, whatever its size. */
static void an_adaptive_pool_takes_the_whole_image(void **state) {
    (void)state;
    static const char text[] =
        "{'input': [3, 8, 6], 'layers': [{'type': 'AdaptiveAvgPool2d', 'output_size': 1}, {'type': 'Flatten'},"
        " {'type': 'Linear', 'out_features': 2}]}";
    for (int size = 0; size <= 11; size += 11) {
        struct cln_network *network;
        assert_int_equal(parse(&network, text, &(struct cln_network_params){.height = size, .width = size}), CLN_OK);
        const struct cln_pool2d *pool = &network->layers[0].pool2d;
        assert_int_equal(pool->kernel_h, size ? size : 8);
        assert_int_equal(pool->kernel_w, size ? size : 6);
        assert_int_equal(pool->out.channels, 3);
        assert_int_equal(pool->out.height * pool->out.width, 1);
        char line[64];
        cln_layer_describe(&network->layers[0], line, sizeof line);
        assert_string_equal(line, "AdaptiveAvgPool2d(output_size=1)");
        cln_network_destroy(&network);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_parses_back_to_the_same),
        cmocka_unit_test(odd_text_parses_back_to_the_same),
        cmocka_unit_test(what_is_written_out_changes_nothing),
        cmocka_unit_test(an_adaptive_pool_takes_the_whole_image),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
