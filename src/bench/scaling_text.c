/* See scaling_text.h. */
#include "src/bench/scaling_text.h"

#include <stdlib.h>

#include "clenet/text.h"
#include "clenet/version.h"
#include "src/base/json_text.h"

enum { ROWS = 10, STEPS = 200, SEED = 19 };

/* Predictions for a number of processes. */
struct row {
    int processes;
    struct cln_simulation weak, strong;
};

struct table {
    const struct cln_scaling_report *report;
    struct cln_scaling_model model;
    struct cln_scaling_link links[CLN_SCALING_LINKS];
    const struct cln_group_run *from;
    bool has_model, is_simulated;
    struct row rows[ROWS]; /* 2, 4, 8, … 1024 processes */
};

static void predict(struct table *t, const struct cln_scaling_report *report) {
    *t = (struct table){.report = report};
    t->has_model = cln_scaling_from(&t->model, t->links, &t->from, report->groups, report->count,
                                    report->network->parameter_floats, report->strict);
    t->is_simulated = t->has_model && t->from->rows > 0;
    for (int i = 0; i < ROWS; i++) {
        struct row *row = &t->rows[i];
        row->processes = 2 << i;
        if (!t->is_simulated)
            continue;
        struct cln_simulation_params params = {.model = &t->model,
                                               .processes = row->processes,
                                               .batch = t->from->batch_size,
                                               .steps = STEPS,
                                               .seed = SEED,
                                               .stretches = t->from->stretches,
                                               .rows = t->from->rows,
                                               .columns = t->from->columns};
        row->strong = cln_simulate(&params);
        params.batch *= row->processes;
        row->weak = cln_simulate(&params);
    }
}

/* ---- What the tables show of a number of processes on a link ---- */

static double weak(const struct table *t, const struct row *row, const struct cln_scaling_link *link) {
    return cln_scaling_weak(&t->model, link, CLN_SCALING_DIRECT, row->processes, t->from->batch_size);
}

static double strong(const struct table *t, const struct row *row, const struct cln_scaling_link *link) {
    return cln_scaling_strong(&t->model, link, CLN_SCALING_DIRECT, row->processes, t->from->batch_size);
}

static double pays(const struct table *t, const struct row *row, const struct cln_scaling_link *link) {
    return cln_scaling_pays(&t->model, link, CLN_SCALING_DIRECT, row->processes);
}

/* A simulated step. */
struct step {
    double seconds, efficiency, waiting; /* waiting: the share of the step */
};

static struct step simulated(const struct table *t, const struct row *row, const struct cln_scaling_link *link,
                             bool is_weak) {
    const int batch = t->from->batch_size, share = is_weak ? batch : cln_scaling_share(batch, row->processes);
    const struct cln_simulation *s = is_weak ? &row->weak : &row->strong;
    const double seconds =
        s->compute + s->waiting + cln_scaling_exchange(&t->model, link, CLN_SCALING_DIRECT, row->processes, share);
    const double whole = cln_scaling_at(t->model.alone, batch) * (is_weak ? row->processes : 1);
    return (struct step){seconds, whole / seconds / row->processes, s->waiting / seconds};
}

/* ---- Text ---- */

static void print_heads(const struct table *t, int width, FILE *stream) {
    cln_text_print(stream, "%9s", "processes");
    for (int i = 0; i < CLN_SCALING_LINKS; i++)
        cln_text_print(stream, " %*s", width, t->links[i].name);
    cln_text_print(stream, "\n");
}

/* `none`: what stands for 0. */
static void print_table(const struct table *t, int digits, const char *none,
                        double (*cell)(const struct table *t, const struct row *row,
                                       const struct cln_scaling_link *link),
                        FILE *stream) {
    print_heads(t, 11, stream);
    for (int r = 0; r < ROWS; r++) {
        cln_text_print(stream, "%9d", t->rows[r].processes);
        for (int i = 0; i < CLN_SCALING_LINKS; i++) {
            const bool fits = t->rows[r].processes <= t->links[i].most;
            const double value = fits ? cell(t, &t->rows[r], &t->links[i]) : 0;
            if (value > 0)
                cln_text_print(stream, " %11.*f", digits, value);
            else
                cln_text_print(stream, " %11s", fits ? none : "");
        }
        cln_text_print(stream, "\n");
    }
}

static void print_simulated(const struct table *t, FILE *stream) {
    print_heads(t, 25, stream);
    for (int r = 0; r < ROWS; r++) {
        cln_text_print(stream, "%9d", t->rows[r].processes);
        for (int i = 0; i < CLN_SCALING_LINKS; i++) {
            const struct step s = simulated(t, &t->rows[r], &t->links[i], true);
            if (t->rows[r].processes <= t->links[i].most)
                cln_text_print(stream, " %9.2f ms %3.0f %% %4.0f %%", 1e3 * s.seconds, 100 * s.efficiency,
                               100 * s.waiting);
            else
                cln_text_print(stream, " %25s", "");
        }
        cln_text_print(stream, "\n");
    }
}

static void print_model(const struct table *t, FILE *stream) {
    const struct cln_scaling_model *m = &t->model;
    cln_text_print(
        stream,
        "\nmodel: a step of n images takes %.3f ms + %.2f µs × n alone, and %.3f ms + %.2f µs × n with others, "
        "besides %.0f exchanges of %.0f µs each for copying; on this machine each takes %.0f µs more, and "
        "%.2f GB/s\n",
        1e3 * m->alone.fixed, 1e6 * m->alone.per_sample, 1e3 * m->shared.fixed, 1e6 * m->shared.per_sample,
        m->exchanges, 1e6 * m->host, 1e6 * t->links[0].latency, 1e-9 * t->links[0].bandwidth);
    for (int i = 1; i < CLN_SCALING_LINKS; i++)
        cln_text_print(stream, "%s: latency %.0f µs, %.1f µs per message, %.2f GB/s\n", t->links[i].name,
                       1e6 * t->links[i].latency, 1e6 * t->links[i].overhead, 1e-9 * t->links[i].bandwidth);
    const int batch = t->from->batch_size;
    cln_text_print(stream, "\npredicted speedup over one process, batch %d for each process\n", batch);
    print_table(t, 2, "", weak, stream);
    cln_text_print(stream, "\npredicted speedup over one process, batch %d for all together\n", batch);
    print_table(t, 2, "", strong, stream);
    cln_text_print(stream,
                   "\nthe smallest batch for all together from which on several processes are faster than one\n");
    print_table(t, 0, "never", pays, stream);
    if (!t->is_simulated)
        return;
    cln_text_print(
        stream, "\nsimulated with the measured steps, batch %d for each process: step, efficiency, share of waiting\n",
        batch);
    print_simulated(t, stream);
}

static void print_group(const struct cln_group *g, FILE *stream) {
    for (size_t i = 0; i < g->run_count; i++) {
        const struct cln_group_run *run = &g->runs[i];
        cln_text_print(stream, "%9d %6d %10.0f %10.0f %8.2f | %8.2f = %8.2f + %8.2f + %7.2f %9.0f %9.1f\n",
                       g->processes, run->batch_size, run->best, run->median, 1e3 * run->batch_size / run->median,
                       1e3 * run->measured, 1e3 * run->compute, 1e3 * run->exchange, 1e3 * run->waiting, run->exchanges,
                       1e-3 * run->bytes);
    }
}

enum cln_status cln_scaling_print(const struct cln_scaling_report *report, FILE *stream) {
    struct table *t = malloc(sizeof *t);
    if (!t)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a table");
    predict(t, report);
    cln_text_print(stream, "%s%s%s\n", report->groups[0]->device, report->cores[0] ? "; " : "", report->cores);
    cln_text_print(
        stream,
        "%s: %zu parameters, %s arithmetic; best and median of quarter seconds; then a step by its parts, in "
        "a pass in which processes meet before each exchange\n\n",
        report->network->name, report->network->parameter_floats, report->strict ? "strict" : "default");
    cln_text_print(stream, "%9s %6s %10s %10s %8s | %8s = %8s + %8s + %7s %9s %9s\n", "processes", "batch", "images/s",
                   "median", "step ms", "step ms", "compute", "exchange", "waiting", "exchanges", "KB sent");
    for (size_t i = 0; i < report->count; i++)
        print_group(report->groups[i], stream);
    if (t->has_model)
        print_model(t, stream);
    free(t);
    return CLN_OK;
}

/* ---- JSON ---- */

static json_t *json_of_step(struct step s) {
    return json_pack("{s:f, s:f, s:f}", "seconds_per_step", s.seconds, "efficiency", s.efficiency, "waiting_share",
                     s.waiting);
}

static json_t *json_of_prediction(const struct table *t, const struct row *row, const struct cln_scaling_link *link) {
    const int batch = t->from->batch_size, least = (int)pays(t, row, link);
    return json_pack(
        "{s:i, s:o, s:f, s:f, s:f, s:f, s:o, s:o, s:o}", "processes", row->processes, "link", cln_json_text(link->name),
        "weak_speedup", weak(t, row, link), "strong_speedup", strong(t, row, link), "weak_speedup_by_doubling",
        cln_scaling_weak(&t->model, link, CLN_SCALING_DOUBLING, row->processes, batch), "strong_speedup_by_doubling",
        cln_scaling_strong(&t->model, link, CLN_SCALING_DOUBLING, row->processes, batch), "pays_from_batch",
        least > 0 ? json_integer(least) : json_null(), "simulated_weak",
        t->is_simulated ? json_of_step(simulated(t, row, link, true)) : json_null(), "simulated_strong",
        t->is_simulated ? json_of_step(simulated(t, row, link, false)) : json_null());
}

static json_t *json_of_link(const struct cln_scaling_link *link) {
    return json_pack("{s:o, s:f, s:f, s:f}", "link", cln_json_text(link->name), "latency_seconds", link->latency,
                     "message_seconds", link->overhead, "bytes_per_second", link->bandwidth);
}

/* The model and what follows from it, or null. */
static json_t *json_of_model(const struct table *t) {
    const struct cln_scaling_model *m = &t->model;
    json_t *links = json_array(), *rows = json_array();
    int failed = 0;
    if (!t->has_model) {
        json_decref(links);
        json_decref(rows);
        return json_null();
    }
    for (int i = 0; i < CLN_SCALING_LINKS; i++) {
        failed |= json_array_append_new(links, json_of_link(&t->links[i]));
        for (int r = 0; r < ROWS; r++)
            if (t->rows[r].processes <= t->links[i].most)
                failed |= json_array_append_new(rows, json_of_prediction(t, &t->rows[r], &t->links[i]));
    }
    if (failed) {
        json_decref(links);
        json_decref(rows);
        return NULL;
    }
    return json_pack("{s:i, s:[ff], s:[ff], s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "batch_size", t->from->batch_size,
                     "alone_seconds", m->alone.fixed, m->alone.per_sample, "shared_seconds", m->shared.fixed,
                     m->shared.per_sample, "exchanges_per_step", m->exchanges, "host_seconds_per_exchange", m->host,
                     "parameter_bytes", m->parameter_bytes, "bytes_per_process", m->point_bytes, "bytes_per_sample",
                     m->sample_bytes, "links", links, "predicted", rows);
}

enum cln_status cln_scaling_print_json(const struct cln_scaling_report *report, FILE *stream) {
    struct table *t = malloc(sizeof *t);
    if (!t)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a table");
    predict(t, report);
    json_t *groups = json_array();
    int failed = 0;
    for (size_t i = 0; i < report->count; i++)
        failed |= json_array_append_new(groups, cln_group_json(report->groups[i], false));
    if (failed) {
        json_decref(groups);
        groups = NULL;
    }
    json_t *value =
        json_pack("{s:o, s:o, s:I, s:b, s:o, s:o}", "version", cln_json_text(CLENET_VERSION), "network",
                  cln_json_text(report->network->name), "parameters", (json_int_t)report->network->parameter_floats,
                  "strict", report->strict, "groups", groups, "model", json_of_model(t));
    char *text = value ? cln_json_dump(value, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(value);
    free(t);
    if (!text)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the report");
    cln_text_print(stream, "%-s\n", text);
    free(text);
    return CLN_OK;
}
