/* Each class is a smooth random pattern. An image shows its class's pattern somewhat shifted and dimmed, a weaker one
 * of any class over it, and noise: easy to learn and impossible to learn perfectly. Integers only, so that every
 * machine makes the same bytes. */
#include "src/data/synthetic.h"

#include <stdlib.h>

#include "src/data/random.h"

enum {
    CLASSES = 10,
    SIDE = 28,
    SHIFT = 3, /* pixels in each direction */
    CELL = 5,  /* pixels between the random grid points that a pattern is interpolated from */
    GRID = 8,
    PATTERN_SIDE = SIDE + 2 * SHIFT, /* at most CELL * (GRID - 1) */
};

struct pattern {
    uint8_t pixels[PATTERN_SIDE][PATTERN_SIDE];
};

static void make_pattern(struct pattern *pattern, struct cln_random *random) {
    uint32_t grid[GRID][GRID];
    for (int i = 0; i < GRID * GRID; i++)
        grid[i / GRID][i % GRID] = cln_random_below(random, 256);
    for (uint32_t row = 0; row < PATTERN_SIDE; row++) {
        for (uint32_t column = 0; column < PATTERN_SIDE; column++) {
            uint32_t r = row / CELL, c = column / CELL, down = row % CELL, right = column % CELL;
            uint32_t above = grid[r][c] * (CELL - right) + grid[r][c + 1] * right;
            uint32_t below = grid[r + 1][c] * (CELL - right) + grid[r + 1][c + 1] * right;
            pattern->pixels[row][column] = (uint8_t)((above * (CELL - down) + below * down) / (CELL * CELL));
        }
    }
}

/* One pattern as it appears in one image. */
struct view {
    const struct pattern *pattern;
    uint32_t row, column, strength; /* strength of 256 */
};

static struct view make_view(struct cln_random *random, const struct pattern *pattern, uint32_t least, uint32_t most) {
    struct view view = {.pattern = pattern};
    view.row = cln_random_below(random, 2 * SHIFT + 1);
    view.column = cln_random_below(random, 2 * SHIFT + 1);
    view.strength = least + cln_random_below(random, most - least + 1);
    return view;
}

/* Sum of the four bytes of a random number, centred: close to normal, with a deviation of 148 · 70 / 256 = 40. */
static int32_t noise(struct cln_random *random) {
    uint32_t bits = cln_random_u32(random);
    int32_t sum = (int32_t)((bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24)) - 510;
    return sum * 70 / 256;
}

static uint8_t view_pixel(const struct view *view, uint32_t row, uint32_t column) {
    return (uint8_t)(view->pattern->pixels[view->row + row][view->column + column] * view->strength / 256);
}

static void make_image(uint8_t *pixels, uint32_t label, const struct pattern *patterns, struct cln_random *random) {
    const struct view shown = make_view(random, &patterns[label], 96, 192);
    const struct view over = make_view(random, &patterns[cln_random_below(random, CLASSES)], 0, 96);
    for (uint32_t row = 0; row < SIDE; row++) {
        for (uint32_t column = 0; column < SIDE; column++) {
            int32_t value = view_pixel(&shown, row, column) + view_pixel(&over, row, column) + noise(random);
            *pixels++ = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
    }
}

static enum cln_status make_images(struct cln_images *images, size_t count, const struct pattern *patterns,
                                   struct cln_random *random) {
    images->count = count;
    images->shape = (struct cln_shape){1, SIDE, SIDE};
    uint8_t *pixels = images->pixels = malloc(count * SIDE * SIDE);
    images->labels = malloc(count * sizeof *images->labels);
    if (!pixels || !images->labels)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu synthetic images", count);
    for (size_t i = 0; i < count; i++) {
        images->labels[i] = (int32_t)cln_random_below(random, CLASSES);
        make_image(pixels + i * SIDE * SIDE, (uint32_t)images->labels[i], patterns, random);
    }
    return CLN_OK;
}

enum cln_status cln_synthetic_fill(struct cln_dataset *dataset, size_t count, uint64_t seed) {
    struct pattern patterns[CLASSES];
    struct cln_random random;
    cln_random_seed(&random, seed, CLN_STREAM_SYNTHETIC);
    for (int i = 0; i < CLASSES; i++)
        make_pattern(&patterns[i], &random);
    dataset->class_count = CLASSES;
    enum cln_status status = make_images(&dataset->train, count, patterns, &random);
    if (status == CLN_OK)
        status = make_images(&dataset->test, count < 6 ? 1 : count / 6, patterns, &random);
    return status;
}
