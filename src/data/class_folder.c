/* The data format of class folders: a folder of pictures for each class, in one level, or in train/ and test/. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "src/data/format.h"
#include "src/data/picture_list.h"
#include "src/data/picture_tree.h"

static const char contents[] = "a folder of PNG and JPEG pictures, CLASS/... or train/CLASS/... and test/CLASS/...";

/* The folder of each enum cln_half, below the data set's; the first that is there counts. Images for validation are met
 * in place of test images. */
enum { MOST_NAMES = 4 };
static const char *const half_names[2][MOST_NAMES] = {
    {"train"},
    {"test", "val", "valid", "validation"},
};

struct layout {
    bool has_halves;
    const char *names[2]; /* with halves: the folder of each, NULL if it is not there */
};

struct half {
    struct cln_names classes; /* of the training half, which are those of both */
    struct cln_picture_list *list;
    struct cln_rest rest;
    char folder[CLN_PATH_BYTES];
};

/* A folder of folders is a half; a folder of files with such a name is a class. */
static struct layout find_layout(const char *folder) {
    struct layout layout = {.has_halves = false};
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < MOST_NAMES && half_names[half][i] && !layout.names[half]; i++)
            if (cln_picture_tree_may_have_folders(folder, half_names[half][i]))
                layout.names[half] = half_names[half][i];
    layout.has_halves = layout.names[CLN_HALF_TRAIN] || layout.names[CLN_HALF_TEST];
    return layout;
}

static enum cln_found probe(const char *folder) {
    if (cln_picture_tree_may_have_pictures(folder, true))
        return CLN_FOUND_ALL;
    return cln_picture_tree_may_have_pictures(folder, false) || find_layout(folder).has_halves ? CLN_FOUND_SOME
                                                                                               : CLN_FOUND_NONE;
}

static enum cln_status make_path(char path[CLN_PATH_BYTES], const char *folder, const char *name) {
    return snprintf(path, CLN_PATH_BYTES, "%s%s%s", folder, name ? "/" : "", name ? name : "") < CLN_PATH_BYTES
               ? CLN_OK
               : cln_fail(CLN_INVALID, "%s/%s: the path has more than %d bytes", folder, name, CLN_PATH_BYTES - 1);
}

static void each_file(cln_tell_path *tell, void *user, const char *folder) {
    struct cln_names paths = {0};
    struct cln_rest rest = {0};
    char path[CLN_PATH_BYTES];
    if (cln_picture_tree_pictures(&paths, &rest, folder, "") == CLN_OK)
        for (size_t i = 0; i < paths.count; i++)
            if (make_path(path, folder, paths.items[i]) == CLN_OK)
                tell(user, path);
    cln_names_free(&paths);
}

static void close_half(void *state) {
    struct half *half = state;
    cln_names_free(&half->classes);
    cln_picture_list_destroy(&half->list);
    free(half);
}

/* ---- Classes ---- */

static enum cln_status list_classes(struct cln_names *classes, struct cln_rest *rest, const char *folder,
                                    const char *name) {
    char path[CLN_PATH_BYTES];
    const enum cln_status status = make_path(path, folder, name);
    return status == CLN_OK ? cln_picture_tree_folders(classes, rest, path) : status;
}

/* A network learns nothing of a class that only the test images have. */
static enum cln_status check_test_classes(const struct cln_names *classes, const char *folder, const char *name) {
    struct cln_names tested = {0};
    struct cln_rest rest = {0};
    enum cln_status status = list_classes(&tested, &rest, folder, name);
    for (size_t i = 0; i < tested.count && status == CLN_OK; i++)
        if (!cln_names_have(classes, tested.items[i]))
            status = cln_fail(CLN_INVALID,
                              "%s/%s: no folder %s for training has this class %s: give it some of its pictures, or "
                              "take this folder away",
                              folder, name, half_names[CLN_HALF_TRAIN][0], tested.items[i]);
    cln_names_free(&tested);
    return status;
}

static enum cln_status find_classes(struct half *half, const char *folder, const struct layout *layout) {
    const char *train = layout->names[CLN_HALF_TRAIN], *test = layout->names[CLN_HALF_TEST];
    struct cln_rest rest = {0};
    if (!layout->has_halves && !cln_picture_tree_may_have_pictures(folder, true))
        return cln_fail(CLN_INVALID, "%s: the pictures are in no folder of a class: a data set is %s", folder,
                        contents);
    if (layout->has_halves && !train)
        return cln_fail(CLN_NOT_FOUND, "%s: it has a folder %s, but no folder %s of class folders: a data set is %s",
                        folder, test, half_names[CLN_HALF_TRAIN][0], contents);
    enum cln_status status = list_classes(&half->classes, &rest, folder, train);
    if (status == CLN_OK && half->classes.count > CLN_CLASS_LIMIT)
        status = cln_fail(CLN_INVALID, "%s: %zu class folders; clenet's limit is %d", folder, half->classes.count,
                          CLN_CLASS_LIMIT);
    return status == CLN_OK && test ? check_test_classes(&half->classes, folder, test) : status;
}

/* ---- Pictures ---- */

static enum cln_status add_class(struct half *half, const char *class, int32_t label) {
    struct cln_names paths = {0};
    const size_t others = half->rest.count;
    char path[CLN_PATH_BYTES];
    enum cln_status status = cln_picture_tree_pictures(&paths, &half->rest, half->folder, class);
    if (status == CLN_OK && paths.count == 0)
        status = cln_fail(CLN_INVALID,
                          "%s/%s: the class has no picture (*.png, *.jpg, *.jpeg; %zu other files): put some there, or "
                          "take the folder away",
                          half->folder, class, half->rest.count - others);
    for (size_t i = 0; i < paths.count && status == CLN_OK; i++)
        if ((status = make_path(path, class, paths.items[i])) == CLN_OK)
            status = cln_picture_list_add(half->list, path, label);
    cln_names_free(&paths);
    return status;
}

static void tell_rest(const struct half *half) {
    if (half->rest.count > 0)
        cln_log(CLN_LOG_INFO, "%s: left out what is no picture in a class folder: %zu entries, such as %s",
                half->folder, half->rest.count, half->rest.example);
}

/* The half may lack a class of the other. */
static enum cln_status list_pictures(struct half *half) {
    struct cln_names here = {0};
    enum cln_status status = cln_picture_tree_folders(&here, &half->rest, half->folder);
    for (size_t label = 0; label < half->classes.count && status == CLN_OK; label++)
        if (cln_names_have(&here, half->classes.items[label]))
            status = add_class(half, half->classes.items[label], (int32_t)label);
    cln_names_free(&here);
    if (status == CLN_OK)
        tell_rest(half);
    return status;
}

/* What lies beside the halves: another name of one that is there, or anything else. */
static enum cln_status tell_beside(const char *folder, const struct layout *layout) {
    struct cln_names names = {0};
    struct cln_rest rest = {0};
    const char *test = layout->names[CLN_HALF_TEST];
    const enum cln_status status = cln_picture_tree_folders(&names, &rest, folder);
    for (size_t i = 0; i < names.count; i++)
        if (strcmp(names.items[i], layout->names[CLN_HALF_TRAIN]) != 0 && (!test || strcmp(names.items[i], test) != 0))
            cln_log(CLN_LOG_INFO, "%s/%s: this folder is left out", folder, names.items[i]);
    if (status == CLN_OK && test && test != half_names[CLN_HALF_TEST][0])
        cln_log(CLN_LOG_INFO, "%s: the images in %s are taken for test images", folder, test);
    cln_names_free(&names);
    return status;
}

static enum cln_status open_list(struct half *half, struct cln_opened *opened, const struct cln_source *source,
                                 const char *name) {
    enum cln_status status = make_path(half->folder, source->path, name);
    if (status == CLN_OK)
        status = cln_picture_list_create(&half->list, half->folder, source->params);
    if (status == CLN_OK)
        status = list_pictures(half);
    return status == CLN_OK ? cln_picture_list_open(half->list, opened) : status;
}

static enum cln_status open_half(struct cln_opened *opened, const struct cln_source *source, enum cln_half which) {
    const struct layout layout = find_layout(source->path);
    struct half *half = calloc(1, sizeof *half);
    if (!half)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read the data set %s", source->path);
    enum cln_status status = find_classes(half, source->path, &layout);
    if (status == CLN_OK && layout.has_halves && which == CLN_HALF_TRAIN)
        status = tell_beside(source->path, &layout);
    if (status == CLN_OK && (which == CLN_HALF_TRAIN || layout.names[which]))
        status = open_list(half, opened, source, layout.names[which]);
    if (status != CLN_OK) {
        close_half(half);
        return status;
    }
    opened->state = half;
    opened->class_count = (int)half->classes.count;
    opened->class_names = (const char *const *)half->classes.items;
    return CLN_OK;
}

static enum cln_status read_labels(int32_t **labels, void *state) {
    const struct half *half = state;
    return cln_picture_list_read_labels(labels, half->list);
}

static enum cln_status read_pixels(struct cln_block *pixels, void *state) {
    const struct half *half = state;
    return cln_picture_list_read_pixels(pixels, half->list);
}

static void locate_label(char place[CLN_PLACE_BYTES], const void *state, size_t index) {
    const struct half *half = state;
    snprintf(place, CLN_PLACE_BYTES, "%.*s/%s", CLN_PATH_BYTES / 2, half->folder,
             cln_picture_list_path(half->list, index));
}

static void locate_shape(char place[CLN_PLACE_BYTES], const void *state) {
    const struct half *half = state;
    snprintf(place, CLN_PLACE_BYTES, "%s", half->folder);
}

const struct cln_data_format cln_class_folder_format = {
    .kind = "folders of PNG or JPEG pictures, one for each class",
    .contents = contents,
    .probe = probe,
    .each_file = each_file,
    .open = open_half,
    .read_labels = read_labels,
    .read_pixels = read_pixels,
    .locate_label = locate_label,
    .locate_shape = locate_shape,
    .close = close_half,
};
