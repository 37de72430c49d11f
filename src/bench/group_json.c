/* A group as JSON: for people who read reports by programs, and for the program that has started the group. */
#include <stdlib.h>
#include <string.h>

#include "src/base/json_text.h"
#include "src/bench/group.h"

static json_t *numbers(const double *values, size_t count) {
    json_t *list = json_array();
    int failed = 0;
    for (size_t i = 0; i < count; i++)
        failed |= json_array_append_new(list, json_real(values[i]));
    if (!failed)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *json_of_run(const struct cln_group_run *run, bool stretches) {
    json_t *object = json_pack(
        "{s:i, s:I, s:f, s:f, s:f, s:{s:I, s:f, s:f, s:f, s:f}, s:f, s:f}", "batch_size", run->batch_size,
        "measurements", (json_int_t)run->measurements, "images_per_second", run->best, "images_per_second_median",
        run->median, "seconds_per_step", run->batch_size / run->median, "parts", "steps", (json_int_t)run->steps,
        "seconds", run->measured, "compute_seconds", run->compute, "exchange_seconds", run->exchange, "waiting_seconds",
        run->waiting, "exchanges_per_step", run->exchanges, "bytes_sent_per_step", run->bytes);
    if (!object || !stretches)
        return object;
    if (json_object_set_new(object, "columns", json_integer((json_int_t)run->columns)) == 0 &&
        json_object_set_new(object, "stretches", numbers(run->stretches, run->rows * run->columns)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

json_t *cln_group_json(const struct cln_group *g, bool stretches) {
    json_t *runs = json_array();
    int failed = 0;
    for (size_t i = 0; i < g->run_count; i++)
        failed |= json_array_append_new(runs, json_of_run(&g->runs[i], stretches));
    if (failed) { /* json_pack needs it */
        json_decref(runs);
        runs = NULL;
    }
    return json_pack("{s:i, s:o, s:f, s:f, s:o}", "processes", g->processes, "device", cln_json_text(g->device),
                     "latency_seconds", g->latency, "bytes_per_second", g->bandwidth, "runs", runs);
}

static bool parse_stretches(struct cln_group_run *run, const json_t *list, json_int_t columns) {
    const size_t count = json_array_size(list);
    if (columns <= 0 || count == 0)
        return columns == 0 && count == 0;
    run->stretches = calloc(count, sizeof *run->stretches);
    run->columns = (size_t)columns;
    run->rows = count / run->columns;
    for (size_t i = 0; i < count && run->stretches; i++)
        run->stretches[i] = json_number_value(json_array_get(list, i));
    return run->stretches && count % run->columns == 0;
}

static bool parse_run(struct cln_group_run *run, const json_t *value) {
    json_int_t measurements, steps, columns;
    const json_t *list;
    double seconds;
    if (json_unpack((json_t *)value, "{s:i, s:I, s:F, s:F, s:F, s:{s:I, s:F, s:F, s:F, s:F}, s:F, s:F, s:I, s:o}",
                    "batch_size", &run->batch_size, "measurements", &measurements, "images_per_second", &run->best,
                    "images_per_second_median", &run->median, "seconds_per_step", &seconds, "parts", "steps", &steps,
                    "seconds", &run->measured, "compute_seconds", &run->compute, "exchange_seconds", &run->exchange,
                    "waiting_seconds", &run->waiting, "exchanges_per_step", &run->exchanges, "bytes_sent_per_step",
                    &run->bytes, "columns", &columns, "stretches", &list) != 0)
        return false;
    run->measurements = (size_t)measurements;
    run->steps = (size_t)steps;
    return run->batch_size > 0 && run->median > 0 && parse_stretches(run, list, columns);
}

enum cln_status cln_group_parse(struct cln_group **out, const json_t *value) {
    struct cln_group *g = *out = calloc(1, sizeof *g);
    const char *device = "";
    const json_t *runs = NULL;
    bool is_right =
        g && json_unpack((json_t *)value, "{s:i, s:s, s:F, s:F, s:o}", "processes", &g->processes, "device", &device,
                         "latency_seconds", &g->latency, "bytes_per_second", &g->bandwidth, "runs", &runs) == 0;
    if (is_right) {
        snprintf(g->device, sizeof g->device, "%s", device);
        g->run_count = json_array_size(runs);
        g->runs = calloc(g->run_count + 1, sizeof *g->runs);
    }
    for (size_t i = 0; is_right && g->runs && i < g->run_count; i++)
        is_right = parse_run(&g->runs[i], json_array_get(runs, i));
    if (is_right && g->runs && g->run_count > 0)
        return CLN_OK;
    cln_group_destroy(out);
    return cln_fail(CLN_INVALID, "what a group of processes has printed is no measurement");
}
