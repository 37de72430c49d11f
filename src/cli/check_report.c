/* Text, Markdown and JSON of checks: see check_report.h. */
#include "src/cli/check_report.h"

#include <string.h>

#include "clenet/version.h"
#include "src/base/duration.h"
#include "src/base/json_text.h"
#include "src/cli/check_bisection.h"
#include "src/cli/report.h"

/* The numbers of rows by what they came to. */
struct counts {
    size_t failed, known, skipped;
};

static struct counts count_rows(const struct cln_checked *checked) {
    struct counts counts = {0};
    for (size_t i = 0; i < checked->checkup->row_count; i++) {
        const struct cln_checkup_row *row = &checked->checkup->rows[i];
        counts.failed += !row->passed;
        counts.known += !row->passed && cln_check_is_known(checked, row);
        counts.skipped += cln_verdict_of(row) == CLN_VERDICT_SKIPPED;
    }
    return counts;
}

/* Prints "All 12 hold, 1 skipped" or "2 of 12 do not hold, 1 of them known". */
static void print_summary(const struct cln_checked *checked) {
    const struct cln_checkup *c = checked->checkup;
    const struct counts counts = count_rows(checked);
    const size_t checks = c->row_count - counts.skipped;
    char time[CLN_DURATION_BYTES];
    cln_duration(time, c->seconds, 1, "s");
    if (checks == 0)
        cln_report_text("Nothing was checked");
    else if (counts.failed == 0)
        cln_report_text("All %zu hold", checks);
    else
        cln_report_text("%zu of %zu do not hold", counts.failed, checks);
    if (counts.known > 0)
        cln_report_text(", %zu of them known", counts.known);
    if (counts.skipped > 0)
        cln_report_text(", %zu skipped", counts.skipped);
    cln_report_text(", in %s.\n", time);
}

/* Prints the known failures that have passed. */
static void print_fixed(const struct cln_checked *checked) {
    for (size_t i = 0; i < checked->checkup->row_count; i++) {
        const struct cln_checkup_row *row = &checked->checkup->rows[i];
        if (cln_verdict_of(row) == CLN_VERDICT_OK && cln_check_is_known(checked, row))
            cln_report_text("%s, %s no longer fails: take it out of %s\n", row->what, row->setting,
                            checked->baseline->path);
    }
}

void cln_check_print_strict(const struct cln_checked *checked) {
    const struct cln_checkup *c = checked->checkup;
    const struct cln_checkup_row *wrong = NULL;
    size_t cases = 0;
    double seconds = c->seconds;
    for (size_t i = 0; i < c->row_count; i++) {
        if (c->rows[i].apart) {
            seconds -= c->rows[i].result.seconds;
            continue;
        }
        cases += c->rows[i].result.cases;
        if (!wrong && !c->rows[i].passed)
            wrong = &c->rows[i];
    }
    if (wrong)
        cln_report_text("%s (%s): strict arithmetic %s: %-s\n", c->device.name, c->device.platform,
                        wrong->error[0] ? "does not run here" : "is WRONG", cln_check_reason(wrong));
    else if (cases > 0)
        cln_report_text("%s (%s): strict arithmetic is right: all %zu digests are those of every device, %.1f s\n",
                        c->device.name, c->device.platform, cases, seconds);
    cln_check_print_bisection(c);
}

void cln_check_print(const struct cln_checked *checked) {
    const struct cln_checkup *c = checked->checkup;
    char verdict[CLN_VERDICT_BYTES], rerun[CLN_RERUN_BYTES];
    struct cln_exercise exercises[CLN_EXERCISES];
    cln_report_text("%s (%s), driver %s, profile %s%s\n", c->device.name, c->device.platform, c->device.driver_version,
                    c->profile, c->profile_is_safe ? ", without barriers and local memory" : "");
    cln_report_text("%-34s %-8s %6s %17s %8s  %s\n", "operation", "setting", "cases", "error / tolerance", "seconds",
                    "verdict");
    for (size_t i = 0; i < c->row_count; i++) {
        const struct cln_checkup_row *row = &c->rows[i];
        cln_check_verdict(verdict, checked, row);
        cln_report_text("%-34s %-8s %6zu %17.3f %8.1f  %s\n", row->what, row->setting, row->result.cases,
                        row->result.worst, row->result.seconds, verdict);
    }
    for (size_t i = 0; i < c->row_count; i++) {
        const struct cln_checkup_row *row = &c->rows[i];
        if (row->passed)
            continue;
        cln_check_verdict(verdict, checked, row);
        cln_report_text("\n%s: %-s\n", verdict, cln_check_reason(row));
        for (const char *line = row->result.launches; *line;) {
            const size_t length = strcspn(line, "\n");
            cln_report_text("  %.*s\n", (int)length, line);
            line += length + (line[length] == '\n');
        }
        cln_check_rerun(rerun, c, row);
        cln_report_text("  again: %-s\n", rerun);
    }
    cln_check_exercises(exercises, c);
    cln_report_text("\n");
    for (size_t i = 0; i < CLN_EXERCISES; i++)
        cln_report_text("%s%s: %s", i ? "; " : "exercised: ", exercises[i].name, exercises[i].value);
    cln_report_text("\n");
    print_fixed(checked);
    print_summary(checked);
}

static void print_limits(const struct ocl_device *d) {
    cln_report_markdown("| device | %s |\n| vendor | %s |\n| platform | %s, %s |\n| driver | %s |\n| OpenCL | %s |\n",
                        d->name, d->vendor, d->platform, d->platform_version, d->driver_version, d->device_version);
    cln_report_markdown("| type | %s, %u compute units at %u MHz, vectors of %u floats |\n",
                        ocl_device_type_name(d->type), d->compute_units, d->clock_mhz, d->native_float_vector);
    cln_report_markdown(
        "| limits | work-group %zu, local memory %llu KiB, constant buffer %llu KiB, allocation %llu MiB of %llu MiB, "
        "cache %llu KiB |\n",
        d->max_work_group_size, (unsigned long long)d->local_memory_bytes >> 10,
        (unsigned long long)d->constant_buffer_bytes >> 10, (unsigned long long)d->max_alloc_bytes >> 20,
        (unsigned long long)d->global_memory_bytes >> 20, (unsigned long long)d->cache_bytes >> 10);
    cln_report_markdown("| extensions | %s%s%s |\n", d->has_command_buffer ? "cl_khr_command_buffer" : "",
                        d->has_command_buffer && d->has_fp64 ? ", " : "",
                        d->has_fp64 ? "(cl_khr_fp64: not needed)" : "");
}

/* Prints a code fence: three backticks, or one more than the longest run in the text that it encloses. */
static void print_fence(const struct cln_checkup_row *row) {
    const char *const texts[] = {cln_check_reason(row), row->result.launches};
    size_t longest = 2;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (const char *at = strchr(texts[i], '`'); at; at = strchr(at, '`')) {
            const size_t run = strspn(at, "`");
            longest = run > longest ? run : longest;
            at += run;
        }
    for (size_t i = 0; i <= longest; i++)
        cln_report_text("`");
    cln_report_text("\n");
}

void cln_check_print_markdown(const struct cln_checked *checked) {
    const struct cln_checkup *c = checked->checkup;
    char verdict[CLN_VERDICT_BYTES], rerun[CLN_RERUN_BYTES];
    struct cln_exercise exercises[CLN_EXERCISES];
    cln_report_markdown("## %s: %s\n\n| | |\n| --- | --- |\n| clenet | %s |\n", c->device.name,
                        c->passed ? "everything holds" : "something does not hold", CLENET_VERSION);
    print_limits(&c->device);
    cln_report_markdown("| profile | %s:", c->profile);
    for (size_t i = 0; i < c->value_count; i++)
        cln_report_markdown("%s %s %ld", i ? "," : "", c->values[i].key, c->values[i].value);
    for (size_t i = 0; i < c->tuning.layer_count; i++) {
        const struct cln_layer_value *layer = &c->tuning.layers[i];
        cln_report_markdown(", %s: %s %d", layer->layer, cln_tuning_keys[layer->key].name, layer->value);
    }
    cln_report_markdown("; comes out as vector %d, lanes %d, accumulators %d, min_groups %d%s |\n", c->tuning.vector,
                        c->tuning.lanes, c->tuning.accumulators, c->tuning.min_groups,
                        c->profile_is_safe ? ": without barriers and local memory" : "");
    cln_check_exercises(exercises, c);
    cln_report_markdown("| exercised |");
    for (size_t i = 0; i < CLN_EXERCISES; i++)
        cln_report_markdown("%s%s: %s", i ? "; " : " ", exercises[i].name, exercises[i].value);
    cln_report_markdown(" |\n\n");
    cln_report_markdown("| operation | setting | cases | error / tolerance | seconds | verdict |\n"
                        "| --- | --- | ---: | ---: | ---: | --- |\n");
    for (size_t i = 0; i < c->row_count; i++) {
        const struct cln_checkup_row *row = &c->rows[i];
        cln_check_verdict(verdict, checked, row);
        cln_report_markdown("| %s | %s | %zu | %.3f | %.1f | %s |\n", row->what, row->setting, row->result.cases,
                            row->result.worst, row->result.seconds, verdict);
    }
    for (size_t i = 0; i < c->row_count; i++) {
        const struct cln_checkup_row *row = &c->rows[i];
        if (row->passed)
            continue;
        cln_report_text("\n");
        print_fence(row);
        cln_check_verdict(verdict, checked, row);
        cln_check_rerun(rerun, c, row);
        cln_report_text("%s: %-s\n%-s%-s\n", verdict, cln_check_reason(row), row->result.launches, rerun);
        print_fence(row);
    }
    cln_report_markdown("\n");
}

json_t *cln_check_row_json(const struct cln_checked *checked, const struct cln_checkup_row *row) {
    json_t *object = json_pack(
        "{s:o, s:o, s:I, s:I, s:I, s:i, s:i, s:b, s:f, s:f, s:o, s:o, s:o, s:o}", "operation", cln_json_text(row->what),
        "setting", cln_json_text(row->setting), "cases", (json_int_t)row->result.cases, "failed",
        (json_int_t)row->result.failed, "left_out", (json_int_t)row->result.left_out, "runs", row->runs, "failed_runs",
        row->failures, "known", (int)cln_check_is_known(checked, row), "error_of_tolerance", row->result.worst,
        "seconds", row->result.seconds, "verdict", cln_json_text(cln_verdict_word(cln_verdict_of(row))), "reason",
        cln_json_text(cln_check_reason(row)), "failed_case", cln_json_text(row->result.failed_case), "launches",
        cln_json_text(row->result.launches));
    if (object && row->result.finding.launches > 0 &&
        json_object_set_new(object, "finding", cln_check_finding_json(&row->result.finding)) != 0) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

static json_t *exercised_json(const struct cln_checkup *c) {
    const struct ocl_usage *u = &c->usage;
    json_t *groups = json_array(), *extensions = json_array();
    int failed = 0;
    for (size_t i = 0; i < u->group_count; i++)
        failed |= json_array_append_new(groups, json_pack("[I, I, I]", (json_int_t)u->groups[i][0],
                                                          (json_int_t)u->groups[i][1], (json_int_t)u->groups[i][2]));
    if (u->command_buffer)
        failed |= json_array_append_new(extensions, cln_json_text("cl_khr_command_buffer"));
    json_t *exercised = json_pack("{s:o, s:b, s:I, s:b, s:o, s:b}", "work_groups", groups, "more_work_groups",
                                  (int)u->has_more, "local_memory_bytes", (json_int_t)u->local_bytes, "fma",
                                  c->tuning.fma != 0, "extensions", extensions, "clblast", (int)u->gemm);
    if (failed) {
        json_decref(exercised);
        exercised = NULL;
    }
    return exercised;
}

json_t *cln_check_json(const struct cln_checked *checked) {
    const struct cln_checkup *c = checked->checkup;
    const struct ocl_device *d = &c->device;
    json_t *values = json_object(), *rows = json_array();
    int failed = 0;
    for (size_t i = 0; i < c->value_count; i++)
        failed |= json_object_set_new(values, c->values[i].key,
                                      json_pack("{s:I, s:o}", "value", (json_int_t)c->values[i].value, "from",
                                                cln_json_text(c->values[i].origin)));
    for (size_t i = 0; i < c->row_count; i++)
        failed |= json_array_append_new(rows, cln_check_row_json(checked, &c->rows[i]));
    json_t *device = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "name",
        cln_json_text(d->name), "vendor", cln_json_text(d->vendor), "platform", cln_json_text(d->platform),
        "platform_version", cln_json_text(d->platform_version), "driver_version", cln_json_text(d->driver_version),
        "device_version", cln_json_text(d->device_version), "type", cln_json_text(ocl_device_type_name(d->type)),
        "compute_units", (json_int_t)d->compute_units, "native_float_vector", (json_int_t)d->native_float_vector,
        "work_group", (json_int_t)d->max_work_group_size, "local_memory_bytes", (json_int_t)d->local_memory_bytes,
        "constant_buffer_bytes", (json_int_t)d->constant_buffer_bytes, "allocation_bytes",
        (json_int_t)d->max_alloc_bytes, "memory_bytes", (json_int_t)d->global_memory_bytes, "cache_bytes",
        (json_int_t)d->cache_bytes, "fp64", (int)d->has_fp64, "command_buffer", (int)d->has_command_buffer);
    json_t *report = json_pack("{s:o, s:b, s:f, s:o, s:o, s:b, s:o, s:o, s:o}", "version",
                               cln_json_text(CLENET_VERSION), "passed", (int)c->passed, "seconds", c->seconds, "device",
                               device, "profile", cln_json_text(c->profile), "profile_is_safe", (int)c->profile_is_safe,
                               "values", values, "exercised", exercised_json(c), "operations", rows);
    if (failed) {
        json_decref(report);
        report = NULL;
    }
    return report;
}
