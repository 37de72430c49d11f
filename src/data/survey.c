/* Looks through a data set: see survey.h. Images are the same where their SHA-256 is. */
#include "src/data/survey.h"

#include <math.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "src/data/images.h"

/* ---- Pixels ---- */

static void read_plane(double *out, const struct cln_images *images, size_t plane, size_t size) {
    for (size_t i = 0; i < size; i++)
        out[i] = cln_images_value(images, plane * size + i);
}

/* Adds `size` numbers to a range that has `seen`, by the formula of Chan, Golub and LeVeque. Until the end the range's
 * deviation is the sum of squared differences from the mean. Returns whether the numbers are one. */
static bool add_plane(struct cln_channel_range *range, double seen, const double *numbers, size_t size) {
    double min = numbers[0], max = numbers[0], sum = 0, squares = 0;
    for (size_t i = 0; i < size; i++) {
        min = numbers[i] < min ? numbers[i] : min;
        max = numbers[i] > max ? numbers[i] : max;
        sum += numbers[i];
    }
    const double count = (double)size, mean = sum / count;
    for (size_t i = 0; i < size; i++)
        squares += (numbers[i] - mean) * (numbers[i] - mean);
    const double apart = mean - range->mean, total = seen + count;
    range->min = seen > 0 && range->min < min ? range->min : min;
    range->max = seen > 0 && range->max > max ? range->max : max;
    range->mean += apart * count / total;
    range->deviation += squares + apart * apart * seen * count / total;
    return min == max;
}

static enum cln_status survey_half(struct cln_half_survey *half, const struct cln_images *images, int classes) {
    const size_t channels = (size_t)images->shape.channels;
    const size_t size = (size_t)images->shape.height * (size_t)images->shape.width;
    half->by_class = calloc((size_t)classes, sizeof *half->by_class);
    half->channels = images->count > 0 ? calloc(channels, sizeof *half->channels) : NULL;
    double *plane = images->count > 0 ? malloc(size * sizeof *plane) : NULL;
    if (!half->by_class || (images->count > 0 && !(half->channels && plane))) {
        free(plane);
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to look through %zu images", images->count);
    }
    for (size_t i = 0; i < images->count; i++) {
        bool is_constant = true;
        for (size_t c = 0; c < channels; c++) {
            read_plane(plane, images, i * channels + c, size);
            is_constant &= add_plane(&half->channels[c], (double)i * (double)size, plane, size);
        }
        if (is_constant && half->constant_count++ < CLN_SURVEY_LISTED)
            half->constant[half->constant_count - 1] = i;
        half->by_class[images->labels[i]]++;
    }
    for (size_t c = 0; half->channels && c < channels; c++)
        half->channels[c].deviation = sqrt(half->channels[c].deviation / ((double)images->count * (double)size));
    free(plane);
    return CLN_OK;
}

/* ---- Repeats ---- */

struct print {
    uint8_t digest[SHA256_DIGEST_SIZE];
    size_t index;
    enum cln_half half;
};

/* By pixels, then to train on before to test with, then by number. */
static int compare(const void *a, const void *b) {
    const struct print *x = a, *y = b;
    const int order = memcmp(x->digest, y->digest, sizeof x->digest);
    if (order != 0)
        return order;
    if (x->half != y->half)
        return x->half < y->half ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static bool comes_before(const struct cln_repeat *a, const struct cln_repeat *b) {
    return a->conflicts != b->conflicts ? a->conflicts : a->again < b->again;
}

static void add_repeat(struct cln_repeats *repeats, struct cln_repeat repeat) {
    struct cln_repeat *list = repeats->listed;
    repeats->count++;
    repeats->conflict_count += repeat.conflicts;
    size_t at = repeats->listed_count;
    if (at < CLN_SURVEY_LISTED)
        repeats->listed_count++;
    else if (comes_before(&repeat, &list[at - 1]))
        at--;
    else
        return;
    for (; at > 0 && comes_before(&repeat, &list[at - 1]); at--)
        list[at] = list[at - 1];
    list[at] = repeat;
}

static void find_repeats(struct cln_survey *survey, const struct print *prints, size_t count,
                         const struct cln_images *const *halves) {
    const struct print *first[CLN_HALF_COUNT] = {NULL};
    for (size_t i = 0; i < count; i++) {
        const struct print *p = &prints[i];
        if (i == 0 || memcmp(p->digest, p[-1].digest, sizeof p->digest) != 0)
            first[CLN_HALF_TRAIN] = first[CLN_HALF_TEST] = NULL;
        for (int h = 0; h <= (int)p->half; h++) {
            if (!first[h])
                continue;
            const enum cln_repeat_kind kind = h != (int)p->half           ? CLN_REPEAT_BETWEEN
                                              : p->half == CLN_HALF_TRAIN ? CLN_REPEAT_TRAIN
                                                                          : CLN_REPEAT_TEST;
            const bool conflicts = halves[h]->labels[first[h]->index] != halves[p->half]->labels[p->index];
            add_repeat(&survey->repeats[kind], (struct cln_repeat){first[h]->index, p->index, conflicts});
        }
        if (!first[p->half])
            first[p->half] = p;
    }
}

static enum cln_status survey_repeats(struct cln_survey *survey, const struct cln_images *const *halves) {
    const size_t count = halves[CLN_HALF_TRAIN]->count + halves[CLN_HALF_TEST]->count;
    struct print *prints = malloc((count + 1) * sizeof *prints), *print = prints;
    if (!prints)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to compare %zu images", count);
    for (int h = 0; h < CLN_HALF_COUNT; h++) {
        const size_t bytes = cln_images_bytes(halves[h]);
        for (size_t i = 0; i < halves[h]->count; i++, print++) {
            struct sha256_ctx context;
            print->index = i;
            print->half = (enum cln_half)h;
            sha256_init(&context);
            sha256_update(&context, bytes, (const uint8_t *)halves[h]->pixels + i * bytes);
            sha256_digest(&context, sizeof print->digest, print->digest);
        }
    }
    qsort(prints, count, sizeof *prints, compare);
    find_repeats(survey, prints, count, halves);
    free(prints);
    return CLN_OK;
}

enum cln_status cln_survey_make(struct cln_survey *survey, const struct cln_dataset *data) {
    const struct cln_images *const halves[CLN_HALF_COUNT] = {&data->train, &data->test}; /* by enum cln_half */
    *survey = (struct cln_survey){.repeats = {{.count = 0}}};
    enum cln_status status = CLN_OK;
    for (int h = 0; h < CLN_HALF_COUNT && status == CLN_OK; h++)
        status = survey_half(&survey->halves[h], halves[h], data->class_count);
    return status == CLN_OK ? survey_repeats(survey, halves) : status;
}

void cln_survey_free(struct cln_survey *survey) {
    for (int h = 0; h < CLN_HALF_COUNT; h++) {
        free(survey->halves[h].by_class);
        free(survey->halves[h].channels);
    }
}
