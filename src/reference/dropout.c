/* Dropout with the random numbers of philox.c. */
#include "src/reference/philox.h"
#include "src/reference/reference.h"

void cln_reference_dropout(const struct cln_dropout *g, struct cln_shape shape, size_t batch,
                           const struct cln_reference_draw *draw, const double *x, double *y) {
    const size_t elements = cln_shape_count(shape), run = g->by_channel ? elements / (size_t)shape.channels : 1;
    for (size_t n = 0; n < batch; n++)
        for (size_t i = 0; i < elements; i++) {
            const uint32_t unit = (uint32_t)(i / run);
            uint32_t bits[4];
            cln_reference_random_bits(bits, draw->seed, draw->step, draw->layer, draw->before + (uint32_t)n, unit / 4);
            const bool drops = cln_reference_random_uniform(bits[unit % 4]) < (float)g->p;
            y[n * elements + i] = drops ? 0 : x[n * elements + i] * (1 / (1 - g->p));
        }
}
