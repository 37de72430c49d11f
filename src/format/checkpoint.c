/* Models as safetensors files: what their tensors and metadata mean. The format itself is safetensors.c. */
#include "src/format/checkpoint.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/data/safetensors.h"

static const char version_key[] = "clenet", network_key[] = "network", resize_key[] = "resize", mean_key[] = "mean",
                  deviation_key[] = "inverse_deviation";

struct tracked_name {
    char text[32];
};

/* PyTorch keeps a count of batches in every batch norm; here it follows the layer's running variance. */
static struct tracked_name tracked_name_of(const struct cln_tensor_info *running_var) {
    struct tracked_name name;
    snprintf(name.text, sizeof(name.text), "%d.num_batches_tracked", running_var->layer);
    return name;
}

static float *values_of(const struct cln_checkpoint *checkpoint, const struct cln_tensor_info *t) {
    return (t->trainable ? checkpoint->parameters : checkpoint->running) + t->offset;
}

/* A checkpoint that cannot predict is neither written nor read. */
static enum cln_status check_values(enum cln_status status, const struct cln_tensor_info *t, const float *values) {
    for (size_t i = 0; i < t->count; i++) {
        if (!isfinite(values[i]))
            return cln_fail(status, "tensor \"%s\": value %zu is not finite", t->name, i);
        if (t->role == CLN_RUNNING_VAR && values[i] < 0)
            return cln_fail(status, "tensor \"%s\": value %zu is %g, but a variance is never negative", t->name, i,
                            (double)values[i]);
    }
    return CLN_OK;
}

/* ---- Writing ---- */

static enum cln_status collect_tensors(struct cln_safetensor *tensors, size_t *count, struct tracked_name *names,
                                       const int64_t *batches_tracked, const struct cln_checkpoint *checkpoint) {
    const struct cln_network *network = checkpoint->network;
    *count = 0;
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        enum cln_status status = check_values(CLN_NUMERIC, t, values_of(checkpoint, t));
        if (status != CLN_OK)
            return status;
        struct cln_safetensor *tensor = &tensors[(*count)++];
        *tensor =
            (struct cln_safetensor){t->name, CLN_F32, t->rank, .count = t->count, .data = values_of(checkpoint, t)};
        for (int d = 0; d < t->rank; d++)
            tensor->dims[d] = (size_t)t->dims[d];
        if (t->role == CLN_RUNNING_VAR) {
            *names = tracked_name_of(t);
            tensors[(*count)++] = (struct cln_safetensor){names->text, CLN_I64, .count = 1, .data = batches_tracked};
            names++;
        }
    }
    return CLN_OK;
}

/* A JSON list; nine digits give the same float32 back. NULL where memory ran out; else the caller's: free(). */
static char *numbers_text(const float *values, size_t count) {
    json_t *list = json_array();
    int failed = !list;
    for (size_t i = 0; !failed && i < count; i++)
        failed = json_array_append_new(list, json_real((double)values[i]));
    char *text = failed ? NULL : json_dumps(list, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(list);
    return text;
}

enum cln_status cln_checkpoint_write(const char *path, const struct cln_checkpoint *checkpoint) {
    const struct cln_network *network = checkpoint->network;
    size_t features = cln_shape_count(network->input), tensor_count = 0, metadata_count = 0;
    int64_t batches_tracked = (int64_t)checkpoint->batches_tracked;
    struct cln_safetensors_metadata metadata[5];
    char resize[16];
    char *network_text = NULL, *mean = NULL, *deviation = NULL;
    struct cln_safetensor *tensors = calloc(2 * network->tensor_count + 1, sizeof(*tensors));
    struct tracked_name *names = calloc(network->tensor_count + 1, sizeof(*names));
    enum cln_status status = cln_network_text(&network_text, network);
    if (status != CLN_OK)
        goto cleanup;
    if (checkpoint->mean) {
        mean = numbers_text(checkpoint->mean, features);
        deviation = numbers_text(checkpoint->inverse_deviation, features);
    }
    if (!tensors || !names || (checkpoint->mean && (!mean || !deviation))) {
        status = cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory for the header", path);
        goto cleanup;
    }
    metadata[metadata_count++] = (struct cln_safetensors_metadata){version_key, CLN_VERSION};
    metadata[metadata_count++] = (struct cln_safetensors_metadata){network_key, network_text};
    if (checkpoint->resize) {
        snprintf(resize, sizeof(resize), "%d", checkpoint->resize);
        metadata[metadata_count++] = (struct cln_safetensors_metadata){resize_key, resize};
    }
    if (mean) {
        metadata[metadata_count++] = (struct cln_safetensors_metadata){mean_key, mean};
        metadata[metadata_count++] = (struct cln_safetensors_metadata){deviation_key, deviation};
    }
    status = collect_tensors(tensors, &tensor_count, names, &batches_tracked, checkpoint);
    status = status == CLN_OK ? cln_safetensors_write(path, tensors, tensor_count, metadata, metadata_count)
                              : cln_fail_within(status, "%s is not written", path);
cleanup:
    free(tensors);
    free(names);
    free(network_text);
    free(mean);
    free(deviation);
    return status;
}

/* ---- Reading ---- */

static void shape_text(char *text, size_t bytes, const struct cln_safetensor *tensor) {
    size_t used = (size_t)snprintf(text, bytes, "[");
    for (int d = 0; d < tensor->rank && used < bytes; d++)
        used += (size_t)snprintf(text + used, bytes - used, "%s%zu", d ? ", " : "", tensor->dims[d]);
    if (used < bytes)
        snprintf(text + used, bytes - used, "]");
}

static enum cln_status check_tensor(const struct cln_safetensor *tensor, const struct cln_tensor_info *t) {
    if (!tensor)
        return cln_fail(CLN_INVALID, "tensor \"%s\" is missing", t->name);
    if (tensor->dtype != CLN_F32)
        return cln_fail(CLN_INVALID, "tensor \"%s\" has type %s, not F32", t->name, cln_dtype_name(tensor->dtype));
    struct cln_safetensor expected = {.rank = t->rank};
    for (int d = 0; d < t->rank; d++)
        expected.dims[d] = (size_t)t->dims[d];
    if (tensor->rank != expected.rank || memcmp(tensor->dims, expected.dims, sizeof(expected.dims)) != 0) {
        char is[192], should[96];
        shape_text(is, sizeof(is), tensor);
        shape_text(should, sizeof(should), &expected);
        return cln_fail(CLN_INVALID, "tensor \"%s\" has shape %s, but the network needs %s", t->name, is, should);
    }
    return check_values(CLN_INVALID, t, tensor->data);
}

static enum cln_status read_tracked(uint64_t *batches_tracked, const struct cln_safetensor *tensor) {
    if (tensor->dtype != CLN_I64 || tensor->count != 1 || *(const int64_t *)tensor->data < 0)
        return cln_fail(CLN_INVALID, "tensor \"%s\" is not a count: one I64, not negative", tensor->name);
    uint64_t tracked = (uint64_t) * (const int64_t *)tensor->data;
    if (tracked > *batches_tracked)
        *batches_tracked = tracked;
    return CLN_OK;
}

/* Every tensor of the network is in the file, and nothing else. */
static enum cln_status check_tensors(const struct cln_safetensors *file, const struct cln_network *network,
                                     uint64_t *batches_tracked) {
    size_t known = 0;
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        enum cln_status status = check_tensor(cln_safetensors_find(file, t->name), t);
        known++;
        const struct cln_safetensor *tracked = NULL;
        if (t->role == CLN_RUNNING_VAR)
            tracked = cln_safetensors_find(file, tracked_name_of(t).text);
        if (status == CLN_OK && tracked) {
            status = read_tracked(batches_tracked, tracked);
            known++;
        }
        if (status != CLN_OK)
            return status;
    }
    if (known == file->tensor_count)
        return CLN_OK;
    for (size_t i = 0; i < file->tensor_count; i++) {
        const char *name = file->tensors[i].name;
        bool found = false;
        for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++)
            found |= strcmp(name, t->name) == 0 ||
                     (t->role == CLN_RUNNING_VAR && strcmp(name, tracked_name_of(t).text) == 0);
        if (!found)
            return cln_fail(CLN_INVALID, "tensor \"%s\" is not one of network %s", name, network->name);
    }
    return CLN_OK;
}

static enum cln_status parse_numbers(float **out, const char *key, const char *text, size_t count) {
    json_t *list = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    enum cln_status status = CLN_OK;
    if (!json_is_array(list) || json_array_size(list) != count) {
        status = cln_fail(CLN_INVALID, "metadata \"%s\" is not a list of %zu numbers", key, count);
        goto cleanup;
    }
    *out = malloc(count * sizeof(**out));
    if (!*out) {
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for metadata \"%s\"", key);
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++) {
        (*out)[i] = (float)json_number_value(json_array_get(list, i));
        if (!json_is_number(json_array_get(list, i)) || !isfinite((*out)[i]))
            status = cln_fail(CLN_INVALID, "metadata \"%s\": value %zu is not a finite number", key, i);
    }
cleanup:
    json_decref(list);
    return status;
}

static enum cln_status parse_resize(int *resize, const char *text, struct cln_shape input) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value != input.height || value != input.width)
        return cln_fail(CLN_INVALID, "metadata \"resize\" is \"%.16s\", but the network takes %d×%d pixels", text,
                        input.height, input.width);
    *resize = (int)value;
    return CLN_OK;
}

static enum cln_status read_metadata(struct cln_checkpoint *checkpoint, const struct cln_safetensors *file) {
    const char *resize = cln_safetensors_metadata(file, resize_key);
    const char *mean = cln_safetensors_metadata(file, mean_key);
    const char *deviation = cln_safetensors_metadata(file, deviation_key);
    struct cln_shape input = checkpoint->network->input;
    enum cln_status status = CLN_OK;
    if (!mean != !deviation)
        return cln_fail(CLN_INVALID, "metadata has \"mean\" or \"inverse_deviation\" without the other");
    if (resize)
        status = parse_resize(&checkpoint->resize, resize, input);
    if (status == CLN_OK && mean)
        status = parse_numbers(&checkpoint->mean, mean_key, mean, cln_shape_count(input));
    if (status == CLN_OK && deviation)
        status = parse_numbers(&checkpoint->inverse_deviation, deviation_key, deviation, cln_shape_count(input));
    return status;
}

/* A checkpoint owns its network: parsed from the file's text, or from the text of the caller's. */
static enum cln_status read_network(struct cln_network **out, const struct cln_safetensors *file,
                                    const struct cln_network *network) {
    char *own = NULL;
    const char *text = cln_safetensors_metadata(file, network_key);
    if (network) {
        enum cln_status status = cln_network_text(&own, network);
        if (status != CLN_OK)
            return status;
        text = own;
    }
    if (!text)
        return cln_fail(CLN_INVALID, "the file does not say which network it is of: name the network");
    enum cln_status status = cln_network_parse(out, text, strlen(text), "metadata \"network\"", NULL);
    free(own);
    return status;
}

static enum cln_status copy_tensors(struct cln_checkpoint *checkpoint, const struct cln_safetensors *file) {
    const struct cln_network *network = checkpoint->network;
    checkpoint->parameters = calloc(network->parameter_floats + 1, sizeof(float));
    checkpoint->running = calloc(network->running_floats + 1, sizeof(float));
    if (!checkpoint->parameters || !checkpoint->running)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu numbers", network->parameter_floats);
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++)
        memcpy(values_of(checkpoint, t), cln_safetensors_find(file, t->name)->data, t->count * sizeof(float));
    return CLN_OK;
}

enum cln_status cln_checkpoint_read(struct cln_checkpoint **out, const char *path, const struct cln_network *network) {
    *out = NULL;
    struct cln_safetensors *file;
    enum cln_status status = cln_safetensors_read(&file, path);
    if (status != CLN_OK)
        return status;
    struct cln_checkpoint *checkpoint = calloc(1, sizeof(*checkpoint));
    if (!checkpoint)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for a checkpoint");
    if (status == CLN_OK)
        status = read_network(&checkpoint->network, file, network);
    if (status == CLN_OK)
        status = check_tensors(file, checkpoint->network, &checkpoint->batches_tracked);
    if (status == CLN_OK)
        status = read_metadata(checkpoint, file);
    if (status == CLN_OK)
        status = copy_tensors(checkpoint, file);
    cln_safetensors_destroy(&file);
    if (status != CLN_OK) {
        cln_checkpoint_destroy(&checkpoint);
        return cln_fail_within(status, "%s", path);
    }
    *out = checkpoint;
    return CLN_OK;
}

void cln_checkpoint_destroy(struct cln_checkpoint **checkpoint) {
    if (!*checkpoint)
        return;
    cln_network_destroy(&(*checkpoint)->network);
    free((*checkpoint)->parameters);
    free((*checkpoint)->running);
    free((*checkpoint)->mean);
    free((*checkpoint)->inverse_deviation);
    free(*checkpoint);
    *checkpoint = NULL;
}
