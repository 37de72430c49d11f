/* Checks a trainer's params: see params.h. */
#include "src/train/params.h"

#include <math.h>

#include "src/data/images.h"
#include "src/model/augmentation_table.h"
#include "src/model/optimizer_table.h"

enum cln_status cln_params_check_image(const struct cln_network *network, struct cln_shape image, int resize,
                                       const char *origin) {
    const struct cln_shape input = network->input;
    const int height = resize > 0 ? resize : image.height, width = resize > 0 ? resize : image.width;
    if (input.channels == image.channels && input.height == height && input.width == width)
        return CLN_OK;
    return cln_fail(CLN_INVALID,
                    "network %s takes %d×%d×%d, the images of %s are %d×%d×%d: choose another network or resize",
                    network->name, input.channels, input.height, input.width, origin, image.channels, height, width);
}

static enum cln_status check_images(const struct cln_trainer_params *p) {
    if (p->resize == 0)
        cln_dataset_reshape(p->data, p->network->input);
    const struct cln_shape image = p->data->train.shape;
    const enum cln_status status = cln_params_check_image(p->network, image, p->resize, p->data->name);
    if (status != CLN_OK)
        return status;
    if (p->data->test.count > 0 && cln_images_check_shape(&p->data->test, &p->data->train) != CLN_OK)
        return cln_fail_within(CLN_INVALID, "%s", p->data->name);
    if (!p->evaluate_only && p->data->train.count == 0)
        return cln_fail(CLN_INVALID, "%s has no training images", p->data->name);
    return CLN_OK;
}

static enum cln_status check_half(const struct cln_trainer_params *p, const struct cln_images *images,
                                  const char *half) {
    if (images->count > 0 && !images->labels)
        return cln_fail(CLN_INVALID, "%s: the %s images have no labels", p->data->name, half);
    enum cln_status status = cln_images_check_labels(images, half, p->network->classes, "network", p->network->name);
    if (status != CLN_OK)
        return cln_fail(status, "%-s: correct the label, or choose a network of more classes", cln_error_message());
    /* A program may have made the data set itself. */
    return cln_images_check_labels(images, half, p->data->class_count, "data set", p->data->name);
}

static enum cln_status check_validation(const struct cln_trainer_params *p) {
    if (!(p->validation >= 0 && p->validation < 1))
        return cln_fail(CLN_INVALID, "a share for validation of %g: it must be above 0 and below 1, or 0 for none",
                        p->validation);
    if (p->validation > 0 && p->evaluate_only)
        return cln_fail(CLN_INVALID, "a trainer that only evaluates sets no images aside for validation");
    if (p->optimizer.schedule == CLN_PLATEAU && !(p->validation > 0))
        return cln_fail(CLN_INVALID, "schedule plateau needs images for validation (--validation)");
    if (p->patience < 0)
        return cln_fail(CLN_INVALID, "a patience of %d epochs: it must not be negative", p->patience);
    if (p->patience > 0 && !(p->validation > 0))
        return cln_fail(CLN_INVALID, "patience (--patience) needs images for validation (--validation)");
    return CLN_OK;
}

static enum cln_status check_class_weights(const struct cln_trainer_params *p) {
    const int classes = p->network->classes;
    double largest = 0;
    for (int k = 0; p->class_weights && k < classes; k++) {
        const double weight = p->class_weights[k];
        if (!(weight >= 0 && isfinite(weight)))
            return cln_fail(CLN_INVALID,
                            "class weights: that of class %d is %g: each of the %d must be finite and at least 0", k,
                            weight, classes);
        largest = fmax(largest, weight);
    }
    return !p->class_weights || largest > 0
               ? CLN_OK
               : cln_fail(CLN_INVALID, "class weights: all %d are 0: one must be above 0", classes);
}

static enum cln_status check_augmentation(const struct cln_trainer_params *p) {
    if (p->standardize_channels && !p->standardize)
        return cln_fail(CLN_INVALID, "standardising by channels needs standardising (--standardize)");
    if (p->evaluate_only && cln_augmentation_is_on(&p->augmentation))
        return cln_fail(CLN_INVALID, "a trainer that only evaluates augments no pictures");
    if (p->class_weights && cln_augmentation_mixes(&p->augmentation))
        return cln_fail(CLN_INVALID, "class weights (--class-weights) do not go with mixed labels (--mixup, --cutmix)");
    return cln_augmentation_check(&p->augmentation, p->network->input);
}

enum cln_status cln_params_check(const struct cln_trainer_params *p) {
    enum cln_status status = check_validation(p);
    if (status == CLN_OK)
        status = check_class_weights(p);
    if (status == CLN_OK)
        status = check_augmentation(p);
    if (status == CLN_OK)
        status = check_images(p);
    if (status == CLN_OK && !p->evaluate_only)
        status = check_half(p, &p->data->train, "training");
    if (status == CLN_OK)
        status = check_half(p, &p->data->test, "test");
    if (status == CLN_OK && p->local_batchnorm && p->session.strict)
        return cln_fail(CLN_INVALID,
                        "batch norm by each process's own samples (--batchnorm local) depends on the number "
                        "of processes: it does not go with strict arithmetic (--strict)");
    return status == CLN_OK ? cln_optimizer_check(&p->optimizer) : status;
}
