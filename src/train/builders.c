/* Builders: their number, their errand, and their time limit. */
#include "src/train/builders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "src/base/helpers.h"
#include "src/base/table.h"

/* A builder with PoCL's compiler takes 270 MB, 100 of them shared with the others. More than four builders would have
 * little left to build. */
enum { MOST_BUILDERS = 4, BUILDER_BYTES = 256 << 20, DEFAULT_SECONDS = 60 };

static const char variable[] = "CLENET_BUILDER"; /* CxHxW,KIND,SAFE,FIRST: see struct cln_errand */

static const char *const kinds[] = {[CLN_ERRAND_BUILD] = "build",
                                    [CLN_ERRAND_STEP] = "step",
                                    [CLN_ERRAND_OPERATIONS] = "operations",
                                    [CLN_ERRAND_OPERATION] = "operation"};
CLN_EVERY(kinds, CLN_ERRAND_COUNT);

/* The memory of a builder: its engine has the buffers of a batch, about four floats per output of a layer. */
static size_t builder_bytes(const struct cln_trainer_params *p) {
    size_t floats = 0;
    for (size_t i = 0; i < p->network->layer_count; i++)
        floats += 4 * cln_shape_count(p->network->layers[i].out);
    return BUILDER_BYTES + floats * sizeof(float) * (size_t)p->batch_size;
}

enum cln_status cln_builders_run(const struct cln_trainer_params *p, unsigned safe) {
    const struct cln_errand errand = {.kind = CLN_ERRAND_BUILD, .image = p->data->train.shape, .safe = safe};
    const size_t count = cln_helpers_fitting(MOST_BUILDERS, builder_bytes(p));
    struct cln_helpers *helpers = NULL;
    char setting[CLN_ERRAND_BYTES];
    cln_errand_write(setting, &errand);
    if (cln_helpers_start(&helpers, p->builder, setting, count) != CLN_OK) {
        cln_log(CLN_LOG_DEBUG, "no builders: %-s", cln_error_message());
        return CLN_OK;
    }
    enum cln_status status = cln_dataset_wait(p->data); /* report this error before seconds pass */
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

void cln_errand_write(char out[CLN_ERRAND_BYTES], const struct cln_errand *e) {
    snprintf(out, CLN_ERRAND_BYTES, "%s=%dx%dx%d,%s,%u,%zu", variable, e->image.channels, e->image.height,
             e->image.width, kinds[e->kind], e->safe, e->first);
}

static bool read_kind(enum cln_errand_kind *out, const char *word) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i], word) == 0) {
            *out = (enum cln_errand_kind)i;
            return true;
        }
    return false;
}

enum cln_status cln_errand_read(struct cln_errand *out) {
    const char *text = getenv(variable);
    struct cln_errand e = {.kind = CLN_ERRAND_BUILD};
    char more, kind[16];
    int used = 0;
    const bool shaped = text &&
                        sscanf(text, "%dx%dx%d%n", &e.image.channels, &e.image.height, &e.image.width, &used) == 3 &&
                        e.image.channels > 0 && e.image.height > 0 && e.image.width > 0;
    if (shaped && /* a shape without the rest means a builder */
        (text[used] == '\0' || (sscanf(text + used, ",%15[a-z],%u,%zu%c", kind, &e.safe, &e.first, &more) == 3 &&
                                read_kind(&e.kind, kind)))) {
        *out = e;
        return CLN_OK;
    }
    return cln_fail(CLN_INVALID, "%s is %s: it is set by clenet, and for its own processes only", variable,
                    text ? text : "not set");
}
