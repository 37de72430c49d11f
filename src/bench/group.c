/* Measures a group of processes: see group.h. */
#include "src/bench/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/part_meter.h"
#include "src/bench/benchmark.h"
#include "src/bench/stretch.h"
#include "src/ranks/ranks.h"
#include "src/train/measure.h"

#define PARTS_SHARE 0.5    /* of `seconds`, for the pass that measures parts */
#define WARM_UP_SHARE 0.25 /* unlike devices find their shares of a batch meanwhile */

struct work {
    const struct cln_group_params *params;
    struct cln_group *group;
    struct cln_dataset data;
    struct cln_stretch stretch;
    struct cln_part_meter meter;
};

static void tell(const struct work *w, const char *what, int batch_size) {
    char doing[96];
    snprintf(doing, sizeof doing, "%d processes, batch size %d: %s", w->group->processes, batch_size, what);
    if (w->params->progress)
        w->params->progress(w->params->user, doing);
}

/* ---- The machine's exchanges ---- */

static int compare_numbers(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median time of exchanges in which each process sends `bytes` to each other, in seconds. */
static enum cln_status time_exchange(double *out, struct cln_ranks *ranks, size_t bytes, size_t times) {
    enum { MOST = 301 };
    double seconds[MOST];
    void *values = calloc((size_t)cln_ranks_here(ranks).count, bytes);
    enum cln_status status =
        cln_ranks_agree(ranks, values ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for an exchange"));
    for (size_t i = 0; i < times && status == CLN_OK; i++) {
        const double begin = cln_clock_seconds();
        status = cln_ranks_gather_each(ranks, values, bytes);
        seconds[i] = cln_clock_seconds() - begin;
    }
    free(values);
    qsort(seconds, status == CLN_OK ? times : 0, sizeof *seconds, compare_numbers);
    *out = status == CLN_OK ? seconds[times / 2] : 0;
    return status;
}

static enum cln_status time_exchanges(struct work *w) {
    enum { FEW = 8, MANY = 1 << 22 };
    double large = 0;
    if (!w->params->ranks)
        return CLN_OK;
    enum cln_status status = time_exchange(&w->group->latency, w->params->ranks, FEW, 301);
    if (status == CLN_OK)
        status = time_exchange(&large, w->params->ranks, MANY, 11);
    if (status == CLN_OK && large > w->group->latency)
        w->group->bandwidth = (double)MANY * (w->group->processes - 1) / (large - w->group->latency);
    return status;
}

/* ---- Steps ---- */

/* Means over all processes. */
static enum cln_status mean_of_all(const struct work *w, double *values, size_t count) {
    const struct cln_rank here = cln_ranks_here(w->params->ranks);
    double *all = calloc((size_t)here.count * count, sizeof *all);
    enum cln_status status = cln_ranks_agree(
        w->params->ranks, all ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %d processes", here.count));
    if (status == CLN_OK) {
        memcpy(all + (size_t)here.rank * count, values, count * sizeof *all);
        status = cln_ranks_gather_each(w->params->ranks, all, count * sizeof *all);
    }
    for (size_t i = 0; i < count && status == CLN_OK; i++) {
        values[i] = 0;
        for (int r = 0; r < here.count; r++)
            values[i] += all[(size_t)r * count + i] / here.count;
    }
    free(all);
    return status;
}

/* The stretches of all processes, as many as each has. */
static enum cln_status take_stretches(const struct work *w, struct cln_group_run *run) {
    const struct cln_rank here = cln_ranks_here(w->params->ranks);
    const struct cln_part_meter *m = &w->meter;
    bool lacks = false;
    enum cln_status status = cln_ranks_any(w->params->ranks, m->kept == 0, &lacks);
    if (status != CLN_OK || lacks)
        return status;
    const size_t own = m->kept * m->columns;
    run->stretches = calloc((size_t)here.count * own, sizeof *run->stretches);
    status = cln_ranks_agree(
        w->params->ranks, run->stretches ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu steps", m->kept));
    if (status != CLN_OK)
        return status;
    run->rows = (size_t)here.count * m->kept;
    run->columns = m->columns;
    memcpy(run->stretches + (size_t)here.rank * own, m->stretches, own * sizeof *run->stretches);
    return cln_ranks_gather_each(w->params->ranks, run->stretches, own * sizeof *run->stretches);
}

static enum cln_status measure_parts(struct work *w, struct cln_group_run *run, struct cln_trainer *trainer) {
    struct cln_part_meter *m = &w->meter;
    if (!w->params->ranks) {
        run->measured = run->compute = run->batch_size / run->median;
        return CLN_OK;
    }
    tell(w, "measuring the parts of a step", run->batch_size);
    cln_trainer_meter(trainer, m);
    enum cln_status status = cln_stretch_train(trainer, &w->stretch, PARTS_SHARE * w->params->seconds);
    cln_trainer_meter(trainer, NULL);
    const double steps = m->steps > 0 ? (double)m->steps : 1;
    double means[] = {m->seconds[CLN_PART_COMPUTE] / steps, m->seconds[CLN_PART_EXCHANGE] / steps,
                      m->seconds[CLN_PART_WAITING] / steps, m->exchanges / steps, m->bytes / steps};
    if (status == CLN_OK)
        status = mean_of_all(w, means, sizeof means / sizeof *means);
    if (status == CLN_OK)
        status = take_stretches(w, run);
    run->steps = m->steps;
    run->compute = means[0];
    run->exchange = means[1];
    run->waiting = means[2];
    run->measured = means[0] + means[1] + means[2];
    run->exchanges = means[3];
    run->bytes = means[4];
    cln_part_meter_free(m);
    return status;
}

static enum cln_status measure_run(struct work *w, struct cln_group_run *run) {
    const struct cln_group_params *p = w->params;
    struct cln_trainer *trainer = NULL;
    struct cln_trainer_params params = {.session = p->session,
                                        .network = p->network,
                                        .data = &w->data,
                                        .batch_size = run->batch_size,
                                        .ranks = p->ranks,
                                        .progress = cln_stretch_progress,
                                        .user = &w->stretch};
    params.session.no_check = true; /* as in cln_benchmark_create */
    w->data.train.count = (size_t)(CLN_BENCHMARK_IMAGES / run->batch_size + 1) * (size_t)run->batch_size;
    tell(w, "building kernels", run->batch_size);
    enum cln_status status = cln_trainer_create(&trainer, &params);
    tell(w, "training", run->batch_size);
    if (status == CLN_OK)
        status = cln_stretch_warm_up(trainer, &w->stretch, WARM_UP_SHARE * p->seconds);
    if (status == CLN_OK)
        status = cln_stretch_train(trainer, &w->stretch, p->seconds);
    if (status == CLN_OK) {
        run->best = cln_stretch_best(&w->stretch);
        run->median = cln_stretch_median(&w->stretch);
        run->measurements = w->stretch.count;
        snprintf(w->group->device, sizeof w->group->device, "%s", cln_trainer_device(trainer));
        status = measure_parts(w, run, trainer);
    }
    cln_trainer_destroy(&trainer);
    return status;
}

enum cln_status cln_group_create(struct cln_group **out, const struct cln_group_params *p) {
    struct cln_group *group = *out = calloc(1, sizeof *group);
    struct work w = {.params = p, .group = group, .stretch = {.ranks = p->ranks}};
    int largest = 0;
    enum cln_status status = group ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for a benchmark");
    for (size_t i = 0; i < p->batch_size_count; i++)
        largest = largest > p->batch_sizes[i] ? largest : p->batch_sizes[i];
    if (status == CLN_OK) {
        group->processes = cln_ranks_here(p->ranks).count;
        group->run_count = p->batch_size_count;
        group->runs = calloc(p->batch_size_count, sizeof *group->runs);
        status = group->runs ? cln_stretch_images(&w.data, p->network, CLN_BENCHMARK_IMAGES + (size_t)largest)
                             : cln_fail(CLN_OUT_OF_MEMORY, "host memory for measurements");
    }
    if (status == CLN_OK)
        status = cln_stretch_begin(&w.stretch, p->seconds);
    status = cln_ranks_agree(p->ranks, status);
    if (status == CLN_OK)
        status = time_exchanges(&w);
    for (size_t i = 0; i < p->batch_size_count && status == CLN_OK; i++) {
        group->runs[i].batch_size = p->batch_sizes[i];
        status = measure_run(&w, &group->runs[i]);
    }
    cln_stretch_free(&w.stretch);
    cln_part_meter_free(&w.meter);
    free(w.data.train.pixels);
    free(w.data.train.labels);
    if (status != CLN_OK)
        cln_group_destroy(out);
    return status;
}

void cln_group_destroy(struct cln_group **group) {
    struct cln_group *g = *group;
    *group = NULL;
    if (!g)
        return;
    for (size_t i = 0; g->runs && i < g->run_count; i++)
        free(g->runs[i].stretches);
    free(g->runs);
    free(g);
}
