/* What a trainer refuses before it begins: sizes, labels and batches that do not fit the network. */
#include <limits.h>

#include "clenet/log.h"
#include "tests/train/support.h"

static char warnings[4096];

static void on_log(void *user, enum cln_log_level level, const char *message) {
    (void)user;
    const size_t used = strlen(warnings);
    if (level == CLN_LOG_WARNING)
        snprintf(warnings + used, sizeof warnings - used, "%s\n", message);
}

static int begin(void **state) {
    cln_log_set_handler(on_log, NULL);
    return begin_two_norms(state);
}

static void test_refuses_what_does_not_fit(void **state) {
    (void)state;
    struct cln_trainer *trainer = NULL;
    struct cln_trainer_params params = params_of(20);
    params.resize = 30;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_null(trainer);
    assert_non_null(strstr(cln_error_message(), "30"));
    params = params_of(-1);
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_null(trainer);
    params = params_of(20);
    params.session.device = "no such device";
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_NO_DEVICE);
    assert_null(trainer);
}

static void assert_not_created(const struct cln_trainer_params *params, const char *word) {
    struct cln_trainer *trainer = NULL;
    const enum cln_status status = cln_trainer_create(&trainer, params);
    assert_null(trainer);
    if (status != CLN_INVALID || !strstr(cln_error_message(), word))
        fail_msg("%s, and no \"%s\" in: %s", cln_status_name(status), word, cln_error_message());
}

static void test_weights_to_begin_with(void **state) {
    (void)state;
    struct cln_epoch last;
    train(params_of(20), 1, NULL, path, &last);
    struct cln_trainer_params params = params_of(20);
    params.init = (struct cln_init_params){.path = path, .by_order = true, .partial = true};
    assert_not_created(&params, "--partial goes by names");
    params.init = (struct cln_init_params){.path = path};
    params.evaluate_only = true;
    assert_not_created(&params, "initial weights (--init) are for a training that begins");
    params.evaluate_only = false;
    struct cln_checkpoint *model = read_checkpoint(path);
    params.resume = model;
    assert_not_created(&params, "initial weights (--init) are for a training that begins");
    cln_checkpoint_destroy(&model);
    params.resume = NULL;
    params.init.path = "nothing";
    struct cln_trainer *trainer = NULL;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_NOT_FOUND);
    params.init.path = NULL;
    params.freeze = "nothing";
    assert_not_created(&params, "no parameter of network tiny matches 'nothing'");
}

/* Of a data set that a program made up itself; a trainer that only evaluates needs no training labels. */
static void test_judges_labels_against_the_network(void **state) {
    (void)state;
    int32_t train_labels[64], test_labels[10];
    struct cln_dataset mine = *data;
    struct cln_trainer_params params = params_of(20);
    struct cln_trainer *trainer = NULL;
    memcpy(train_labels, data->train.labels, sizeof train_labels);
    memcpy(test_labels, data->test.labels, sizeof test_labels);
    mine.train.labels = train_labels;
    mine.test.labels = test_labels;
    mine.class_count = 256;
    params.data = &mine;

    train_labels[5] = 10;
    train_labels[9] = 255;
    assert_not_created(&params, "training image 5 (counted from 0) has label 10, but network tiny has 10 classes, 0 to "
                                "9 (2 of 64 labels are none of them, the largest is 255)");
    params.evaluate_only = true;
    assert_ok(cln_trainer_create(&trainer, &params));
    cln_trainer_destroy(&trainer);
    test_labels[9] = 10;
    assert_not_created(&params, "test image 9 (counted from 0) has label 10");
    params.evaluate_only = false;
    memcpy(train_labels, data->train.labels, sizeof train_labels);
    assert_not_created(&params, "test image 9 (counted from 0) has label 10");

    for (size_t i = 0; i < 10; i++)
        test_labels[i] = 9; /* a class that no training image shows */
    for (size_t i = 0; i < 64; i++)
        train_labels[i] = (int32_t)(i % 9);
    mine.class_count = 10;
    assert_ok(cln_trainer_create(&trainer, &params));
    cln_trainer_destroy(&trainer);
    mine.class_count = 9; /* the data set's own word is wrong: counts of classes would be written behind their end */
    assert_not_created(&params, "data set synthetic has 9 classes");
    mine.class_count = 0;
    assert_not_created(&params, "data set synthetic has 0 classes");
    mine.class_count = 10;
    mine.test.labels = NULL;
    assert_not_created(&params, "the test images have no labels");
    mine.test.labels = test_labels;
    mine.test.shape.height = 27;
    assert_not_created(&params, "images: images of 27 x 28, but those for training have 28 x 28");
    mine.test.shape.height = 28;
    mine.train.count = 0;
    assert_not_created(&params, "no training images");
}

/* One value per channel: refused where every batch is so, and told once where the last one is. */
static void test_batches_of_one_image(void **state) {
    (void)state;
    static const struct {
        int batch_size;
        size_t count;
        bool single, refused, warned;
        double validation;
    } cases[] = {
        {1, 64, false, true, false},   {1, 64, true, false, false},        {20, 1, false, true, false},
        {20, 1, true, false, false},   {63, 64, false, false, true},       {63, 64, true, false, false},
        {20, 61, false, false, true},  {2, 63, false, false, true},        {20, 64, false, false, false},
        {64, 64, false, false, false}, {47, 64, false, false, true, 0.25}, {63, 64, false, false, false, 0.25}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cln_dataset mine = *data;
        struct cln_trainer_params params = params_of(cases[i].batch_size);
        struct cln_trainer *trainer = NULL;
        mine.train.count = cases[i].count;
        params.data = &mine;
        params.network = cases[i].single ? single : network;
        params.validation = cases[i].validation;
        warnings[0] = '\0';
        if (cases[i].refused) {
            assert_not_created(&params, "layer 6 (BatchNorm1d) of network tiny needs more than one value per channel");
            params.evaluate_only = true; /* prediction normalises by the running statistics */
        }
        assert_ok(cln_trainer_create(&trainer, &params));
        cln_trainer_destroy(&trainer);
        const char *warning = strstr(warnings, "layer 6 (BatchNorm1d)");
        if ((warning != NULL) != cases[i].warned || (warning && strstr(warning + 1, "layer 6")))
            fail_msg("case %zu: warnings are \"%s\"", i, warnings);
    }
}

/* A model whose network has as many parameters, but other tensors. */
static void test_a_model_of_another_network_is_refused(void **state) {
    (void)state;
    static const char text[] =
        "{\"name\": \"shifted\", \"input\": [1, 28, 28], \"layers\": [{\"type\": \"Identity\"}, "
        "{\"type\": \"AvgPool2d\", \"kernel_size\": 4}, {\"type\": \"Conv2d\", \"out_channels\": 4, "
        "\"kernel_size\": 3}, {\"type\": \"BatchNorm2d\"}, {\"type\": \"ReLU\"}, {\"type\": \"Flatten\"}, "
        "{\"type\": \"Linear\", \"out_features\": 16}, {\"type\": \"BatchNorm1d\"}, {\"type\": \"Tanh\"}, "
        "{\"type\": \"Linear\", \"out_features\": 10}]}";
    struct cln_trainer_params params = params_of(16);
    struct cln_network *shifted = NULL;
    assert_ok(cln_network_parse(&shifted, text, strlen(text), "shifted", NULL));
    assert_int_equal(shifted->parameter_floats, network->parameter_floats);
    params.evaluate_only = true;
    struct cln_trainer *trainer = trainer_of(&params);
    assert_ok(cln_trainer_save(trainer, path));
    struct cln_checkpoint *model = read_checkpoint(path);
    assert_ok(cln_trainer_set_model(trainer, model));
    cln_trainer_destroy(&trainer);
    params.network = shifted;
    trainer = trainer_of(&params);
    assert_int_equal(cln_trainer_set_model(trainer, model), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "is of network tiny, which does not fit this trainer's network, "
                                                "shifted: tensor 1.weight [4, 1, 3, 3], not 2.weight"));
    cln_trainer_destroy(&trainer);
    cln_checkpoint_destroy(&model);
    cln_network_destroy(&shifted);
}

/* Steps are counted in 32 bits. */
static void test_steps_that_cannot_be_counted_are_refused(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(16);
    struct cln_epoch last;
    train(params, 1, NULL, path, &last);
    struct cln_checkpoint *checkpoint = read_checkpoint(path);
    checkpoint->training->steps = INT_MAX;
    params.resume = checkpoint;
    struct cln_trainer *trainer = NULL;
    enum cln_status status = cln_trainer_create(&trainer, &params);
    if (status == CLN_OK)
        status = cln_trainer_epoch(trainer, &last);
    assert_int_equal(status, CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "a training of more than 2147483647 steps: 2147483647 are done"));
    cln_trainer_destroy(&trainer);
    cln_checkpoint_destroy(&checkpoint);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_refuses_what_does_not_fit, nothing_alive),
        cmocka_unit_test_teardown(test_weights_to_begin_with, nothing_alive),
        cmocka_unit_test_teardown(test_judges_labels_against_the_network, nothing_alive),
        cmocka_unit_test_teardown(test_batches_of_one_image, nothing_alive),
        cmocka_unit_test_teardown(test_a_model_of_another_network_is_refused, nothing_alive),
        cmocka_unit_test_teardown(test_steps_that_cannot_be_counted_are_refused, nothing_alive),
    };
    return cmocka_run_group_tests_name("refusal", tests, begin, end);
}
