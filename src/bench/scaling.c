/* The model of a step in many processes: see scaling.h. */
#include "src/bench/scaling.h"

#include "kernels/state.clh"

/* TCP over Ethernet carries 94 % of the line's bits. Latencies are common for TCP in one switch, and for RDMA at
 * 100 Gbit/s; overheads for the system's calls of a message, and without them. */
const struct cln_scaling_link cln_scaling_links[CLN_SCALING_LINKS] = {
    {"one machine", 0, 0.5e-6, 0, 64},
    {"1 Gbit/s", 50e-6, 2e-6, 0.94 * 1e9 / 8, CLN_SCALING_MOST},
    {"10 Gbit/s", 20e-6, 2e-6, 0.94 * 10e9 / 8, CLN_SCALING_MOST},
    {"100 Gbit/s", 2e-6, 0.5e-6, 0.94 * 100e9 / 8, CLN_SCALING_MOST},
};

static int ceil_div(int a, int b) {
    return (a + b - 1) / b;
}

int cln_scaling_share(int batch, int processes) {
    const int samples = SHARD_SAMPLES * ceil_div(ceil_div(batch, SHARD_SAMPLES), processes);
    return samples < batch ? samples : batch;
}

struct cln_scaling_line cln_scaling_fit(const double *samples, const double *seconds, size_t count) {
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (size_t i = 0; i < count; i++) {
        n++;
        x += samples[i];
        y += seconds[i];
        xx += samples[i] * samples[i];
        xy += samples[i] * seconds[i];
    }
    const double spread = n * xx - x * x, slope = spread > 0 ? (n * xy - x * y) / spread : -1;
    const double fixed = n > 0 ? (y - slope * x) / n : 0;
    if (slope >= 0 && fixed >= 0)
        return (struct cln_scaling_line){fixed, slope};
    if (spread > 0 && slope < 0)
        return (struct cln_scaling_line){y / n, 0};
    return (struct cln_scaling_line){0, xx > 0 ? xy / xx : 0};
}

double cln_scaling_at(struct cln_scaling_line line, int samples) {
    return line.fixed + line.per_sample * samples;
}

static int rounds_of_doubling(int processes) {
    int rounds = 0;
    while (1 << rounds < processes)
        rounds++;
    return rounds;
}

double cln_scaling_bytes(const struct cln_scaling_model *m, int processes, int share) {
    const double others = processes - 1;
    return 2 * m->parameter_bytes * others / processes + others * (m->point_bytes + m->sample_bytes * share);
}

double cln_scaling_exchange(const struct cln_scaling_model *m, const struct cln_scaling_link *link,
                            enum cln_scaling_order order, int processes, int share) {
    const bool direct = order == CLN_SCALING_DIRECT;
    const int rounds = direct ? 1 : rounds_of_doubling(processes), messages = direct ? processes - 1 : rounds;
    if (processes < 2)
        return 0;
    return m->exchanges * (m->host + link->latency * rounds + link->overhead * messages) +
           (link->bandwidth > 0 ? cln_scaling_bytes(m, processes, share) / link->bandwidth : 0);
}

double cln_scaling_step(const struct cln_scaling_model *m, const struct cln_scaling_link *link,
                        enum cln_scaling_order order, int processes, int batch) {
    const int share = cln_scaling_share(batch, processes);
    return processes < 2 ? cln_scaling_at(m->alone, batch)
                         : cln_scaling_at(m->shared, share) + cln_scaling_exchange(m, link, order, processes, share);
}

double cln_scaling_weak(const struct cln_scaling_model *m, const struct cln_scaling_link *link,
                        enum cln_scaling_order order, int processes, int batch) {
    const double exchange = cln_scaling_exchange(m, link, order, processes, batch);
    const struct cln_scaling_line line = processes < 2 ? m->alone : m->shared;
    return processes * cln_scaling_at(m->alone, batch) / (cln_scaling_at(line, batch) + exchange);
}

double cln_scaling_strong(const struct cln_scaling_model *m, const struct cln_scaling_link *link,
                          enum cln_scaling_order order, int processes, int batch) {
    return cln_scaling_at(m->alone, batch) / cln_scaling_step(m, link, order, processes, batch);
}

int cln_scaling_pays(const struct cln_scaling_model *m, const struct cln_scaling_link *link,
                     enum cln_scaling_order order, int processes) {
    for (int batch = SHARD_SAMPLES; batch <= CLN_SCALING_LARGEST_BATCH; batch += SHARD_SAMPLES)
        if (cln_scaling_strong(m, link, order, processes, batch) > 1)
            return batch;
    return 0;
}

/* The line through what processes of a group compute, by their samples: both in the mean. */
static struct cln_scaling_line line_of(const struct cln_group *g) {
    enum { MOST = 16 };
    double samples[MOST], seconds[MOST];
    size_t count = 0;
    for (size_t i = 0; i < g->run_count && count < MOST; i++, count++) {
        samples[count] = (double)g->runs[i].batch_size / g->processes;
        seconds[count] = g->runs[i].compute;
    }
    return cln_scaling_fit(samples, seconds, count);
}

/* What the measured exchanges say. */
static void take_exchanges(struct cln_scaling_model *m, const struct cln_scaling_link *box, const struct cln_group *g,
                           const struct cln_group_run *run, bool strict) {
    const double share = (double)run->batch_size / g->processes; /* the mean, as `bytes` is */
    const double others = g->processes - 1, gradients = 2 * m->parameter_bytes * others / g->processes;
    const double each = run->bytes > gradients ? (run->bytes - gradients) / others : 0;
    const double sending = box->bandwidth > 0 ? run->bytes / box->bandwidth : 0;
    m->exchanges = run->exchanges;
    m->point_bytes = strict ? 0 : each;
    m->sample_bytes = strict ? each / share : 0;
    m->host =
        run->exchanges > 0 ? (run->exchange - sending) / run->exchanges - box->latency - box->overhead * others : 0;
    m->host = m->host > 0 ? m->host : 0;
}

bool cln_scaling_from(struct cln_scaling_model *m, struct cln_scaling_link *links, const struct cln_group_run **from,
                      const struct cln_group *const *groups, size_t count, size_t parameters, bool strict) {
    const struct cln_group *one = NULL, *few = NULL;
    for (size_t i = 0; i < count; i++) {
        if (groups[i]->processes == 1)
            one = groups[i];
        else if (!few || groups[i]->processes < few->processes)
            few = groups[i];
    }
    *m = (struct cln_scaling_model){.parameter_bytes = sizeof(float) * (double)parameters};
    for (size_t i = 0; i < CLN_SCALING_LINKS; i++)
        links[i] = cln_scaling_links[i];
    if (!few)
        return false;
    const struct cln_group_run *run = &few->runs[0];
    for (size_t i = 1; i < few->run_count; i++)
        run = few->runs[i].batch_size > run->batch_size ? &few->runs[i] : run;
    const double messages = links[0].overhead * (few->processes - 1);
    links[0].latency = few->latency > messages ? few->latency - messages : 0;
    links[0].bandwidth = few->bandwidth;
    m->shared = line_of(few);
    m->alone = one ? line_of(one) : m->shared;
    take_exchanges(m, &links[0], few, run, strict);
    *from = run;
    return true;
}
