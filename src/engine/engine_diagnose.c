/* Looks into a step: finds where the first value arose that is not finite, and runs a step launch by launch. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/engine/engine_private.h"

static enum cln_status find_in_parameters(struct cln_engine *e, char *where, size_t bytes, bool *found) {
    float *values = malloc(e->network->parameter_floats * sizeof *values);
    if (!values)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the parameters");
    enum cln_status status = cln_engine_read(e, CLN_PARAMETERS, values);
    for (size_t t = 0; t < e->network->tensor_count && status == CLN_OK && !*found; t++) {
        const struct cln_tensor_info *tensor = &e->network->tensors[t];
        for (size_t i = 0; tensor->trainable && i < tensor->count && !*found; i++)
            if (!isfinite(values[tensor->offset + i])) {
                *found = true;
                snprintf(where, bytes, "parameter %s, after an update", tensor->name);
            }
    }
    free(values);
    return status;
}

static enum cln_status find_in_tensor(struct cln_engine *e, struct ocl_buffer *buffer, struct cln_shape shape,
                                      size_t count, bool *found) {
    const size_t elements = cln_shape_count(shape);
    float *values = NULL;
    enum cln_status status = cln_engine_read_samples(&values, e, buffer, elements, count);
    for (size_t i = 0; i < count * elements && status == CLN_OK && !*found; i++)
        *found = !isfinite(values[i]);
    free(values);
    return status;
}

static enum cln_status find_in_stages(struct cln_engine *e, char *where, size_t bytes, bool *found) {
    struct cln_state state;
    enum cln_status status = ocl_buffer_read(e->sets[CLN_TRAIN].state, 0, sizeof state, &state);
    for (size_t s = 0; s < e->stage_count && status == CLN_OK && !*found; s++) {
        const struct cln_stage *stage = &e->stages[s];
        const struct {
            struct ocl_buffer *buffer;
            struct cln_shape shape;
            const char *name;
        } parts[] = {{e->buffers[s].z, stage->z, "pre-activation"},
                     {cln_stage_output(&e->buffers[s], true), stage->a, "output"}};
        for (size_t p = 0; p < 2 && status == CLN_OK && !*found; p++) {
            status = find_in_tensor(e, parts[p].buffer, parts[p].shape, (size_t)state.count, found);
            if (*found) {
                char layer[96];
                cln_layer_describe(&e->network->layers[stage->first_layer], layer, sizeof layer);
                snprintf(where, bytes, "stage %zu (%s), %s", s + 1, layer, parts[p].name);
            }
        }
    }
    return status;
}

/* Its images may have been overwritten by those of later steps, which were queued before the state froze. */
static enum cln_status resend_batch(struct cln_engine *e) {
    struct cln_state state;
    const enum cln_status status = ocl_buffer_read(e->sets[CLN_TRAIN].state, 0, sizeof state, &state);
    return status == CLN_OK ? cln_ring_resend(&e->sets[CLN_TRAIN].ring, (size_t)state.position, (size_t)state.whole)
                            : status;
}

enum cln_status cln_engine_find_nonfinite(struct cln_engine *e, char *where, size_t bytes) {
    bool found = false;
    snprintf(where, bytes, "the loss itself");
    enum cln_status status = find_in_parameters(e, where, bytes, &found);
    if (status != CLN_OK || found)
        return status;
    if (!e->repeat)
        status = cln_engine_create_repeat(e);
    if (status == CLN_OK && e->streams)
        status = resend_batch(e);
    if (status == CLN_OK)
        status = ocl_sequence_run(e->repeat);
    return status == CLN_OK ? find_in_stages(e, where, bytes, &found) : status;
}

enum cln_status cln_engine_step_apart(struct cln_engine *e, ocl_sequence_visitor *visit, void *user) {
    if (e->streams || e->update)
        return cln_fail(CLN_INVALID, "a step launch by launch has one batch, which is on the device");
    const enum cln_status status = ocl_sequence_run_apart(e->sets[CLN_TRAIN].step, visit, user);
    e->batches += (uint64_t)cln_min(1, e->batches_left);
    e->batches_left = cln_max(0, e->batches_left - 1);
    return status;
}
