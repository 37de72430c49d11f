/* The reference of augmentation: where lights land, how often, and what is left of grey. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/data/mix.h"
#include "src/reference/reference.h"

/* A picture with one light pixel, 5×7 with the light at (2, 3), drawn at many places of a batch. */
enum { HIGH = 5, WIDE = 7, DRAWS = 2000 };

static void draw_light(const struct cln_augmentation *a, uint32_t place, uint32_t image, uint32_t epoch, int light,
                       double *x) {
    uint8_t pixels[HIGH * WIDE] = {0};
    pixels[light] = 255;
    const struct cln_reference_picture picture = {pixels, CLN_PIXEL_U8, {1, HIGH, WIDE}, 5, 1, epoch, place, image};
    assert_int_equal(cln_reference_augment(a, &picture, (struct cln_shape){1, HIGH, WIDE}, NULL, NULL, x), CLN_OK);
}

static int light_of(const double *x) {
    int at = -1;
    for (int i = 0; i < HIGH * WIDE; i++)
        if (x[i] == 1)
            at = i;
    return at;
}

static void test_shifts_and_flips(void **state) {
    (void)state;
    int landed[HIGH * WIDE] = {0}, flipped = 0;
    double x[HIGH * WIDE];
    for (uint32_t n = 0; n < DRAWS; n++) {
        draw_light(&(struct cln_augmentation){.shift = 1}, n, 0, 1, 2 * WIDE + 3, x);
        landed[light_of(x)]++;
        draw_light(&(struct cln_augmentation){.flip = 1}, n, 0, 1, 2 * WIDE + 1, x);
        assert_true(light_of(x) == 2 * WIDE + 1 || light_of(x) == 2 * WIDE + 5);
        flipped += light_of(x) == 2 * WIDE + 5;
    }
    assert_in_range(flipped, DRAWS * 9 / 20, DRAWS * 11 / 20);
    for (int i = 0; i < HIGH * WIDE; i++) {
        const bool may = abs(i / WIDE - 2) <= 1 && abs(i % WIDE - 3) <= 1;
        assert_in_range(landed[i], may ? DRAWS / 9 * 3 / 4 : 0, may ? DRAWS / 9 * 5 / 4 : 0);
    }
    for (uint32_t image = 0; image < 50; image++) /* in turn: not the place, but image and epoch count */
        for (uint32_t epoch = 1; epoch < 4; epoch++) {
            const struct cln_augmentation in_turn = {.alternating_flip = 1};
            draw_light(&in_turn, epoch, image, epoch, 1, x);
            const int before = light_of(x);
            draw_light(&in_turn, 7, image, epoch + 1, 1, x);
            assert_int_equal(before + light_of(x), WIDE - 1);
        }
}

/* The middle stays, and a light beside it goes around it. */
static void test_turns_about_the_middle(void **state) {
    (void)state;
    double x[HIGH * WIDE], above = 0, below = 0;
    for (uint32_t n = 0; n < DRAWS; n++) {
        draw_light(&(struct cln_augmentation){.rotate = 30, .zoom = 0.5}, n, 0, 1, 2 * WIDE + 3, x);
        assert_true(x[2 * WIDE + 3] == 1);
        draw_light(&(struct cln_augmentation){.rotate = 30}, n, 0, 1, 2 * WIDE + 5, x);
        above += x[WIDE + 5] > 0.3;
        below += x[3 * WIDE + 5] > 0.3;
        assert_true(x[2 * WIDE + 1] == 0 && x[3] == 0 && x[4 * WIDE + 3] == 0);
    }
    assert_true(above > DRAWS / 5 && below > DRAWS / 5 && fabs(above - below) < DRAWS / 10);
}

static void test_tones_and_cuts(void **state) {
    (void)state;
    double x[HIGH * WIDE], lowest = 1, highest = 0, most = 0, sum = 0;
    uint8_t grey[HIGH * WIDE];
    memset(grey, 51, sizeof grey);
    for (uint32_t n = 0; n < DRAWS; n++) {
        const struct cln_reference_picture picture = {grey, CLN_PIXEL_U8, {1, HIGH, WIDE}, 5, 1, 1, n, 0};
        const struct cln_shape shape = {1, HIGH, WIDE};
        double cut = 0;
        assert_int_equal(
            cln_reference_augment(&(struct cln_augmentation){.brightness = 0.5}, &picture, shape, NULL, NULL, x),
            CLN_OK);
        lowest = fmin(lowest, x[0]);
        highest = fmax(highest, x[0]);
        assert_int_equal(
            cln_reference_augment(&(struct cln_augmentation){.contrast = 1}, &picture, shape, NULL, NULL, x), CLN_OK);
        assert_true(x[0] >= 0 && x[0] <= 0.5 && x[0] == x[HIGH * WIDE - 1]); /* 1/2 + c (1/5 - 1/2), clipped */
        assert_int_equal(cln_reference_augment(&(struct cln_augmentation){.cutout = 3}, &picture, shape, NULL, NULL, x),
                         CLN_OK);
        for (int i = 0; i < HIGH * WIDE; i++)
            cut += x[i] == 0;
        most = fmax(most, cut);
        sum += cut;
    }
    assert_true(lowest >= 0.1 && lowest < 0.105 && highest <= 0.3 && highest > 0.295);
    /* A square of 3 a side with its middle at each of 5×7 pixels covers 13 · 19 pixels in 35 of them. */
    assert_true(most == 9 && fabs(sum / DRAWS - 13 * 19 / 35.0) < 0.15);
}

/* Two samples, three classes, all logits 0 but one: a loss of log 3 each, or less and more. */
static void test_mixed_labels(void **state) {
    (void)state;
    const double logits[] = {0, 0, 0, log(2), 0, 0};
    const int32_t labels[] = {1, 0}, others[] = {2, 1};
    double gradient[6];
    size_t hits;
    double loss = cln_reference_mixed_cross_entropy(2, 3, logits, labels, others, 0.75, 0, &hits, gradient);
    /* log 3, and log 4 less 3/4 log 2. */
    assert_true(fabs(loss - (log(3) + log(4) - 0.75 * log(2)) / 2) < 1e-14);
    assert_int_equal(hits, 1);
    const double expected[] = {1.0 / 6, 1.0 / 6 - 0.375, 1.0 / 6 - 0.125, 0.25 - 0.375, 0.125 - 0.125, 0.125};
    for (int i = 0; i < 6; i++)
        assert_true(fabs(gradient[i] - expected[i]) < 1e-14);
    cln_reference_mixed_cross_entropy(2, 3, logits, labels, others, 0.5, 0, &hits, NULL);
    assert_int_equal(hits, 1);
    cln_reference_mixed_cross_entropy(2, 3, logits, labels, others, 0.25, 0, &hits, NULL);
    assert_int_equal(hits, 0);
    /* Smoothing by 3/10 gives each class a tenth: the second sample then has 0.75 · 0.7 + 0.1 for its label. */
    loss = cln_reference_mixed_cross_entropy(2, 3, logits, labels, others, 0.75, 0.3, NULL, NULL);
    assert_true(fabs(loss - (log(3) + log(4) - (0.75 * 0.7 + 0.1) * log(2)) / 2) < 1e-14);
}

static void test_mixed_pictures(void **state) {
    (void)state;
    const double x[] = {1, 2, 3, 4, 10, 20, 30, 40};
    double y[8];
    cln_reference_mix(&(struct cln_reference_mix){.blend = 0.75}, (struct cln_shape){1, 2, 2}, 2, x, y);
    assert_true(y[0] == 3.25 && y[7] == 31);
    cln_reference_mix(&(struct cln_reference_mix){.blend = 1, .top = 1, .bottom = 2, .left = 0, .right = 1},
                      (struct cln_shape){1, 2, 2}, 2, x, y);
    const double boxed[] = {1, 2, 30, 4, 10, 20, 3, 40};
    assert_memory_equal(y, boxed, sizeof y);
}

/* Beta(alpha, alpha) has mean 1/2 and variance 1 / (4 (2 alpha + 1)). */
static void test_shares_are_beta_distributed(void **state) {
    (void)state;
    static const double alphas[] = {0.001, 0.2, 1, 8, 1000};
    for (size_t i = 0; i < sizeof alphas / sizeof *alphas; i++) {
        const struct cln_augmentation blends = {.mixup = alphas[i]};
        enum { COUNT = 20000 };
        double sum = 0, squares = 0, low = 0;
        for (uint64_t step = 1; step <= COUNT; step++) {
            const struct cln_mix_draw mix = cln_mix_draw(&blends, (struct cln_shape){1, 28, 28}, 3, step / 2, step % 2);
            const double share = (double)mix.own;
            assert_true(share >= 0 && share <= 1 && mix.own == mix.blend && mix.bottom == mix.top);
            sum += share;
            squares += (share - 0.5) * (share - 0.5);
            low += share < 0.25;
        }
        const double variance = 1 / (4 * (2 * alphas[i] + 1));
        assert_true(fabs(sum / COUNT - 0.5) < 4 * sqrt(variance / COUNT) + 1e-5);
        assert_true(fabs(squares / COUNT / variance - 1) < 0.05);
        assert_true(alphas[i] != 1 || fabs(low / COUNT - 0.25) < 0.02); /* uniform */
    }
}

static void test_boxes_are_of_their_share(void **state) {
    (void)state;
    const struct cln_augmentation boxes = {.cutmix = 1}, both = {.mixup = 1, .cutmix = 1};
    const struct cln_shape shape = {3, 20, 30};
    int whole = 0, blends = 0, alike = 0;
    for (uint64_t step = 1; step <= 2000; step++) {
        const struct cln_mix_draw m = cln_mix_draw(&boxes, shape, 3, step, 0),
                                  again = cln_mix_draw(&boxes, shape, 3, step, 0);
        assert_true(m.top >= 0 && m.top <= m.bottom && m.bottom <= 20 && m.left >= 0 && m.left <= m.right &&
                    m.right <= 30);
        assert_true(m.blend == 1 && fabs((double)m.own - (1 - (m.bottom - m.top) * (m.right - m.left) / 600.0)) < 1e-6);
        assert_memory_equal(&m, &again, sizeof m);
        whole += m.top > 0 && m.left > 0 && m.bottom < 20 && m.right < 30;
        const struct cln_mix_draw next = cln_mix_draw(&boxes, shape, 3, step, 1); /* of the same update */
        alike += next.top == m.top && next.left == m.left && next.own == m.own;
        blends += cln_mix_draw(&both, shape, 3, step, 0).blend < 1;
    }
    assert_in_range(whole, 200, 1800);
    assert_in_range(blends, 900, 1100);
    assert_in_range(alike, 0, 100);
    const struct cln_mix_draw none = cln_mix_draw(&(struct cln_augmentation){0}, shape, 3, 1, 0);
    assert_true(none.own == 1 && none.blend == 1 && none.bottom == none.top);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shifts_and_flips),         cmocka_unit_test(test_turns_about_the_middle),
        cmocka_unit_test(test_tones_and_cuts),           cmocka_unit_test(test_mixed_labels),
        cmocka_unit_test(test_mixed_pictures),           cmocka_unit_test(test_shares_are_beta_distributed),
        cmocka_unit_test(test_boxes_are_of_their_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
