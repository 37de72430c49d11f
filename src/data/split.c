/* Splits the training images by class: see split.h. */
#include "src/data/split.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "clenet/text.h"

/* What a part is set aside for. */
struct purpose {
    const char *share, *name, *option;
    enum cln_random_stream stream;
};

/* One class: its images, those for validation, and what rounding down has lost. */
struct share {
    size_t images, taken;
    double lost; /* -1: has no image to give */
};

size_t cln_split_count(double share, size_t count) {
    return (size_t)round(share * (double)count);
}

/* The class that lost most, of several the first. */
static struct share *find_most_lost(struct share *shares, int classes) {
    struct share *most = shares;
    for (int k = 1; k < classes; k++)
        if (shares[k].lost > most->lost)
            most = &shares[k];
    return most;
}

/* modf's argument is rounded to a double on every machine: no compiler fuses it with what follows. */
static void apportion(struct share *shares, int classes, const struct cln_images *images, double share) {
    const size_t wanted = cln_split_count(share, images->count);
    size_t sum = 0;
    for (size_t i = 0; i < images->count; i++)
        shares[images->labels[i]].images++;
    for (int k = 0; k < classes; k++) {
        double whole = 0;
        const double lost = modf(share * (double)shares[k].images, &whole);
        shares[k].taken = (size_t)whole;
        shares[k].lost = shares[k].images > 0 ? lost : -1;
        sum += shares[k].taken;
    }
    for (; sum < wanted; sum++) {
        struct share *most = find_most_lost(shares, classes);
        most->taken++;
        most->lost = -1;
    }
}

static enum cln_status check_class(const struct share *s, int class, const struct cln_dataset *data, double share,
                                   const struct purpose *purpose) {
    char name[96] = "";
    if (s->images == 0 || (s->taken > 0 && s->taken < s->images))
        return CLN_OK;
    if (data->class_names)
        cln_text_format(name, sizeof name, " (%s)", data->class_names[class]);
    const bool is_single = s->images == 1, is_none = s->taken == 0;
    return cln_fail(
        CLN_INVALID,
        "class %d%s has %zu training image%s, and %s of %g takes %s: every class needs an image to train on "
        "and one for %s. %s%s%s%s",
        class, name, s->images, is_single ? "" : "s", purpose->share, share, is_none ? "none" : "all", purpose->name,
        is_single ? "Add images of this class" : "Choose a ",
        is_single ? ""
        : is_none ? "larger share ("
                  : "smaller share (",
        is_single ? "" : purpose->option, is_single ? "" : "), or add images of this class");
}

/* Goes through all images in a drawn order. Of each class the first ones are for validation. */
static enum cln_status choose(bool *chosen, struct share *shares, const struct cln_images *images,
                              const struct purpose *purpose, uint64_t seed) {
    struct cln_random random;
    uint32_t *order = malloc(images->count * sizeof *order);
    if (!order)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the order of %zu samples", images->count);
    cln_random_seed(&random, seed, purpose->stream);
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
                              const struct purpose *purpose, uint64_t seed) {
    bool *chosen = calloc(images->count, sizeof *chosen);
    split->train = malloc(images->count * sizeof *split->train);
    split->validation = malloc(images->count * sizeof *split->validation);
    enum cln_status status = CLN_OK;
    if (!chosen || !split->train || !split->validation)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for a split of %zu images", images->count);
    if (status == CLN_OK)
        status = choose(chosen, shares, images, purpose, seed);
    split->train_count = 0;
    for (size_t i = 0; i < images->count && status == CLN_OK; i++)
        if (chosen[i])
            split->validation[split->validation_count++] = (uint32_t)i;
        else
            split->train[split->train_count++] = (uint32_t)i;
    free(chosen);
    return status;
}

static enum cln_status draw(struct cln_split *split, const struct cln_dataset *data, double share,
                            const struct purpose *purpose, uint64_t seed) {
    *split = (struct cln_split){.train_count = data->train.count};
    if (!(share > 0))
        return CLN_OK;
    struct share *shares = calloc((size_t)data->class_count, sizeof *shares);
    if (!shares)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %d classes", data->class_count);
    apportion(shares, data->class_count, &data->train, share);
    enum cln_status status = CLN_OK;
    for (int k = 0; k < data->class_count && status == CLN_OK; k++)
        status = check_class(&shares[k], k, data, share, purpose);
    if (status == CLN_OK)
        status = divide(split, shares, &data->train, purpose, seed);
    free(shares);
    return status;
}

enum cln_status cln_split_draw(struct cln_split *split, const struct cln_dataset *data, double share, uint64_t seed) {
    static const struct purpose validation = {"a validation share", "validation", "--validation",
                                              CLN_STREAM_VALIDATION};
    return draw(split, data, share, &validation, seed);
}

enum cln_status cln_split_draw_test(struct cln_split *split, const struct cln_dataset *data, double share) {
    static const struct purpose test = {"a test share", "test", "--test", CLN_STREAM_TEST};
    return draw(split, data, share, &test, 0);
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
