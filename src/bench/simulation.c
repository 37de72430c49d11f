/* Many processes that wait for each other, simulated: see scaling.h. */
#include "src/bench/scaling.h"
#include "src/reference/philox.h"

#include <stdlib.h>

#include "kernels/state.clh"
#include "src/engine/exchange.h"

/* The row that a process draws for a step. */
static size_t draw(const struct cln_simulation_params *p, int process, int step) {
    const uint32_t counter[4] = {(uint32_t)process, (uint32_t)step, 0, 0};
    const uint32_t key[2] = {(uint32_t)p->seed, (uint32_t)(p->seed >> 32)};
    uint32_t bits[4];
    cln_reference_philox(bits, counter, key);
    return (size_t)((uint64_t)bits[0] * p->rows >> 32);
}

/* The mean of a measured step. */
static double mean_row(const struct cln_simulation_params *p) {
    double sum = 0;
    for (size_t i = 0; i < p->rows * p->columns; i++)
        sum += p->stretches[i];
    return sum / (double)p->rows;
}

struct cln_simulation cln_simulate(const struct cln_simulation_params *p) {
    struct cln_simulation mean = {0, 0};
    int bounds[CLN_SCALING_MOST + 1];
    size_t rows[CLN_SCALING_MOST];
    double scales[CLN_SCALING_MOST];
    const double measured = mean_row(p);
    cln_exchange_deal(bounds, p->processes, p->batch, NULL);
    for (int r = 0; r < p->processes; r++)
        scales[r] = measured > 0 ? cln_scaling_at(p->model->shared, bounds[r + 1] - bounds[r]) / measured : 0;
    for (int step = 0; step < p->steps; step++) {
        for (int r = 0; r < p->processes; r++)
            rows[r] = draw(p, r, step);
        for (size_t c = 0; c < p->columns; c++) {
            double longest = 0, sum = 0;
            for (int r = 0; r < p->processes; r++) {
                const double seconds = scales[r] * p->stretches[rows[r] * p->columns + c];
                longest = seconds > longest ? seconds : longest;
                sum += seconds;
            }
            mean.compute += sum / p->processes / p->steps;
            mean.waiting += (longest - sum / p->processes) / p->steps;
        }
    }
    return mean;
}
