/* Resizing against PyTorch's and Pillow's numbers, standardising against a sum in two passes. */
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
        cln_resize_bilinear(out, golden[i].height, golden[i].width, image, CLN_PIXEL_U8, image_shape);
        for (size_t k = 0; k < count; k++)
            assert_true(fabsf(out[k] - golden[i].values[k]) <= 2e-7f); /* as printed, and one rounding */
        assert_true(isnan(out[count]));
    }
}

static void an_equal_size_copies(void **state) {
    (void)state;
    float out[12];
    cln_resize_bilinear(out, 3, 4, image, CLN_PIXEL_U8, image_shape);
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
        cln_resize_bilinear(out, size, size, pixels, CLN_PIXEL_U8, (struct cln_shape){2, 3, 4});
        for (int i = 0; i < size * size; i++) {
            assert_true(out[i] == 1.0f);
            assert_true(out[size * size + i] == 51 / 255.0f);
        }
    }
}

/* PIL.Image.fromarray(…).resize((width, height), PIL.Image.BILINEAR), Pillow 13.0, of `image` and of the noise. */
enum { NOISE_HEIGHT = 37, NOISE_WIDTH = 29 };
struct resized {
    int height, width;
    uint8_t values[32];
};
static const struct resized smooth[] = {
    {5, 3, {15, 77, 209, 105, 88, 126, 240, 104, 1, 118, 114, 130, 36, 120, 216}},
    {2, 7, {96, 100, 107, 87, 72, 125, 159, 106, 114, 126, 114, 104, 132, 150}},
    {1, 1, {112}},
    {3, 8, {0, 13, 38, 64, 89, 140, 217, 255, 255, 242, 217, 154, 53, 2, 1, 0, 17, 33, 64, 100, 140, 180, 220, 240}},
    {6, 4, {0, 51, 102, 255, 64, 89, 77, 191, 191, 166, 28, 64, 196, 173, 42, 60, 77, 111, 121, 180, 17, 80, 160, 240}},
};
static const struct resized smooth_noise[] = {
    {5, 4, {124, 141, 148, 137, 126, 141, 136, 133, 124, 126, 122, 124, 122, 136, 121, 125, 118, 127, 132, 121}},
    {1, 29, {116, 113, 117, 145, 115, 111, 127, 129, 121, 158, 129, 132, 138, 143, 144,
             133, 109, 140, 131, 136, 123, 124, 126, 131, 116, 139, 148, 117, 109}},
};

static void resize(uint8_t *out, int height, int width, const uint8_t *pixels, struct cln_shape shape) {
    const struct cln_placement whole = {height, width, 0, 0};
    assert_int_equal(cln_resize_smooth(out, height, width, &whole, pixels, shape, CLN_PIXEL_U8), CLN_OK);
}

/* Within a grey level: Pillow rounds between its two passes. */
static void check_smooth(const struct resized *expected, const uint8_t *pixels, struct cln_shape shape) {
    const size_t count = (size_t)(expected->height * expected->width);
    uint8_t out[33];
    memset(out, 77, sizeof out);
    resize(out, expected->height, expected->width, pixels, shape);
    for (size_t k = 0; k < count; k++)
        if (abs(out[k] - expected->values[k]) > 1)
            fail_msg("%d×%d: value %zu is %d, not %d", expected->height, expected->width, k, out[k],
                     expected->values[k]);
    assert_int_equal(out[count], 77);
}

static void smooth_resizing_is_pillows(void **state) {
    (void)state;
    uint8_t noise[NOISE_HEIGHT * NOISE_WIDTH];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(i * i * 7 + i * 31 + i / 37 * 101);
    for (size_t i = 0; i < COUNT(smooth); i++)
        check_smooth(&smooth[i], image, image_shape);
    for (size_t i = 0; i < COUNT(smooth_noise); i++)
        check_smooth(&smooth_noise[i], noise, (struct cln_shape){1, NOISE_HEIGHT, NOISE_WIDTH});
}

/* The size it has copies it, whatever the shape, and a constant stays what it is at every size, channel by channel. */
static void smooth_resizing_keeps_what_it_should(void **state) {
    (void)state;
    uint8_t pixels[2 * 3 * 4], out[2 * 33 * 33];
    resize(out, 3, 4, image, image_shape);
    assert_memory_equal(out, image, sizeof image);
    memset(pixels, 255, 12);
    memset(pixels + 12, 51, 12);
    for (int size = 1; size <= 33; size++) {
        memset(out, 0, sizeof out);
        resize(out, size, size, pixels, (struct cln_shape){2, 3, 4});
        for (int i = 0; i < size * size; i++) {
            assert_int_equal(out[i], 255);
            assert_int_equal(out[size * size + i], 51);
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
    assert_int_equal(cln_standardize_measure(mean, inverse, &images, NULL, IMAGES, 2, 3), CLN_OK);
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
        cln_resize_bilinear(one, 1, 1, pixels + n * FEATURES, CLN_PIXEL_U8, images.shape);
        sum += one[0];
    }
    assert_int_equal(cln_standardize_measure(mean, inverse, &images, NULL, IMAGES, 1, 1), CLN_OK);
    assert_true(fabs(mean[0] - sum / IMAGES) <= 1e-7);
    assert_true(inverse[0] > 0);
}

static void one_image_has_no_deviation(void **state) {
    (void)state;
    float mean[12], inverse[12];
    const struct cln_images images = {.count = 1, .shape = {1, 3, 4}, .pixels = (uint8_t *)(uintptr_t)image};
    assert_int_equal(cln_standardize_measure(mean, inverse, &images, NULL, 1, 3, 4), CLN_OK);
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
        cmocka_unit_test(smooth_resizing_is_pillows),
        cmocka_unit_test(smooth_resizing_keeps_what_it_should),
        cmocka_unit_test(standardising_measures_each_feature),
        cmocka_unit_test(standardising_is_of_the_resized_images),
        cmocka_unit_test(one_image_has_no_deviation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
