/* Reads the pictures of training batches as the device makes them. */
#include <stdlib.h>
#include <string.h>

#include "src/engine/engine_private.h"

/* Makes the batches from `state` on, and leaves the device's state behind the last. */
static enum cln_status make_batches(struct cln_engine *e, struct ocl_sequence *look, struct cln_state state,
                                    size_t count, float *pictures) {
    const size_t features = cln_shape_count(e->network->input);
    enum cln_status status = CLN_OK;
    for (size_t done = 0, n; done < count && status == CLN_OK; done += n) {
        float *values = NULL;
        const int batch = cln_min(state.batch_size, state.samples - state.next);
        n = count - done < (size_t)batch ? count - done : (size_t)batch;
        status = ocl_buffer_write(e->sets[CLN_TRAIN].state, 0, sizeof state, &state);
        if (status == CLN_OK && e->streams)
            status = cln_ring_resend(&e->sets[CLN_TRAIN].ring, (size_t)state.next, (size_t)batch);
        if (status == CLN_OK)
            status = ocl_sequence_run(look);
        if (status == CLN_OK)
            status = cln_engine_read_samples(&values, e, e->x, features, n);
        if (status == CLN_OK)
            memcpy(pictures + done * features, values, n * features * sizeof *values);
        free(values);
        state.step = state.update; /* what batch_begin does, then what batch_end does */
        state.first = state.before > 0 ? state.first : state.next;
        state.batches++;
        state.next += batch;
        state.ended++;
        const bool begins = state.accumulate <= 1 || state.ended % state.accumulate == 0;
        state.update = begins ? state.step + 1 : state.step;
        state.before = begins ? 0 : state.next - state.first;
    }
    return status;
}

enum cln_status cln_engine_pictures(struct cln_engine *e, size_t *count, float *pictures) {
    struct ocl_buffer *buffer = e->sets[CLN_TRAIN].state;
    struct ocl_sequence *look = NULL;
    struct cln_state state = {0};
    enum cln_status status =
        buffer ? ocl_buffer_read(buffer, 0, sizeof state, &state) : cln_fail(CLN_INVALID, "there is no training set");
    const size_t left = (size_t)(state.samples - state.next);
    *count = *count < left ? *count : left;
    if (status == CLN_OK)
        status = cln_engine_create_look(e, &look);
    if (status != CLN_OK)
        return status;
    status = make_batches(e, look, state, *count, pictures);
    ocl_sequence_destroy(&look);
    const enum cln_status restored = ocl_buffer_write(buffer, 0, sizeof state, &state);
    return status == CLN_OK ? restored : status;
}
