/* Parameters, running statistics, moments and gradients, between the device and the host. */
#include <math.h>
#include <stdlib.h>

#include "src/engine/engine_private.h"

enum cln_status cln_engine_read(struct cln_engine *e, enum cln_engine_values which, float *values) {
    return e->values[which] ? ocl_buffer_read(e->values[which], 0, cln_engine_floats(e, which) * sizeof *values, values)
                            : CLN_OK;
}

/* As `settled` of kernels/arithmetic.clh: numbers of a file may be smaller. */
static enum cln_status write_settled(struct cln_engine *e, enum cln_engine_values which, const float *values) {
    const size_t count = cln_engine_floats(e, which);
    const float least = which >= CLN_MOMENTS ? 0x1p-100f : 0x1p-40f; /* sums of squares */
    float *settled = malloc(count * sizeof *settled);
    if (!settled)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu numbers", count);
    for (size_t i = 0; i < count; i++)
        settled[i] = fabsf(values[i]) < least ? 0.0f : values[i];
    const enum cln_status status = ocl_buffer_write(e->values[which], 0, count * sizeof *settled, settled);
    free(settled);
    return status;
}

enum cln_status cln_engine_write(struct cln_engine *e, enum cln_engine_values which, const float *values) {
    if (!e->values[which])
        return CLN_OK;
    if (e->plan.tuning.strict)
        return write_settled(e, which, values);
    return ocl_buffer_write(e->values[which], 0, cln_engine_floats(e, which) * sizeof *values, values);
}
