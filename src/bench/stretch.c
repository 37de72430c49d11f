/* See stretch.h. */
#include "src/bench/stretch.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/clock.h"
#include "src/data/random.h"

enum cln_status cln_stretch_begin(struct cln_stretch *s, double seconds) {
    s->capacity = (size_t)ceil(seconds / CLN_STRETCH_SECONDS) + 1;
    s->rates = calloc(s->capacity, sizeof *s->rates);
    return s->rates ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for measurements");
}

void cln_stretch_free(struct cln_stretch *s) {
    free(s->rates);
    s->rates = NULL;
}

static void end_measurement(struct cln_stretch *s) {
    if (s->count < s->capacity && s->seconds > 0)
        s->rates[s->count++] = s->samples / s->seconds;
    s->samples = s->seconds = 0;
}

/* Adds the work since the last call. `samples` and `seconds` count from where the trainer began or resumed the
 * epoch. */
static void measure(struct cln_stretch *s, size_t samples, double seconds) {
    s->samples += (double)samples - s->epoch_samples;
    s->seconds += seconds - s->epoch_seconds;
    s->epoch_samples = (double)samples;
    s->epoch_seconds = seconds;
    if (s->seconds >= CLN_STRETCH_SECONDS)
        end_measurement(s);
}

bool cln_stretch_progress(void *user, const struct cln_progress *progress) {
    struct cln_stretch *s = user;
    measure(s, progress->samples - progress->before, progress->seconds);
    return cln_ranks_here(s->ranks).rank > 0 || cln_clock_seconds() < s->until;
}

enum cln_status cln_stretch_train(struct cln_trainer *trainer, struct cln_stretch *s, double seconds) {
    enum cln_status status = CLN_OK;
    bool ends = false;
    s->until = cln_clock_seconds() + seconds;
    do {
        struct cln_epoch epoch;
        s->epoch_samples = s->epoch_seconds = 0;
        status = cln_trainer_epoch(trainer, &epoch);
        if (status != CLN_OK)
            return status;
        measure(s, epoch.train.samples - epoch.before, epoch.train_seconds);
        ends = cln_ranks_here(s->ranks).rank == 0 && cln_clock_seconds() >= s->until;
        status = cln_ranks_any(s->ranks, ends, &ends);
    } while (status == CLN_OK && !ends);
    return status;
}

enum cln_status cln_stretch_warm_up(struct cln_trainer *trainer, struct cln_stretch *s, double seconds) {
    enum cln_status status = cln_stretch_train(trainer, s, seconds);
    s->count = 0;
    s->samples = s->seconds = 0;
    return status;
}

static int compare_numbers(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double cln_stretch_best(struct cln_stretch *s) {
    if (s->count == 0)
        end_measurement(s);
    qsort(s->rates, s->count, sizeof *s->rates, compare_numbers);
    return s->rates[s->count - 1];
}

double cln_stretch_median(const struct cln_stretch *s) {
    return 0.5 * (s->rates[(s->count - 1) / 2] + s->rates[s->count / 2]);
}

enum cln_status cln_stretch_images(struct cln_dataset *data, const struct cln_network *network, size_t count) {
    const size_t bytes = count * cln_shape_count(network->input);
    struct cln_random random;
    *data = (struct cln_dataset){.name = "random bytes", .class_count = network->classes};
    uint8_t *pixels = malloc(bytes);
    int32_t *labels = malloc(count * sizeof *labels);
    data->train = (struct cln_images){.count = count, .shape = network->input, .pixels = pixels, .labels = labels};
    data->test.shape = network->input;
    if (!pixels || !labels)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu images", count);
    cln_random_seed(&random, 0, CLN_STREAM_SYNTHETIC);
    for (size_t i = 0; i < bytes; i++)
        pixels[i] = (uint8_t)(cln_random_u32(&random) >> 24);
    for (size_t i = 0; i < count; i++)
        labels[i] = (int32_t)cln_random_below(&random, (uint32_t)network->classes);
    return CLN_OK;
}
