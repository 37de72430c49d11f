/* Reading CSV files as data sets: labels and pixels have as many rows as the file, labels are classes that its words
 * allow, and pixels are finite. What is read again is the same. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/data/csv_table.h"
#include "tests/fuzz/support.h"

static enum cln_status pass_path(void *user, const char *picture, int32_t label, size_t line) {
    (void)user, (void)label;
    fuzz_require(*picture && line > 0);
    return CLN_OK;
}

/* The labels that were read are right, and no line comes twice. */
static void check_labels(const struct cln_csv_labels *labels, const struct cln_csv_table *table) {
    for (size_t i = 0; i < labels->count; i++) {
        fuzz_require(i == 0 || labels->lines[i] > labels->lines[i - 1]);
        fuzz_require(!table->has_names || (labels->labels[i] >= 0 && (size_t)labels->labels[i] < table->words.count));
    }
}

static enum cln_status read_pixels(void **pixels, const char *path, const struct cln_csv_table *table, size_t count) {
    *pixels = NULL;
    if (table->features == 0)
        return CLN_OK;
    enum cln_status status = cln_csv_read_pixels(pixels, path, table, count);
    fuzz_require((*pixels != NULL) == (status == CLN_OK));
    for (size_t i = 0; i < count * table->features && *pixels && !table->has_bytes; i++)
        fuzz_require(isfinite(((const float *)*pixels)[i]));
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const char *path = fuzz_file(bytes, size);
    struct cln_csv_table table = {.columns = 0};
    struct cln_csv_labels labels = {.count = 0};
    void *pixels = NULL, *again = NULL;
    fuzz_begin();
    enum cln_status status = cln_csv_survey(&table, path, NULL);
    if (status == CLN_OK)
        status = cln_csv_read_labels(&labels, path, &table, pass_path, NULL);
    if (status == CLN_OK)
        status = read_pixels(&pixels, path, &table, labels.count);
    fuzz_accepted = fuzz_end(status, status == CLN_OK);
    if (fuzz_accepted) {
        check_labels(&labels, &table);
        fuzz_require(read_pixels(&again, path, &table, labels.count) == CLN_OK);
        const size_t step = table.has_bytes ? 1 : sizeof(float);
        fuzz_require(!pixels || memcmp(pixels, again, labels.count * table.features * step) == 0);
    }
    free(pixels);
    free(again);
    cln_csv_labels_free(&labels);
    cln_csv_table_free(&table);
    return 0;
}
