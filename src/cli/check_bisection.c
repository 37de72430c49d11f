/* Findings launch by launch, as text and JSON: see check_bisection.h. */
#include "src/cli/check_bisection.h"

#include <math.h>
#include <string.h>

#include "src/base/json_text.h"
#include "src/cli/check_verdict.h"
#include "src/cli/report.h"

static double value_of(uint32_t bits, bool is_float) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return is_float ? (double)value : (double)(int32_t)bits;
}

/* "0.25 (0x3e800000)" */
static void print_number(const struct cln_check_finding *f, uint32_t bits) {
    cln_report_text("%.9g", value_of(bits, f->is_float));
    if (f->is_float)
        cln_report_text(" (0x%08x)", (unsigned)bits);
}

static void print_owner(const struct cln_check_finding *f) {
    cln_report_text("Work-group (%d, %d, %d)", f->group[0], f->group[1], f->group[2]);
    if (f->item >= 0)
        cln_report_text(", work-item %d,", f->item);
}

static void print_cause(const struct cln_check_finding *f) {
    if (f->explained == 0)
        cln_report_text("No mistake that is known here has these bits.");
    else if (f->explained == f->off && f->off == 1)
        cln_report_text("It has the bits that come out if %s.", f->cause);
    else if (f->explained == f->off)
        cln_report_text("All of these have the bits that come out if %s.", f->cause);
    else
        cln_report_text("%zu fewer would be off if %s.", f->explained, f->cause);
}

static void print_element(const struct cln_check_finding *f) {
    print_owner(f);
    cln_report_text(" gives %s at %s: ", f->tensor, f->element);
    print_number(f, f->got);
    cln_report_text(" in the place of ");
    print_number(f, f->expected);
    if (f->is_float)
        cln_report_text(", %llu %s from it", (unsigned long long)f->ulps, f->ulps == 1 ? "float" : "floats");
    cln_report_text(". This is %s. %zu of %zu elements are off. ", f->operation, f->off, f->of);
}

static void print_finding(const struct cln_checkup_row *row) {
    const struct cln_check_finding *f = &row->result.finding;
    cln_report_text("\n%.*s, step %zu: launch %zu of %zu, %s, is the first that is off", (int)strcspn(row->what, ","),
                    row->what, f->step, f->launch, f->launches, f->launched);
    if (f->is_joined)
        cln_report_text(" at the end of a step whose launches are joined. ");
    else
        cln_report_text(". ");
    if (f->changed > 0)
        cln_report_text(
            "It changes argument %d, which it only reads: %zu of its %zu cells of 4 bytes, %s from 0x%08x to "
            "0x%08x.",
            f->changed, f->off, f->of, f->element, (unsigned)f->expected, (unsigned)f->got);
    else if (f->off > 0)
        print_element(f);
    else
        cln_report_text("Its %s differs from that of every other device%s.", f->tensor,
                        f->is_known ? ", but the host works out the same bits from what the launch has read: so "
                                      "something has written there"
                                    : "; the host cannot work this kernel out");
    if (f->is_joined)
        cln_report_text("Launch by launch it is right: the value join_launches 0 of a profile keeps launches apart.");
    else if (f->off > 0 && f->changed == 0)
        print_cause(f);
    cln_report_text("\n");
}

void cln_check_print_bisection(const struct cln_checkup *c) {
    size_t rows = 0, passed = 0, digests = 0;
    bool is_right = true;
    for (size_t i = 0; i < c->row_count; i++) {
        const struct cln_checkup_row *row = &c->rows[i];
        rows += row->apart;
        passed += row->apart && row->passed;
        digests += row->apart ? row->result.cases : 0;
        is_right &= row->apart || row->passed;
        if (row->apart && row->result.finding.launches > 0)
            print_finding(row);
        else if (row->apart && !row->passed)
            cln_report_text("\nLaunch by launch it does not run here: %-s\n", cln_check_reason(row));
    }
    if (rows == 0 || passed < rows)
        return;
    cln_report_text("Launch by launch nothing is off: all %zu digests are those of every device%s\n", digests,
                    is_right ? "" : ". So it does not go wrong every time");
}

/* JSON has no numbers that are not finite. */
static json_t *number_json(uint32_t bits, bool is_float) {
    const double value = value_of(bits, is_float);
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *cln_check_finding_json(const struct cln_check_finding *f) {
    json_t *object = json_pack("{s:I, s:I, s:I, s:b, s:o, s:i, s:o, s:I, s:I}", "step", (json_int_t)f->step, "launch",
                               (json_int_t)f->launch, "launches", (json_int_t)f->launches, "joined", (int)f->is_joined,
                               "kernel", cln_json_text(f->launched), "changed_argument", f->changed, "tensor",
                               cln_json_text(f->tensor), "elements", (json_int_t)f->of, "off", (json_int_t)f->off);
    if (!object || f->off == 0)
        return object;
    json_t *element =
        json_pack("{s:o, s:[i, i, i], s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:I}", "element",
                  cln_json_text(f->element), "work_group", f->group[0], f->group[1], f->group[2], "work_item",
                  f->item < 0 ? json_null() : json_integer(f->item), "value", number_json(f->got, f->is_float),
                  "expected", number_json(f->expected, f->is_float), "bits", (json_int_t)f->got, "expected_bits",
                  (json_int_t)f->expected, "ulps", (json_int_t)f->ulps, "operation", cln_json_text(f->operation),
                  "cause", f->cause[0] ? cln_json_text(f->cause) : json_null(), "explained", (json_int_t)f->explained);
    if (!element || json_object_update(object, element) != 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(element);
    return object;
}
