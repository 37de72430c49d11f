/* The pictures of a step that is checked, and comparisons: see step_private.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/check/step_private.h"
#include "src/data/mix.h"

void cln_step_compare(struct cln_step *s, const char *what, const float *actual, const double *expected, size_t count,
                      double allowed) {
    struct cln_check_result *r = s->result;
    for (size_t i = 0; i < count; i++) {
        const double error = fabs((double)actual[i] - expected[i]);
        if (!(error <= allowed)) {
            if (r->failed++ == 0)
                snprintf(r->failure, sizeof r->failure,
                         "a step of %s: %s[%zu] is wrong: %.9g, expected %.9g within %.3g", s->check->network->name,
                         what, i, (double)actual[i], expected[i], allowed);
            return;
        }
        if (error > r->worst * allowed) {
            r->worst = error / allowed;
            snprintf(r->worst_case, sizeof r->worst_case, "a step of %s: %s", s->check->network->name, what);
        }
    }
}

enum cln_status cln_step_locate(const void **pixels, void *step, size_t index) {
    const struct cln_step *s = step;
    *pixels = (const uint8_t *)s->pixels + index * s->image_bytes;
    return CLN_OK;
}

enum cln_status cln_step_make_x(struct cln_step *s, const struct cln_augmentation *augmentation) {
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < s->count && status == CLN_OK; i++) {
        const struct cln_reference_picture picture = {.pixels = (const uint8_t *)s->pixels + i * s->image_bytes,
                                                      .type = s->check->pixels,
                                                      .shape = s->image,
                                                      .seed = s->seed,
                                                      .step = 1,
                                                      .epoch = 1,
                                                      .place = (uint32_t)i,
                                                      .image = (uint32_t)i};
        status = cln_reference_augment(augmentation, &picture, s->check->network->input, s->mean, s->inverse_deviation,
                                       s->x + i * s->features);
    }
    return status;
}

enum cln_status cln_step_mix_x(struct cln_step *s, struct cln_reference_step *expected) {
    const struct cln_shape shape = s->check->network->input;
    const struct cln_mix_draw drawn = cln_mix_draw(&s->check->augmentation, shape, s->seed, 1, 0);
    const struct cln_reference_mix mix = {(double)drawn.own, (double)drawn.blend, drawn.top,
                                          drawn.bottom,      drawn.left,          drawn.right};
    double *mixed = malloc(s->count * s->features * sizeof *mixed);
    if (!mixed)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu pictures", s->count);
    cln_reference_mix(&mix, shape, s->count, s->x, mixed);
    free(s->x);
    s->x = mixed;
    for (size_t i = 0; i < s->count; i++)
        s->others[i] = s->labels[(i + 1) % s->count];
    expected->others = s->others;
    expected->own = mix.own;
    return CLN_OK;
}

enum cln_status cln_step_look_at_pictures(struct cln_step *s, float **seen) {
    const struct cln_augmentation *a = &s->check->augmentation;
    size_t count = s->count;
    if (!(a->rotate > 0 || a->zoom > 0))
        return CLN_OK;
    *seen = malloc(count * s->features * sizeof **seen);
    if (!*seen)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu pictures", count);
    const enum cln_status status = cln_engine_begin(s->engine, CLN_TRAIN, NULL, s->count);
    return status == CLN_OK ? cln_engine_pictures(s->engine, &count, *seen) : status;
}

void cln_step_take_pictures(struct cln_step *s, const float *seen) {
    double scale = 1;
    for (size_t f = 0; f < s->features; f++)
        scale = fmax(scale, (1 + fabs((double)s->mean[f])) * fabs((double)s->inverse_deviation[f]));
    cln_step_compare(s, "turned pictures", seen, s->x, s->count * s->features, 4 * 0x1p-11 * scale);
    for (size_t i = 0; i < s->count * s->features; i++)
        s->x[i] = (double)seen[i];
}
