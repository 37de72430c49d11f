/* The model of many processes and its simulation, from made-up parts: nothing is measured. */
#include "src/bench/scaling.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/engine/exchange.h"
#include "tests/assert.h"

/* 2 ms and 10 µs per image alone, 3 ms and 11 µs with others; 5 exchanges of 100 µs, 1 MB of parameters, 1 KB besides.
 */
static const struct cln_scaling_model model = {.alone = {2e-3, 10e-6},
                                               .shared = {3e-3, 11e-6},
                                               .exchanges = 5,
                                               .host = 100e-6,
                                               .parameter_bytes = 1e6,
                                               .point_bytes = 1000};
static const struct cln_scaling_link fast = {"fast", 10e-6, 1e-6, 1e9, CLN_SCALING_MOST};
static const struct cln_scaling_link nothing = {"nothing", 0, 0, 0, CLN_SCALING_MOST};

static void assert_near(double value, double expected) {
    if (!(fabs(value - expected) <= 1e-9 * fabs(expected)))
        fail_msg("%.12g, not %.12g", value, expected);
}

static void test_shares_are_those_of_the_deal(void **state) {
    (void)state;
    int bounds[CLN_SCALING_MOST + 1];
    for (int batch = 1; batch < 3000; batch += batch < 200 ? 1 : 61)
        for (int processes = 1; processes <= 70; processes++) {
            int most = 0;
            cln_exchange_deal(bounds, processes, batch, NULL);
            for (int r = 0; r < processes; r++)
                most = cln_max(most, bounds[r + 1] - bounds[r]);
            assert_int_equal(cln_scaling_share(batch, processes), most);
        }
}

static void test_lines(void **state) {
    (void)state;
    static const struct {
        double samples[3], seconds[3];
        size_t count;
        struct cln_scaling_line line;
    } cases[] = {
        {{100, 300}, {5, 9}, 2, {3, 0.02}},
        {{1, 2, 3}, {1, 4, 4}, 3, {0, 21.0 / 14}},  /* least squares: 0 + 1.5 n */
        {{100, 200}, {1, 5}, 2, {0, 1100.0 / 5e4}}, /* would begin below 0 */
        {{100, 200}, {5, 3}, 2, {4, 0}},            /* would fall */
        {{100}, {5}, 1, {0, 0.05}},
        {{100, 100}, {5, 7}, 2, {0, 0.06}},
        {{0}, {0}, 0, {0, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cln_scaling_line line = cln_scaling_fit(cases[i].samples, cases[i].seconds, cases[i].count);
        assert_true(fabs(line.fixed - cases[i].line.fixed) <= 1e-12);
        assert_true(fabs(line.per_sample - cases[i].line.per_sample) <= 1e-12);
    }
}

static void test_by_hand(void **state) {
    (void)state;
    assert_near(cln_scaling_step(&model, &fast, CLN_SCALING_DIRECT, 1, 1000), 2e-3 + 1000 * 10e-6);
    /* 8 processes: 16 shards, two each. 7 others: 2 · 1 MB · 7 / 8 + 7 KB. */
    assert_near(cln_scaling_bytes(&model, 8, 128), 1757000);
    const double computed = 3e-3 + 128 * 11e-6;
    assert_near(cln_scaling_step(&model, &fast, CLN_SCALING_DIRECT, 8, 1024),
                computed + 5 * (100e-6 + 10e-6 + 7 * 1e-6) + 1757e-6);
    assert_near(cln_scaling_step(&model, &fast, CLN_SCALING_DOUBLING, 8, 1024),
                computed + 5 * (100e-6 + 3 * 10e-6 + 3 * 1e-6) + 1757e-6);
    assert_near(cln_scaling_exchange(&model, &nothing, CLN_SCALING_DIRECT, 8, 128), 5 * 100e-6);
    assert_near(cln_scaling_exchange(&model, &fast, CLN_SCALING_DOUBLING, 9, 128),
                5 * (100e-6 + 4 * 11e-6) + cln_scaling_bytes(&model, 9, 128) / 1e9);
    assert_near(cln_scaling_strong(&model, &nothing, CLN_SCALING_DIRECT, 8, 1024), 12.24e-3 / (computed + 500e-6));
    assert_near(cln_scaling_weak(&model, &nothing, CLN_SCALING_DIRECT, 8, 1024), 8 * 12.24e-3 / (14.264e-3 + 500e-6));
    /* Strict arithmetic: what goes round grows with the samples. */
    struct cln_scaling_model strict = model;
    strict.point_bytes = 0;
    strict.sample_bytes = 10;
    assert_near(cln_scaling_bytes(&strict, 2, 512), 1e6 + 5120);
}

static void test_limits(void **state) {
    (void)state;
    for (int order = CLN_SCALING_DIRECT; order <= CLN_SCALING_DOUBLING; order++) {
        const enum cln_scaling_order o = (enum cln_scaling_order)order;
        assert_true(cln_scaling_exchange(&model, &fast, o, 1, 64) == 0);
        assert_near(cln_scaling_weak(&model, &fast, o, 1, 512), 1);
        assert_near(cln_scaling_strong(&model, &fast, o, 1, 512), 1);
        for (int processes = 2; processes <= CLN_SCALING_MOST; processes *= 2) {
            const double here = cln_scaling_step(&model, &fast, o, processes, 2048);
            for (int part = 0; part < 6; part++) {
                struct cln_scaling_model m = model;
                struct cln_scaling_link link = fast;
                double *const values[] = {&link.latency,      &link.overhead, &m.host,
                                          &m.parameter_bytes, &m.point_bytes, &m.exchanges};
                *values[part] *= 2;
                assert_true(cln_scaling_step(&m, &link, o, processes, 2048) > here);
            }
            struct cln_scaling_link slow = fast;
            slow.bandwidth /= 2;
            assert_true(cln_scaling_step(&model, &slow, o, processes, 2048) > here);
            assert_true(cln_scaling_step(&model, &fast, o, processes, 4096) >= here);
            assert_true(cln_scaling_weak(&model, &fast, o, processes, 2048) <= processes);
        }
    }
}

static void test_from_which_batch_it_pays(void **state) {
    (void)state;
    struct cln_scaling_model m = {.alone = {0, 10e-6}, .shared = {0, 10e-6}, .exchanges = 1, .host = 2.6e-3};
    /* Two processes save 10 µs for every second image, in shards: above 520 images. 576 are 9 shards, 320 and 256: 5.8
     * of 5.76 ms. 640 take 5.8 of 6.4. */
    assert_int_equal(cln_scaling_pays(&m, &nothing, CLN_SCALING_DIRECT, 2), 640);
    m.host = 0;
    assert_int_equal(cln_scaling_pays(&m, &nothing, CLN_SCALING_DIRECT, 2), 128);
    m.shared.per_sample = 20e-6;
    assert_int_equal(cln_scaling_pays(&m, &nothing, CLN_SCALING_DIRECT, 2), 0);
    m.host = 1;
    assert_int_equal(cln_scaling_pays(&m, &nothing, CLN_SCALING_DIRECT, 1024), 0);
    assert_int_equal(cln_scaling_pays(&m, &nothing, CLN_SCALING_DIRECT, 1), 0);
}

/* Groups whose parts are those of `model`, with bytes and exchanges on a link of 5 µs and 2 GB/s. */
static void test_a_model_of_groups(void **state) {
    (void)state;
    struct cln_scaling_link links[CLN_SCALING_LINKS];
    const struct cln_group_run *from = NULL;
    struct cln_scaling_model made;
    const double sent = 1e6 + 1000, exchange = 5 * (100e-6 + 5e-6) + sent / 2e9;
    struct cln_group_run ones[] = {{.batch_size = 1024, .compute = 12.24e-3}, {.batch_size = 256, .compute = 4.56e-3}};
    struct cln_group_run twos[] = {
        {.batch_size = 256, .compute = 3e-3 + 128 * 11e-6, .exchange = exchange, .exchanges = 5, .bytes = sent},
        {.batch_size = 1024, .compute = 3e-3 + 512 * 11e-6, .exchange = exchange, .exchanges = 5, .bytes = sent}};
    const struct cln_group one = {.processes = 1, .runs = ones, .run_count = 2};
    const struct cln_group two = {.processes = 2, .latency = 5e-6, .bandwidth = 2e9, .runs = twos, .run_count = 2};
    const struct cln_group four = {.processes = 4, .runs = ones, .run_count = 2};
    const struct cln_group *const groups[] = {&four, &two, &one};
    assert_true(cln_scaling_from(&made, links, &from, groups, 3, 250000, false));
    assert_ptr_equal(from, &twos[1]);
    assert_near(made.alone.fixed, 2e-3);
    assert_near(made.alone.per_sample, 10e-6);
    assert_near(made.shared.fixed, 3e-3);
    assert_near(made.shared.per_sample, 11e-6);
    assert_near(made.host, 100e-6);
    assert_near(made.parameter_bytes, 1e6);
    assert_near(made.point_bytes, 1000);
    assert_true(made.exchanges == 5 && made.sample_bytes == 0 && links[0].bandwidth == 2e9);
    assert_near(links[0].latency + links[0].overhead, 5e-6);
    assert_near(cln_scaling_step(&made, &links[0], CLN_SCALING_DIRECT, 2, 1024), twos[1].compute + exchange);
    assert_true(cln_scaling_from(&made, links, &from, groups, 2, 250000, true));
    assert_near(made.alone.per_sample, made.shared.per_sample); /* of the group of two: there is none of one */
    assert_near(made.sample_bytes, 1000.0 / 512);
    assert_false(cln_scaling_from(&made, links, &from, groups + 2, 1, 250000, false));
}

/* Where all steps take the same time, simulating them gives the model's. */
static void test_a_simulation_without_variance(void **state) {
    (void)state;
    static const double rows[] = {1e-3, 4e-3, 3e-3, 1e-3, 4e-3, 3e-3};
    struct cln_simulation_params p = {
        .model = &model, .steps = 20, .seed = 1, .stretches = rows, .rows = 2, .columns = 3};
    for (p.processes = 2; p.processes <= CLN_SCALING_MOST; p.processes *= 2) {
        p.batch = 256 * p.processes;
        const struct cln_simulation even = cln_simulate(&p);
        assert_near(even.compute, cln_scaling_at(model.shared, 256));
        assert_true(fabs(even.waiting) <= 1e-12);
        p.batch = 1000; /* shares are unlike: all wait for the largest */
        const struct cln_simulation uneven = cln_simulate(&p);
        assert_near(uneven.compute + uneven.waiting,
                    cln_scaling_at(model.shared, cln_scaling_share(p.batch, p.processes)));
        assert_true(uneven.waiting > 0);
    }
}

/* Two stretches of 1 or 3 ms, in opposite order: a step takes 4 ms for every process, but two that draw unlike ones
 * wait 2 ms at each of the two exchanges, as is so for half of all steps. */
static void test_a_simulation_with_variance(void **state) {
    (void)state;
    static const double rows[] = {1, 3, 3, 1};
    const struct cln_scaling_model m = {.shared = {4, 0}};
    struct cln_simulation_params p = {.model = &m,
                                      .batch = 1024,
                                      .processes = 2,
                                      .steps = 20000,
                                      .seed = 7,
                                      .stretches = rows,
                                      .rows = 2,
                                      .columns = 2};
    const struct cln_simulation two = cln_simulate(&p);
    assert_near(two.compute, 4);
    assert_true(fabs(two.waiting - 1) <= 0.03); /* the mean of 20,000 draws of 0 or 2: four deviations are 0.03 */
    const struct cln_simulation again = cln_simulate(&p);
    assert_memory_equal(&again, &two, sizeof two);
    p.seed = 8;
    const struct cln_simulation other = cln_simulate(&p);
    assert_true(other.waiting != two.waiting);
    p.processes = 64; /* some process draws each: all wait for 3 ms twice */
    p.steps = 100;
    assert_near(cln_simulate(&p).compute + cln_simulate(&p).waiting, 6);
}

/* A group that another process has measured is the same here. */
static void test_a_group_as_json(void **state) {
    (void)state;
    double stretches[] = {1, 2, 3, 4, 5, 6};
    struct cln_group_run runs[] = {{.batch_size = 64,
                                    .measurements = 3,
                                    .best = 9,
                                    .median = 8,
                                    .steps = 7,
                                    .measured = 6,
                                    .compute = 3,
                                    .exchange = 2,
                                    .waiting = 1,
                                    .exchanges = 5,
                                    .bytes = 4,
                                    .rows = 2,
                                    .columns = 3,
                                    .stretches = stretches},
                                   {.batch_size = 128, .median = 1}};
    const struct cln_group group = {
        .processes = 2, .device = "a device", .latency = 1, .bandwidth = 2, .runs = runs, .run_count = 2};
    struct cln_group *read = NULL;
    json_t *value = cln_group_json(&group, true);
    assert_non_null(value);
    assert_ok(cln_group_parse(&read, value));
    assert_true(read->processes == 2 && strcmp(read->device, "a device") == 0 && read->latency == 1);
    assert_true(read->bandwidth == 2 && read->run_count == 2 && read->runs[1].rows == 0);
    const struct cln_group_run *run = &read->runs[0];
    assert_true(run->batch_size == 64 && run->measurements == 3 && run->best == 9 && run->median == 8 &&
                run->steps == 7);
    assert_true(run->measured == 6 && run->compute == 3 && run->exchange == 2 && run->waiting == 1);
    assert_true(run->exchanges == 5 && run->bytes == 4 && run->rows == 2 && run->columns == 3);
    assert_memory_equal(run->stretches, stretches, sizeof stretches);
    cln_group_destroy(&read);
    json_object_del(value, "device");
    assert_int_equal(cln_group_parse(&read, value), CLN_INVALID);
    assert_null(read);
    json_decref(value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_are_those_of_the_deal),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_from_which_batch_it_pays),
        cmocka_unit_test(test_a_model_of_groups),
        cmocka_unit_test(test_a_simulation_without_variance),
        cmocka_unit_test(test_a_simulation_with_variance),
        cmocka_unit_test(test_a_group_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
