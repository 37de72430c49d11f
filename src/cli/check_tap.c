/* Prints checks as TAP: see check_report.h. A test point's diagnostics are a JSON object, which is YAML, too. */
#include "src/base/json_text.h"
#include "src/cli/check_report.h"
#include "src/cli/report.h"

struct tap {
    size_t points;
    bool has_several; /* devices: a name then begins with the device's number */
};

static enum cln_status print_diagnostics(json_t *object) {
    cln_report_text("  ---\n  ");
    const enum cln_status status = cln_report_json(object, 0);
    cln_report_text("  ...\n");
    json_decref(object);
    return status;
}

static enum cln_status print_row(struct tap *tap, const struct cln_checked *checked,
                                 const struct cln_checkup_row *row) {
    const struct ocl_device *d = checked->device;
    const enum cln_verdict verdict = cln_verdict_of(row);
    const bool fails = cln_verdict_fails(verdict), is_known = cln_check_is_known(checked, row);
    cln_report_text("%s %zu - ", fails ? "not ok" : "ok", ++tap->points);
    if (tap->has_several)
        cln_report_text("%u:%u ", d->platform_index, d->device_index);
    cln_report_text("%s, %s", row->what, row->setting);
    if (verdict == CLN_VERDICT_SKIPPED)
        cln_report_text(" # SKIP %s\n", cln_check_reason(row));
    else if (is_known)
        cln_report_text(" # TODO %s\n", fails ? "known failure" : "no longer fails: take it out of the baseline");
    else
        cln_report_text("\n");
    return fails ? print_diagnostics(cln_check_row_json(checked, row)) : CLN_OK;
}

static enum cln_status print_device(struct tap *tap, const struct cln_checked *checked) {
    const struct ocl_device *d = checked->device;
    const struct cln_checkup *c = checked->checkup;
    struct cln_exercise exercises[CLN_EXERCISES];
    if (!c) {
        cln_report_text("not ok %zu - %u:%u %s (%s)\n", ++tap->points, d->platform_index, d->device_index, d->name,
                        d->platform);
        return print_diagnostics(json_pack("{s:o}", "message", cln_json_text(checked->error)));
    }
    cln_report_text("# %u:%u %s (%s), driver %s, profile %s\n", d->platform_index, d->device_index, d->name,
                    d->platform, d->driver_version, c->profile);
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < c->row_count && status == CLN_OK; i++)
        status = print_row(tap, checked, &c->rows[i]);
    cln_check_exercises(exercises, c);
    for (size_t i = 0; i < CLN_EXERCISES; i++)
        cln_report_text("# exercised %s: %s\n", exercises[i].name, exercises[i].value);
    return status;
}

enum cln_status cln_check_print_tap(const struct cln_checked *list, size_t count) {
    struct tap tap = {.has_several = count > 1};
    enum cln_status status = CLN_OK;
    cln_report_text("TAP version 13\n");
    for (size_t i = 0; i < count && list[i].device && status == CLN_OK; i++)
        status = print_device(&tap, &list[i]);
    if (status == CLN_OK)
        cln_report_text("1..%zu%s\n", tap.points, tap.points > 0 ? "" : " # SKIP no device");
    return status;
}
