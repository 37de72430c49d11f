/* Networks with branches: their layers and tensors, their text, what is refused, and how they are shown. */
#include "src/model/layer.h"
#include "tests/model/support.h"
#include "tests/words.h"

static struct cln_network *network_of(const char *input, const char *words) {
    struct cln_network *network;
    if (cln_words_network(&network, input, words) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return network;
}

/* A Residual comes behind the layers of its branches, of which both begin with what it reads. */
static void layers_name_what_they_read(void **state) {
    (void)state;
    static const struct {
        const char *path, *type;
        int input, shortcut;
    } expected[] = {{"0", "Conv2d", -1, 0},
                    {"1.layers.0", "Conv2d", 0, 0},
                    {"1.layers.1", "BatchNorm2d", 1, 0},
                    {"1.shortcut.0", "Conv2d", 0, 0},
                    {"1", "Residual", 2, 3},
                    {"2.layers.0.layers.0", "Conv2d", 4, 0},
                    {"2.layers.0", "Residual", 5, 4},
                    {"2", "Residual", 6, 4},
                    {"3", "Flatten", 7, 0},
                    {"4", "Linear", 8, 0}};
    static const char *const tensors[] = {"0.weight",
                                          "0.bias",
                                          "1.layers.0.weight",
                                          "1.layers.0.bias",
                                          "1.layers.1.weight",
                                          "1.layers.1.bias",
                                          "1.layers.1.running_mean",
                                          "1.layers.1.running_var",
                                          "1.shortcut.0.weight",
                                          "1.shortcut.0.bias",
                                          "2.layers.0.layers.0.weight",
                                          "2.layers.0.layers.0.bias",
                                          "4.weight",
                                          "4.bias"};
    struct cln_network *network =
        network_of("[1, 8, 8]", "same ( conv:3 norm | conv:3 ) ( ( same:3 ) ) flatten linear");
    assert_int_equal(network->layer_count, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++) {
        const struct cln_layer *layer = &network->layers[i];
        assert_string_equal(layer->path, expected[i].path);
        assert_string_equal(layer->type, expected[i].type);
        assert_int_equal(layer->input, expected[i].input);
        if (layer->kind == CLN_LAYER_RESIDUAL)
            assert_int_equal(layer->shortcut, expected[i].shortcut);
    }
    assert_int_equal(cln_layer_readers(network, 4), 3);
    assert_int_equal(cln_layer_readers(network, 5), 1);
    assert_int_equal(cln_layer_readers(network, CLN_NETWORK_INPUT), 1);
    assert_int_equal(network->tensor_count, COUNT(tensors));
    for (size_t i = 0; i < COUNT(tensors); i++)
        assert_string_equal(network->tensors[i].name, tensors[i]);
    cln_network_destroy(&network);
}

/* The first affine layers of both branches need no data gradient. */
static void multiply_adds_follow_the_branches(void **state) {
    (void)state;
    double forward, training;
    struct cln_network *network = network_of("[3]", "( linear:4 | linear:4 ) linear:2");
    cln_network_multiply_adds(network, &forward, &training);
    assert_true(forward == 12 + 12 + 8);
    assert_true(training == 2 * 24 + 3 * 8);
    cln_network_destroy(&network);
    network = network_of("[3]", "( relu | linear:3 ) linear:2"); /* an affine layer only in the shortcut */
    cln_network_multiply_adds(network, &forward, &training);
    assert_true(forward == 9 + 6);
    assert_true(training == 2 * 9 + 3 * 6);
    cln_network_destroy(&network);
}

static void text_parses_back_to_the_same(void **state) {
    (void)state;
    /* Features that one branch flattens: they are no image. */
    static const char *const words[] = {
        "[10]",      "( flatten linear:10 ) linear:3",
        "[10]",      "( flatten linear:10 | norm1d ) linear:3",
        "[1, 8, 8]", "same ( conv:3 norm | conv:3 ) ( ( same:3 ) ) flatten linear",
        "[1, 8, 8]", "( ( ( ( identity ) ) ) ) flatten linear",
        "[1, 8, 8]", "( same relu same ) ( half:4 | pointhalf:4 ) flatten ( linear:64 ) linear"};
    for (size_t i = 0; i < COUNT(words); i += 2) {
        struct cln_network *network = network_of(words[i], words[i + 1]), *again;
        char *text;
        assert_int_equal(cln_network_text(&text, network), CLN_OK);
        assert_int_equal(cln_network_parse(&again, text, strlen(text), "text", NULL), CLN_OK);
        assert_same_network(network, again);
        for (size_t l = 0; l < network->layer_count; l++) {
            assert_string_equal(network->layers[l].path, again->layers[l].path);
            assert_int_equal(network->layers[l].input, again->layers[l].input);
            assert_int_equal(network->layers[l].shortcut, again->layers[l].shortcut);
        }
        free(text);
        cln_network_destroy(&network);
        cln_network_destroy(&again);
    }
}

static void wrong_branches_are_refused_with_the_reason(void **state) {
    (void)state;
    static const struct {
        const char *words, *message;
    } cases[] = {
        {"same:2 ( conv:2 ) flatten linear",
         "layer 1 (Residual): its layers make 2 x 6 x 6, its shortcut 2 x 8 x 8: only equal shapes can be added"},
        {"same:2 ( same:3 ) flatten linear", "layer 1 (Residual): its layers make 3 x 8 x 8, its shortcut 2 x 8 x 8"},
        {"same:2 ( same:3 | same:4 ) flatten linear", "its layers make 3 x 8 x 8, its shortcut 4 x 8 x 8"},
        {"( flatten linear:64 ) flatten linear", "its layers make 64 features, its shortcut 1 x 8 x 8"},
        {"same ( same ( flatten linear:9 ) ) flatten linear",
         "layer 1.layers.1 (Residual): its layers make 9 features"},
        {"same ( same | linear:4 ) flatten linear", "layer 1.shortcut.0 (Linear): needs a vector of features"},
        {"( ( ( ( ( same ) ) ) ) ) flatten linear",
         "layer 0.layers.0.layers.0.layers.0.layers.0 (Residual): more than 4 of them within each other"},
        {"same ( same ) linear", "layer 2 (Linear): needs a vector of features"},
        {"same ( same )", "layer 1 (Residual): the last layer's output must be a vector of classes"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cln_network *network;
        const enum cln_status status = cln_words_network(&network, "[1, 8, 8]", cases[i].words);
        assert_int_equal(status, CLN_INVALID);
        if (!strstr(cln_error_message(), cases[i].message))
            fail_msg("no \"%s\" in: %s", cases[i].message, cln_error_message());
        cln_network_destroy(&network);
    }
}

#define HEAD "{'input': [1, 8, 8], 'layers': [{'type': 'Residual'"
#define TAIL "}, {'type': 'Flatten'}, {'type': 'Linear', 'out_features': 2}]}"

static void wrong_text_of_branches_is_refused_with_the_reason(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {HEAD TAIL, "layer 0 (Residual): \"layers\" is missing"},
        {HEAD ", 'layers': []" TAIL, "layer 0 (Residual): \"layers\" must be a list of one or more layers"},
        {HEAD ", 'layers': {'type': 'ReLU'}" TAIL,
         "layer 0 (Residual): \"layers\" must be a list of one or more layers"},
        {HEAD ", 'layers': [{'type': 'ReLU'}], 'shortcut': 3" TAIL, "\"shortcut\" must be a list of layers"},
        {HEAD ", 'layers': [{'type': 'ReLU'}], 'add': []" TAIL,
         "unknown option \"add\"; known: type, layers, shortcut"},
        {HEAD ", 'layers': [{'type': 'ReLU'}, 7]" TAIL, "layer 0.layers.1: must be an object"},
        {HEAD ", 'layers': [{'type': 'Relu'}]" TAIL, "layer 0.layers.0: unknown type \"Relu\""},
        {HEAD ", 'layers': [{'type': 'ReLU'}], 'shortcut': [{'type': 'Conv2d'}]" TAIL,
         "test.json: layer 0.shortcut.0 (Conv2d): \"out_channels\" is missing"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cln_network *network;
        assert_int_equal(parse(&network, cases[i].text, NULL), CLN_INVALID);
        if (!strstr(cln_error_message(), cases[i].message))
            fail_msg("no \"%s\" in: %s", cases[i].message, cln_error_message());
    }
    struct cln_network *network; /* an empty shortcut is none */
    assert_int_equal(parse(&network, HEAD ", 'layers': [{'type': 'ReLU'}], 'shortcut': []" TAIL, NULL), CLN_OK);
    cln_network_destroy(&network);
}

/* Layers of branches count for the limit of layers, too. */
static void the_limit_is_of_all_layers(void **state) {
    (void)state;
    enum { LIMIT = 1000, OTHERS = 3 };
    for (size_t inner = LIMIT - OTHERS; inner <= LIMIT - OTHERS + 1; inner++) {
        char *text = calloc(1, 1 << 16);
        assert_non_null(text);
        strcpy(text, HEAD ", 'layers': [");
        for (size_t i = 0; i < inner; i++)
            strcat(text, i == 0 ? "{'type': 'ReLU'}" : ", {'type': 'ReLU'}");
        strcat(text, "]" TAIL);
        struct cln_network *network;
        assert_int_equal(parse(&network, text, NULL), inner == LIMIT - OTHERS ? CLN_OK : CLN_INVALID);
        if (inner > LIMIT - OTHERS)
            assert_non_null(strstr(cln_error_message(), "clenet's limit of 1000"));
        cln_network_destroy(&network);
        free(text);
    }
}

static void assert_shows(enum cln_status (*print)(const struct cln_network *network, FILE *stream),
                         const struct cln_network *network, const char *const *words, size_t count) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    assert_non_null(stream);
    assert_int_equal(print(network, stream), CLN_OK);
    fclose(stream);
    for (size_t i = 0; i < count; i++)
        if (!strstr(text, words[i]))
            fail_msg("no \"%s\" in:\n%s", words[i], text);
    free(text);
}

static enum cln_status print_summary(const struct cln_network *network, FILE *stream) {
    return cln_network_print(network, 4, stream);
}

static enum cln_status print_python(const struct cln_network *network, FILE *stream) {
    cln_network_print_python(network, stream);
    return CLN_OK;
}

static void summary_and_python_show_the_branches(void **state) {
    (void)state;
    static const char *const summary[] = {
        "\n1.shortcut.0  Conv2d(1, 3, kernel_size=3, stride=1)               (4, 3, 6, 6) ",
        "\n           1  Residual()  ", "\n  2  (1, 8, 8)     -> (3, 6, 6)      Conv2d\n",
        "\n  3  (1, 8, 8)     -> (3, 6, 6)      Conv2d + BatchNorm2d + Residual (of stage 1, adds stage 2)\n"};
    static const char python[] = "from torch import nn\n\nclass Residual(nn.Module):\n",
                      list[] = "    Residual(nn.Sequential(\n"
                               "        nn.Conv2d(in_channels=1, out_channels=3, kernel_size=(3, 3)),\n"
                               "        nn.BatchNorm2d(num_features=3),\n"
                               "    ), nn.Sequential(\n"
                               "        nn.Conv2d(in_channels=1, out_channels=3, kernel_size=(3, 3)),\n"
                               "    )),\n"
                               "    Residual(nn.Sequential(\n"
                               "        nn.ReLU(),\n"
                               "    )),\n";
    static const char *const pythons[] = {python, list};
    struct cln_network *network = network_of("[1, 8, 8]", "same ( conv:3 norm | conv:3 ) ( relu ) flatten linear");
    assert_shows(print_summary, network, summary, COUNT(summary));
    assert_shows(print_python, network, pythons, COUNT(pythons));
    cln_network_destroy(&network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_name_what_they_read),
        cmocka_unit_test(multiply_adds_follow_the_branches),
        cmocka_unit_test(text_parses_back_to_the_same),
        cmocka_unit_test(wrong_branches_are_refused_with_the_reason),
        cmocka_unit_test(wrong_text_of_branches_is_refused_with_the_reason),
        cmocka_unit_test(the_limit_is_of_all_layers),
        cmocka_unit_test(summary_and_python_show_the_branches),
    };
    return cmocka_run_group_tests_name("branches", tests, NULL, NULL);
}
