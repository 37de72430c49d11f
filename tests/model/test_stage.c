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
#include "tests/words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The stages of a network, and the stage of each layer. */
struct split {
    const struct cln_network *network;
    struct cln_stage *stages;
    size_t count;
    int of_layers[64];
};

static struct split split_of(const struct cln_network *network) {
    struct split split = {.network = network};
    assert_true(network->layer_count <= COUNT(split.of_layers));
    assert_int_equal(cln_stages_build(&split.stages, &split.count, network, split.of_layers), CLN_OK);
    return split;
}

/* The first and the last layer of a stage. */
static void range_of(const struct split *split, size_t stage, int range[2]) {
    range[0] = range[1] = -1;
    for (int i = 0; i < (int)split->network->layer_count; i++)
        if (split->of_layers[i] == (int)stage) {
            range[0] = range[0] < 0 ? i : range[0];
            range[1] = i;
        }
}

/* One line of a stage: "layers parts x>z>a", such as "0-3 conv+norm+Sigmoid+max 1x8x8>2x6x6>2x3x3". Then " of" and the
 * stage that it reads, unless that is the one before, and " adds" and the stage that it adds; -1 are the images. */
static void render(const struct split *split, size_t index, char *text, size_t bytes) {
    const struct cln_stage *s = &split->stages[index];
    static const char *const affine[] = {"none", "conv", "linear", "groupnorm"};
    CLN_EVERY(affine, CLN_AFFINE_COUNT);
    const bool activates = s->activation.kind != CLN_IDENTITY;
    static const char *const pool[] = {"", "+max", "+avg"};
    CLN_EVERY(pool, CLN_POOL_KIND_COUNT);
    int range[2];
    range_of(split, index, range);
    snprintf(text, bytes, "%d-%d %s%s%s%s%s%s %dx%dx%d>%dx%dx%d>%dx%dx%d", range[0], range[1], affine[s->affine],
             s->normalise ? "+norm" : "", activates ? "+" : "",
             activates ? cln_layer_type_of_activation(s->activation.kind)->name : "", pool[s->pool.kind],
             s->dropout.p > 0 ? "+drop" : "", s->x.channels, s->x.height, s->x.width, s->z.channels, s->z.height,
             s->z.width, s->a.channels, s->a.height, s->a.width);
    if (s->input != (int)index - 1)
        snprintf(text + strlen(text), bytes - strlen(text), " of %d", s->input);
    if (s->addend != CLN_READS_NOTHING)
        snprintf(text + strlen(text), bytes - strlen(text), " adds %d", s->addend);
}

static struct cln_network *network_of(const char *input, const char *words) {
    struct cln_network *network;
    if (cln_words_network(&network, input, words) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return network;
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
        /* behind a Flatten the channels are others: only a dropout joins the stage it ends */
        {"[1, 8, 8]",
         "conv relu max flatten drop linear",
         {"0-4 conv+ReLU+max+drop 1x8x8>2x6x6>18x1x1", "5-5 linear 18x1x1>5x1x1>5x1x1"}},
        {"[1, 8, 8]",
         "conv flatten norm1d relu linear",
         {"0-1 conv 1x8x8>2x6x6>72x1x1", "2-3 none+norm+ReLU 72x1x1>72x1x1>72x1x1", "4-4 linear 72x1x1>5x1x1>5x1x1"}},
        {"[1, 8, 8]",
         "conv norm flatten sigmoid linear",
         {"0-2 conv+norm 1x8x8>2x6x6>72x1x1", "3-3 none+Sigmoid 72x1x1>72x1x1>72x1x1",
          "4-4 linear 72x1x1>5x1x1>5x1x1"}},
        /* a sum joins what ends the main branch; what both branches read ends its stage */
        {"[1, 8, 8]",
         "same norm relu ( same norm relu same norm ) relu flatten linear",
         {"0-2 conv+norm+ReLU 1x8x8>1x8x8>1x8x8", "3-5 conv+norm+ReLU 1x8x8>1x8x8>1x8x8",
          "6-10 conv+norm+ReLU 1x8x8>1x8x8>64x1x1 adds 0", "11-11 linear 64x1x1>5x1x1>5x1x1"}},
        {"[1, 8, 8]",
         "same ( conv norm | conv ) relu max flatten linear",
         {"0-0 conv 1x8x8>1x8x8>1x8x8", "3-3 conv 1x8x8>2x6x6>2x6x6",
          "1-5 conv+norm+ReLU 1x8x8>2x6x6>2x6x6 of 0 adds 1", "6-7 none+max 2x6x6>2x6x6>18x1x1",
          "8-8 linear 18x1x1>5x1x1>5x1x1"}},
        /* a main branch that ends too late for a sum: the sum has a stage of its own */
        {"[1, 8, 8]",
         "same ( same relu ) flatten drop linear",
         {"0-0 conv 1x8x8>1x8x8>1x8x8", "1-2 conv+ReLU 1x8x8>1x8x8>1x8x8", "3-5 none+drop 1x8x8>1x8x8>64x1x1 adds 0",
          "6-6 linear 64x1x1>5x1x1>5x1x1"}},
        {"[3]",
         "linear:3 ( identity ) linear",
         {"0-1 linear 3x1x1>3x1x1>3x1x1", "2-2 none 3x1x1>3x1x1>3x1x1 adds 0", "3-3 linear 3x1x1>5x1x1>5x1x1"}},
        /* an activation of its input joins no sum */
        {"[1, 8, 8]",
         "same norm silu max ( same norm ) hardswish flatten linear",
         {"0-3 conv+norm+SiLU+max 1x8x8>1x8x8>1x4x4", "4-6 conv+norm 1x4x4>1x4x4>1x4x4 adds 0",
          "7-8 none+Hardswish 1x4x4>1x4x4>16x1x1", "9-9 linear 16x1x1>5x1x1>5x1x1"}},
        /* a group norm is an affine part; the channels of a layer norm are elements, so that nothing by channel joins
         */
        {"[1, 8, 8]",
         "same:4 group norm relu max flatten linear",
         {"0-0 conv 1x8x8>4x8x8>4x8x8", "1-5 groupnorm+norm+ReLU+max 4x8x8>4x8x8>64x1x1",
          "6-6 linear 64x1x1>5x1x1>5x1x1"}},
        {"[1, 8, 8]",
         "same:2 layernorm silu max layernorm norm flatten layernorm norm1d linear layernorm",
         {"0-0 conv 1x8x8>2x8x8>2x8x8", "1-2 groupnorm+SiLU 2x8x8>128x1x1>2x8x8", "3-3 none+max 2x8x8>2x8x8>2x4x4",
          "4-4 groupnorm 2x4x4>32x1x1>2x4x4", "5-6 none+norm 2x4x4>2x4x4>32x1x1",
          "7-8 groupnorm+norm 32x1x1>32x1x1>32x1x1", "9-9 linear 32x1x1>5x1x1>5x1x1",
          "10-10 groupnorm 5x1x1>5x1x1>5x1x1"}},
        /* branches of the images */
        {"[3]",
         "( linear:3 | identity ) tanh linear",
         {"0-3 linear+Tanh 3x1x1>3x1x1>3x1x1 adds -1", "4-4 linear 3x1x1>5x1x1>5x1x1"}},
        {"[1, 8, 8]",
         "( conv | conv norm ) flatten linear",
         {"1-2 conv+norm 1x8x8>2x6x6>2x6x6", "0-4 conv 1x8x8>2x6x6>72x1x1 of -1 adds 0",
          "5-5 linear 72x1x1>5x1x1>5x1x1"}},
        /* within each other; three layers read the first */
        {"[1, 8, 8]",
         "same ( ( same ) same ) flatten linear",
         {"0-0 conv 1x8x8>1x8x8>1x8x8", "1-2 conv 1x8x8>1x8x8>1x8x8 adds 0", "3-5 conv 1x8x8>1x8x8>64x1x1 adds 0",
          "6-6 linear 64x1x1>5x1x1>5x1x1"}},
        {"[1, 8, 8]",
         "same ( same | ( same ) relu ) flatten linear",
         {"0-0 conv 1x8x8>1x8x8>1x8x8", "2-4 conv+ReLU 1x8x8>1x8x8>1x8x8 adds 0",
          "1-6 conv 1x8x8>1x8x8>64x1x1 of 0 adds 1", "7-7 linear 64x1x1>5x1x1>5x1x1"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cln_network *network = network_of(cases[i].input, cases[i].layers);
        const struct split split = split_of(network);
        for (size_t s = 0; s < split.count; s++) {
            char text[256];
            render(&split, s, text, sizeof(text));
            assert_true(s < COUNT(cases[i].stages) && cases[i].stages[s]);
            assert_string_equal(text, cases[i].stages[s]);
        }
        assert_true(split.count == COUNT(cases[i].stages) || !cases[i].stages[split.count]);
        free(split.stages);
        cln_network_destroy(&network);
    }
}

static bool same_shape(struct cln_shape p, struct cln_shape q) {
    return p.channels == q.channels && p.height == q.height && p.width == q.width;
}

/* The stages of a chain cover all layers without gap, hand their shapes on, and use every tensor exactly once. */
static void assert_sound(const struct cln_network *network) {
    const struct split split = split_of(network);
    const struct cln_stage *stages = split.stages;
    assert_true(split.count >= 1 && split.count <= network->layer_count);
    int next_layer = 0, next_tensor = 0;
    for (size_t i = 0; i < split.count; i++) {
        const struct cln_stage *s = &stages[i];
        int range[2];
        range_of(&split, i, range);
        assert_int_equal(range[0], next_layer);
        assert_true(range[1] >= range[0]);
        assert_in_range(s->first_layer, range[0], range[1]);
        next_layer = range[1] + 1;
        assert_int_equal(s->input, (int)i - 1);
        assert_int_equal(s->addend, CLN_READS_NOTHING);
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
    assert_true(same_shape(stages[split.count - 1].a, network->layers[network->layer_count - 1].out));
    free(split.stages);
}

static void shipped_networks_make_sound_stages(void **state) {
    (void)state;
    static const char *const names[] = {"bn-lenet",
                                        "lenet",
                                        CLN_EXAMPLES "/bn-cnn-relu.json",
                                        CLN_EXAMPLES "/mlp.json",
                                        CLN_EXAMPLES "/lenet-5.json",
                                        CLN_EXAMPLES "/vgg-mini.json",
                                        CLN_EXAMPLES "/mobilenet-like.json"};
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
    assert_int_equal(cln_stages_build(&stages, &count, network, NULL), CLN_OK);
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
