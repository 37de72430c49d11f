/* The table of known data sets, and the search for their files. */
#include "src/data/known_sets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clenet/log.h"
#include "src/data/archive.h"

static const char *const fashion_mnist_classes[] = {
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
};
static const char *const kmnist_classes[] = {"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"};
#define DIGITS "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"
#define CAPITALS                                                                                                       \
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", \
        "X", "Y", "Z"
#define LETTERS                                                                                                        \
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", \
        "x", "y", "z"
static const char *const digits[] = {DIGITS};
static const char *const letters[] = {LETTERS};
static const char *const byclass[] = {DIGITS, CAPITALS, LETTERS};
/* Small letters that look like their capitals are among those. */
static const char *const bymerge[] = {DIGITS, CAPITALS, "a", "b", "d", "e", "f", "g", "h", "n", "q", "r", "t"};

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
static const struct cln_download_file kmnist_files[] = {
    {"train-images-idx3-ubyte.gz", "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"},
    {"train-labels-idx1-ubyte.gz", "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"},
    {"t10k-images-idx3-ubyte.gz", "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"},
    {"t10k-labels-idx1-ubyte.gz", "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"},
};
static const struct cln_download_file emnist_files[] = {
    {"gzip.zip", "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"},
};
static const struct cln_download_file qmnist_files[] = {
    {"qmnist-train-images-idx3-ubyte.gz", "9e26a7bf1683614e065d7b76460ccd52807165b3f22561fb782bd9f38c52b51d"},
    {"qmnist-train-labels-idx2-int.gz", "2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f"},
    {"qmnist-test-images-idx3-ubyte.gz", "43fc22bf7498b8fc98de98369d72f752d0deabc280a43a7bcc364ab19e57b375"},
    {"qmnist-test-labels-idx2-int.gz", "9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06"},
};
static const struct cln_download_file cifar10_files[] = {
    {"cifar-10-binary.tar.gz", "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
};
static const struct cln_download_file cifar100_files[] = {
    {"cifar-100-binary.tar.gz", "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"},
};

#define FILES(list) .files = (list), .file_count = sizeof(list) / sizeof *(list)
#define CLASSES(list) .class_count = sizeof(list) / sizeof *(list), .class_names = (list)

/* One archive has all six sets. */
#define EMNIST(split, classes)                                                                                         \
    {                                                                                                                  \
        .name = "emnist-" split, .folder = "emnist", .file = "emnist-" split "-train-images-idx3-ubyte",               \
        .format = &cln_idx_format, CLASSES(classes), FILES(emnist_files), .inside = "gzip/",                           \
        .mirrors = "https://biometrics.nist.gov/cs_links/EMNIST "                                                      \
                   "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST"                                                 \
    }

static const struct cln_known_set sets[] = {
    {
        .name = "fashion-mnist",
        .package = "dataset-fashion-mnist",
        .file = "train-images-idx3-ubyte",
        .format = &cln_idx_format,
        CLASSES(fashion_mnist_classes),
        FILES(fashion_mnist_files),
        .mirrors = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion "
                   "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    },
    {
        .name = "mnist",
        .file = "train-images-idx3-ubyte",
        .format = &cln_idx_format,
        CLASSES(digits),
        FILES(mnist_files),
        .mirrors = "https://ossci-datasets.s3.amazonaws.com/mnist "
                   "https://storage.googleapis.com/cvdf-datasets/mnist",
    },
    {
        .name = "kmnist",
        .file = "train-images-idx3-ubyte",
        .format = &cln_idx_format,
        CLASSES(kmnist_classes),
        FILES(kmnist_files),
        .mirrors = "http://codh.rois.ac.jp/kmnist/dataset/kmnist",
    },
    EMNIST("balanced", bymerge),
    EMNIST("byclass", byclass),
    EMNIST("bymerge", bymerge),
    EMNIST("digits", digits),
    EMNIST("letters", letters),
    EMNIST("mnist", digits),
    {
        .name = "qmnist",
        .file = "qmnist-train-images-idx3-ubyte",
        .format = &cln_idx_format,
        CLASSES(digits),
        FILES(qmnist_files),
        .mirrors = "https://raw.githubusercontent.com/facebookresearch/qmnist/master",
    },
    {
        .name = "cifar10",
        .file = "data_batch_1.bin",
        .format = &cln_cifar_format,
        FILES(cifar10_files),
        .inside = "cifar-10-batches-bin/",
        .mirrors = "https://www.cs.toronto.edu/~kriz",
    },
    {
        .name = "cifar100",
        .file = "train.bin",
        .format = &cln_cifar_format,
        FILES(cifar100_files),
        .inside = "cifar-100-binary/",
        .mirrors = "https://www.cs.toronto.edu/~kriz",
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
static bool place_folder(char folder[CLN_PATH_BYTES], const struct place *place, const struct cln_known_set *set) {
    const char *name = set->folder ? set->folder : set->name;
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

/* The path by which the format finds the set in a folder. */
static bool make_path(char path[CLN_PATH_BYTES], const char *folder, const struct cln_known_set *set) {
    return snprintf(path, CLN_PATH_BYTES, "%s/%s", folder, set->file) < CLN_PATH_BYTES;
}

#ifdef HAVE_CURL
/* Archives are gone once their files are there. */
static enum cln_status unpack(const char *folder, const struct cln_known_set *set) {
    char archive[CLN_PATH_BYTES];
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < set->file_count && set->inside && status == CLN_OK; i++) {
        if (snprintf(archive, sizeof archive, "%s/%s", folder, set->files[i].name) >= (int)sizeof archive)
            return cln_fail(CLN_INVALID, "%s: the name is too long", folder);
        cln_log(CLN_LOG_INFO, "unpacking %s", archive);
        status = cln_archive_unpack(archive, set->inside, folder);
        if (status == CLN_OK)
            (void)unlink(archive);
    }
    return status;
}

static enum cln_status fetch_into_cache(char path[CLN_PATH_BYTES], const struct cln_known_set *set,
                                        const char *looked) {
    char folder[CLN_PATH_BYTES];
    size_t i = 0;
    while (i < PLACE_COUNT && !(places[i].cache && place_folder(folder, &places[i], set)))
        i++;
    if (i == PLACE_COUNT)
        return fail_nowhere(CLN_NOT_FOUND, set, looked, "not downloaded, as HOME and XDG_CACHE_HOME name no folder");
    const char *mirrors = getenv("CLENET_MIRROR");
    enum cln_status status =
        cln_download(folder, set->files, set->file_count, mirrors && mirrors[0] ? mirrors : set->mirrors);
    if (status == CLN_OK)
        status = unpack(folder, set);
    if (status == CLN_OK && !make_path(path, folder, set))
        status = cln_fail(CLN_INVALID, "%s: the name is too long", folder);
    return status == CLN_OK ? CLN_OK : fail_nowhere(status, set, looked, cln_error_message());
}
#else
static enum cln_status fetch_into_cache(char path[CLN_PATH_BYTES], const struct cln_known_set *set,
                                        const char *looked) {
    (void)path;
    return fail_nowhere(CLN_NOT_FOUND, set, looked, "not downloaded, as this program was built without libcurl");
}
#endif

/* Why the set is not downloaded, or NULL. */
static const char *find_obstacle(const struct cln_known_set *set, bool offline) {
#ifdef HAVE_ARCHIVE
    const bool can_unpack = true;
#else
    const bool can_unpack = false;
#endif
    if (set->inside && !can_unpack)
        return "not downloaded, as this program was built without libarchive, which unpacks it";
    return offline ? "not downloaded, as that is forbidden (offline)" : NULL;
}

enum cln_status cln_known_set_locate(char path[CLN_PATH_BYTES], const struct cln_known_set *set, bool offline) {
    char looked[PLACE_COUNT * (CLN_PATH_BYTES + 16)] = "", folder[CLN_PATH_BYTES];
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        if (!place_folder(folder, &places[i], set) || !make_path(path, folder, set))
            continue;
        const enum cln_found found = set->format->probe(path);
        if (found == CLN_FOUND_ALL)
            return CLN_OK;
        size_t used = strlen(looked);
        snprintf(looked + used, sizeof(looked) - used, "%s%s%s", used ? ", " : "", folder,
                 found == CLN_FOUND_SOME ? " (incomplete)" : "");
    }
    const char *obstacle = find_obstacle(set, offline);
    return obstacle ? fail_nowhere(CLN_NOT_FOUND, set, looked, obstacle) : fetch_into_cache(path, set, looked);
}

void cln_data_each_file(cln_tell_path *tell, void *user, const char *name) {
    const struct cln_known_set *set = cln_known_set_find(name);
    char folder[CLN_PATH_BYTES], path[CLN_PATH_BYTES];
    if (!set)
        cln_data_format_each_file(tell, user, name);
    for (size_t i = 0; set && i < PLACE_COUNT; i++)
        if (place_folder(folder, &places[i], set) && make_path(path, folder, set))
            set->format->each_file(tell, user, path);
}
