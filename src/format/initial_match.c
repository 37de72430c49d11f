/* Finds a network's tensors in a file: see initial_match.h. */
#include "src/format/initial_match.h"

#include <stdlib.h>
#include <string.h>

/* The last word of a name: "weight" of "conv1.weight". */
static const char *last_word(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

/* ---- By name ---- */

/* The length of what all names begin with. */
static size_t common_length(const struct cln_safetensors *file) {
    size_t common = file->tensor_count > 0 ? strlen(file->tensors[0].name) : 0;
    for (size_t i = 1; i < file->tensor_count; i++) {
        size_t same = 0;
        while (same < common && file->tensors[i].name[same] == file->tensors[0].name[same])
            same++;
        common = same;
    }
    return common;
}

static size_t find_after(const struct cln_safetensor **found, const struct cln_network *network,
                         const struct cln_safetensors *file, size_t prefix) {
    size_t count = 0;
    for (size_t t = 0; t < network->tensor_count; t++) {
        found[t] = NULL;
        for (size_t i = 0; i < file->tensor_count && !found[t]; i++)
            if (strcmp(file->tensors[i].name + prefix, network->tensors[t].name) == 0)
                found[t] = &file->tensors[i];
        count += found[t] != NULL;
    }
    return count;
}

void cln_initial_by_name(const struct cln_safetensor **found, const struct cln_network *network,
                         const struct cln_safetensors *file) {
    const size_t common = common_length(file);
    if (find_after(found, network, file, 0) > 0)
        return;
    for (size_t prefix = 1; prefix <= common; prefix++)
        if (file->tensors[0].name[prefix - 1] == '.' && find_after(found, network, file, prefix) > 0)
            return;
}

/* ---- By order ---- */

static int compare_bytes(const void *a, const void *b) {
    return strcmp((*(const struct cln_safetensor *const *)a)->name, (*(const struct cln_safetensor *const *)b)->name);
}

/* "conv2" before "conv10". */
static int compare_naturally(const void *a, const void *b) {
    return strverscmp((*(const struct cln_safetensor *const *)a)->name,
                      (*(const struct cln_safetensor *const *)b)->name);
}

/* Whether two names differ in the last word alone. */
static bool is_of_layer(const char *a, const char *b) {
    const size_t length = (size_t)(last_word(a) - a);
    return length == (size_t)(last_word(b) - b) && strncmp(a, b, length) == 0;
}

struct list {
    const struct cln_safetensor **items; /* NULL: already used */
    size_t count;
};

/* All tensors, in the order that counts. */
static enum cln_status list_tensors(struct list *list, const struct cln_safetensors *file) {
    bool sorted = true; /* within each type: PyTorch's writer sorts by type, then by name */
    list->count = file->tensor_count;
    list->items = calloc(file->tensor_count + 1, sizeof *list->items);
    if (!list->items)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a list of tensors");
    for (size_t i = 0; i < list->count; i++)
        list->items[i] = &file->tensors[i];
    for (size_t i = 1; i < list->count; i++)
        sorted &= list->items[i - 1]->dtype != list->items[i]->dtype ||
                  compare_bytes(&list->items[i - 1], &list->items[i]) < 0;
    if (sorted)
        qsort(list->items, list->count, sizeof *list->items, compare_naturally);
    return CLN_OK;
}

/* The place of the next layer's weight of this rank; list->count: there is none. */
static size_t next_weight(const struct list *list, int rank) {
    size_t i = 0;
    while (i < list->count &&
           !(list->items[i] && list->items[i]->rank == rank && strcmp(last_word(list->items[i]->name), "weight") == 0))
        i++;
    return i;
}

enum cln_status cln_initial_by_order(const struct cln_safetensor **found, const struct cln_network *network,
                                     const struct cln_safetensors *file) {
    struct list list;
    enum cln_status status = list_tensors(&list, file);
    for (size_t t = 0; t < network->tensor_count && status == CLN_OK;) {
        const struct cln_tensor_info *weight = &network->tensors[t]; /* the first of its layer */
        const size_t place = next_weight(&list, weight->rank);
        const char *layer = place < list.count ? list.items[place]->name : NULL;
        for (; t < network->tensor_count && network->tensors[t].layer == weight->layer; t++) {
            found[t] = NULL;
            for (size_t i = 0; layer && i < list.count && !found[t]; i++)
                if (list.items[i] && is_of_layer(list.items[i]->name, layer) &&
                    strcmp(last_word(list.items[i]->name), last_word(network->tensors[t].name)) == 0) {
                    found[t] = list.items[i];
                    list.items[i] = NULL;
                }
        }
    }
    free(list.items);
    return status;
}
