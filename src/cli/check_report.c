/* Prints a checkup in three forms: see check_report.h. */
#include "src/cli/check_report.h"

#include <string.h>

#include "clenet/version.h"
#include "src/base/json_text.h"
#include "src/base/table.h"
#include "src/cli/report.h"

/* The verdict on a row: distinguishes a driver that refuses, computes wrongly, crashes or hangs. */
static const char *verdict_of(const struct cln_checkup_row *row) {
    static const char *const ends[] = {
        [CLN_CHECKUP_CRASHED] = "crashes the driver", [CLN_CHECKUP_HUNG] = "hangs the driver"};
    CLN_EVERY(ends, CLN_CHECKUP_END_COUNT);
    if (row->end != CLN_CHECKUP_ENDED)
        return ends[row->end];
    return row->passed ? "ok" : row->error[0] ? "ERROR" : "WRONG";
}

/* The reason for a failure: the wrong value, or the driver's error. */
static const char *reason_of(const struct cln_checkup_row *row) {
    return row->error[0] ? row->error : row->result.failure;
}

/* Prints the command that repeats this check alone. */
static void print_rerun(const struct cln_checkup *c, const struct cln_checkup_row *row) {
    const struct cln_session_params *p = &c->params->session;
    cln_report_text("clenet check --device %u:%u --only \"%s\"", c->device.platform_index, c->device.device_index,
                    row->result.failed_case[0] ? row->result.failed_case : row->what);
    if (p->profile_file)
        cln_report_text(" --profile-file %s", p->profile_file);
    if (p->kernel_folder)
        cln_report_text(" --kernels %s", p->kernel_folder);
}

static size_t failures_of(const struct cln_checkup *c) {
    size_t count = 0;
    for (size_t i = 0; i < c->row_count; i++)
        count += !c->rows[i].passed;
    return count;
}

void cln_check_print(const struct cln_checkup *c) {
    cln_report_text("%s (%s), driver %s, profile %s%s\n", c->device.name, c->device.platform, c->device.driver_version,
                    c->profile, c->profile_is_safe ? ", without barriers and local memory" : "");
    cln_report_text("%-34s %-8s %6s %17s %8s  %s\n", "operation", "setting", "cases", "error / tolerance", "seconds",
                    "verdict");
    for (size_t i = 0; i < c->row_count; i++) {
        const struct cln_checkup_row *row = &c->rows[i];
        cln_report_text("%-34s %-8s %6zu %17.3f %8.1f  %s\n", row->what, row->setting, row->result.cases,
                        row->result.worst, row->result.seconds, verdict_of(row));
    }
    for (size_t i = 0; i < c->row_count; i++) {
        const struct cln_checkup_row *row = &c->rows[i];
        if (row->passed)
            continue;
        cln_report_text("\n%s: %-s\n", verdict_of(row), reason_of(row));
        for (const char *line = row->result.launches; *line;) {
            const size_t length = strcspn(line, "\n");
            cln_report_text("  %.*s\n", (int)length, line);
            line += length + (line[length] == '\n');
        }
        cln_report_text("  again: ");
        print_rerun(c, row);
        cln_report_text("\n");
    }
    if (c->passed)
        cln_report_text("\nAll %zu hold, in %.1f s.\n", c->row_count, c->seconds);
    else
        cln_report_text("\n%zu of %zu do not hold, in %.1f s.\n", failures_of(c), c->row_count, c->seconds);
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
    cln_report_markdown("| extensions in use | %s%s%s |\n", d->has_command_buffer ? "cl_khr_command_buffer" : "",
                        d->has_command_buffer && d->has_fp64 ? ", " : "",
                        d->has_fp64 ? "(cl_khr_fp64: not needed)" : "");
}

/* Prints a code fence: three backticks, or one more than the longest run in the text that it encloses. */
static void print_fence(const struct cln_checkup_row *row) {
    const char *const texts[] = {reason_of(row), row->result.launches};
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

void cln_check_print_markdown(const struct cln_checkup *c) {
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
    cln_report_markdown("; comes out as vector %d, lanes %d, accumulators %d, min_groups %d%s |\n\n", c->tuning.vector,
                        c->tuning.lanes, c->tuning.accumulators, c->tuning.min_groups,
                        c->profile_is_safe ? ": without barriers and local memory" : "");
    cln_report_markdown("| operation | setting | cases | error / tolerance | seconds | verdict |\n"
                        "| --- | --- | ---: | ---: | ---: | --- |\n");
    for (size_t i = 0; i < c->row_count; i++) {
        const struct cln_checkup_row *row = &c->rows[i];
        cln_report_markdown("| %s | %s | %zu | %.3f | %.1f | %s |\n", row->what, row->setting, row->result.cases,
                            row->result.worst, row->result.seconds, verdict_of(row));
    }
    for (size_t i = 0; i < c->row_count; i++) {
        const struct cln_checkup_row *row = &c->rows[i];
        if (row->passed)
            continue;
        cln_report_text("\n");
        print_fence(row);
        cln_report_text("%s: %-s\n%-s", verdict_of(row), reason_of(row), row->result.launches);
        print_rerun(c, row);
        cln_report_text("\n");
        print_fence(row);
    }
    cln_report_markdown("\n");
}

static json_t *row_json(const struct cln_checkup_row *row) {
    return json_pack("{s:o, s:o, s:I, s:I, s:f, s:f, s:o, s:o, s:o, s:o}", "operation", cln_json_text(row->what),
                     "setting", cln_json_text(row->setting), "cases", (json_int_t)row->result.cases, "failed",
                     (json_int_t)row->result.failed, "error_of_tolerance", row->result.worst, "seconds",
                     row->result.seconds, "verdict", cln_json_text(verdict_of(row)), "reason",
                     cln_json_text(reason_of(row)), "failed_case", cln_json_text(row->result.failed_case), "launches",
                     cln_json_text(row->result.launches));
}

json_t *cln_check_json(const struct cln_checkup *c) {
    const struct ocl_device *d = &c->device;
    json_t *values = json_object(), *rows = json_array();
    int failed = 0;
    for (size_t i = 0; i < c->value_count; i++)
        failed |= json_object_set_new(values, c->values[i].key,
                                      json_pack("{s:I, s:o}", "value", (json_int_t)c->values[i].value, "from",
                                                cln_json_text(c->values[i].origin)));
    for (size_t i = 0; i < c->row_count; i++)
        failed |= json_array_append_new(rows, row_json(&c->rows[i]));
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
    json_t *report =
        json_pack("{s:o, s:b, s:f, s:o, s:o, s:b, s:o, s:o}", "version", cln_json_text(CLENET_VERSION), "passed",
                  (int)c->passed, "seconds", c->seconds, "device", device, "profile", cln_json_text(c->profile),
                  "profile_is_safe", (int)c->profile_is_safe, "values", values, "operations", rows);
    if (failed) {
        json_decref(report);
        report = NULL;
    }
    return report;
}
