/* Checks whether an engine's buffers fit its device, and if not which batch size would. */
#include <stdio.h>

#include "src/engine/engine_private.h"

enum { RING_BYTES = 128 };

/* Adds up the buffers of the engine with `blocks` blocks of samples. */
static enum cln_status add_up(struct cln_tally *tally, struct cln_engine *e, int blocks) {
    struct cln_plan plan = e->plan;
    *tally = (struct cln_tally){0};
    plan.tally = tally;
    plan.blocks = blocks;
    plan.batch_size = cln_min(plan.batch_size, blocks * plan.tuning.lanes);
    enum cln_status status = cln_engine_buffers(e, &plan);
    for (int s = 0; s < CLN_SET_COUNT && status == CLN_OK; s++) {
        const struct cln_pixels pixels = cln_engine_divide(e, e->sets[s].count, plan.batch_size);
        for (size_t i = 0; i < pixels.chunk_count && status == CLN_OK; i++)
            status = cln_plan_buffer(&plan, NULL, e->streams ? "ring of images" : "images",
                                     cln_pixels_in_chunk(&pixels, i) * pixels.bytes);
    }
    return status;
}

static bool fits(const struct cln_tally *tally, const struct ocl_device *device) {
    return tally->largest <= (double)device->max_alloc_bytes && tally->total <= (double)device->global_memory_bytes;
}

/* What the rings take, which have a share of what is needed: "", or a part of a message. */
static void describe_rings(char text[RING_BYTES], const struct cln_engine *e) {
    char bytes[32];
    double sum = 0;
    size_t images = 0;
    text[0] = '\0';
    for (int s = 0; s < CLN_SET_COUNT; s++)
        if (e->sets[s].count > 0) {
            images = e->sets[s].pixels.ring;
            sum += (double)images * (double)e->sets[s].pixels.bytes;
        }
    cln_format_bytes(bytes, sum);
    if (images > 0)
        snprintf(text, RING_BYTES, ", %s of it for rings of %zu images, %zu batches each", bytes, images,
                 images / (size_t)e->plan.batch_size);
}

/* Finds by bisection the largest batch size that fits, if this one does not. Memory grows in whole blocks. 0: none
 * fits. */
static enum cln_status find_batch_size(int *batch_size, struct cln_engine *e) {
    const struct ocl_device *device = ocl_context_device(e->context);
    int fitting = 0, failing = e->plan.blocks;
    while (failing - fitting > 1) {
        const int middle = fitting + (failing - fitting) / 2;
        struct cln_tally tally;
        enum cln_status status = add_up(&tally, e, middle);
        if (status != CLN_OK)
            return status;
        if (fits(&tally, device))
            fitting = middle;
        else
            failing = middle;
    }
    *batch_size = fitting * e->plan.tuning.lanes;
    return CLN_OK;
}

enum cln_status cln_engine_check_fit(struct cln_engine *e) {
    const struct ocl_device *device = ocl_context_device(e->context);
    struct cln_tally tally;
    enum cln_status status = add_up(&tally, e, e->plan.blocks);
    if (status != CLN_OK || fits(&tally, device))
        return status;
    int batch_size;
    status = find_batch_size(&batch_size, e);
    if (status != CLN_OK)
        return status;
    char needed[32], there[32], largest[32], most[32], rings[RING_BYTES], advice[64] = "no batch size would fit";
    describe_rings(rings, e);
    cln_format_bytes(needed, tally.total);
    cln_format_bytes(there, (double)device->global_memory_bytes);
    cln_format_bytes(largest, tally.largest);
    cln_format_bytes(most, (double)device->max_alloc_bytes);
    if (batch_size > 0)
        snprintf(advice, sizeof advice, "batch size %d would fit", batch_size);
    return cln_fail(
        CLN_OUT_OF_MEMORY,
        "%s at batch size %d does not fit: it needs %s%s, %s has %s; the largest buffer (%s) needs %s, at most "
        "%s are given at once; %s",
        e->network->name, e->plan.batch_size, needed, rings, device->name, there, tally.largest_name, largest, most,
        advice);
}
