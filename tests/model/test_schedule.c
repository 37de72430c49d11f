/* Schedules of the learning rate: their values at places where they are known, and what they lack. tests/parity
 * compares every step with PyTorch's. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/model/optimizer_table.h"

enum { STEPS = 4 }; /* of an epoch */

static double rate(struct cln_optimizer_params params, int step) {
    params.steps_per_epoch = STEPS;
    if (!(params.lr > 0))
        params.lr = 0.5;
    const struct cln_optimizer_params resolved = cln_optimizer_resolve(params);
    return cln_learning_rate(&resolved, step);
}

static void assert_rate(struct cln_optimizer_params params, int step, double expected) {
    const double found = rate(params, step);
    if (!(fabs(found - expected) <= 1e-14 * fabs(expected)))
        fail_msg("schedule %d, step %d: %.17g instead of %.17g", (int)params.schedule, step, found, expected);
}

static void test_constant(void **state) {
    (void)state;
    for (int step = 1; step < 100; step++)
        assert_true(rate((struct cln_optimizer_params){0}, step) == 0.5);
}

static void test_by_epochs(void **state) {
    (void)state;
    const struct cln_optimizer_params by_step = {.schedule = CLN_STEP, .step_size = 2},
                                      by_milestones = {.schedule = CLN_MULTISTEP, .milestones = {1, 3}, .gamma = 0.5},
                                      by_epoch = {.schedule = CLN_EXPONENTIAL, .gamma = 0.9};
    static const struct {
        int step;
        double by_step, by_milestones, by_epoch;
    } rows[] = {{1, 1, 1, 1},
                {STEPS, 1, 1, 1},
                {STEPS + 1, 1, 0.5, 0.9},
                {2 * STEPS, 1, 0.5, 0.9},
                {2 * STEPS + 1, 0.1, 0.5, 0.81},
                {3 * STEPS + 1, 0.1, 0.25, 0.729},
                {9 * STEPS, 1e-4, 0.25, 0.9 * 0.9 * 0.9 * 0.729 * 0.9 * 0.9}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_rate(by_step, rows[i].step, 0.5 * rows[i].by_step);
        assert_rate(by_milestones, rows[i].step, 0.5 * rows[i].by_milestones);
        assert_rate(by_epoch, rows[i].step, 0.5 * rows[i].by_epoch);
    }
}

static void test_cosine(void **state) {
    (void)state;
    const struct cln_optimizer_params o = {.schedule = CLN_COSINE, .schedule_epochs = 3, .eta_min = 0.1};
    assert_rate(o, 1, 0.5);
    assert_rate(o, 1 + 3 * STEPS / 3, 0.1 + 0.4 * 0.75); /* cos 60° */
    assert_rate(o, 1 + 3 * STEPS / 2, 0.3);
    assert_rate(o, 1 + 3 * STEPS, 0.1);
    assert_rate(o, 1 + 30 * STEPS, 0.1);
}

static void test_one_cycle(void **state) {
    (void)state;
    const struct cln_optimizer_params o = {.schedule = CLN_ONE_CYCLE, .schedule_epochs = 5, .pct_start = 0.25};
    assert_rate(o, 1, 0.5 / 25); /* the rise has 5 of 20 steps: the fifth has the highest rate */
    assert_rate(o, 3, (0.5 + 0.5 / 25) / 2);
    assert_rate(o, 5, 0.5);
    assert_true(rate(o, 6) < 0.5 && rate(o, 4) < 0.5);
    assert_rate(o, 20, 0.5 / 25 / 1e4);
    assert_rate(o, 21, 0.5 / 25 / 1e4);
    /* One step in all. */
    assert_true(rate((struct cln_optimizer_params){.schedule = CLN_ONE_CYCLE, .schedule_epochs = 0.25}, 1) < 0.5);
}

static void note(struct cln_optimizer_params *params, double loss) {
    const struct cln_optimizer_params resolved = cln_optimizer_resolve(*params);
    cln_plateau_note(&params->plateau, &resolved, loss);
}

/* torch.optim.lr_scheduler.ReduceLROnPlateau(factor=0.3, patience=2, min_lr=0.02) with these losses. */
static void test_plateau(void **state) {
    (void)state;
    static const double losses[] = {2,   1.5,    1.49999, 1.6,  1.49, 1.49, 1.49, 1.49, 1.49, 1.3, 1.4, 1.4,
                                    1.4, 1.2999, 1.31,    1.31, 1.3,  1.3,  1.3,  1.3,  1.3,  1.3, 1.3},
                        rates[] = {0.5,   0.5,   0.5,   0.5,  0.5,  0.5,  0.5,  0.15, 0.15, 0.15, 0.15, 0.15,
                                   0.045, 0.045, 0.045, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02};
    struct cln_optimizer_params o = {
        .schedule = CLN_PLATEAU, .lr = 0.5, .gamma = 0.3, .plateau_patience = 2, .eta_min = 0.02, .warmup_epochs = 1};
    assert_rate(o, 1 + STEPS, 0.5);
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        note(&o, losses[i]);
        assert_rate(o, 1 + STEPS * (int)(i + 2), rates[i]);
    }
    /* By default: a tenth after the eleventh epoch in a row. */
    o = (struct cln_optimizer_params){.schedule = CLN_PLATEAU, .lr = 0.5};
    for (int i = 0; i < 12; i++) {
        assert_rate(o, 1, 0.5);
        note(&o, 1);
    }
    assert_rate(o, 1, 0.05);
}

static void test_warm_up(void **state) {
    (void)state;
    struct cln_optimizer_params o = {.schedule = CLN_STEP, .step_size = 1, .warmup_epochs = 1.5, .warmup_start = 0.25};
    assert_rate(o, 1, 0.5 * 0.25);
    assert_rate(o, 4, 0.5 * (0.25 + 0.75 * 3 / 6));
    assert_rate(o, 7, 0.5); /* the schedule begins here */
    assert_rate(o, 6 + STEPS, 0.5);
    assert_rate(o, 7 + STEPS, 0.05);
    o = (struct cln_optimizer_params){.schedule = CLN_COSINE, .schedule_epochs = 2, .warmup_epochs = 1};
    assert_rate(o, 1, 0.005);
    assert_rate(o, 1 + STEPS, 0.5);
    assert_rate(o, 1 + STEPS + STEPS / 2, 0.25);
    assert_true(rate(o, 1 + 2 * STEPS) == 0);
}

static void test_what_a_schedule_lacks(void **state) {
    (void)state;
    static const struct {
        struct cln_optimizer_params params;
        const char *message; /* NULL: nothing */
    } cases[] = {
        {{.schedule = CLN_SCHEDULE_COUNT}, "there is no kind"},
        {{.schedule = CLN_STEP}, "step needs a step size"},
        {{.schedule = CLN_STEP, .step_size = 1.5}, "step needs a step size"},
        {{.schedule = CLN_STEP, .step_size = 2}, NULL},
        {{.schedule = CLN_MULTISTEP}, "multistep needs milestones"},
        {{.schedule = CLN_MULTISTEP, .milestones = {2, 2}}, "each above the one before"},
        {{.schedule = CLN_MULTISTEP, .milestones = {2, 2.5}}, "whole numbers"},
        {{.schedule = CLN_MULTISTEP, .milestones = {NAN}}, "whole numbers"},
        {{.schedule = CLN_MULTISTEP, .milestones = {-1}}, "whole numbers"},
        {{.schedule = CLN_STEP, .step_size = 2, .milestones = {2}}, "schedule step has no milestones"},
        {{.schedule = CLN_EXPONENTIAL}, "exponential needs gamma"},
        {{.schedule = CLN_COSINE}, "schedule cosine has no end"},
        {{.schedule = CLN_ONE_CYCLE}, "schedule one-cycle has no end"},
        {{.schedule = CLN_COSINE, .schedule_epochs = 2, .warmup_epochs = 2}, "of which the warm-up takes 2"},
        {{.schedule = CLN_COSINE, .schedule_epochs = INFINITY}, "schedule_epochs is inf"},
        {{.schedule = CLN_COSINE, .schedule_epochs = 2, .lr = 0.1, .eta_min = 0.2}, "above the learning rate"},
        {{.schedule = CLN_COSINE, .schedule_epochs = 2, .eta_min = 0.2}, "above the learning rate 0.001"},
        {{.schedule = CLN_PLATEAU}, NULL},
        {{.schedule = CLN_PLATEAU, .gamma = 1}, "it must be below 1"},
        {{.kind = CLN_SGD, .nesterov = 1}, "needs a momentum"},
        {{.kind = CLN_OPTIMIZER_COUNT}, "there is no kind"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const enum cln_status status = cln_optimizer_check(&cases[i].params);
        if (status != (cases[i].message ? CLN_INVALID : CLN_OK))
            fail_msg("case %zu gives %s", i, cln_status_name(status));
        if (cases[i].message && !strstr(cln_error_message(), cases[i].message))
            fail_msg("case %zu says: %s", i, cln_error_message());
    }
}

static void test_defaults(void **state) {
    (void)state;
    const struct cln_optimizer_params adam = cln_optimizer_resolve((struct cln_optimizer_params){0}),
                                      rmsprop =
                                          cln_optimizer_resolve((struct cln_optimizer_params){.kind = CLN_RMSPROP}),
                                      adamw = cln_optimizer_resolve((struct cln_optimizer_params){.kind = CLN_ADAMW});
    assert_true(adam.lr == 0.001 && adam.beta2 == 0.999 && adam.weight_decay == 0 && adam.gamma == 0.1);
    assert_true(rmsprop.lr == 0.01 && rmsprop.alpha == 0.99 && rmsprop.eps == 1e-8);
    assert_true(adamw.weight_decay == 0); /* as given: the program takes 0.01 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant),
        cmocka_unit_test(test_by_epochs),
        cmocka_unit_test(test_cosine),
        cmocka_unit_test(test_one_cycle),
        cmocka_unit_test(test_plateau),
        cmocka_unit_test(test_warm_up),
        cmocka_unit_test(test_what_a_schedule_lacks),
        cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
