/* The table of known data sets, and the search for their files. */
#include "src/data/known_sets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const fashion_mnist_classes[] = {
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
};
static const char *const mnist_classes[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};

static const struct cln_download_file fashion_mnist_files[] = {
    {"train-images-idx3-ubyte.gz", "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
    {"train-labels-idx1-ubyte.gz", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
    {"t10k-images-idx3-ubyte.gz", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
    {"t10k-labels-idx1-ubyte.gz", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"},
};
static const struct cln_download_file mnist_files[] = {
    {"train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
    {"train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
    {"t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
    {"t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
};

#define FILES(list) .files = (list), .file_count = sizeof(list) / sizeof *(list)

static const struct cln_known_set sets[] = {
    {
        .name = "fashion-mnist",
        .package = "dataset-fashion-mnist",
        .format = &cln_idx_format,
        .class_count = 10,
        .class_names = fashion_mnist_classes,
        FILES(fashion_mnist_files),
        .mirrors = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion "
                   "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    },
    {
        .name = "mnist",
        .format = &cln_idx_format,
        .class_count = 10,
        .class_names = mnist_classes,
        FILES(mnist_files),
        .mirrors = "https://ossci-datasets.s3.amazonaws.com/mnist "
                   "https://storage.googleapis.com/cvdf-datasets/mnist",
    },
};

/* Where a data set's folder may be: below the value of an environment variable or below a fixed folder, in a folder
 * of its own name or not. Downloads go to the first cache of them that exists for this user. */
static const struct place {
    const char *variable, *below;
    bool named, cache;
} places[] = {
    {NULL, "/usr/share/datasets", .named = true},
    {"CLENET_DATA", "", .named = true},
    {"CLENET_DATA", ""},
    {NULL, "data", .named = true},
    {"XDG_CACHE_HOME", "/clenet", .named = true, .cache = true},
    {"HOME", "/.cache/clenet", .named = true, .cache = true},
};
enum { PLACE_COUNT = sizeof(places) / sizeof(places[0]) };

const struct cln_known_set *cln_known_set_at(size_t index) {
    return index < sizeof(sets) / sizeof(sets[0]) ? &sets[index] : NULL;
}

const struct cln_known_set *cln_known_set_find(const char *name) {
    const struct cln_known_set *set;
    for (size_t i = 0; (set = cln_known_set_at(i)); i++) {
        if (strcmp(set->name, name) == 0)
            return set;
    }
    return NULL;
}

/* False where the place does not exist for this user. The XDG base directory specification says that relative cache
 * folders are to be ignored. */
static bool place_folder(char folder[CLN_PATH_BYTES], const struct place *place, const char *name) {
    const char *value = place->variable ? getenv(place->variable) : "";
    if (!value || (place->variable && !value[0]) || (place->cache && value[0] != '/'))
        return false;
    return snprintf(folder, CLN_PATH_BYTES, "%s%s%s%s", value, place->below, place->named ? "/" : "",
                    place->named ? name : "") < CLN_PATH_BYTES;
}

/* Names the folders `looked` at and the reason, and says how a user can get the data set. */
static enum cln_status fail_nowhere(enum cln_status status, const struct cln_known_set *set, const char *looked,
                                    const char *reason) {
    return cln_fail(status, "data set %s: not found in %s; %s; %s%s%sset CLENET_DATA or pass a folder with its files",
                    set->name, looked, reason, set->package ? "install the package " : "",
                    set->package ? set->package : "", set->package ? ", " : "");
}

#ifdef HAVE_CURL
static enum cln_status fetch_into_cache(char folder[CLN_PATH_BYTES], const struct cln_known_set *set,
                                        const char *looked) {
    size_t i = 0;
    while (i < PLACE_COUNT && !(places[i].cache && place_folder(folder, &places[i], set->name)))
        i++;
    if (i == PLACE_COUNT)
        return fail_nowhere(CLN_NOT_FOUND, set, looked, "not downloaded, as HOME and XDG_CACHE_HOME name no folder");
    const char *mirrors = getenv("CLENET_MIRROR");
    enum cln_status status =
        cln_download(folder, set->files, set->file_count, mirrors && mirrors[0] ? mirrors : set->mirrors);
    return status == CLN_OK ? CLN_OK : fail_nowhere(status, set, looked, cln_error_message());
}
#else
static enum cln_status fetch_into_cache(char folder[CLN_PATH_BYTES], const struct cln_known_set *set,
                                        const char *looked) {
    (void)folder;
    return fail_nowhere(CLN_NOT_FOUND, set, looked, "not downloaded, as this program was built without libcurl");
}
#endif

enum cln_status cln_known_set_locate(char folder[CLN_PATH_BYTES], const struct cln_known_set *set, bool offline) {
    char looked[2048] = "";
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        if (!place_folder(folder, &places[i], set->name))
            continue;
        const enum cln_found found = set->format->probe(folder);
        if (found == CLN_FOUND_ALL)
            return CLN_OK;
        size_t used = strlen(looked);
        snprintf(looked + used, sizeof(looked) - used, "%s%s%s", used ? ", " : "", folder,
                 found == CLN_FOUND_SOME ? " (incomplete)" : "");
    }
    return offline ? fail_nowhere(CLN_NOT_FOUND, set, looked, "not downloaded, as that is forbidden (offline)")
                   : fetch_into_cache(folder, set, looked);
}

void cln_data_each_file(cln_tell_path *tell, void *user, const char *name) {
    const struct cln_known_set *set = cln_known_set_find(name);
    char folder[CLN_PATH_BYTES];
    if (!set)
        cln_data_format_each_file(tell, user, name);
    for (size_t i = 0; set && i < PLACE_COUNT; i++)
        if (place_folder(folder, &places[i], name))
            set->format->each_file(tell, user, folder);
}
