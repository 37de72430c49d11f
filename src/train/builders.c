/* Builders: how many, what they are told, how long they may take. */
#include "src/train/builders.h"

#include <stdio.h>
#include <stdlib.h>

#include "host/helpers.h"
#include "host/log.h"

/* PoCL's compiler brings a builder to 270 MB, of which it shares 100 with the others; more than four builders would
 * find little left to do. */
enum { MOST_BUILDERS = 4, BUILDER_BYTES = 256 << 20, DEFAULT_SECONDS = 60 };

static const char variable[] = "CLENET_BUILDER"; /* the images' shape, CxHxW: all that the arguments do not say */

/* A builder's engine has the buffers of a batch: about four floats for every output of a layer. */
static size_t builder_bytes(const struct cln_trainer_params *p) {
    size_t floats = 0;
    for (size_t i = 0; i < p->network->layer_count; i++)
        floats += 4 * cln_shape_count(p->network->layers[i].out);
    return BUILDER_BYTES + floats * sizeof(float) * (size_t)p->batch_size;
}

enum cln_status cln_builders_run(const struct cln_trainer_params *p) {
    const struct cln_shape image = p->data->train.shape;
    const size_t count = cln_helpers_fitting(MOST_BUILDERS, builder_bytes(p));
    struct cln_helpers *helpers = NULL;
    char setting[96];
    snprintf(setting, sizeof setting, "%s=%dx%dx%d", variable, image.channels, image.height, image.width);
    if (cln_helpers_start(&helpers, p->builder, setting, count) != CLN_OK) {
        cln_log(CLN_LOG_DEBUG, "no builders: %-s", cln_error_message());
        return CLN_OK;
    }
    enum cln_status status = cln_dataset_wait(p->data); /* told before seconds go by */
    if (status != CLN_OK) {
        cln_helpers_destroy(&helpers);
        return status;
    }
    const size_t well = cln_helpers_wait(helpers, p->builder_seconds > 0 ? p->builder_seconds : DEFAULT_SECONDS);
    cln_log(CLN_LOG_DEBUG, "%zu of %zu builders ended well", well, count);
    cln_helpers_destroy(&helpers);
    return CLN_OK;
}

bool cln_trainer_builds(void) {
    return getenv(variable) != NULL;
}

enum cln_status cln_builder_image(struct cln_shape *image) {
    const char *text = getenv(variable);
    char more;
    if (text && sscanf(text, "%dx%dx%d%c", &image->channels, &image->height, &image->width, &more) == 3 &&
        image->channels > 0 && image->height > 0 && image->width > 0)
        return CLN_OK;
    return cln_fail(CLN_INVALID, "%s is %s: it is set by clenet, and for builders only", variable,
                    text ? text : "not set");
}
