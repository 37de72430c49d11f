/* Texts that are no network: refused, with the layer, the option and what is allowed. */
#include "tests/model/support.h"

#define TAIL "{'type': 'Flatten'}, {'type': 'Linear', 'out_features': 2}"
#define NET(layers) "{'input': [1, 8, 8], 'layers': [" layers "]}"

static void wrong_text_is_refused_with_the_reason(void **state) {
    (void)state;
    static const struct {
        const char *text, *words[3];
    } cases[] = {
        {"", {"line 1"}},
        {"{", {"line 1"}},
        {"[]", {"must be an object", "a list"}},
        {"3", {"line 1"}},
        {"{'input': [1, 8, 8], 'input': [1, 8, 8], 'layers': []}", {"duplicate"}},
        {"{'inputs': [1, 8, 8]}", {"unknown option \"inputs\"", "name, input, layers"}},
        {"{'name': 3, 'input': [1, 8, 8], 'layers': [" TAIL "]}", {"\"name\"", "string"}},
        {"{'name': '', 'input': [1, 8, 8], 'layers': [" TAIL "]}", {"\"name\""}},
        {"{'name': 'a\\u001bb', 'input': [1, 8, 8], 'layers': [" TAIL "]}", {"control characters"}},
        {"{'layers': [" TAIL "]}", {"\"input\" must be [channels, height, width] or [features]"}},
        {"{'input': [8, 8], 'layers': [" TAIL "]}", {"\"input\" must be"}},
        {"{'input': [1, 8, 8, 8], 'layers': [" TAIL "]}", {"\"input\" must be"}},
        {"{'input': [1, 0, 8], 'layers': [" TAIL "]}", {"\"input\" must be"}},
        {"{'input': [1, -8, 8], 'layers': [" TAIL "]}", {"\"input\" must be"}},
        {"{'input': [1, 8.5, 8], 'layers': [" TAIL "]}", {"\"input\" must be"}},
        {"{'input': [1, '8', 8], 'layers': [" TAIL "]}", {"\"input\" must be"}},
        {"{'input': [65536, 65536, 65536], 'layers': [" TAIL "]}", {"\"input\" must be"}},
        {"{'input': [9223372036854775807, 2, 1], 'layers': [" TAIL "]}", {"\"input\" must be"}},
        {"{'input': [1, 8, 8]}", {"\"layers\" must be a list"}},
        {"{'input': [1, 8, 8], 'layers': {}}", {"\"layers\" must be a list"}},
        {NET(""), {"\"layers\" must be a list of layers, from 1 to clenet's limit of 1000"}},
        {NET("7"), {"layer 0", "must be an object"}},
        {NET("{}"), {"layer 0", "must be an object with a \"type\""}},
        {NET("{'type': 3}"), {"layer 0", "must be an object with a \"type\""}},
        {NET("{'type': 'Flatten'}, {'type': 'Conv3d'}"),
         {"test.json: layer 1: unknown type \"Conv3d\"", "Conv2d, Linear, BatchNorm1d", "Flatten"}},
        {NET("{'type': 'Conv2d', 'kernel': 3}"),
         {"layer 0 (Conv2d): unknown option \"kernel\"", "kernel_size, stride, padding, dilation, groups, bias"}},
        {NET("{'type': 'ReLU', 'inplace': 1}, " TAIL), {"layer 0 (ReLU): \"inplace\" must be true or false"}},
        {NET("{'type': 'Sigmoid', 'inplace': true}, " TAIL), {"layer 0 (Sigmoid): unknown option \"inplace\""}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 3, 'dilation': 0}, " TAIL),
         {"layer 0 (Conv2d): \"dilation\" must be a whole number from 1 to 65536"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 3, 'dilation': [1, 4]}, " TAIL),
         {"a kernel_size of 3 with a dilation of 4 spans 9", "width of its input, 8 with padding"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 65536, 'dilation': 65536}, " TAIL),
         {"spans 4294901761", "height of its input"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 3, 'groups': 0}, " TAIL),
         {"\"groups\" must be a whole number from 1"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 3, 'groups': 2}, " TAIL),
         {"\"groups\" is 2: it must divide the input's 1 channels and the 2 \"out_channels\""}},
        {NET("{'type': 'Conv2d', 'out_channels': 4, 'kernel_size': 3}, "
             "{'type': 'Conv2d', 'out_channels': 6, 'kernel_size': 3, 'groups': 4}, " TAIL),
         {"layer 1 (Conv2d): \"groups\" is 4: it must divide", "4 channels", "6 \"out_channels\""}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 3, 'padding_mode': 'circular'}, " TAIL),
         {"\"padding_mode\" can only be \"zeros\""}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 3, 'padding': 'full'}, " TAIL),
         {"\"padding\" is \"full\": it can be a number, \"same\" or \"valid\""}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': [3, 2], 'padding': 'same'}, " TAIL),
         {"\"padding\": \"same\" needs a kernel_size of odd numbers, or an even dilation"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 2, 'padding': 'same', 'dilation': [2, 3]}, " TAIL),
         {"\"padding\": \"same\" needs a kernel_size of odd numbers, or an even dilation"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 5, 'padding': 'same', 'dilation': 65536}, " TAIL),
         {"\"same\" would pad more than 65536 on a side, clenet's limit"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 3, 'stride': 2, 'padding': 'same'}, " TAIL),
         {"needs a stride of 1"}},
        {NET("{'type': 'MaxPool2d', 'kernel_size': 2, 'padding': 'same'}, " TAIL), {"\"padding\"", "not a string"}},
        {NET("{'type': 'BatchNorm2d', 'affine': 0}, " TAIL), {"\"affine\" must be true or false, not 0"}},
        {NET("{'type': 'BatchNorm2d', 'affine': false}, {'type': 'Flatten'}"),
         {"no layer has anything to train: add a Conv2d or Linear"}},
        {NET("{'type': 'BatchNorm2d', 'track_running_stats': false}, " TAIL), {"\"track_running_stats\" can only be"}},
        {NET("{'type': 'MaxPool2d', 'kernel_size': 2, 'ceil_mode': true}, " TAIL), {"\"ceil_mode\" can only be false"}},
        {NET("{'type': 'AvgPool2d', 'kernel_size': 2, 'divisor_override': 3}, " TAIL),
         {"\"divisor_override\" can only be null"}},
        {NET("{'type': 'Flatten', 'start_dim': [1, 1]}"), {"\"start_dim\" can only be 1"}},
        {"{'input': [1, 300, 300], 'layers': [{'type': 'AdaptiveAvgPool2d', 'output_size': 1}, " TAIL "]}",
         {"layer 0 (AdaptiveAvgPool2d): its input is an image of 300 x 300: at most 65536 pixels"}},
        {NET("{'type': 'Flatten', 'start_dim': 0}"), {"\"start_dim\" can only be 1"}},
        {NET("{'type': 'AdaptiveAvgPool2d'}, " TAIL), {"\"output_size\" is missing"}},
        {NET("{'type': 'AdaptiveAvgPool2d', 'output_size': 2}, " TAIL), {"\"output_size\"", "from 1 to 1", "not 2"}},
        {NET("{'type': 'LeakyReLU', 'negative_slope': -0.1}, " TAIL), {"\"negative_slope\"", "from 0 to 1"}},
        {NET("{'type': 'Dropout', 'p': 1}, " TAIL), {"\"p\" must be a number from 0 to 0.99, not 1"}},
        {NET("{'type': 'Flatten'}, {'type': 'Dropout2d'}"), {"layer 1 (Dropout2d)", "needs images"}},
        {NET("{'type': 'ELU', 'alpha': -1}, " TAIL), {"\"alpha\"", "from 0 to"}},
        {NET("{'type': 'GroupNorm', 'num_groups': 2}, " TAIL),
         {"layer 0 (GroupNorm): \"num_groups\" is 2: it must divide the 1 channels of the input"}},
        {NET("{'type': 'GroupNorm', 'num_groups': 1, 'num_channels': 4}, " TAIL), {"\"num_channels\" is 4", "has 1"}},
        {NET("{'type': 'GroupNorm'}, " TAIL), {"\"num_groups\" is missing"}},
        {NET("{'type': 'LayerNorm', 'normalized_shape': 8}, " TAIL),
         {"layer 0 (LayerNorm): \"normalized_shape\" must be that of the whole input, [1, 8, 8]"}},
        {NET("{'type': 'LayerNorm', 'normalized_shape': [1, 8, 7]}, " TAIL), {"whole input, [1, 8, 8]"}},
        {NET("{'type': 'LayerNorm', 'normalized_shape': [8, 8]}, " TAIL),
         {"\"normalized_shape\" must be a number of features or [channels, height, width]"}},
        {NET("{'type': 'LayerNorm', 'normalized_shape': 0}, " TAIL), {"\"normalized_shape\" must be a number"}},
        {NET("{'type': 'LayerNorm', 'bias': false}, " TAIL), {"\"bias\" can only be true here"}},
        {NET("{'type': 'Flatten'}, {'type': 'LayerNorm', 'normalized_shape': [1, 8, 8]}"),
         {"layer 1 (LayerNorm)", "whole input, 64"}},
        {NET("{'type': 'GELU', 'approximate': 'erf'}, " TAIL),
         {"layer 0 (GELU): \"approximate\" is \"erf\": it can be one of: none, tanh"}},
        {NET("{'type': 'GELU', 'approximate': true}, " TAIL),
         {"\"approximate\" must be one of these in quotes: none, tanh, not true"}},
        {NET("{'type': 'GELU', 'inplace': true}, " TAIL), {"layer 0 (GELU): unknown option \"inplace\""}},
        {NET("{'type': 'Conv2d', 'kernel_size': 3}"), {"layer 0 (Conv2d): \"out_channels\" is missing"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2}"), {"\"kernel_size\" is missing"}},
        {NET("{'type': 'Conv2d', 'out_channels': 0, 'kernel_size': 3}"), {"\"out_channels\"", "from 1", "not 0"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2.5, 'kernel_size': 3}"), {"\"out_channels\"", "whole number"}},
        {NET("{'type': 'Conv2d', 'out_channels': [2, 2], 'kernel_size': 3}"), {"\"out_channels\"", "not a list"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': '3'}"), {"\"kernel_size\"", "not a string"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': [3]}"), {"[height, width]", "not a list"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': [3, 3, 3]}"), {"[height, width]", "not a list"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': [3, null]}"), {"\"kernel_size\"", "not null"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 3, 'stride': 0}"), {"\"stride\"", "not 0"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 3, 'padding': -1}"), {"\"padding\"", "not -1"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 3, 'bias': 1}"), {"\"bias\"", "true or false"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 9}"), {"layer 0", "height", "at most 8"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': [8, 11], 'padding': 1}"), {"width", "at most 10"}},
        {NET("{'type': 'Conv2d', 'in_channels': 3, 'out_channels': 2, 'kernel_size': 3}"),
         {"\"in_channels\" is 3, but the input has 1"}},
        {NET("{'type': 'Conv2d', 'out_channels': 268435456, 'kernel_size': 3}"), {"weights"}},
        {NET("{'type': 'Conv2d', 'out_channels': 268435456, 'kernel_size': 1}"), {"numbers per sample"}},
        {NET("{'type': 'Conv2d', 'out_channels': 1, 'kernel_size': 1, 'padding': 65536}"), {"numbers per sample"}},
        {"{'input': [1, 1, 131072], 'layers': [{'type': 'Conv2d', 'out_channels': 1, 'kernel_size': [1, 65535]}, " TAIL
         "]}",
         {"layer 0 (Conv2d): a kernel_size of 1 x 65535 at 1 x 65538 places", "clenet takes at most 1073741824"}},
        {"{'input': [1, 16384, 16384], 'layers': [{'type': 'MaxPool2d', 'kernel_size': 256, 'stride': 1}, " TAIL "]}",
         {"layer 0 (MaxPool2d): a kernel_size of 256 x 256", "clenet takes at most"}},
        {"{'input': [256, 256, 256], 'layers': [{'type': 'Conv2d', 'out_channels': 256, 'kernel_size': 3}, " TAIL "]}",
         {"layer 0 (Conv2d): ", "for one image up to here: clenet takes at most 17179869184"}},
        {NET("{'type': 'Linear', 'out_features': 2}"), {"layer 0 (Linear): needs a vector", "put Flatten before it"}},
        {NET("{'type': 'BatchNorm1d'}"), {"layer 0 (BatchNorm1d): needs a vector"}},
        {NET("{'type': 'Flatten'}, {'type': 'BatchNorm2d'}"), {"layer 1 (BatchNorm2d): needs images", "64 features"}},
        {NET("{'type': 'Flatten'}, {'type': 'MaxPool2d', 'kernel_size': 2}"), {"layer 1 (MaxPool2d): needs images"}},
        {NET("{'type': 'Flatten'}, {'type': 'Linear', 'in_features': 63, 'out_features': 2}"),
         {"\"in_features\" is 63, but the input has 64"}},
        {NET("{'type': 'Flatten'}, {'type': 'Linear', 'out_features': 268435456}"), {"weights"}},
        {NET("{'type': 'BatchNorm2d', 'num_features': 2}"), {"\"num_features\" is 2, but the input has 1"}},
        {NET("{'type': 'BatchNorm2d', 'eps': 0}"), {"\"eps\" must be a number from 1e-12 to 1", "not 0"}},
        {NET("{'type': 'BatchNorm2d', 'momentum': 1.5}"), {"\"momentum\"", "not 1.5"}},
        {NET("{'type': 'BatchNorm2d', 'momentum': null}"), {"\"momentum\"", "not null"}},
        {NET("{'type': 'MaxPool2d', 'kernel_size': 3, 'padding': 2}"), {"layer 0 (MaxPool2d)", "at most half"}},
        {NET("{'type': 'AvgPool2d', 'kernel_size': [3, 2], 'padding': [1, 2]}"),
         {"layer 0 (AvgPool2d)", "\"padding\" is [1, 2]: at most half of the kernel_size [3, 2]"}},
        {NET("{'type': 'MaxPool2d', 'kernel_size': 9}"), {"at most 8"}},
        {NET("{'type': 'Conv2d', 'out_channels': 2, 'kernel_size': 8}"), {"layer 0 (Conv2d)", "must be a vector"}},
        {NET("{'type': 'Flatten'}, {'type': 'Linear', 'out_features': 1}"), {"layer 1 (Linear): 1 classes"}},
        {NET("{'type': 'Flatten'}, {'type': 'Linear', 'out_features': 4097}"), {"4097 classes: from 2 to 4096"}},
        {"{'input': [2], 'layers': [{'type': 'Tanh'}]}", {"no layer has anything to train"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cln_network *network;
        enum cln_status status = parse(&network, cases[i].text, NULL);
        if (status != CLN_INVALID)
            fail_msg("case %zu: %s instead of invalid: %s", i, cln_status_name(status), cases[i].text);
        assert_null(network);
        for (size_t w = 0; w < COUNT(cases[i].words) && cases[i].words[w]; w++) {
            if (!strstr(cln_error_message(), cases[i].words[w]))
                fail_msg("case %zu: no \"%s\" in: %s", i, cases[i].words[w], cln_error_message());
        }
    }
}

/* A text of `count` times `unit` between `head` and `tail`; the caller's. */
static char *repeated(const char *head, const char *unit, size_t count, const char *tail) {
    char *text = malloc(strlen(head) + count * strlen(unit) + strlen(tail) + 1);
    assert_non_null(text);
    char *at = stpcpy(text, head);
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, unit);
    strcpy(at, tail);
    return text;
}

static void assert_refused(char *text, const char *word) {
    struct cln_network *network;
    assert_int_equal(parse(&network, text, NULL), CLN_INVALID);
    if (!strstr(cln_error_message(), word))
        fail_msg("no \"%s\" in: %s", word, cln_error_message());
    free(text);
}

static void limits_hold(void **state) {
    (void)state;
    const char *head = "{'input': [1, 8, 8], 'layers': [", *tail = "{'type': 'Flatten'}, {'type': 'Linear', "
                                                                   "'out_features': 2}]}";
    char *text = repeated(head, "{'type': 'Tanh'},", 998, tail);
    struct cln_network *network;
    assert_int_equal(parse(&network, text, NULL), CLN_OK);
    assert_int_equal(network->layer_count, 1000);
    cln_network_destroy(&network);
    free(text);
    assert_refused(repeated(head, "{'type': 'Tanh'},", 999, tail), "clenet's limit of 1000");
    assert_refused(repeated(head, " ", 1 << 20, tail), "bytes of text");
    assert_refused(repeated("{'input': ", "[", 100000, ""), "2048 levels of brackets, clenet's limit");
    assert_refused(repeated("", "{'layers': ", 50000, ""), "line 1");
    /* Each layer within its limit, all of them beyond. */
    assert_refused(repeated("{'input': [16384], 'layers': [", "{'type': 'Linear', 'out_features': 16000},", 3,
                            "{'type': 'Linear', 'out_features': 2}]}"),
                   "layer 1 (Linear): more than");
}

static void truncated_text_is_refused_at_every_byte(void **state) {
    (void)state;
    struct cln_network *network, *part;
    char *text;
    assert_int_equal(cln_network_load(&network, "bn-lenet", NULL), CLN_OK);
    assert_int_equal(cln_network_text(&text, network), CLN_OK);
    for (size_t bytes = 0; bytes < strlen(text); bytes++) {
        char *exact = malloc(bytes + 1); /* an address sanitizer sees a read beyond */
        assert_non_null(exact);
        memcpy(exact, text, bytes);
        assert_int_equal(cln_network_parse(&part, exact, bytes, "part", NULL), CLN_INVALID);
        assert_null(part);
        free(exact);
    }
    free(text);
    cln_network_destroy(&network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_text_is_refused_with_the_reason),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(truncated_text_is_refused_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
