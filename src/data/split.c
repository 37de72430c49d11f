/* Splits the training images by class: see split.h. */
#include "src/data/split.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LABELS = 256 };

/* One class: its images, those for validation, and what rounding down has lost. */
struct share {
    size_t images, taken;
    double lost; /* -1: has no image to give */
};

size_t cln_split_count(double share, size_t count) {
    return (size_t)round(share * (double)count);
}

/* The class that lost most, of several the first. */
static struct share *find_most_lost(struct share *shares) {
    struct share *most = shares;
    for (int k = 1; k < LABELS; k++)
        if (shares[k].lost > most->lost)
            most = &shares[k];
    return most;
}

/* modf's argument is rounded to a double on every machine: no compiler fuses it with what follows. */
static void apportion(struct share *shares, const struct cln_images *images, double share) {
    const size_t wanted = cln_split_count(share, images->count);
    size_t sum = 0;
    for (size_t i = 0; i < images->count; i++)
        shares[images->labels[i]].images++;
    for (int k = 0; k < LABELS; k++) {
        double whole = 0;
        const double lost = modf(share * (double)shares[k].images, &whole);
        shares[k].taken = (size_t)whole;
        shares[k].lost = shares[k].images > 0 ? lost : -1;
        sum += shares[k].taken;
    }
    for (; sum < wanted; sum++) {
        struct share *most = find_most_lost(shares);
        most->taken++;
        most->lost = -1;
    }
}

static enum cln_status check_class(const struct share *s, int class, const struct cln_dataset *data, double share) {
    char name[96] = "";
    if (s->images == 0 || (s->taken > 0 && s->taken < s->images))
        return CLN_OK;
    if (data->class_names && class < data->class_count)
        snprintf(name, sizeof name, " (%s)", data->class_names[class]);
    const bool is_single = s->images == 1, is_none = s->taken == 0;
    return cln_fail(CLN_INVALID,
                    "class %d%s has %zu training image%s, and a validation share of %g takes %s: every class needs an "
                    "image to train on and one for validation. %s",
                    class, name, s->images, is_single ? "" : "s", share, is_none ? "none" : "all",
                    is_single ? "Add images of this class"
                    : is_none ? "Choose a larger share (--validation), or add images of this class"
                              : "Choose a smaller share (--validation), or add images of this class");
}

/* Goes through all images in a drawn order. Of each class the first ones are for validation. */
static enum cln_status choose(bool *chosen, struct share *shares, const struct cln_images *images, uint64_t seed) {
    struct cln_random random;
    uint32_t *order = malloc(images->count * sizeof *order);
    if (!order)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the order of %zu samples", images->count);
    cln_random_seed(&random, seed, CLN_STREAM_VALIDATION);
    cln_random_permutation(&random, order, images->count);
    for (size_t i = 0; i < images->count; i++) {
        struct share *share = &shares[images->labels[order[i]]];
        chosen[order[i]] = share->taken > 0;
        share->taken -= share->taken > 0;
    }
    free(order);
    return CLN_OK;
}

static enum cln_status divide(struct cln_split *split, struct share *shares, const struct cln_images *images,
                              uint64_t seed) {
    bool *chosen = calloc(images->count, sizeof *chosen);
    split->train = malloc(images->count * sizeof *split->train);
    split->validation = malloc(images->count * sizeof *split->validation);
    enum cln_status status = CLN_OK;
    if (!chosen || !split->train || !split->validation)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for a split of %zu images", images->count);
    if (status == CLN_OK)
        status = choose(chosen, shares, images, seed);
    split->train_count = 0;
    for (size_t i = 0; i < images->count && status == CLN_OK; i++)
        if (chosen[i])
            split->validation[split->validation_count++] = (uint32_t)i;
        else
            split->train[split->train_count++] = (uint32_t)i;
    free(chosen);
    return status;
}

enum cln_status cln_split_draw(struct cln_split *split, const struct cln_dataset *data, double share, uint64_t seed) {
    struct share shares[LABELS] = {{.images = 0}};
    enum cln_status status = CLN_OK;
    *split = (struct cln_split){.train_count = data->train.count};
    if (!(share > 0))
        return CLN_OK;
    apportion(shares, &data->train, share);
    for (int k = 0; k < LABELS && status == CLN_OK; k++)
        status = check_class(&shares[k], k, data, share);
    return status == CLN_OK ? divide(split, shares, &data->train, seed) : status;
}

void cln_split_free(struct cln_split *split) {
    free(split->train);
    free(split->validation);
    *split = (struct cln_split){.train = NULL};
}

void cln_split_order(const struct cln_split *split, struct cln_random *random, uint32_t *order) {
    cln_random_permutation(random, order, split->train_count);
    for (size_t i = 0; split->train && i < split->train_count; i++)
        order[i] = split->train[order[i]];
}
