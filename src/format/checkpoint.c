/* Writes and reads models as safetensors files: lists their tensors and checks those of a file. metadata.c handles the
 * strings, src/base/safetensors.h the format. */
#include "clenet/checkpoint.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "clenet/text.h"
#include "clenet/version.h"
#include "src/format/fitting.h"
#include "src/format/metadata.h"
#include "src/model/optimizer_table.h"

/* One tensor of a checkpoint's file: float32 values of the checkpoint, or PyTorch's num_batches_tracked, which follows
 * the running variance of every batch norm and may be missing. */
struct slot {
    char name[128];
    const struct cln_tensor_info *info;
    float *const *buffer; /* the checkpoint's buffer, with the values at info->offset; NULL: num_batches_tracked */
    bool is_square;       /* never negative */
    const struct cln_safetensor *tensor; /* the tensor found in a file */
};

_Static_assert(sizeof((struct cln_training_point *)0)->moments == CLN_MOMENT_COUNT * sizeof(float *),
               "a training point has other moments than optimizers have");

struct slots {
    struct slot *items;
    size_t count;
};

static struct slot *next_slot(struct slots *slots, const struct cln_tensor_info *t) {
    struct slot *slot = &slots->items[slots->count++];
    slot->info = t;
    return slot;
}

static void add_moments(struct slots *slots, const struct cln_network *network, const struct cln_moment *moment,
                        float *const *values) {
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        if (!t->trainable)
            continue;
        struct slot *slot = next_slot(slots, t);
        snprintf(slot->name, sizeof slot->name, "optimizer.%s.%s", moment->name, t->name);
        slot->buffer = values;
        slot->is_square = moment->is_square;
    }
}

/* Whether the checkpoint's model is an average, and the training point has what it is an average of. */
static bool is_average(const struct cln_checkpoint *c) {
    return c->training && c->training->optimizer.ema > 0;
}

static void add_raw(struct slots *slots, const struct cln_checkpoint *c) {
    const struct cln_network *network = c->network;
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        struct slot *slot = next_slot(slots, t);
        snprintf(slot->name, sizeof slot->name, "optimizer.raw.%s", t->name);
        slot->buffer = t->trainable ? &c->training->raw_parameters : &c->training->raw_running;
        slot->is_square = t->role == CLN_RUNNING_VAR;
    }
}

/* NULL: none. */
static const struct cln_moment *moment_of(const struct cln_training_point *t, int which) {
    return t ? cln_optimizer_moment(&t->optimizer, which) : NULL;
}

/* Lists every tensor of this checkpoint's file, in the file's order; uses no values. Moments have their names in
 * torch.optim. */
static enum cln_status list_slots(struct slots *slots, const struct cln_checkpoint *c) {
    const struct cln_network *network = c->network;
    *slots = (struct slots){calloc((3 + CLN_MOMENT_COUNT) * network->tensor_count + 1, sizeof *slots->items), 0};
    if (!slots->items)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a list of tensors");
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        struct slot *slot = next_slot(slots, t);
        snprintf(slot->name, sizeof slot->name, "%s", t->name);
        slot->buffer = t->trainable ? &c->parameters : &c->running;
        slot->is_square = t->role == CLN_RUNNING_VAR;
        if (t->role == CLN_RUNNING_VAR)
            snprintf(next_slot(slots, t)->name, sizeof slot->name, "%s.num_batches_tracked",
                     network->layers[t->layer].path);
    }
    for (int i = 0; i < CLN_MOMENT_COUNT; i++)
        if (moment_of(c->training, i))
            add_moments(slots, network, moment_of(c->training, i), &c->training->moments[i]);
    if (is_average(c))
        add_raw(slots, c);
    return CLN_OK;
}

static float *values_of(const struct slot *slot) {
    return *slot->buffer + slot->info->offset;
}

/* Checks values: a checkpoint that can neither predict nor be trained further is not written and not read. */
static enum cln_status check_values(enum cln_status status, const struct slot *slot) {
    const float *values = slot->buffer ? values_of(slot) : NULL;
    for (size_t i = 0; values && i < slot->info->count; i++) {
        if (!isfinite(values[i]))
            return cln_fail(status, "tensor \"%s\": value %zu is not finite", slot->name, i);
        if (slot->is_square && values[i] < 0)
            return cln_fail(status, "tensor \"%s\": value %zu is %g, but a %s is never negative", slot->name, i,
                            (double)values[i], slot->info->trainable ? "square" : "variance");
    }
    return CLN_OK;
}

/* ---- Writing ---- */

static enum cln_status write_slots(const char *path, const struct slots *slots, const struct cln_checkpoint *c,
                                   const struct cln_metadata *metadata) {
    const int64_t batches_tracked = (int64_t)c->batches_tracked;
    struct cln_safetensor *tensors = calloc(slots->count + 1, sizeof *tensors);
    enum cln_status status = tensors ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for a list of tensors");
    for (size_t i = 0; i < slots->count && status == CLN_OK; i++) {
        const struct slot *slot = &slots->items[i];
        status = slot->buffer && !*slot->buffer
                     ? cln_fail(CLN_INVALID, "tensor \"%s\" of this optimizer has no values", slot->name)
                     : check_values(CLN_NUMERIC, slot);
        if (status != CLN_OK)
            break;
        tensors[i] = (struct cln_safetensor){.name = slot->name, CLN_I64, .count = 1, .data = &batches_tracked};
        if (!slot->buffer)
            continue;
        tensors[i] = (struct cln_safetensor){
            .name = slot->name, CLN_F32, .rank = slot->info->rank, .count = slot->info->count, .data = values_of(slot)};
        for (int d = 0; d < slot->info->rank; d++)
            tensors[i].dims[d] = (size_t)slot->info->dims[d];
    }
    status = status == CLN_OK ? cln_safetensors_write(path, tensors, slots->count, metadata->items, metadata->count)
                              : cln_fail_within(status, "%s is not written", path);
    free(tensors);
    return status;
}

enum cln_status cln_checkpoint_write(const char *path, const struct cln_checkpoint *checkpoint) {
    struct cln_metadata metadata;
    struct slots slots = {0};
    enum cln_status status = cln_metadata_make(&metadata, checkpoint);
    if (status == CLN_OK)
        status = list_slots(&slots, checkpoint);
    if (status == CLN_OK)
        status = write_slots(path, &slots, checkpoint, &metadata);
    free(slots.items);
    cln_metadata_free(&metadata);
    return status;
}

/* ---- Reading ---- */

/* All problems with a file's tensors, one line each, as far as there is room. */
struct problems {
    char text[6000];
    size_t used;
    int count, untold;
};

CLN_PRINTF(2, 3) static void add_problem(struct problems *p, const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    cln_text_vformat(line, sizeof line, format, arguments);
    va_end(arguments);
    p->count++;
    if (p->used + strlen(line) + 4 >= sizeof p->text)
        p->untold++;
    else
        p->used += (size_t)snprintf(p->text + p->used, sizeof p->text - p->used, "%s%s", p->used ? "\n  " : "", line);
}

static enum cln_status tell(const struct problems *p, const struct cln_network *network) {
    if (p->count == 0)
        return CLN_OK;
    if (p->count == 1)
        return cln_fail(CLN_INVALID, "%-s", p->text);
    char more[32] = "";
    if (p->untold > 0)
        snprintf(more, sizeof more, "\n  and %d more", p->untold);
    return cln_fail(CLN_INVALID, "%d tensors do not fit network %s:\n  %-s%-s", p->count, network->name, p->text, more);
}

static void check_floats(const struct slot *slot, struct problems *problems) {
    const struct cln_safetensor *tensor = slot->tensor;
    if (!cln_fitting_shape(tensor, slot->info)) {
        char is[192], should[96];
        cln_fitting_write(is, sizeof is, tensor);
        cln_fitting_write_wanted(should, sizeof should, slot->info);
        add_problem(problems, "tensor \"%s\" has shape %s, but the network needs %s", tensor->name, is, should);
    } else if (!cln_safetensor_has_floats(tensor)) {
        add_problem(problems, "tensor \"%s\" has type %s, not F32, F64, F16 or BF16", tensor->name,
                    cln_dtype_name(tensor->dtype));
    }
}

static void read_tracked(uint64_t *batches_tracked, const struct cln_safetensor *tensor, struct problems *problems) {
    if (tensor->dtype != CLN_I64 || tensor->count != 1 || *(const int64_t *)tensor->data < 0)
        add_problem(problems, "tensor \"%s\" is not a count: one I64, not negative", tensor->name);
    else if ((uint64_t) * (const int64_t *)tensor->data > *batches_tracked)
        *batches_tracked = (uint64_t) * (const int64_t *)tensor->data;
}

/* The length of the prefix that all names in the file have: "module." of "module.0.weight". */
static size_t prefix_of(const struct cln_safetensors *file, const struct slot *first) {
    const size_t name = strlen(first->name);
    for (size_t i = 0; i < file->tensor_count; i++) {
        const char *text = file->tensors[i].name;
        const size_t length = strlen(text), prefix = length > name ? length - name : 0;
        if (prefix < 2 || text[prefix - 1] != '.' || strcmp(text + prefix, first->name) != 0)
            continue;
        for (size_t k = 0; k < file->tensor_count; k++)
            if (strncmp(file->tensors[k].name, text, prefix) != 0)
                return 0;
        return prefix;
    }
    return 0;
}

/* Checks that every slot has its tensor in the file, and that the file has no others. */
static enum cln_status find_tensors(struct slots *slots, struct cln_checkpoint *c, const struct cln_safetensors *file) {
    struct problems problems = {.used = 0};
    bool *known = calloc(file->tensor_count + 1, sizeof *known);
    if (!known)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a list of tensors");
    size_t prefix = 0;
    if (slots->count > 0 && !cln_safetensors_find(file, slots->items[0].name))
        prefix = prefix_of(file, &slots->items[0]);
    for (size_t s = 0; s < slots->count; s++) {
        struct slot *slot = &slots->items[s];
        size_t i = 0;
        while (i < file->tensor_count && strcmp(file->tensors[i].name + prefix, slot->name) != 0)
            i++;
        known[i] = true; /* or the place after the last */
        slot->tensor = i < file->tensor_count ? &file->tensors[i] : NULL;
        if (slot->tensor && slot->buffer)
            check_floats(slot, &problems);
        else if (slot->tensor)
            read_tracked(&c->batches_tracked, slot->tensor, &problems);
        else if (slot->buffer)
            add_problem(&problems, "tensor \"%s\" is missing", slot->name);
    }
    for (size_t i = 0; i < file->tensor_count; i++)
        if (!known[i])
            add_problem(&problems, "tensor \"%.200s\" is not one of network %s", file->tensors[i].name,
                        c->network->name);
    free(known);
    return tell(&problems, c->network);
}

/* Allocates memory for what the file contains, no more, whatever its network says. */
static enum cln_status allocate(struct cln_checkpoint *c) {
    const struct cln_network *network = c->network;
    c->parameters = calloc(network->parameter_floats + 1, sizeof(float));
    c->running = calloc(network->running_floats + 1, sizeof(float));
    bool enough = c->parameters && c->running;
    for (int i = 0; i < CLN_MOMENT_COUNT; i++)
        if (moment_of(c->training, i))
            enough &= (c->training->moments[i] = calloc(network->parameter_floats + 1, sizeof(float))) != NULL;
    if (is_average(c)) {
        c->training->raw_parameters = calloc(network->parameter_floats + 1, sizeof(float));
        c->training->raw_running = calloc(network->running_floats + 1, sizeof(float));
        enough &= c->training->raw_parameters && c->training->raw_running;
    }
    return enough ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu numbers", network->parameter_floats);
}

static enum cln_status copy_values(const struct slots *slots, const struct cln_network *network) {
    struct problems problems = {.used = 0};
    for (const struct slot *slot = slots->items; slot < slots->items + slots->count; slot++) {
        if (!slot->buffer)
            continue;
        cln_safetensor_floats(values_of(slot), slot->tensor);
        if (check_values(CLN_INVALID, slot) != CLN_OK)
            add_problem(&problems, "%s", cln_error_message());
    }
    return tell(&problems, network);
}

enum cln_status cln_checkpoint_read(struct cln_checkpoint **out, const char *path, const struct cln_network *network) {
    *out = NULL;
    struct cln_safetensors *file;
    struct slots slots = {0};
    enum cln_status status = cln_safetensors_read(&file, path);
    if (status != CLN_OK)
        return status;
    struct cln_checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    if (!checkpoint)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for a checkpoint");
    if (status == CLN_OK)
        status = cln_metadata_read(checkpoint, file, network);
    if (status == CLN_OK)
        status = list_slots(&slots, checkpoint);
    if (status == CLN_OK)
        status = find_tensors(&slots, checkpoint, file);
    if (status == CLN_OK)
        status = allocate(checkpoint);
    if (status == CLN_OK)
        status = copy_values(&slots, checkpoint->network);
    status = cln_metadata_tell_newer(status, path, cln_metadata_version(file));
    free(slots.items);
    cln_safetensors_destroy(&file);
    if (status != CLN_OK) {
        cln_checkpoint_destroy(&checkpoint);
        return cln_fail_within(status, "%s", path);
    }
    checkpoint->origin = strdup(path);
    *out = checkpoint;
    return CLN_OK;
}

void cln_checkpoint_destroy(struct cln_checkpoint **checkpoint) {
    struct cln_checkpoint *c = *checkpoint;
    if (!c)
        return;
    for (int i = 0; c->class_names && i < c->network->classes; i++)
        free(c->class_names[i]);
    free(c->class_names);
    if (c->training) {
        for (int i = 0; i < CLN_MOMENT_COUNT; i++)
            free(c->training->moments[i]);
        free(c->training->raw_parameters);
        free(c->training->raw_running);
        free(c->training->class_weights);
    }
    free(c->training);
    free(c->origin);
    free(c->parameters);
    free(c->running);
    free(c->mean);
    free(c->inverse_deviation);
    cln_network_destroy(&c->network);
    free(c);
    *checkpoint = NULL;
}
