/* layers → stages: which layers are fused, with which shapes and tensors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/table.h"
#include "src/model/layer.h"
#include "src/model/stage.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct cln_network *parsed(const char *text) {
    struct cln_network *network;
    if (cln_network_parse(&network, text, strlen(text), "test", NULL) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return network;
}

/* One line of a stage: "layers parts x>z>a", such as "0-3 conv+norm+Sigmoid+max 1x8x8>2x6x6>2x3x3". */
static void render(const struct cln_stage *s, char *text, size_t bytes) {
    static const char *const affine[] = {"none", "conv", "linear"};
    CLN_EVERY(affine, CLN_AFFINE_COUNT);
    const bool activates = s->activation.kind != CLN_IDENTITY;
    static const char *const pool[] = {"", "+max", "+avg"};
    CLN_EVERY(pool, CLN_POOL_KIND_COUNT);
    snprintf(text, bytes, "%d-%d %s%s%s%s%s%s %dx%dx%d>%dx%dx%d>%dx%dx%d", s->first_layer, s->last_layer,
             affine[s->affine], s->normalise ? "+norm" : "", activates ? "+" : "",
             activates ? cln_layer_type_of_activation(s->activation.kind)->name : "", pool[s->pool.kind],
             s->dropout.p > 0 ? "+drop" : "", s->x.channels, s->x.height, s->x.width, s->z.channels, s->z.height,
             s->z.width, s->a.channels, s->a.height, s->a.width);
}

/* Short names for layers in the cases below. */
static const struct {
    const char *name, *layer;
} vocabulary[] = {
    {"conv", "{\"type\": \"Conv2d\", \"out_channels\": 2, \"kernel_size\": 3}"},
    {"linear", "{\"type\": \"Linear\", \"out_features\": 5}"},
    {"norm", "{\"type\": \"BatchNorm2d\"}"},
    {"norm1d", "{\"type\": \"BatchNorm1d\"}"},
    {"sigmoid", "{\"type\": \"Sigmoid\"}"},
    {"relu", "{\"type\": \"ReLU\"}"},
    {"tanh", "{\"type\": \"Tanh\"}"},
    {"identity", "{\"type\": \"Identity\"}"},
    {"max", "{\"type\": \"MaxPool2d\", \"kernel_size\": 2}"},
    {"avg", "{\"type\": \"AvgPool2d\", \"kernel_size\": 2}"},
    {"drop", "{\"type\": \"Dropout\"}"},
    {"none", "{\"type\": \"Dropout2d\", \"p\": 0}"},
    {"flatten", "{\"type\": \"Flatten\"}"},
};

static struct cln_network *network_of(const char *input, const char *layers) {
    char text[4096], words[256], *rest;
    size_t used = (size_t)snprintf(text, sizeof(text), "{\"input\": %s, \"layers\": [", input);
    snprintf(words, sizeof(words), "%s", layers);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        size_t i = 0;
        while (i < COUNT(vocabulary) && strcmp(vocabulary[i].name, word) != 0)
            i++;
        assert_true(i < COUNT(vocabulary));
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", word == words ? "" : ", ", vocabulary[i].layer);
    }
    snprintf(text + used, sizeof(text) - used, "]}");
    return parsed(text);
}

static void layers_split_greedily(void **state) {
    (void)state;
    static const struct {
        const char *input, *layers;
        const char *stages[8];
    } cases[] = {
        {"[1, 8, 8]",
         "conv norm sigmoid max flatten linear norm1d tanh linear",
         {"0-4 conv+norm+Sigmoid+max 1x8x8>2x6x6>18x1x1", "5-7 linear+norm+Tanh 18x1x1>5x1x1>5x1x1",
          "8-8 linear 5x1x1>5x1x1>5x1x1"}},
        /* a part that comes too late begins a stage without affine part */
        {"[1, 8, 8]",
         "conv relu norm flatten linear",
         {"0-1 conv+ReLU 1x8x8>2x6x6>2x6x6", "2-3 none+norm 2x6x6>2x6x6>72x1x1", "4-4 linear 72x1x1>5x1x1>5x1x1"}},
        {"[1, 8, 8]",
         "conv max relu flatten linear",
         {"0-1 conv+max 1x8x8>2x6x6>2x3x3", "2-3 none+ReLU 2x3x3>2x3x3>18x1x1", "4-4 linear 18x1x1>5x1x1>5x1x1"}},
        {"[1, 8, 8]",
         "conv max norm relu flatten linear",
         {"0-1 conv+max 1x8x8>2x6x6>2x3x3", "2-4 none+norm+ReLU 2x3x3>2x3x3>18x1x1", "5-5 linear 18x1x1>5x1x1>5x1x1"}},
        /* two of a kind in a row */
        {"[1, 8, 8]",
         "max avg flatten linear",
         {"0-0 none+max 1x8x8>1x8x8>1x4x4", "1-2 none+avg 1x4x4>1x4x4>4x1x1", "3-3 linear 4x1x1>5x1x1>5x1x1"}},
        {"[3]",
         "linear sigmoid tanh norm1d norm1d",
         {"0-1 linear+Sigmoid 3x1x1>5x1x1>5x1x1", "2-2 none+Tanh 5x1x1>5x1x1>5x1x1", "3-3 none+norm 5x1x1>5x1x1>5x1x1",
          "4-4 none+norm 5x1x1>5x1x1>5x1x1"}},
        {"[1, 8, 8]",
         "conv conv flatten linear linear",
         {"0-0 conv 1x8x8>2x6x6>2x6x6", "1-2 conv 2x6x6>2x4x4>32x1x1", "3-3 linear 32x1x1>5x1x1>5x1x1",
          "4-4 linear 5x1x1>5x1x1>5x1x1"}},
        /* identities and a Flatten of what is flat are absorbed and end nothing */
        {"[1, 8, 8]",
         "identity conv identity norm identity relu max identity flatten identity flatten linear identity norm1d",
         {"0-10 conv+norm+ReLU+max 1x8x8>2x6x6>18x1x1", "11-13 linear+norm 18x1x1>5x1x1>5x1x1"}},
        {"[3]", "linear flatten relu", {"0-2 linear+ReLU 3x1x1>5x1x1>5x1x1"}},
        {"[7, 1, 1]",
         "norm flatten tanh linear",
         {"0-2 none+norm+Tanh 7x1x1>7x1x1>7x1x1", "3-3 linear 7x1x1>5x1x1>5x1x1"}},
        /* a leading Flatten joins the first stage */
        {"[1, 2, 3]", "flatten linear", {"0-1 linear 6x1x1>5x1x1>5x1x1"}},
        {"[1, 2, 3]",
         "identity flatten norm1d linear",
         {"0-2 none+norm 6x1x1>6x1x1>6x1x1", "3-3 linear 6x1x1>5x1x1>5x1x1"}},
        /* a dropout ends what it joins; one that drops nothing is an identity */
        {"[1, 8, 8]",
         "conv none norm relu max drop flatten drop linear drop relu",
         {"0-6 conv+norm+ReLU+max+drop 1x8x8>2x6x6>18x1x1", "7-7 none+drop 18x1x1>18x1x1>18x1x1",
          "8-9 linear+drop 18x1x1>5x1x1>5x1x1", "10-10 none+ReLU 5x1x1>5x1x1>5x1x1"}},
        {"[1, 8, 8]",
         "drop conv drop drop norm flatten",
         {"0-0 none+drop 1x8x8>1x8x8>1x8x8", "1-2 conv+drop 1x8x8>2x6x6>2x6x6", "3-3 none+drop 2x6x6>2x6x6>2x6x6",
          "4-5 none+norm 2x6x6>2x6x6>72x1x1"}},
        /* behind a Flatten the channels are others: nothing joins the stage it ends */
        {"[1, 8, 8]",
         "conv flatten norm1d relu linear",
         {"0-1 conv 1x8x8>2x6x6>72x1x1", "2-3 none+norm+ReLU 72x1x1>72x1x1>72x1x1", "4-4 linear 72x1x1>5x1x1>5x1x1"}},
        {"[1, 8, 8]",
         "conv norm flatten sigmoid linear",
         {"0-2 conv+norm 1x8x8>2x6x6>72x1x1", "3-3 none+Sigmoid 72x1x1>72x1x1>72x1x1",
          "4-4 linear 72x1x1>5x1x1>5x1x1"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cln_network *network = network_of(cases[i].input, cases[i].layers);
        struct cln_stage *stages;
        size_t count;
        assert_int_equal(cln_stages_build(&stages, &count, network), CLN_OK);
        for (size_t s = 0; s < count; s++) {
            char text[256];
            render(&stages[s], text, sizeof(text));
            assert_true(s < COUNT(cases[i].stages) && cases[i].stages[s]);
            assert_string_equal(text, cases[i].stages[s]);
        }
        assert_true(count == COUNT(cases[i].stages) || !cases[i].stages[count]);
        free(stages);
        cln_network_destroy(&network);
    }
}

static bool same_shape(struct cln_shape p, struct cln_shape q) {
    return p.channels == q.channels && p.height == q.height && p.width == q.width;
}

/* Stages cover all layers without gap, hand their shapes on, and use every tensor exactly once. */
static void assert_sound(const struct cln_network *network) {
    struct cln_stage *stages;
    size_t count;
    assert_int_equal(cln_stages_build(&stages, &count, network), CLN_OK);
    assert_true(count >= 1 && count <= network->layer_count);
    int next_layer = 0, next_tensor = 0;
    for (size_t i = 0; i < count; i++) {
        const struct cln_stage *s = &stages[i];
        assert_int_equal(s->first_layer, next_layer);
        assert_true(s->last_layer >= s->first_layer);
        next_layer = s->last_layer + 1;
        if (i > 0)
            assert_true(same_shape(s->x, stages[i - 1].a));
        if (s->affine == CLN_AFFINE_NONE)
            assert_true(same_shape(s->x, s->z));
        if (s->normalise)
            assert_true(same_shape(s->batchnorm.shape, s->z));
        if (s->pool.kind != CLN_POOL_NONE)
            assert_true(same_shape(s->pool.in, s->z));
        const struct {
            int index;
            enum cln_tensor_role role;
        } tensors[] = {
            {s->weight, CLN_WEIGHT},
            {s->bias, CLN_BIAS},
            {s->gamma, CLN_GAMMA},
            {s->beta, CLN_BETA},
            {s->running_mean, CLN_RUNNING_MEAN},
            {s->running_var, CLN_RUNNING_VAR},
        };
        for (size_t t = 0; t < COUNT(tensors); t++) {
            if (tensors[t].index < 0)
                continue;
            assert_int_equal(tensors[t].index, next_tensor++);
            assert_int_equal(network->tensors[tensors[t].index].role, tensors[t].role);
        }
        assert_int_equal(s->affine != CLN_AFFINE_NONE, s->weight >= 0);
        assert_int_equal(s->normalise, s->gamma >= 0 && s->beta >= 0 && s->running_mean >= 0 && s->running_var >= 0);
    }
    assert_int_equal(next_layer, network->layer_count);
    assert_int_equal(next_tensor, network->tensor_count);
    assert_true(same_shape(stages[count - 1].a, network->layers[network->layer_count - 1].out));
    free(stages);
}

static void shipped_networks_make_sound_stages(void **state) {
    (void)state;
    static const char *const names[] = {"bn-lenet", "lenet", CLN_EXAMPLES "/bn-cnn-relu.json",
                                        CLN_EXAMPLES "/mlp.json"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct cln_network *network;
        assert_int_equal(cln_network_load(&network, names[i], NULL), CLN_OK);
        assert_sound(network);
        cln_network_destroy(&network);
    }
}

/* Every order of up to four layers between a Conv2d and the last Linear. */
static void every_order_of_layers_makes_sound_stages(void **state) {
    (void)state;
    static const char *const between[] = {"conv", "norm", "relu", "identity", "avg"};
    for (size_t code = 0; code < 5 * 5 * 5 * 5; code++) {
        char layers[128] = "conv";
        for (size_t i = 0, digits = code; i < 4; i++, digits /= COUNT(between)) {
            strcat(layers, " ");
            strcat(layers, between[digits % COUNT(between)]);
        }
        strcat(layers, " flatten tanh linear");
        struct cln_network *network = network_of("[1, 48, 48]", layers);
        assert_sound(network);
        cln_network_destroy(&network);
    }
}

static void geometry_is_carried_over(void **state) {
    (void)state;
    struct cln_network *network;
    struct cln_stage *stages;
    size_t count;
    assert_int_equal(cln_network_load(&network, CLN_EXAMPLES "/bn-cnn-relu.json", NULL), CLN_OK);
    assert_int_equal(cln_stages_build(&stages, &count, network), CLN_OK);
    assert_int_equal(count, 5);
    assert_int_equal(stages[0].bias, -1);
    assert_true(stages[0].batchnorm.momentum == 0.05);
    assert_int_equal(stages[1].conv2d.stride_w, 2);
    assert_int_equal(stages[1].pool.padding_h, 1);
    assert_int_equal(stages[2].conv2d.kernel_h, 1);
    assert_int_equal(stages[2].conv2d.kernel_w, 3);
    assert_int_equal(stages[3].linear.in_features, 288);
    assert_int_equal(stages[3].activation.kind, CLN_TANH);
    assert_int_equal(stages[4].activation.kind, CLN_IDENTITY);
    assert_string_equal(network->tensors[stages[3].weight].name, "12.weight");
    free(stages);
    cln_network_destroy(&network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_split_greedily),
        cmocka_unit_test(shipped_networks_make_sound_stages),
        cmocka_unit_test(every_order_of_layers_makes_sound_stages),
        cmocka_unit_test(geometry_is_carried_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
