/* One half of a data set, and the thread that reads its pixels. */
#include "src/data/images.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cln_reader {
    const struct cln_data_format *format;
    void *half; /* of the format: lives as long as the images, to name places in files */
    uint8_t *pixels;
    enum cln_status status;
    char *message; /* of the failure: a thread's last message ends with the thread */
    pthread_t thread;
    bool is_reading, has_thread;
};

static void *read_pixels(void *state) {
    struct cln_reader *reader = state;
    reader->status = reader->format->read_pixels(&reader->pixels, reader->half);
    if (reader->status != CLN_OK)
        reader->message = strdup(cln_error_message());
    return NULL;
}

enum cln_status cln_images_open(struct cln_images *images, const struct cln_data_format *format, const char *folder,
                                enum cln_half which) {
    struct cln_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read images");
    reader->format = format;
    enum cln_status status = format->open(&reader->half, &images->count, &images->shape, folder, which);
    if (status != CLN_OK) {
        free(reader);
        return status;
    }
    images->reader = reader;
    reader->is_reading = true;
    reader->has_thread = pthread_create(&reader->thread, NULL, read_pixels, reader) == 0;
    return format->read_labels(&images->labels, reader->half);
}

enum cln_status cln_images_wait(struct cln_images *images) {
    struct cln_reader *reader = images->reader;
    if (!reader || !reader->is_reading)
        return CLN_OK;
    reader->is_reading = false;
    if (reader->has_thread)
        pthread_join(reader->thread, NULL);
    else
        read_pixels(reader);
    images->pixels = reader->pixels;
    reader->pixels = NULL;
    if (reader->status == CLN_OK)
        return CLN_OK;
    return cln_fail(reader->status, "%-s", reader->message ? reader->message : "no memory to say why reading failed");
}

enum cln_status cln_images_check_labels(const struct cln_images *images, const char *half, int classes,
                                        const char *owner, const char *owner_name) {
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
    char place[CLN_PLACE_BYTES] = "labels", others[96] = "";
    if (images->reader)
        images->reader->format->locate_label(place, images->reader->half, first);
    if (odd > 1)
        snprintf(others, sizeof others, " (%zu of %zu labels are too large, the largest is %d)", odd, images->count,
                 largest);
    return cln_fail(CLN_INVALID, "%s: %s image %zu (counted from 0) has label %d, but %s %s has %d classes, 0 to %d%s",
                    place, half, first, images->labels[first], owner, owner_name, classes, classes - 1, others);
}

enum cln_status cln_images_check_shape(const struct cln_images *images, struct cln_shape training) {
    const struct cln_shape shape = images->shape;
    char place[CLN_PLACE_BYTES] = "images";
    if (images->reader)
        images->reader->format->locate_shape(place, images->reader->half);
    if (shape.channels != training.channels)
        return cln_fail(CLN_INVALID, "%s: images of %d channels, but those for training have %d", place, shape.channels,
                        training.channels);
    if (shape.height != training.height || shape.width != training.width)
        return cln_fail(CLN_INVALID, "%s: images of %d x %d, but those for training have %d x %d", place, shape.height,
                        shape.width, training.height, training.width);
    return CLN_OK;
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
    struct cln_reader *reader = images->reader;
    if (reader && reader->is_reading && reader->has_thread)
        pthread_join(reader->thread, NULL);
    if (reader) {
        reader->format->close(reader->half);
        free(reader->pixels);
        free(reader->message);
        free(reader);
    }
    free(images->pixels);
    free(images->labels);
}
