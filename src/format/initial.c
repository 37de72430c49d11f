/* Reads initial weights: see initial.h. */
#include "src/format/initial.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "clenet/text.h"
#include "src/format/fitting.h"
#include "src/format/initial_match.h"
#include "src/format/metadata.h"

/* A group of tensors, as a list of names. */
struct group {
    char text[2000];
    size_t used, count;
    bool is_full;
};

CLN_PRINTF(3, 4) static void add(struct group *g, const char *between, const char *format, ...) {
    char words[400];
    va_list arguments;
    va_start(arguments, format);
    cln_text_vformat(words, sizeof words, format, arguments);
    va_end(arguments);
    g->is_full |= g->used + strlen(between) + strlen(words) + sizeof ", ..." > sizeof g->text;
    if (!g->is_full)
        g->used +=
            (size_t)snprintf(g->text + g->used, sizeof g->text - g->used, "%s%s", g->count > 0 ? between : "", words);
    else
        snprintf(g->text + g->used, sizeof g->text - g->used, ", ...");
    g->count++;
}

/* The tensors with values of layers: neither counters nor the moments of a resume point. */
static enum cln_status view_layers(struct cln_safetensors *view, const struct cln_safetensors *file, bool is_model) {
    static const char moments[] = "optimizer.", counter[] = "num_batches_tracked";
    *view = (struct cln_safetensors){.tensors = calloc(file->tensor_count + 1, sizeof *view->tensors)};
    if (!view->tensors)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a list of tensors");
    for (size_t i = 0; i < file->tensor_count; i++) {
        const char *name = file->tensors[i].name, *dot = strrchr(name, '.');
        const bool is_moment = is_model && strncmp(name, moments, sizeof moments - 1) == 0;
        if (!is_moment && strcmp(dot ? dot + 1 : name, counter) != 0)
            view->tensors[view->tensor_count++] = file->tensors[i];
    }
    return CLN_OK;
}

static uint64_t count_batches(const struct cln_safetensors *file) {
    static const char counter[] = ".num_batches_tracked";
    uint64_t most = 0;
    for (const struct cln_safetensor *t = file->tensors; t < file->tensors + file->tensor_count; t++) {
        const size_t length = strlen(t->name);
        const bool is_counter = length >= sizeof counter && strcmp(t->name + length - sizeof counter + 1, counter) == 0;
        if (is_counter && t->dtype == CLN_I64 && t->count == 1 && *(const int64_t *)t->data > (int64_t)most)
            most = (uint64_t) * (const int64_t *)t->data;
    }
    return most;
}

/* Why a file's tensor does not fit, in words; "": it does. */
static void write_misfit(char *out, size_t bytes, const struct cln_safetensor *tensor,
                         const struct cln_tensor_info *info) {
    char is[192], should[96];
    out[0] = '\0';
    cln_fitting_write(is, sizeof is, tensor);
    cln_fitting_write_wanted(should, sizeof should, info);
    if (!cln_fitting_shape(tensor, info))
        snprintf(out, bytes, "has shape %s there, but the network needs %s", is, should);
    else if (!cln_safetensor_has_floats(tensor))
        snprintf(out, bytes, "has type %s there, not F32, F64, F16 or BF16", cln_dtype_name(tensor->dtype));
}

/* Copies a tensor's values, which must be a model's. */
static enum cln_status take(struct cln_initial *initial, const struct cln_network *network, size_t t,
                            const struct cln_safetensor *tensor) {
    const struct cln_tensor_info *info = &network->tensors[t];
    float *values = (info->trainable ? initial->parameters : initial->running) + info->offset;
    cln_safetensor_floats(values, tensor);
    for (size_t i = 0; i < info->count; i++)
        if (!isfinite(values[i]) || (info->role == CLN_RUNNING_VAR && values[i] < 0))
            return cln_fail(CLN_INVALID, "tensor \"%s\": value %zu is %g, which no model has", tensor->name, i,
                            (double)values[i]);
    initial->taken[t] = true;
    return CLN_OK;
}

struct groups {
    struct group taken, missing, misfits, surplus;
};

/* Takes every tensor that fits, and lists all in their groups. */
static enum cln_status sort_tensors(struct groups *g, struct cln_initial *initial, const struct cln_network *network,
                                    const struct cln_safetensors *file, const struct cln_safetensor **found) {
    enum cln_status status = CLN_OK;
    for (size_t t = 0; t < network->tensor_count && status == CLN_OK; t++) {
        char misfit[400] = "";
        const char *name = network->tensors[t].name;
        if (found[t])
            write_misfit(misfit, sizeof misfit, found[t], &network->tensors[t]);
        if (!found[t])
            add(&g->missing, ", ", "%s", name);
        else if (misfit[0])
            add(&g->misfits, "; ", "%s%s%.200s %s", name, strcmp(name, found[t]->name) != 0 ? " = " : "",
                strcmp(name, found[t]->name) != 0 ? found[t]->name : "", misfit);
        else
            status = take(initial, network, t, found[t]);
        if (found[t] && !misfit[0])
            add(&g->taken, ", ", "%s", name);
    }
    for (size_t i = 0; i < file->tensor_count; i++) {
        bool is_known = false;
        for (size_t t = 0; t < network->tensor_count; t++)
            is_known |= found[t] == &file->tensors[i];
        if (!is_known)
            add(&g->surplus, ", ", "%.200s", file->tensors[i].name);
    }
    return status;
}

/* One line for every group that has tensors. */
static void tell(const struct groups *g, const char *path, const struct cln_network *network, const char *rest) {
    const struct {
        const struct group *group;
        const char *what, *end;
    } lines[] = {{&g->taken, "taken", ""},
                 {&g->missing, "not in the file", rest},
                 {&g->misfits, "not as the network needs them", rest},
                 {&g->surplus, "of the file not in the network", ""}};
    cln_log(CLN_LOG_INFO, "initial weights of %s from %s:", network->name, path);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (lines[i].group->count > 0)
            cln_log(CLN_LOG_INFO, "  %zu tensors %s%s: %-s", lines[i].group->count, lines[i].what, lines[i].end,
                    lines[i].group->text);
}

/* One line for every layer: its tensors, and those of the file that they were taken from. */
static void tell_pairs(const struct cln_safetensor *const *found, const char *path, const struct cln_network *network) {
    cln_log(CLN_LOG_INFO, "initial weights of %s from %s, by order:", network->name, path);
    for (size_t t = 0; t < network->tensor_count;) {
        struct group here = {.count = 0}, there = {.count = 0};
        for (const int layer = network->tensors[t].layer;
             t < network->tensor_count && network->tensors[t].layer == layer; t++) {
            add(&here, ", ", "%s", network->tensors[t].name);
            add(&there, ", ", "%.200s", found[t]->name);
        }
        cln_log(CLN_LOG_INFO, "  %-s = %-s", here.text, there.text);
    }
}

static enum cln_status judge(const struct groups *g, const struct cln_init_params *params,
                             const struct cln_network *network) {
    const size_t wrong = g->missing.count + g->misfits.count + g->surplus.count;
    if (g->taken.count == 0 && params->partial)
        return cln_fail(CLN_INVALID, "none of its tensors fits network %s", network->name);
    if (params->partial || wrong == 0)
        return CLN_OK;
    const struct {
        const struct group *group;
        const char *what;
    } lines[] = {{&g->missing, "missing"}, {&g->misfits, "other"}, {&g->surplus, "not in the network"}};
    char text[6400] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (lines[i].group->count > 0)
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "\n  %s: %s", lines[i].what, lines[i].group->text);
    return cln_fail(CLN_INVALID, "%zu tensors do not fit network %s%s:%-s", wrong, network->name,
                    params->by_order ? " by order" : " (--partial takes those that do)", text);
}

static enum cln_status match(struct cln_initial *initial, const struct cln_init_params *params,
                             const struct cln_network *network, const struct cln_safetensors *file) {
    const struct cln_safetensor **found = calloc(network->tensor_count + 1, sizeof *found);
    struct groups *groups = calloc(1, sizeof *groups);
    enum cln_status status = found && groups ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for a list of tensors");
    if (status == CLN_OK && params->by_order)
        status = cln_initial_by_order(found, network, file);
    else if (status == CLN_OK)
        cln_initial_by_name(found, network, file);
    if (status == CLN_OK)
        status = sort_tensors(groups, initial, network, file, found);
    if (status == CLN_OK)
        status = judge(groups, params, network);
    if (status == CLN_OK && params->partial)
        tell(groups, params->path, network, ", left as initialised");
    if (status == CLN_OK && params->by_order)
        tell_pairs(found, params->path, network);
    free(groups);
    free(found);
    return status;
}

/* Reads what a model of clenet says of itself. */
static enum cln_status read_model(struct cln_initial *initial, const struct cln_safetensors *file, const char *path) {
    if (!cln_metadata_version(file))
        return CLN_OK;
    initial->model = calloc(1, sizeof *initial->model);
    if (!initial->model)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a model");
    return cln_metadata_tell_newer(cln_metadata_read(initial->model, file, NULL), path, cln_metadata_version(file));
}

static enum cln_status read_file(struct cln_initial *initial, const struct cln_init_params *params,
                                 const struct cln_network *network, const struct cln_safetensors *file) {
    struct cln_safetensors layers = {.tensors = NULL};
    initial->taken = calloc(network->tensor_count + 1, sizeof *initial->taken);
    initial->parameters = calloc(network->parameter_floats + 1, sizeof(float));
    initial->running = calloc(network->running_floats + 1, sizeof(float));
    if (!initial->taken || !initial->parameters || !initial->running)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu numbers", network->parameter_floats);
    enum cln_status status = read_model(initial, file, params->path);
    if (status == CLN_OK)
        status = view_layers(&layers, file, initial->model != NULL);
    if (status == CLN_OK)
        status = match(initial, params, network, &layers);
    initial->batches_tracked = count_batches(file);
    free(layers.tensors);
    return status;
}

enum cln_status cln_initial_read(struct cln_initial **out, const struct cln_init_params *params,
                                 const struct cln_network *network) {
    struct cln_safetensors *file;
    *out = NULL;
    enum cln_status status = cln_safetensors_read(&file, params->path);
    if (status != CLN_OK)
        return status;
    struct cln_initial *initial = calloc(1, sizeof *initial);
    status = initial ? read_file(initial, params, network, file) : cln_fail(CLN_OUT_OF_MEMORY, "no memory for weights");
    cln_safetensors_destroy(&file);
    if (status != CLN_OK) {
        cln_initial_destroy(&initial);
        return cln_fail_within(status, "%s", params->path);
    }
    *out = initial;
    return CLN_OK;
}

void cln_initial_destroy(struct cln_initial **initial) {
    struct cln_initial *i = *initial;
    *initial = NULL;
    if (!i)
        return;
    cln_checkpoint_destroy(&i->model);
    free(i->taken);
    free(i->parameters);
    free(i->running);
    free(i);
}
