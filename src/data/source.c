/* The table of known data sets, and the search for their files. */
#include "src/data/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/table.h"

static const char *const fashion_mnist_classes[] = {
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
};
static const char *const mnist_classes[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};

static const struct cln_source sources[] = {
    {
        .name = "fashion-mnist",
        .package = "dataset-fashion-mnist",
        .class_count = 10,
        .class_names = fashion_mnist_classes,
        .files =
            {
                {"train-images-idx3-ubyte.gz", "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
                {"train-labels-idx1-ubyte.gz", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
                {"t10k-images-idx3-ubyte.gz", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
                {"t10k-labels-idx1-ubyte.gz", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"},
            },
        .mirrors = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion "
                   "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    },
    {
        .name = "mnist",
        .class_count = 10,
        .class_names = mnist_classes,
        .files =
            {
                {"train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
                {"train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
                {"t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
                {"t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
            },
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

const struct cln_source *cln_source_at(size_t index) {
    return index < sizeof(sources) / sizeof(sources[0]) ? &sources[index] : NULL;
}

const struct cln_source *cln_source_find(const char *name) {
    const struct cln_source *source;
    for (size_t i = 0; (source = cln_source_at(i)); i++) {
        if (strcmp(source->name, name) == 0)
            return source;
    }
    return NULL;
}

const char *cln_idx_part_name(enum cln_idx_part part) {
    static const char *const names[] = {
        [CLN_TRAIN_IMAGES] = "train-images-idx3-ubyte",
        [CLN_TRAIN_LABELS] = "train-labels-idx1-ubyte",
        [CLN_TEST_IMAGES] = "t10k-images-idx3-ubyte",
        [CLN_TEST_LABELS] = "t10k-labels-idx1-ubyte",
    };
    CLN_EVERY(names, CLN_IDX_PART_COUNT);
    return names[part];
}

static bool is_file(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* Of a part, in the order in which they are looked for. */
static const char *const endings[] = {"", ".gz"};
enum { ENDING_COUNT = sizeof(endings) / sizeof(endings[0]) };

static bool make_path(char path[CLN_PATH_BYTES], const char *folder, enum cln_idx_part part, size_t ending) {
    return snprintf(path, CLN_PATH_BYTES, "%s/%s%s", folder, cln_idx_part_name(part), endings[ending]) < CLN_PATH_BYTES;
}

bool cln_idx_part_path(char path[CLN_PATH_BYTES], const char *folder, enum cln_idx_part part) {
    for (size_t i = 0; i < ENDING_COUNT; i++)
        if (make_path(path, folder, part, i) && is_file(path))
            return true;
    return false;
}

static int count_parts(const char *folder) {
    char path[CLN_PATH_BYTES];
    int count = 0;
    for (int part = 0; part < CLN_IDX_PART_COUNT; part++)
        count += cln_idx_part_path(path, folder, (enum cln_idx_part)part);
    return count;
}

/* False where the place does not exist for this user. The base directory specification has relative cache folders
 * ignored. */
static bool place_folder(char folder[CLN_PATH_BYTES], const struct place *place, const char *name) {
    const char *value = place->variable ? getenv(place->variable) : "";
    if (!value || (place->variable && !value[0]) || (place->cache && value[0] != '/'))
        return false;
    return snprintf(folder, CLN_PATH_BYTES, "%s%s%s%s", value, place->below, place->named ? "/" : "",
                    place->named ? name : "") < CLN_PATH_BYTES;
}

/* What a user without the data set can do, behind "data set NAME: " and the reason. */
static enum cln_status fail_nowhere(enum cln_status status, const struct cln_source *source, const char *looked,
                                    const char *reason) {
    return cln_fail(status, "data set %s: not found in %s; %s; %s%s%sset CLENET_DATA or pass a folder with its files",
                    source->name, looked, reason, source->package ? "install the package " : "",
                    source->package ? source->package : "", source->package ? ", " : "");
}

#ifdef HAVE_CURL
static enum cln_status fetch_into_cache(char folder[CLN_PATH_BYTES], const struct cln_source *source,
                                        const char *looked) {
    size_t i = 0;
    while (i < PLACE_COUNT && !(places[i].cache && place_folder(folder, &places[i], source->name)))
        i++;
    if (i == PLACE_COUNT)
        return fail_nowhere(CLN_NOT_FOUND, source, looked, "not downloaded, as HOME and XDG_CACHE_HOME name no folder");
    const char *mirrors = getenv("CLENET_MIRROR");
    enum cln_status status =
        cln_download(folder, source->files, CLN_IDX_PART_COUNT, mirrors && mirrors[0] ? mirrors : source->mirrors);
    return status == CLN_OK ? CLN_OK : fail_nowhere(status, source, looked, cln_error_message());
}
#else
static enum cln_status fetch_into_cache(char folder[CLN_PATH_BYTES], const struct cln_source *source,
                                        const char *looked) {
    (void)folder;
    return fail_nowhere(CLN_NOT_FOUND, source, looked, "not downloaded, as this program was built without libcurl");
}
#endif

enum cln_status cln_source_locate(char folder[CLN_PATH_BYTES], const struct cln_source *source, bool offline) {
    char looked[2048] = "";
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        if (!place_folder(folder, &places[i], source->name))
            continue;
        int parts = count_parts(folder);
        if (parts == CLN_IDX_PART_COUNT)
            return CLN_OK;
        size_t used = strlen(looked);
        snprintf(looked + used, sizeof(looked) - used, "%s%s%s", used ? ", " : "", folder,
                 parts ? " (incomplete)" : "");
    }
    return offline ? fail_nowhere(CLN_NOT_FOUND, source, looked, "not downloaded, as that is forbidden (offline)")
                   : fetch_into_cache(folder, source, looked);
}

void cln_source_each_file(void (*tell)(void *user, const char *path), void *user, const char *name) {
    const bool is_known = cln_source_find(name) != NULL;
    char folder[CLN_PATH_BYTES], path[CLN_PATH_BYTES];
    for (size_t place = 0; place < (is_known ? (size_t)PLACE_COUNT : 1); place++) {
        if (is_known ? !place_folder(folder, &places[place], name)
                     : snprintf(folder, sizeof(folder), "%s", name) >= (int)sizeof(folder))
            continue;
        for (int part = 0; part < CLN_IDX_PART_COUNT; part++)
            for (size_t ending = 0; ending < ENDING_COUNT; ending++)
                if (make_path(path, folder, (enum cln_idx_part)part, ending))
                    tell(user, path);
    }
}
