/* The pixels of one set, and the thread that reads them. */
#include "src/data/images.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cln_reader {
    struct cln_idx *file;
    uint8_t *pixels;
    enum cln_status status;
    char *message; /* of the failure: a thread's last one goes with it */
    pthread_t thread;
    bool threaded;
};

static void *read_pixels(void *state) {
    struct cln_reader *reader = state;
    reader->status = cln_idx_read(&reader->file, &reader->pixels);
    if (reader->status != CLN_OK)
        reader->message = strdup(cln_error_message());
    return NULL;
}

enum cln_status cln_images_read(struct cln_images *images, struct cln_idx **file) {
    struct cln_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        cln_idx_close(file);
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read images");
    }
    reader->file = *file;
    *file = NULL;
    images->reader = reader;
    reader->threaded = pthread_create(&reader->thread, NULL, read_pixels, reader) == 0;
    return CLN_OK;
}

static void destroy_reader(struct cln_reader *reader) {
    cln_idx_close(&reader->file);
    free(reader->message);
    free(reader);
}

enum cln_status cln_images_wait(struct cln_images *images) {
    struct cln_reader *reader = images->reader;
    if (!reader)
        return CLN_OK;
    images->reader = NULL;
    if (reader->threaded)
        pthread_join(reader->thread, NULL);
    else
        read_pixels(reader);
    enum cln_status status = reader->status;
    images->pixels = reader->pixels;
    if (status != CLN_OK)
        status = cln_fail(status, "%-s", reader->message ? reader->message : "no memory to say why reading failed");
    destroy_reader(reader);
    return status;
}

enum cln_status cln_images_check_labels(const struct cln_images *images, const char *half, int classes,
                                        const char *owner, const char *owner_name) {
    enum { HEADER_BYTES = 8 };
    size_t first = 0, odd = 0;
    int largest = 0;
    for (size_t i = 0; i < images->count; i++) {
        if (images->labels[i] < classes)
            continue;
        if (odd++ == 0)
            first = i;
        largest = images->labels[i] > largest ? images->labels[i] : largest;
    }
    if (odd == 0)
        return CLN_OK;
    char place[64] = "", others[96] = "";
    if (images->labels_path)
        snprintf(place, sizeof place, ": byte %zu", HEADER_BYTES + first);
    if (odd > 1)
        snprintf(others, sizeof others, " (%zu of %zu labels are too large, the largest is %d)", odd, images->count,
                 largest);
    return cln_fail(CLN_INVALID,
                    "%s%s: %s image %zu (counted from 0) has label %d, but %s %s has %d classes, 0 to %d%s",
                    images->labels_path ? images->labels_path : "labels", place, half, first, images->labels[first],
                    owner, owner_name, classes, classes - 1, others);
}

void cln_images_keep(struct cln_images *images, size_t count) {
    if (count == 0) {
        free(images->pixels);
        images->pixels = NULL;
        return;
    }
    uint8_t *fewer = realloc(images->pixels, count * cln_shape_count(images->shape));
    if (fewer)
        images->pixels = fewer;
}

void cln_images_free(struct cln_images *images) {
    if (images->reader && images->reader->threaded)
        pthread_join(images->reader->thread, NULL);
    if (images->reader) {
        free(images->reader->pixels);
        destroy_reader(images->reader);
    }
    free(images->pixels);
    free(images->labels);
    free(images->labels_path);
}
