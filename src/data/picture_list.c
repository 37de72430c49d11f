/* A list of pictures: their paths lie behind each other in one text, their pixels in one block. */
#include "src/data/picture_list.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "src/base/parallel.h"
#include "src/data/picture_file.h"
#include "src/data/picture_fit.h"

struct entry {
    size_t path; /* where it begins in list->paths */
    int32_t label;
    uint32_t origin;
};

struct header {
    struct cln_shape shape;
    enum cln_pixel_type type;
};

struct cln_picture_list {
    struct cln_dataset_params params;
    char *folder, *real_folder; /* as given, and with links followed */
    char *paths;
    size_t paths_used, paths_room;
    struct entry *entries;
    size_t count, room;
    struct cln_fitting fitting;
    enum cln_pixel_type type;
    struct cln_block pixels; /* empty until they are decoded, and when they were handed out */
    struct cln_arrival arrival;
    struct header *headers; /* during open; of pictures that were not damaged */
    char **reasons;         /* during open, with skip_damaged: [count], NULL where nothing is wrong */
};

enum cln_status cln_picture_list_create(struct cln_picture_list **out, const char *folder,
                                        const struct cln_dataset_params *params) {
    struct cln_picture_list *list = *out = calloc(1, sizeof *list);
    if (list) {
        list->params = *params;
        list->folder = strdup(folder);
        list->real_folder = realpath(folder, NULL);
    }
    if (list && list->folder && list->real_folder)
        return CLN_OK;
    const int reason = errno;
    cln_picture_list_destroy(out);
    return cln_fail(reason == ENOMEM ? CLN_OUT_OF_MEMORY : CLN_IO, "%s: the folder cannot be read: %s", folder,
                    strerror(reason));
}

/* Doubles the room of an array until `wanted` items fit. False: no memory. */
static bool make_room(void **items, size_t *room, size_t wanted, size_t bytes) {
    size_t more = *room ? *room : 64;
    while (more < wanted)
        more *= 2;
    void *grown = more > *room ? realloc(*items, more * bytes) : *items;
    if (!grown)
        return false;
    *items = grown;
    *room = more;
    return true;
}

enum cln_status cln_picture_list_add(struct cln_picture_list *list, const char *path, int32_t label) {
    const size_t bytes = strlen(path) + 1;
    if (strlen(list->folder) + 1 + bytes > CLN_PATH_BYTES)
        return cln_fail(CLN_INVALID, "%s/%s: the path has more than %d bytes", list->folder, path, CLN_PATH_BYTES - 1);
    if (list->count == UINT32_MAX ||
        !make_room((void **)&list->paths, &list->paths_room, list->paths_used + bytes, 1) ||
        !make_room((void **)&list->entries, &list->room, list->count + 1, sizeof *list->entries))
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the names of %zu pictures", list->count);
    memcpy(list->paths + list->paths_used, path, bytes);
    list->entries[list->count] = (struct entry){list->paths_used, label, (uint32_t)list->count};
    list->paths_used += bytes;
    list->count++;
    return CLN_OK;
}

const char *cln_picture_list_path(const struct cln_picture_list *list, size_t index) {
    return list->paths + list->entries[index].path;
}

size_t cln_picture_list_origin(const struct cln_picture_list *list, size_t index) {
    return list->entries[index].origin;
}

static void make_path(char out[CLN_PATH_BYTES], const struct cln_picture_list *list, size_t index) {
    snprintf(out, CLN_PATH_BYTES, "%s/%s", list->folder, cln_picture_list_path(list, index));
}

static bool has_parent_part(const char *path) {
    for (const char *at = path; (at = strstr(at, "..")); at += 2)
        if ((at == path || at[-1] == '/') && (at[2] == '/' || at[2] == '\0'))
            return true;
    return false;
}

enum cln_status cln_picture_list_check_path(const struct cln_picture_list *list, const char *path) {
    char joined[CLN_PATH_BYTES];
    if (path[0] == '/' || has_parent_part(path))
        return cln_fail(CLN_INVALID, "the path %s leaves the folder %s: paths are relative to it and have no ..", path,
                        list->folder);
    if (snprintf(joined, sizeof joined, "%s/%s", list->folder, path) >= (int)sizeof joined)
        return cln_fail(CLN_INVALID, "the path %s has more than %d bytes", path, CLN_PATH_BYTES - 1);
    char *real = realpath(joined, NULL);
    const size_t length = strlen(list->real_folder);
    const bool leaves = real && !(strncmp(real, list->real_folder, length) == 0 &&
                                  (length == 1 || real[length] == '/' || real[length] == '\0'));
    free(real); /* NULL: there is no such file, which decoding will say */
    return leaves
               ? cln_fail(CLN_INVALID, "the path %s leads out of the folder %s by a symbolic link", path, list->folder)
               : CLN_OK;
}

/* ---- Work on single pictures, in any thread ---- */

static struct cln_decoding how_to_decode(const struct cln_picture_list *list, bool is_deep) {
    return (struct cln_decoding){.ground = list->params.ground, .is_deep = is_deep};
}

/* With skip_damaged a fault of the picture becomes a reason to leave it out. What is none, such as a lack of memory,
 * would leave out others the next time. */
static enum cln_status judge(struct cln_picture_list *list, size_t index, enum cln_status status) {
    if (status != CLN_INVALID && status != CLN_NOT_FOUND)
        return status;
    if (!list->params.skip_damaged)
        return cln_fail(status, "%-s (--skip-damaged leaves such pictures out)", cln_error_message());
    list->reasons[index] = strdup(cln_error_message());
    return list->reasons[index] ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory to list damaged pictures");
}

static enum cln_status measure(void *user, size_t index) {
    struct cln_picture_list *list = user;
    const struct cln_decoding how = how_to_decode(list, true);
    struct cln_picture picture;
    char path[CLN_PATH_BYTES];
    make_path(path, list, index);
    const enum cln_status status = cln_picture_file_measure(&picture, path, &how);
    list->headers[index] = (struct header){picture.shape, picture.type};
    return judge(list, index, status);
}

static size_t picture_bytes(const struct cln_picture_list *list) {
    return cln_shape_count(list->fitting.shape) * cln_pixel_bytes(list->type);
}

/* `number` is the picture's own, unless some are wanted first: then an error names any damaged one. */
static enum cln_status decode(void *user, size_t number) {
    struct cln_picture_list *list = user;
    size_t index;
    struct cln_share share = {0};
    struct cln_decoding how = how_to_decode(list, list->type == CLN_PIXEL_U16);
    struct cln_picture picture;
    char path[CLN_PATH_BYTES];
    if (!cln_arrival_take(&list->arrival, number, &index) || (list->reasons && list->reasons[index]))
        return CLN_OK;
    how.share = &share;
    make_path(path, list, index);
    enum cln_status status = cln_picture_file_decode(&picture, path, &how);
    if (status == CLN_OK && picture.type != list->type)
        status = cln_fail(CLN_INVALID, "%s: the file has changed while it was read", path);
    if (status == CLN_OK)
        status = cln_picture_fit((uint8_t *)list->pixels.bytes + index * picture_bytes(list), &picture, &list->fitting);
    free(picture.pixels);
    cln_share_give(&share);
    if (status == CLN_OK)
        cln_arrival_note(&list->arrival, index);
    return judge(list, index, status);
}

static void tell(void *user, size_t begun) {
    const struct cln_picture_list *list = user;
    list->params.decoding(list->params.user, begun, list->count);
}

/* One list after the other: two would share the processors, and tell of their progress by turns. */
static pthread_mutex_t all_processors = PTHREAD_MUTEX_INITIALIZER;

static enum cln_status decode_all(struct cln_picture_list *list) {
    const size_t bytes = picture_bytes(list);
    enum cln_status status =
        list->count <= SIZE_MAX / bytes
            ? cln_block_reserve(&list->pixels, list->count * bytes, cln_block_limit(), list->folder)
            : cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory for %zu pictures", list->folder, list->count);
    if (status != CLN_OK)
        return status;
    cln_arrival_begin(&list->arrival, list->pixels.bytes, bytes);
    pthread_mutex_lock(&all_processors);
    status = cln_parallel(list->count, decode, list->params.decoding ? tell : NULL, list);
    pthread_mutex_unlock(&all_processors);
    return status;
}

/* ---- One shape for all ---- */

static enum cln_status fail_on_sizes(const struct cln_picture_list *list, size_t a, size_t b) {
    const struct cln_shape one = list->headers[a].shape, other = list->headers[b].shape;
    return cln_fail(
        CLN_INVALID,
        "%s: pictures of several sizes: %s has %dx%d, %s has %dx%d (height x width): give the size that all "
        "are to have (--size HxW)",
        list->folder, cln_picture_list_path(list, a), one.height, one.width, cln_picture_list_path(list, b),
        other.height, other.width);
}

/* Takes shape and type from the first `count` headers that are there. */
static enum cln_status choose_shape(struct cln_picture_list *list, size_t count) {
    const struct cln_dataset_params *params = &list->params;
    struct cln_shape shape = {0, params->height, params->width};
    size_t first = count, deep = 0, whole = 0;
    for (size_t i = 0; i < count; i++) {
        const struct cln_shape *s = &list->headers[i].shape;
        if (s->channels == 0)
            continue;
        whole++;
        deep += list->headers[i].type == CLN_PIXEL_U16;
        shape.channels = s->channels > shape.channels ? s->channels : shape.channels;
        first = first < count ? first : i;
        if (params->height == 0 &&
            (s->height != list->headers[first].shape.height || s->width != list->headers[first].shape.width))
            return fail_on_sizes(list, first, i);
    }
    if (first < count && params->height == 0) {
        shape.height = list->headers[first].shape.height;
        shape.width = list->headers[first].shape.width;
    }
    shape.channels = params->channels ? params->channels : shape.channels;
    list->fitting = (struct cln_fitting){.shape = shape, .fit = params->fit, .ground = params->ground};
    list->type = whole > 0 && deep == whole ? CLN_PIXEL_U16 : CLN_PIXEL_U8;
    return CLN_OK;
}

/* Whether the first picture tells all that is not given. */
static bool is_first_enough(const struct cln_picture_list *list) {
    return list->params.height > 0 && list->params.channels > 0 && list->headers[0].shape.channels > 0 &&
           list->headers[0].type == CLN_PIXEL_U8;
}

static enum cln_status find_shape(struct cln_picture_list *list) {
    enum cln_status status = measure(list, 0);
    if (status == CLN_OK && is_first_enough(list))
        return choose_shape(list, 1);
    if (status == CLN_OK && list->reasons) {
        free(list->reasons[0]);
        list->reasons[0] = NULL;
    }
    if (status == CLN_OK)
        status = cln_parallel(list->count, measure, NULL, list);
    return status == CLN_OK ? choose_shape(list, list->count) : status;
}

/* ---- Damaged pictures ---- */

static size_t count_damaged(const struct cln_picture_list *list) {
    size_t damaged = 0;
    for (size_t i = 0; i < list->count; i++)
        damaged += list->reasons[i] != NULL;
    return damaged;
}

static void tell_damaged(const struct cln_picture_list *list, size_t damaged) {
    enum { MOST_NAMED = 10 };
    size_t named = 0;
    cln_log(CLN_LOG_WARNING, "%s: %zu of %zu pictures are damaged and left out:", list->folder, damaged, list->count);
    for (size_t i = 0; i < list->count && named < MOST_NAMED; i++)
        if (list->reasons[i] && ++named)
            cln_log(CLN_LOG_WARNING, "  %-s", list->reasons[i]);
    if (damaged > named)
        cln_log(CLN_LOG_WARNING, "  and %zu more", damaged - named);
}

static void leave_out(struct cln_picture_list *list) {
    const size_t bytes = picture_bytes(list);
    uint8_t *pixels = list->pixels.bytes;
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->reasons[i])
            continue;
        memmove(pixels + kept * bytes, pixels + i * bytes, bytes);
        list->entries[kept++] = list->entries[i];
    }
    list->count = kept;
}

static enum cln_status sort_out(struct cln_picture_list *list) {
    enum cln_status status = find_shape(list);
    size_t damaged = status == CLN_OK ? count_damaged(list) : 0;
    if (status == CLN_OK && damaged < list->count && (status = decode_all(list)) == CLN_OK)
        damaged = count_damaged(list);
    if (status != CLN_OK || damaged == 0)
        return status;
    if (damaged == list->count)
        return cln_fail(CLN_INVALID, "%s: none of %zu pictures can be read; the first: %-s", list->folder, damaged,
                        list->reasons[0]);
    tell_damaged(list, damaged);
    leave_out(list);
    return CLN_OK;
}

enum cln_status cln_picture_list_open(struct cln_picture_list *list, struct cln_opened *opened) {
    const size_t count = list->count;
    if (count == 0)
        return cln_fail(CLN_INVALID, "%s: no pictures", list->folder);
    if (cln_arrival_create(&list->arrival, count) != CLN_OK)
        return CLN_OUT_OF_MEMORY;
    list->headers = calloc(count, sizeof *list->headers);
    list->reasons = list->params.skip_damaged ? calloc(count, sizeof *list->reasons) : NULL;
    enum cln_status status = CLN_OK;
    if (!list->headers || (list->params.skip_damaged && !list->reasons))
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the headers of %zu pictures", count);
    if (status == CLN_OK)
        status = list->reasons ? sort_out(list) : find_shape(list);
    for (size_t i = 0; i < count && list->reasons; i++)
        free(list->reasons[i]);
    free(list->reasons);
    free(list->headers);
    list->reasons = NULL;
    list->headers = NULL;
    opened->arrival =
        list->params.skip_damaged ? NULL : &list->arrival; /* then all have come, and some were left out */
    opened->uses = CLN_ASKED_PICTURES;
    opened->count = list->count;
    opened->shape = list->fitting.shape;
    opened->type = list->type;
    return status;
}

/* ---- Reading ---- */

enum cln_status cln_picture_list_read_labels(int32_t **labels, const struct cln_picture_list *list) {
    *labels = malloc(list->count * sizeof **labels);
    if (!*labels)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu labels", list->count);
    for (size_t i = 0; i < list->count; i++)
        (*labels)[i] = list->entries[i].label;
    return CLN_OK;
}

enum cln_status cln_picture_list_read_pixels(struct cln_block *pixels, struct cln_picture_list *list) {
    const enum cln_status status = list->pixels.bytes ? CLN_OK : decode_all(list);
    cln_arrival_end(&list->arrival, status != CLN_OK);
    if (status != CLN_OK)
        return status;
    *pixels = list->pixels;
    list->pixels = (struct cln_block){0};
    return CLN_OK;
}

void cln_picture_list_destroy(struct cln_picture_list **list) {
    struct cln_picture_list *l = *list;
    *list = NULL;
    if (!l)
        return;
    free(l->folder);
    free(l->real_folder);
    free(l->paths);
    free(l->entries);
    cln_block_free(&l->pixels);
    cln_arrival_free(&l->arrival);
    free(l);
}
