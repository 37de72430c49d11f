/* Reads from the device what an engine has computed: see engine.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/engine/engine_private.h"

enum cln_status cln_engine_predicted(struct cln_engine *e, int *predicted, size_t count) {
    return ocl_buffer_read(e->predicted, 0, count * sizeof *predicted, predicted);
}

enum cln_status cln_engine_gradient_norm(struct cln_engine *e, double *norm) {
    const size_t floats = e->network->parameter_floats;
    float(*parts)[2] = NULL;
    *norm = NAN;
    if (!(e->optimizer.clip_norm > 0))
        return CLN_OK;
    const size_t count = (ocl_buffer_bytes(e->sums) / sizeof(float) - floats) / 2;
    parts = malloc(count * sizeof *parts);
    enum cln_status status = parts ? ocl_buffer_read(e->sums, floats * sizeof(float), count * sizeof *parts, parts)
                                   : cln_fail(CLN_OUT_OF_MEMORY, "host memory for the norm of gradients");
    double squares = 0;
    for (size_t i = 0; i < count && status == CLN_OK; i++) /* see kernels/gradient_norm.cl: NORM_UNIT is 2^-80 */
        squares += (double)parts[i][0] + ldexp((double)parts[i][1], 160);
    free(parts);
    if (status == CLN_OK)
        *norm = sqrt(squares);
    return status;
}

enum cln_status cln_engine_read_samples(float **out, const struct cln_engine *e, struct ocl_buffer *buffer,
                                        size_t elements, size_t count) {
    const size_t lanes = (size_t)e->plan.tuning.lanes, bytes = ocl_buffer_bytes(buffer);
    float *values = malloc(bytes);
    *out = malloc(count * elements * sizeof **out);
    enum cln_status status = values && *out
                                 ? ocl_buffer_read(buffer, 0, bytes, values)
                                 : cln_fail(CLN_OUT_OF_MEMORY, "host memory for a tensor of %zu bytes", bytes);
    for (size_t n = 0; n < count && status == CLN_OK; n++)
        for (size_t i = 0; i < elements; i++)
            (*out)[n * elements + i] = values[(n / lanes * elements + i) * lanes + n % lanes];
    free(values);
    return status;
}

enum cln_status cln_engine_logits(struct cln_engine *e, float *logits, size_t count) {
    const size_t classes = (size_t)e->network->classes;
    if (count > (size_t)e->plan.batch_size)
        return cln_fail(CLN_INVALID, "logits of %zu samples: a batch has at most %d", count, e->plan.batch_size);
    float *values = NULL;
    enum cln_status status =
        cln_engine_read_samples(&values, e, cln_stage_output(&e->buffers[e->stage_count - 1], false), classes, count);
    if (status == CLN_OK)
        memcpy(logits, values, count * classes * sizeof *logits);
    free(values);
    return status;
}
