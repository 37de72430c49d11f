/* The data format of NumPy's arrays: .npy files in a folder, or members of an .npz file, under names that people use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "src/data/archive.h"
#include "src/data/file_set.h"
#include "src/data/npy.h"

enum { HALVES = CLN_HALF_TEST + 1, SIDE_LIMIT = 4096, FEATURE_LIMIT = 1 << 24, COUNT_LIMIT = 1 << 24 };

/* Names of the arrays of a data set; NULL: it has no such half. Also those that are told to be left out. */
static const struct names {
    const char *of[HALVES][CLN_ROLE_COUNT];
    const char *left_out;
} known[] = {
    {{{"x_train.npy", "y_train.npy"}, {"x_test.npy", "y_test.npy"}}, "x_val.npy"}, /* Keras */
    {{{"X_train.npy", "y_train.npy"}, {"X_test.npy", "y_test.npy"}}, "X_val.npy"}, /* scikit-learn */
    {{{"train_images.npy", "train_labels.npy"}, {"test_images.npy", "test_labels.npy"}},
     "val_images.npy"}, /* MedMNIST */
    {{{"images.npy", "labels.npy"}}, NULL},
    {{{"x.npy", "y.npy"}}, NULL},
    {{{"X.npy", "y.npy"}}, NULL},
};
enum { KNOWN_COUNT = sizeof known / sizeof *known };

static const char contents[] =
    "arrays of NumPy, in an .npz file or as .npy files in a folder, x_train, y_train, x_test "
    "and y_test (or train_images, train_labels, …; images and labels; x and y), or a folder "
    "of train-imgs.npz, train-labels.npz, test-imgs.npz and test-labels.npz";

/* Where an array is: in a file, or in a member of an archive. */
struct place {
    char path[CLN_PATH_BYTES];
    const char *member; /* NULL: the file itself */
};

/* ---- Files of KMNIST: an archive for each array, which has the only name that numpy.savez gives by itself ---- */

static const char only_member[] = "arr_0.npy";

static bool parse(struct cln_file_name *out, const char *name) {
    static const char *const endings[HALVES][CLN_ROLE_COUNT] = {{"train-imgs.npz", "train-labels.npz"},
                                                                {"test-imgs.npz", "test-labels.npz"}};
    const size_t length = strlen(name);
    for (int half = 0; half < HALVES; half++)
        for (int role = 0; role < CLN_ROLE_COUNT; role++) {
            const size_t ending = strlen(endings[half][role]);
            if (length < ending || strcmp(name + length - ending, endings[half][role]) != 0)
                continue;
            *out = (struct cln_file_name){length - ending, (enum cln_half)half, role};
            return true;
        }
    return false;
}

static const struct cln_file_naming naming = {
    .parse = parse,
    .roles = CLN_ROLE_COUNT,
    .usual = {{"train-imgs.npz", "train-labels.npz"}, {"test-imgs.npz", "test-labels.npz"}},
    .contents = contents,
};

/* ---- Finding ---- */

static bool is_npz(const char *path) {
    struct cln_file_name file;
    const size_t length = strlen(path), ending = sizeof ".npz" - 1;
    return length > ending && strcmp(path + length - ending, ".npz") == 0 && !parse(&file, path);
}

struct seen {
    bool names[KNOWN_COUNT][HALVES][CLN_ROLE_COUNT], left_out[KNOWN_COUNT];
};

static void see(void *user, const char *member) {
    struct seen *seen = user;
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        for (int half = 0; half < HALVES; half++)
            for (int role = 0; role < CLN_ROLE_COUNT; role++)
                if (known[i].of[half][role] && strcmp(known[i].of[half][role], member) == 0)
                    seen->names[i][half][role] = true;
        if (known[i].left_out && strcmp(known[i].left_out, member) == 0)
            seen->left_out[i] = true;
    }
}

/* What an archive or a folder has of the names that are known. */
static enum cln_status look(struct seen *seen, const char *path) {
    *seen = (struct seen){.left_out = {false}};
    if (is_npz(path))
        return cln_archive_list(path, see, seen);
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        for (int half = 0; half < HALVES; half++)
            for (int role = 0; role < CLN_ROLE_COUNT; role++)
                if (known[i].of[half][role] && cln_folder_probe(path, &known[i].of[half][role], 1) == CLN_FOUND_ALL)
                    see(seen, known[i].of[half][role]);
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        if (known[i].left_out && cln_folder_probe(path, &known[i].left_out, 1) == CLN_FOUND_ALL)
            see(seen, known[i].left_out);
    return CLN_OK;
}

/* The first names that are whole, training images and labels, else the first of which there is something, else none. */
static enum cln_found choose(size_t *chosen, const struct seen *seen) {
    enum cln_found best = CLN_FOUND_NONE;
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        const bool(*names)[CLN_ROLE_COUNT] = seen->names[i];
        const int train = names[0][0] + names[0][1], test = names[1][0] + names[1][1];
        const enum cln_found found = train == 2 ? CLN_FOUND_ALL : train + test > 0 ? CLN_FOUND_SOME : CLN_FOUND_NONE;
        if (found > best)
            *chosen = i;
        best = found > best ? found : best;
    }
    return best;
}

static enum cln_found probe(const char *path) {
    struct seen seen;
    size_t chosen;
    if (is_npz(path))
        return look(&seen, path) == CLN_OK && choose(&chosen, &seen) == CLN_FOUND_ALL ? CLN_FOUND_ALL : CLN_FOUND_SOME;
    (void)look(&seen, path);
    const enum cln_found files = cln_file_set_probe(path, &naming), arrays = choose(&chosen, &seen);
    return files > arrays ? files : arrays;
}

static void each_file(cln_tell_path *tell, void *user, const char *path) {
    if (is_npz(path)) {
        tell(user, path);
        return;
    }
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        for (int half = 0; half < HALVES && known[i].of[half][0]; half++)
            cln_folder_each_file(tell, user, path, known[i].of[half], CLN_ROLE_COUNT);
    cln_file_set_each_file(tell, user, path, &naming);
}

/* Images and labels of one half. *is_there: there are such, which only the test half may lack. */
static enum cln_status find_known(struct place places[CLN_ROLE_COUNT], bool *is_there, const char *path,
                                  enum cln_half which) {
    struct seen seen;
    size_t chosen = 0;
    enum cln_status status = look(&seen, path);
    if (status == CLN_OK && choose(&chosen, &seen) == CLN_FOUND_NONE)
        status = cln_fail(CLN_NOT_FOUND, "%s: no data set: a data set is %s", path, contents);
    const char *const *names = known[chosen].of[which];
    *is_there = which == CLN_HALF_TRAIN || seen.names[chosen][which][0] || seen.names[chosen][which][1];
    for (int role = 0; role < CLN_ROLE_COUNT && status == CLN_OK && *is_there; role++) {
        if (!seen.names[chosen][which][role])
            status = cln_fail(CLN_NOT_FOUND, "%s: no %s is in it: a data set is %s", path, names[role], contents);
        else if (is_npz(path))
            places[role].member = names[role];
        if (status == CLN_OK && is_npz(path))
            snprintf(places[role].path, CLN_PATH_BYTES, "%s", path);
        else if (status == CLN_OK)
            status = cln_folder_find(places[role].path, path, names[role], contents);
    }
    if (status == CLN_OK && which == CLN_HALF_TRAIN && seen.left_out[chosen])
        cln_log(CLN_LOG_WARNING, "%s: the images of %s are left out: --validation takes some of those for training",
                path, known[chosen].left_out);
    return status;
}

static enum cln_status find_files(struct place places[CLN_ROLE_COUNT], bool *is_there, const char *path,
                                  enum cln_half which) {
    struct cln_file_set *set = malloc(sizeof *set);
    if (!set)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read the data set %s", path);
    enum cln_status status = cln_file_set_find(set, path, &naming);
    *is_there = status == CLN_OK && (which == CLN_HALF_TRAIN || set->names[which][0][0] || set->names[which][1][0]);
    for (int role = 0; role < CLN_ROLE_COUNT && status == CLN_OK && *is_there; role++) {
        status = cln_file_set_path(places[role].path, set, &naming, which, role);
        places[role].member = only_member;
    }
    free(set);
    return status;
}

static enum cln_status find(struct place places[CLN_ROLE_COUNT], bool *is_there, const char *path,
                            enum cln_half which) {
    struct seen seen;
    size_t chosen;
    const bool are_known = is_npz(path) || (look(&seen, path) == CLN_OK && choose(&chosen, &seen) == CLN_FOUND_ALL);
    return are_known || cln_file_set_probe(path, &naming) == CLN_FOUND_NONE ? find_known(places, is_there, path, which)
                                                                            : find_files(places, is_there, path, which);
}

/* ---- Reading ---- */

struct half {
    struct cln_npy images, labels;
    char *image_name, *label_name; /* of the inputs, for messages */
    struct cln_shape shape;
    bool is_channels_last; /* and has more than one channel */
};

static void close_half(void *state) {
    struct half *half = state;
    cln_npy_close(&half->images);
    cln_npy_close(&half->labels);
    free(half->image_name);
    free(half->label_name);
    free(half);
}

static enum cln_status open_array(struct cln_npy *npy, char **name, const struct place *place) {
    struct cln_input *input;
    enum cln_status status = place->member ? cln_archive_open_member(&input, place->path, place->member)
                                           : cln_input_open(&input, place->path);
    if (status != CLN_OK)
        return status;
    *name = strdup(cln_input_name(input));
    if (*name)
        return cln_npy_open(npy, input);
    cln_input_close(&input);
    return cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory to read it", place->path);
}

static bool may_be_channels(uint64_t size) {
    return size == 1 || size == 3;
}

/* (N, F), (N, H, W), (N, H, W, C) or (N, C, H, W). NumPy's world has channels last: only what cannot be so is taken to
 * have them first. */
static enum cln_status find_shape(struct half *half) {
    const struct cln_npy *npy = &half->images;
    const uint64_t *size = npy->sizes;
    uint64_t channels = 1, height = 1, width = 1;
    half->is_channels_last = npy->rank == 4 && may_be_channels(size[3]);
    if (npy->rank == 4 && !half->is_channels_last && !may_be_channels(size[1]))
        return cln_fail(CLN_INVALID,
                        "%s: shape (%llu, %llu, %llu, %llu): neither the last dimension nor the second is 1 or 3, the "
                        "number of channels",
                        half->image_name, (unsigned long long)size[0], (unsigned long long)size[1],
                        (unsigned long long)size[2], (unsigned long long)size[3]);
    if (npy->rank == 2) {
        channels = size[1];
    } else if (npy->rank == 3 || half->is_channels_last) {
        height = size[1], width = size[2];
        channels = npy->rank == 4 ? size[3] : 1;
    } else if (npy->rank == 4) {
        channels = size[1], height = size[2], width = size[3];
    } else {
        return cln_fail(CLN_INVALID, "%s: one dimension: images have two, (N, features), to four", half->image_name);
    }
    if (size[0] > COUNT_LIMIT || height > SIDE_LIMIT || width > SIDE_LIMIT || channels > FEATURE_LIMIT)
        return cln_fail(CLN_INVALID, "%s: %llu images of %llux%llux%llu: at most %d of %dx%dx%d, clenet's limits",
                        half->image_name, (unsigned long long)size[0], (unsigned long long)channels,
                        (unsigned long long)height, (unsigned long long)width, COUNT_LIMIT, FEATURE_LIMIT, SIDE_LIMIT,
                        SIDE_LIMIT);
    half->shape = (struct cln_shape){(int)channels, (int)height, (int)width};
    return CLN_OK;
}

static enum cln_status check_labels(const struct half *half) {
    const struct cln_npy *labels = &half->labels;
    const size_t count = (size_t)half->images.sizes[0];
    if (labels->sizes[0] == labels->total && labels->total != count)
        return cln_fail(CLN_INVALID, "%s: %llu labels for %zu images", half->label_name,
                        (unsigned long long)labels->total, count);
    if (labels->sizes[0] != labels->total)
        return cln_fail(CLN_INVALID,
                        "%s: %llu numbers for each of %llu images, as one-hot vectors or several labels of one image "
                        "have: clenet reads one class for each, such as numpy.argmax makes",
                        half->label_name, (unsigned long long)(labels->total / labels->sizes[0]),
                        (unsigned long long)labels->sizes[0]);
    if (!cln_element_is_integer(labels->elements.type))
        return cln_fail(CLN_INVALID, "%s: labels of %s: they have to be integers", half->label_name,
                        cln_element_name(labels->elements.type));
    return CLN_OK;
}

static enum cln_status open_arrays(struct half *half, struct cln_opened *opened,
                                   const struct place places[CLN_ROLE_COUNT]) {
    enum cln_status status = open_array(&half->images, &half->image_name, &places[CLN_ROLE_IMAGES]);
    if (status == CLN_OK)
        status = open_array(&half->labels, &half->label_name, &places[CLN_ROLE_LABELS]);
    if (status == CLN_OK && !cln_element_pixels(&opened->type, half->images.elements.type))
        status = cln_fail(CLN_INVALID,
                          "%s: pixels of %s, of which nobody says what is white: write uint8, uint16 or float32",
                          half->image_name, cln_element_name(half->images.elements.type));
    if (status == CLN_OK)
        status = find_shape(half);
    if (status == CLN_OK)
        status = check_labels(half);
    opened->count = (size_t)half->images.sizes[0];
    opened->shape = half->shape;
    return status;
}

static enum cln_status open_half(struct cln_opened *opened, const struct cln_source *source, enum cln_half which) {
    struct half *half = calloc(1, sizeof *half);
    struct place *places = calloc(CLN_ROLE_COUNT, sizeof *places);
    bool is_there = false;
    enum cln_status status = half && places ? find(places, &is_there, source->path, which)
                                            : cln_fail(CLN_OUT_OF_MEMORY, "no memory to read %s", source->path);
    if (status == CLN_OK && is_there)
        status = open_arrays(half, opened, places);
    free(places);
    if (status == CLN_OK)
        opened->state = half;
    else if (half)
        close_half(half);
    return status;
}

static enum cln_status read_labels(int32_t **labels, void *state) {
    struct half *half = state;
    const size_t count = (size_t)half->labels.total;
    void *bytes = NULL;
    enum cln_status status = cln_npy_read(&half->labels, &bytes);
    int32_t *made = status == CLN_OK ? malloc(count * sizeof *made) : NULL;
    if (status == CLN_OK && !made)
        status = cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory for %zu labels", half->label_name, count);
    const size_t good = made ? cln_elements_to_labels(made, bytes, count, 1, half->labels.elements) : count;
    if (good < count)
        status = cln_fail(CLN_INVALID, "%s: label %zu (counted from 0) is no class: it does not fit into 32 bits",
                          half->label_name, good);
    free(bytes);
    if (status != CLN_OK)
        free(made);
    *labels = status == CLN_OK ? made : NULL;
    return status;
}

static enum cln_status read_pixels(struct cln_block *pixels, void *state) {
    struct half *half = state;
    const struct cln_npy *npy = &half->images;
    const size_t plane = (size_t)half->shape.height * (size_t)half->shape.width;
    enum cln_pixel_type type = CLN_PIXEL_U8;
    enum cln_status status = cln_npy_read(&half->images, &pixels->bytes);
    if (status != CLN_OK)
        return status;
    const size_t good = cln_elements_to_pixels(pixels->bytes, npy->total, npy->elements);
    (void)cln_element_pixels(&type, npy->elements.type);
    if (good < npy->total)
        status = cln_fail(CLN_INVALID, "%s: byte %zu: a pixel that is not finite", half->image_name,
                          npy->at + good * cln_element_bytes(npy->elements.type));
    else if (half->is_channels_last && half->shape.channels > 1 &&
             !cln_elements_transpose(pixels->bytes, (size_t)npy->sizes[0], plane, (size_t)half->shape.channels,
                                     cln_pixel_bytes(type)))
        status = cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory to put channels first", half->image_name);
    if (status != CLN_OK) {
        free(pixels->bytes);
        pixels->bytes = NULL;
    }
    return status;
}

static void locate_label(char text[CLN_PLACE_BYTES], const void *state, size_t index) {
    const struct half *half = state;
    snprintf(text, CLN_PLACE_BYTES, "%s: byte %zu", half->label_name,
             half->labels.at + index * cln_element_bytes(half->labels.elements.type));
}

static void locate_shape(char text[CLN_PLACE_BYTES], const void *state) {
    const struct half *half = state;
    snprintf(text, CLN_PLACE_BYTES, "%s", half->image_name);
}

const struct cln_data_format cln_npy_format = {
    .kind = "NumPy's .npz or .npy files",
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
