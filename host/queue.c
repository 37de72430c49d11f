/* Flushes and finishes the queue of a context: see context.h. */
#include "host/context.h"
#include "host/internal.h"

enum cln_status ocl_context_flush(struct ocl_context *context) {
    return OCL_CALL(clFlush, context->queue);
}

enum cln_status ocl_context_finish(struct ocl_context *context) {
    return OCL_CALL(clFinish, context->queue);
}

void ocl_context_meter(struct ocl_context *context, struct cln_part_meter *meter) {
    context->meter = meter;
}
