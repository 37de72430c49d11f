/* The pixels of one set, and the thread that reads them. */
#include "src/data/images.h"

#include <pthread.h>
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
}
