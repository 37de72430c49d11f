/* An errand in the environment: see errand.h. */
#include "src/session/errand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/table.h"

static const char variable[] = "CLENET_BUILDER"; /* CxHxW,KIND,SAFE,FIRST,PIXELS,STREAMS: see struct cln_errand */

static const char *const kinds[] = {[CLN_ERRAND_BUILD] = "build",
                                    [CLN_ERRAND_STEP] = "step",
                                    [CLN_ERRAND_OPERATIONS] = "operations",
                                    [CLN_ERRAND_OPERATION] = "operation"};
CLN_EVERY(kinds, CLN_ERRAND_COUNT);

bool cln_errand_given(void) {
    return getenv(variable) != NULL;
}

void cln_errand_write(char out[CLN_ERRAND_BYTES], const struct cln_errand *e) {
    snprintf(out, CLN_ERRAND_BYTES, "%s=%dx%dx%d,%s,%u,%zu,%u,%d", variable, e->image.channels, e->image.height,
             e->image.width, kinds[e->kind], e->safe, e->first, (unsigned)e->pixels, e->streams);
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
    unsigned pixels = CLN_PIXEL_U8, streams = 0;
    int used = 0;
    const bool shaped = text &&
                        sscanf(text, "%dx%dx%d%n", &e.image.channels, &e.image.height, &e.image.width, &used) == 3 &&
                        e.image.channels > 0 && e.image.height > 0 && e.image.width > 0;
    if (shaped && /* a shape without the rest means a builder */
        (text[used] == '\0' ||
         (sscanf(text + used, ",%15[a-z],%u,%zu,%1u,%1u%c", kind, &e.safe, &e.first, &pixels, &streams, &more) == 5 &&
          pixels < CLN_PIXEL_TYPE_COUNT && streams < 2 && read_kind(&e.kind, kind)))) {
        e.pixels = (enum cln_pixel_type)pixels;
        e.streams = streams;
        *out = e;
        return CLN_OK;
    }
    return cln_fail(CLN_INVALID, "%s is %s: it is set by clenet, and for its own processes only", variable,
                    text ? text : "not set");
}
