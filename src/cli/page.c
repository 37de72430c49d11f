/* Writes pages of reports: see page.h. */
#include "src/cli/page.h"

#include <stdlib.h>

#include "clenet/text.h"
#include "src/base/replace.h"
#include "src/cli/model.h"
#include "src/cli/report.h"
#include "src/report/page.h"
#include "src/train/snapshot.h"

enum cln_status cln_page_save(const char *path, const struct cln_runs *runs, size_t main,
                              const struct cln_findings *findings, const char *trouble) {
    const struct cln_page page = {.runs = runs, .main = main, .findings = findings, .trouble = trouble};
    struct cln_replacement file = {0};
    enum cln_status status = cln_replace_begin(&file, path);
    if (status == CLN_OK)
        status = cln_page_write(file.stream, &page);
    if (status == CLN_OK)
        status = cln_replace_commit(&file);
    cln_replace_end(&file);
    if (status == CLN_OK)
        cln_report_note("report written to %s", path);
    return status;
}

/* Of the weights that the trainer has now. */
static enum cln_status examine(struct cln_findings **findings, struct cln_snapshot **snapshot,
                               struct cln_trainer *trainer, const struct cln_dataset *data) {
    enum cln_status status = cln_snapshot_create(snapshot, trainer);
    if (status == CLN_OK)
        status = cln_snapshot_take(*snapshot, trainer);
    const char **names = status == CLN_OK ? cln_model_class_names(&(*snapshot)->checkpoint, data) : NULL;
    if (status == CLN_OK && names == NULL)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the names of classes");
    if (status == CLN_OK)
        status = cln_findings_create(
            findings, &(struct cln_findings_params){
                          .trainer = trainer, .model = &(*snapshot)->checkpoint, .data = data, .class_names = names});
    free(names);
    return status;
}

enum cln_status cln_page_of_training(const char *path, const struct cln_runs *runs, struct cln_trainer *trainer,
                                     const struct cln_dataset *data, bool is_sound) {
    struct cln_findings *findings = NULL;
    struct cln_snapshot *snapshot = NULL;
    char trouble[256] = "";
    if (is_sound && data->test.count > 0 && examine(&findings, &snapshot, trainer, data) != CLN_OK) {
        cln_text_format(trouble, sizeof trouble, "%-s", cln_error_message());
        cln_report_note("the report is without the model: %-s", trouble);
    }
    const enum cln_status status =
        cln_page_save(path, runs, runs->count - 1, findings, trouble[0] != '\0' ? trouble : NULL);
    cln_findings_destroy(&findings);
    cln_snapshot_destroy(&snapshot);
    return status;
}
