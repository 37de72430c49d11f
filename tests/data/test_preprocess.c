/* Resizing against PyTorch's numbers, standardising against a sum in two passes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/data/preprocess.h"
#include "src/data/random.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t image[3 * 4] = {0, 51, 102, 255, 255, 204, 3, 0, 17, 80, 160, 240};
static const struct cln_shape image_shape = {1, 3, 4};

/* torch.nn.functional.interpolate(image / 255, size, mode="bilinear", align_corners=False), PyTorch 1.13. */
static const struct {
    int height, width;
    float values[24];
} golden[] = {
    {5,
     3,
     {0.0333333f, 0.3000000f, 0.9000000f, 0.4066667f, 0.3423529f, 0.5407843f, 0.9666666f, 0.4058823f, 0.0019608f,
      0.4513725f, 0.4447059f, 0.5341178f, 0.1078431f, 0.4705883f, 0.8888889f}},
    {2,
     7,
     {0.2500000f, 0.2857143f, 0.3428572f, 0.3264706f, 0.3348740f, 0.5903362f, 0.7500000f, 0.3000000f, 0.3483193f,
      0.4256303f, 0.4544118f, 0.4901261f, 0.6228992f, 0.7058824f}},
    {1, 1, {0.4058824f}},
    {3, 8, {0.0000000f, 0.0500000f, 0.1500000f, 0.2500000f, 0.3500000f, 0.5500000f, 0.8500000f, 1.0000000f,
            1.0000000f, 0.9500000f, 0.8500000f, 0.6029412f, 0.2088235f, 0.0088235f, 0.0029412f, 0.0000000f,
            0.0666667f, 0.1284314f, 0.2519608f, 0.3921569f, 0.5490196f, 0.7058824f, 0.8627451f, 0.9411765f}},
    {6, 4, {0.0000000f, 0.2000000f, 0.4000000f, 1.0000000f, 0.2500000f, 0.3500000f, 0.3029412f, 0.7500000f,
            0.7500000f, 0.6500000f, 0.1088235f, 0.2500000f, 0.7666667f, 0.6784314f, 0.1656863f, 0.2352941f,
            0.3000000f, 0.4352941f, 0.4735294f, 0.7058824f, 0.0666667f, 0.3137255f, 0.6274510f, 0.9411765f}},
};

static void resizing_is_pytorchs(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++) {
        size_t count = (size_t)(golden[i].height * golden[i].width);
        float out[25];
        for (size_t k = 0; k < COUNT(out); k++)
            out[k] = NAN;
        cln_resize_bilinear(out, golden[i].height, golden[i].width, image, image_shape);
        for (size_t k = 0; k < count; k++)
            assert_true(fabsf(out[k] - golden[i].values[k]) <= 2e-7f); /* as printed, and one rounding */
        assert_true(isnan(out[count]));
    }
}

static void an_equal_size_copies(void **state) {
    (void)state;
    float out[12];
    cln_resize_bilinear(out, 3, 4, image, image_shape);
    for (size_t i = 0; i < COUNT(out); i++)
        assert_true(out[i] == (float)image[i] / 255.0f);
}

/* Each channel by itself, and a constant stays what it is at every size. */
static void channels_are_separate(void **state) {
    (void)state;
    uint8_t pixels[2 * 3 * 4];
    float out[2 * 33 * 33];
    memset(pixels, 255, 12);
    memset(pixels + 12, 51, 12);
    for (int size = 1; size <= 33; size++) {
        cln_resize_bilinear(out, size, size, pixels, (struct cln_shape){2, 3, 4});
        for (int i = 0; i < size * size; i++) {
            assert_true(fabsf(out[i] - 1.0f) <= 1e-6f);
            assert_true(fabsf(out[size * size + i] - 0.2f) <= 1e-6f);
        }
    }
}

enum { IMAGES = 257, FEATURES = 6 };

/* Features: noise, constant 0, constant 255, one bit that differs once, all but one 255, a ramp. */
static struct cln_images make_images(uint8_t *pixels) {
    struct cln_random random;
    cln_random_seed(&random, 1, CLN_STREAM_CHECK);
    for (size_t n = 0; n < IMAGES; n++) {
        uint8_t *p = pixels + n * FEATURES;
        p[0] = (uint8_t)cln_random_below(&random, 256);
        p[1] = 0;
        p[2] = 255;
        p[3] = n == 100 ? 201 : 200;
        p[4] = n == 0 ? 0 : 255;
        p[5] = (uint8_t)n;
    }
    return (struct cln_images){.count = IMAGES, .shape = {1, 2, 3}, .pixels = pixels};
}

static void standardising_measures_each_feature(void **state) {
    (void)state;
    uint8_t pixels[IMAGES * FEATURES];
    float mean[FEATURES], inverse[FEATURES];
    const struct cln_images images = make_images(pixels);
    assert_int_equal(cln_standardize_measure(mean, inverse, &images, 2, 3), CLN_OK);
    for (size_t f = 0; f < FEATURES; f++) {
        double sum = 0, squares = 0;
        for (size_t n = 0; n < IMAGES; n++)
            sum += pixels[n * FEATURES + f] / 255.0;
        for (size_t n = 0; n < IMAGES; n++)
            squares += pow(pixels[n * FEATURES + f] / 255.0 - sum / IMAGES, 2);
        double deviation = sqrt(squares / IMAGES);
        assert_true(fabs(mean[f] - sum / IMAGES) <= 1e-7);
        if (f == 1 || f == 2)
            assert_true(inverse[f] == 0);
        else /* pixels are rounded to float32 first, which moves feature 3's small deviation most */
            assert_true(fabs(inverse[f] * deviation - 1) <= 1e-4);
    }
}

static void standardising_is_of_the_resized_images(void **state) {
    (void)state;
    uint8_t pixels[IMAGES * FEATURES];
    float mean[1], inverse[1], one[1];
    const struct cln_images images = make_images(pixels);
    double sum = 0;
    for (size_t n = 0; n < IMAGES; n++) {
        cln_resize_bilinear(one, 1, 1, pixels + n * FEATURES, images.shape);
        sum += one[0];
    }
    assert_int_equal(cln_standardize_measure(mean, inverse, &images, 1, 1), CLN_OK);
    assert_true(fabs(mean[0] - sum / IMAGES) <= 1e-7);
    assert_true(inverse[0] > 0);
}

static void one_image_has_no_deviation(void **state) {
    (void)state;
    float mean[12], inverse[12];
    const struct cln_images images = {.count = 1, .shape = {1, 3, 4}, .pixels = (uint8_t *)(uintptr_t)image};
    assert_int_equal(cln_standardize_measure(mean, inverse, &images, 3, 4), CLN_OK);
    for (size_t i = 0; i < 12; i++) {
        assert_true(mean[i] == (float)image[i] / 255.0f);
        assert_true(inverse[i] == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resizing_is_pytorchs),
        cmocka_unit_test(an_equal_size_copies),
        cmocka_unit_test(channels_are_separate),
        cmocka_unit_test(standardising_measures_each_feature),
        cmocka_unit_test(standardising_is_of_the_resized_images),
        cmocka_unit_test(one_image_has_no_deviation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
