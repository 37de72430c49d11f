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

enum cln_status cln_builders_run(const struct cln_trainer_params *p) {
    const struct cln_shape image = p->data->train.shape;
    const size_t count = cln_helpers_fitting(MOST_BUILDERS, BUILDER_BYTES);
    struct cln_helpers *helpers = NULL;
    char setting[96];
    snprintf(setting, sizeof setting, "%s=%dx%dx%d", variable, image.channels, image.height, image.width);
    if (cln_helpers_start(&helpers, p->builder, setting, count) != CLN_OK) {
        cln_log(CLN_LOG_DEBUG, "no builders: %s", cln_error_message());
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
