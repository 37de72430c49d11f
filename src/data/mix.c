/* Draws mixes: see mix.h. */
#include "src/data/mix.h"

#include <math.h>

#include "src/data/random.h"

/* Above 0 and below 1. */
static double open_uniform(struct cln_random *random) {
    return (cln_random_uniform(random) * 0x1p24 + 0.5) * 0x1p-24;
}

/* The logarithm of a number from Gamma(alpha, 1): G. Marsaglia and W. Tsang, 2000, "A simple method for generating
 * gamma variables", for alpha + 1; times a power of a uniform number, that is one for alpha. */
static double log_gamma_draw(struct cln_random *random, double alpha) {
    const double d = alpha + 1 - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        const double x = cln_random_normal(random), root = 1 + c * x, v = root * root * root;
        const double u = open_uniform(random);
        if (root > 0 && log(u) < x * x / 2 + d - d * v + d * log(v))
            return log(d * v) + log(open_uniform(random)) / alpha;
    }
}

static double beta_draw(struct cln_random *random, double alpha) {
    const double least =
        fmax(alpha, 1e-6); /* below, every share is 0 or 1 all the same, and logarithms would overflow */
    const double a = log_gamma_draw(random, least), b = log_gamma_draw(random, least);
    return round(0x1p16 / (1 + exp(b - a))) * 0x1p-16;
}

static int clip(int value, int most) {
    return value < 0 ? 0 : value > most ? most : value;
}

static struct cln_mix_draw box_draw(struct cln_random *random, double share, struct cln_shape shape) {
    const int height = (int)(shape.height * sqrt(1 - share)), width = (int)(shape.width * sqrt(1 - share));
    const int top = (int)cln_random_below(random, (uint32_t)shape.height) - height / 2;
    const int left = (int)cln_random_below(random, (uint32_t)shape.width) - width / 2;
    struct cln_mix_draw mix = {.blend = 1,
                               .top = clip(top, shape.height),
                               .bottom = clip(top + height, shape.height),
                               .left = clip(left, shape.width),
                               .right = clip(left + width, shape.width)};
    const int inner = (mix.bottom - mix.top) * (mix.right - mix.left);
    mix.own = 1 - (float)inner / (float)(shape.height * shape.width);
    return mix;
}

struct cln_mix_draw cln_mix_draw(const struct cln_augmentation *a, struct cln_shape shape, uint64_t seed,
                                 uint64_t update, uint64_t batch) {
    struct cln_random random;
    cln_random_seed(&random, seed, (batch << 32 | update) << 8 | CLN_STREAM_MIX);
    const bool boxes = a->cutmix > 0 && (!(a->mixup > 0) || (cln_random_u32(&random) >> 31));
    const double alpha = boxes ? a->cutmix : a->mixup;
    const double share = alpha > 0 ? beta_draw(&random, alpha) : 1;
    return boxes ? box_draw(&random, share, shape) : (struct cln_mix_draw){.own = (float)share, .blend = (float)share};
}
