/* One half of a data set, and the thread that reads its pixels. */
#include "src/data/images.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/model/picture_words.h"

struct cln_reader {
    const struct cln_data_format *format;
    void *half;                  /* of the format: lives as long as the images, to name places in files */
    bool borrows;                /* `half` is another reader's */
    struct cln_arrival *arrival; /* the format's; NULL: the pixels come all at once */
    uint32_t *origin;            /* the number of each image in its file; NULL: they are in order */
    struct cln_block pixels;
    size_t mapped; /* bytes of images->pixels that are mapped; 0: allocated */
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

enum cln_status cln_images_open(struct cln_images *images, struct cln_opened *opened,
                                const struct cln_data_format *format, const struct cln_source *source,
                                enum cln_half half) {
    *opened = (struct cln_opened){.state = NULL};
    struct cln_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read images");
    reader->format = format;
    enum cln_status status = format->open(opened, source, half);
    if (status != CLN_OK) {
        free(reader);
        return status;
    }
    reader->half = opened->state;
    reader->arrival = opened->arrival;
    images->reader = reader;
    images->count = opened->count;
    images->shape = opened->shape;
    images->type = opened->type;
    if (images->count == 0)
        return CLN_OK;
    reader->is_reading = true;
    reader->has_thread = pthread_create(&reader->thread, NULL, read_pixels, reader) == 0;
    return format->read_labels(&images->labels, reader->half);
}

size_t cln_pixel_bytes(enum cln_pixel_type type) {
    return (const size_t[]){[CLN_PIXEL_U8] = 1, [CLN_PIXEL_U16] = 2, [CLN_PIXEL_F32] = 4}[type];
}

static int classes_of(const struct cln_images *images, int classes) {
    for (size_t i = 0; i < images->count; i++)
        if (images->labels[i] >= classes && images->labels[i] < CLN_CLASS_LIMIT)
            classes = images->labels[i] + 1;
    return classes;
}

int cln_images_classes(const struct cln_images *train, const struct cln_images *test) {
    return classes_of(test, classes_of(train, 1));
}

size_t cln_images_bytes(const struct cln_images *images) {
    return cln_shape_count(images->shape) * cln_pixel_bytes(images->type);
}

double cln_images_value(const struct cln_images *images, size_t index) {
    return images->type == CLN_PIXEL_U8    ? ((const uint8_t *)images->pixels)[index]
           : images->type == CLN_PIXEL_U16 ? ((const uint16_t *)images->pixels)[index]
                                           : (double)((const float *)images->pixels)[index];
}

/* Ends the thread and takes over what it read. */
static void finish_reading(struct cln_images *images) {
    struct cln_reader *reader = images->reader;
    reader->is_reading = false;
    if (reader->has_thread)
        pthread_join(reader->thread, NULL);
    images->pixels = reader->pixels.bytes;
    reader->mapped = reader->pixels.mapped;
}

enum cln_status cln_images_wait(struct cln_images *images) {
    struct cln_reader *reader = images->reader;
    if (!reader)
        return CLN_OK;
    if (reader->is_reading && !reader->has_thread)
        read_pixels(reader);
    if (reader->is_reading)
        finish_reading(images);
    if (reader->status == CLN_OK)
        return CLN_OK;
    return cln_fail(reader->status, "%-s", reader->message ? reader->message : "no memory to say why reading failed");
}

bool cln_images_are_coming(const struct cln_images *images) {
    const struct cln_reader *reader = images->reader;
    return reader && reader->is_reading && reader->has_thread && reader->arrival && !reader->origin;
}

void cln_images_want(struct cln_images *images, const uint32_t *order, size_t count) {
    if (cln_images_are_coming(images))
        cln_arrival_want(images->reader->arrival, order, count);
}

enum cln_status cln_images_await(const void **pixels, struct cln_images *images, size_t index) {
    *pixels = cln_images_are_coming(images) ? cln_arrival_await(images->reader->arrival, index) : NULL;
    const enum cln_status status = *pixels ? CLN_OK : cln_images_wait(images);
    if (status == CLN_OK && !*pixels)
        *pixels = (const uint8_t *)images->pixels + index * cln_images_bytes(images);
    return status;
}

enum cln_status cln_images_look(struct cln_images *images) {
    const bool has_failed = cln_images_are_coming(images) && atomic_load(&images->reader->arrival->has_failed);
    return has_failed ? cln_images_wait(images) : CLN_OK;
}

bool cln_images_locate(char place[CLN_PLACE_BYTES], const struct cln_images *images, size_t index) {
    const struct cln_reader *reader = images->reader;
    if (reader)
        reader->format->locate_label(place, reader->half, reader->origin ? reader->origin[index] : index);
    return reader != NULL;
}

enum cln_status cln_images_check_labels(const struct cln_images *images, const char *half, int classes,
                                        const char *owner, const char *owner_name) {
    size_t first = 0, odd = 0;
    int largest = 0;
    for (size_t i = 0; i < images->count; i++) {
        if (images->labels[i] >= 0 && images->labels[i] < classes)
            continue;
        if (odd++ == 0) {
            first = i;
            largest = images->labels[i];
        }
        largest = images->labels[i] > largest ? images->labels[i] : largest;
    }
    if (odd == 0)
        return CLN_OK;
    char place[CLN_PLACE_BYTES], others[96] = "";
    if (!cln_images_locate(place, images, first))
        snprintf(place, sizeof place, "labels");
    if (odd > 1)
        snprintf(others, sizeof others, " (%zu of %zu labels are none of them, the largest is %d)", odd, images->count,
                 largest);
    if (images->labels[first] < 0 || images->labels[first] >= CLN_CLASS_LIMIT)
        return cln_fail(CLN_INVALID, "%s: %s image %zu (counted from 0) has label %d: labels are from 0 to %d%s", place,
                        half, first, images->labels[first], CLN_CLASS_LIMIT - 1, others);
    return cln_fail(CLN_INVALID, "%s: %s image %zu (counted from 0) has label %d, but %s %s has %d classes, 0 to %d%s",
                    place, half, first, images->labels[first], owner, owner_name, classes, classes - 1, others);
}

enum cln_status cln_images_check_finite(const float *pixels, size_t count, struct cln_shape shape, const char *which) {
    const size_t each = cln_shape_count(shape);
    for (size_t i = 0; i < count * each; i++)
        if (!isfinite(pixels[i]))
            return cln_fail(CLN_INVALID, "%s image %zu (counted from 0): pixel %zu is %g", which, i / each, i % each,
                            (double)pixels[i]);
    return CLN_OK;
}

enum cln_status cln_images_check_shape(const struct cln_images *images, const struct cln_images *training) {
    const struct cln_shape shape = images->shape, wanted = training->shape;
    char place[CLN_PLACE_BYTES] = "images";
    if (images->reader)
        images->reader->format->locate_shape(place, images->reader->half);
    if (shape.channels != wanted.channels)
        return cln_fail(CLN_INVALID, "%s: images of %d channels, but those for training have %d", place, shape.channels,
                        wanted.channels);
    if (shape.height != wanted.height || shape.width != wanted.width)
        return cln_fail(CLN_INVALID, "%s: images of %d x %d, but those for training have %d x %d", place, shape.height,
                        shape.width, wanted.height, wanted.width);
    if (images->type != training->type)
        return cln_fail(CLN_INVALID, "%s: pixels of type %s, but those for training of %s", place,
                        cln_pixel_type_words[images->type], cln_pixel_type_words[training->type]);
    return CLN_OK;
}

/* ---- Memory ---- */

static struct cln_block block_of(const struct cln_images *images) {
    return (struct cln_block){images->pixels, images->reader ? images->reader->mapped : 0};
}

static void free_pixels(struct cln_images *images) {
    struct cln_reader *reader = images->reader;
    struct cln_block block = block_of(images);
    cln_block_free(&block);
    if (reader)
        reader->mapped = 0;
    images->pixels = NULL;
}

static void put_pixels(struct cln_images *images, const struct cln_block *block) {
    images->pixels = block->bytes;
    images->reader->mapped = block->mapped;
}

/* ---- Parts ---- */

/* A reader of images whose files another reader has. */
static struct cln_reader *borrow(const struct cln_reader *from, const uint32_t *origin, size_t count) {
    struct cln_reader *reader = calloc(1, sizeof *reader);
    uint32_t *copy = malloc(count * sizeof *copy);
    if (!reader || !copy) {
        free(reader);
        free(copy);
        return NULL;
    }
    memcpy(copy, origin, count * sizeof *copy);
    *reader = (struct cln_reader){.format = from->format, .half = from->half, .borrows = true, .origin = copy};
    return reader;
}

enum cln_status cln_images_part(struct cln_images *from, struct cln_images *to, const struct cln_split *split) {
    const size_t moved = split->validation_count, stay = split->train_count;
    *to = (struct cln_images){.count = moved, .shape = from->shape, .type = from->type};
    to->labels = malloc(moved * sizeof *to->labels);
    if (from->reader) {
        to->reader = borrow(from->reader, split->validation, moved);
        from->reader->origin = malloc(stay * sizeof *from->reader->origin);
    }
    if (!to->labels || (from->reader && !(to->reader && from->reader->origin)))
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to set %zu images aside", moved);
    for (size_t i = 0; i < moved; i++)
        to->labels[i] = from->labels[split->validation[i]];
    for (size_t i = 0; i < stay; i++)
        from->labels[i] = from->labels[split->train[i]]; /* ascending: never one that was written */
    if (from->reader)
        memcpy(from->reader->origin, split->train, stay * sizeof *split->train);
    from->count = stay;
    return CLN_OK;
}

/* Copies the images that `order` lists. */
static enum cln_status copy_images(struct cln_block *out, const struct cln_images *from, const uint32_t *order,
                                   size_t count) {
    const size_t bytes = cln_images_bytes(from);
    const uint8_t *pixels = from->pixels;
    const enum cln_status status = cln_block_reserve(out, count * bytes, cln_block_limit(), "images set aside");
    for (size_t i = 0; i < count && status == CLN_OK; i++)
        memcpy((uint8_t *)out->bytes + i * bytes, pixels + order[i] * bytes, bytes);
    return status;
}

enum cln_status cln_images_part_pixels(struct cln_images *from, struct cln_images *to, const struct cln_split *split) {
    struct cln_block taken = {.bytes = NULL}, left = {.bytes = NULL};
    enum cln_status status = copy_images(&taken, from, split->validation, split->validation_count);
    if (status == CLN_OK)
        status = copy_images(&left, from, split->train, split->train_count);
    if (status != CLN_OK) {
        cln_block_free(&taken);
        return status;
    }
    free_pixels(from);
    put_pixels(from, &left);
    put_pixels(to, &taken);
    return CLN_OK;
}

/* ---- Memory ---- */

void cln_images_keep(struct cln_images *images, size_t count) {
    struct cln_block block = block_of(images);
    if (count == 0) {
        free_pixels(images);
        return;
    }
    cln_block_cut(&block, count * cln_images_bytes(images));
    images->pixels = block.bytes;
}

void cln_images_stop(struct cln_images *images) {
    if (cln_images_are_coming(images))
        cln_arrival_stop(images->reader->arrival);
}

void cln_images_free(struct cln_images *images) {
    struct cln_reader *reader = images->reader;
    cln_images_stop(images);
    if (reader && reader->is_reading)
        finish_reading(images);
    free_pixels(images);
    free(images->labels);
    *images = (struct cln_images){.count = 0};
    if (!reader)
        return;
    if (!reader->borrows)
        reader->format->close(reader->half);
    free(reader->origin);
    free(reader->message);
    free(reader);
}
