/* Writes checks as JUnit's XML: see check_report.h. There is no standard; this has what its readers agree on. Every
 * text goes through cln_text_print_html, which lets nothing through that XML forbids. */
#include <string.h>

#include "clenet/text.h"
#include "clenet/version.h"
#include "src/base/replace.h"
#include "src/cli/check_report.h"

/* The counts of a suite, or of all. */
struct counts {
    size_t tests, failures, errors, skipped;
    double seconds;
};

/* The element within a row's case; NULL: none. A known failure is skipped, as a test is that is expected to fail. */
static const char *element_of(const struct cln_checked *checked, const struct cln_checkup_row *row) {
    const enum cln_verdict verdict = cln_verdict_of(row);
    return cln_verdict_fails(verdict) && cln_check_is_known(checked, row) ? "skipped" : cln_verdict_element(verdict);
}

static void count_element(struct counts *counts, const char *element) {
    counts->tests++;
    counts->failures += element && strcmp(element, "failure") == 0;
    counts->errors += element && strcmp(element, "error") == 0;
    counts->skipped += element && strcmp(element, "skipped") == 0;
}

static void count_suite(struct counts *counts, const struct cln_checked *checked) {
    const struct cln_checkup *c = checked->checkup;
    if (!c)
        count_element(counts, "error");
    for (size_t i = 0; c && i < c->row_count; i++)
        count_element(counts, element_of(checked, &c->rows[i]));
    counts->seconds += c ? c->seconds : 0;
}

static void write_counts(FILE *file, const struct counts *counts) {
    cln_text_print(file, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\">\n",
                   counts->tests, counts->failures, counts->errors, counts->skipped, counts->seconds);
}

static void write_property(FILE *file, const char *name, const char *value) {
    cln_text_print_html(file, "      <property name=\"%s\" value=\"%s\"/>\n", name, value);
}

static void write_properties(FILE *file, const struct cln_checked *checked) {
    const struct ocl_device *d = checked->device;
    struct cln_exercise exercises[CLN_EXERCISES];
    cln_text_print(file, "    <properties>\n");
    write_property(file, "clenet", CLENET_VERSION);
    if (d) {
        write_property(file, "device", d->name);
        write_property(file, "vendor", d->vendor);
        write_property(file, "platform", d->platform);
        write_property(file, "platform version", d->platform_version);
        write_property(file, "driver", d->driver_version);
        write_property(file, "OpenCL", d->device_version);
    }
    if (checked->checkup) {
        write_property(file, "profile", checked->checkup->profile);
        cln_check_exercises(exercises, checked->checkup);
        for (size_t i = 0; i < CLN_EXERCISES; i++)
            write_property(file, exercises[i].name, exercises[i].value);
    }
    cln_text_print(file, "    </properties>\n");
}

static void write_case(FILE *file, const char *suite, const struct cln_checked *checked,
                       const struct cln_checkup_row *row) {
    char verdict[CLN_VERDICT_BYTES], rerun[CLN_RERUN_BYTES];
    const char *element = element_of(checked, row), *reason = cln_check_reason(row);
    cln_check_verdict(verdict, checked, row);
    cln_text_print_html(file, "    <testcase classname=\"%s\" name=\"%s, %s\" time=\"%.3f\">\n", suite, row->what,
                        row->setting, row->result.seconds);
    if (element && cln_verdict_fails(cln_verdict_of(row))) {
        cln_check_rerun(rerun, checked->checkup, row);
        cln_text_print_html(file, "      <%s type=\"%s\" message=\"%s: %s\">%-s\n%-sagain: %s\n</%s>\n", element,
                            cln_verdict_word(cln_verdict_of(row)), verdict, reason, reason, row->result.launches, rerun,
                            element);
    } else if (element) {
        cln_text_print_html(file, "      <%s message=\"%s\"/>\n", element, reason);
    } else if (cln_check_is_known(checked, row)) {
        cln_text_print_html(file, "      <system-out>no longer fails: take it out of %s</system-out>\n",
                            checked->baseline->path);
    }
    cln_text_print(file, "    </testcase>\n");
}

static void write_suite(FILE *file, const struct cln_checked *checked) {
    const struct ocl_device *d = checked->device;
    const struct cln_checkup *c = checked->checkup;
    struct counts counts = {0};
    char name[1024] = "no device";
    if (d)
        cln_text_format(name, sizeof name, "%u:%u %s (%s)", d->platform_index, d->device_index, d->name, d->platform);
    count_suite(&counts, checked);
    cln_text_print_html(file, "  <testsuite name=\"%s\"", name);
    write_counts(file, &counts);
    write_properties(file, checked);
    for (size_t i = 0; c && i < c->row_count; i++)
        write_case(file, name, checked, &c->rows[i]);
    if (!c)
        cln_text_print_html(file,
                            "    <testcase classname=\"%s\" name=\"device\" time=\"0.000\">\n"
                            "      <error type=\"%s\" message=\"%s\">%-s</error>\n    </testcase>\n",
                            name, d ? "ERROR" : "no device", checked->error, checked->error);
    cln_text_print(file, "  </testsuite>\n");
}

enum cln_status cln_check_write_junit(const char *path, const struct cln_checked *list, size_t count) {
    struct cln_replacement file = {0};
    struct counts counts = {0};
    enum cln_status status = cln_replace_begin(&file, path);
    for (size_t i = 0; i < count; i++)
        count_suite(&counts, &list[i]);
    if (status == CLN_OK) {
        cln_text_print(file.stream, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"clenet check\"");
        write_counts(file.stream, &counts);
        for (size_t i = 0; i < count; i++)
            write_suite(file.stream, &list[i]);
        cln_text_print(file.stream, "</testsuites>\n");
        status = cln_replace_commit(&file);
    }
    cln_replace_end(&file);
    return status;
}
