/* Reads labels and pixels of a CSV file whose columns are known. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/data/csv_field.h"

enum { COUNT_LIMIT = 1 << 24 };

enum cln_status cln_csv_is_unlabelled(bool *is, const char *path, const struct cln_csv_table *table) {
    struct cln_csv *csv;
    struct cln_csv_row row;
    *is = false;
    enum cln_status status = cln_csv_open(&csv, path);
    if (status == CLN_OK)
        status = cln_csv_next(csv, &row);
    if (status == CLN_OK && table->header && row.count + 1 == table->columns) {
        char *here = cln_csv_join_fields(&row);
        const char *label = table->header;
        for (size_t i = 0; i < table->label; i++)
            label = strchr(label, '\n') + 1;
        const size_t before = (size_t)(label - table->header);
        *is = here && strncmp(here, table->header, before) == 0 && strcmp(here + before, strchr(label, '\n') + 1) == 0;
        free(here);
    }
    cln_csv_close(&csv);
    return status;
}

/* Stands at the first row of data of a file that has the table's columns. */
static enum cln_status open_rows(struct cln_csv **csv, struct cln_csv_row *row, const char *path,
                                 const struct cln_csv_table *table) {
    enum cln_status status = cln_csv_open(csv, path);
    if (status == CLN_OK)
        status = cln_csv_next(*csv, row);
    if (status == CLN_OK && table->header && row->count > 0) {
        char *here = cln_csv_join_fields(row);
        const bool is_same = here && strcmp(here, table->header) == 0;
        status = is_same ? cln_csv_next(*csv, row)
                         : cln_fail(here ? CLN_INVALID : CLN_OUT_OF_MEMORY,
                                    "%s: line %zu: other columns than the file to train on has", path, row->line);
        free(here);
    }
    return status == CLN_OK && row->count > 0 ? cln_csv_check_columns(table, row, path) : status;
}

void cln_csv_labels_free(struct cln_csv_labels *labels) {
    free(labels->labels);
    free(labels->lines);
    *labels = (struct cln_csv_labels){.count = 0};
}

static enum cln_status label_of(int32_t *label, const struct cln_csv_row *row, const char *path,
                                const struct cln_csv_table *table) {
    const char *text = row->fields[table->label];
    size_t at;
    if (!table->has_names && cln_csv_parse_class(label, text))
        return CLN_OK;
    if (!table->has_names || !cln_csv_find_word(&at, &table->words, text))
        return cln_fail(CLN_INVALID, "%s: line %zu, column %zu: the label \"%.60s\" is none of the file to train on%s",
                        path, row->line, table->label + 1, text, table->has_names ? "" : ", whose labels are integers");
    *label = (int32_t)at;
    return CLN_OK;
}

static enum cln_status add_label(struct cln_csv_labels *out, const struct cln_csv_row *row, const char *path,
                                 const struct cln_csv_table *table) {
    if (out->count == COUNT_LIMIT)
        return cln_fail(CLN_INVALID, "%s: line %zu: more than %d rows, clenet's limit", path, row->line, COUNT_LIMIT);
    if ((out->count & (out->count - 1)) == 0) {
        const size_t room = out->count == 0 ? 1 : 2 * out->count;
        int32_t *labels = realloc(out->labels, room * sizeof *labels);
        out->labels = labels ? labels : out->labels;
        uint32_t *lines = realloc(out->lines, room * sizeof *lines);
        out->lines = lines ? lines : out->lines;
        if (!labels || !lines)
            return cln_fail(CLN_OUT_OF_MEMORY, "%s: line %zu: no memory for labels", path, row->line);
    }
    out->lines[out->count] = (uint32_t)row->line;
    return label_of(&out->labels[out->count++], row, path, table);
}

enum cln_status cln_csv_read_labels(struct cln_csv_labels *out, const char *path, const struct cln_csv_table *table,
                                    enum cln_status (*each_path)(void *user, const char *picture, int32_t label,
                                                                 size_t line),
                                    void *user) {
    struct cln_csv *csv;
    struct cln_csv_row row = {.count = 0};
    *out = (struct cln_csv_labels){.count = 0};
    enum cln_status status = open_rows(&csv, &row, path, table);
    while (status == CLN_OK && row.count > 0) {
        status = add_label(out, &row, path, table);
        if (status == CLN_OK && table->features == 0 && !*row.fields[table->path])
            status = cln_fail(CLN_INVALID, "%s: line %zu, column %zu: the path of the picture is empty", path, row.line,
                              table->path + 1);
        else if (status == CLN_OK && table->features == 0)
            status = each_path(user, row.fields[table->path], out->labels[out->count - 1], row.line);
        if (status == CLN_OK)
            status = cln_csv_next(csv, &row);
        if (status == CLN_OK && row.count > 0)
            status = cln_csv_check_columns(table, &row, path);
    }
    cln_csv_close(&csv);
    if (status == CLN_OK && out->count == 0)
        status = cln_fail(CLN_INVALID, "%s: the file has no rows", path);
    if (status != CLN_OK)
        cln_csv_labels_free(out);
    return status;
}

static enum cln_status fail_field(const char *path, const struct cln_csv_row *row, size_t column) {
    return cln_fail(CLN_INVALID, "%s: line %zu, column %zu: \"%.40s\" is no finite number", path, row->line, column + 1,
                    row->fields[column]);
}

/* Row number `index`, behind those before. */
static enum cln_status read_row(void *pixels, size_t index, const struct cln_csv_row *row, const char *path,
                                const struct cln_csv_table *table) {
    uint8_t *bytes = (uint8_t *)pixels + index * table->features;
    float *floats = (float *)pixels + index * table->features;
    for (size_t i = table->first; i < row->count; i++) {
        double value;
        if (i == table->label)
            continue;
        if (table->has_bytes && cln_csv_parse_byte(bytes++, row->fields[i]))
            continue;
        if (!cln_csv_parse_number(&value, row->fields[i]) || fabs(value) > 3.4028234663852886e38)
            return fail_field(path, row, i);
        if (table->has_bytes)
            return cln_fail(CLN_INVALID,
                            "%s: line %zu, column %zu: \"%.40s\" is no integer from 0 to 255, as all pixels to train "
                            "on are",
                            path, row->line, i + 1, row->fields[i]);
        *floats++ = (float)value;
    }
    return CLN_OK;
}

enum cln_status cln_csv_read_pixels(void **pixels, const char *path, const struct cln_csv_table *table, size_t count) {
    const size_t bytes = count * table->features * (table->has_bytes ? sizeof(uint8_t) : sizeof(float));
    struct cln_csv *csv;
    struct cln_csv_row row = {.count = 0};
    *pixels = malloc(bytes);
    enum cln_status status = *pixels ? open_rows(&csv, &row, path, table)
                                     : cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory for %zu bytes", path, bytes);
    if (!*pixels)
        return status;
    size_t index = 0;
    while (status == CLN_OK && row.count > 0 && index < count) {
        status = read_row(*pixels, index++, &row, path, table);
        if (status == CLN_OK)
            status = cln_csv_next(csv, &row);
        if (status == CLN_OK && row.count > 0)
            status = cln_csv_check_columns(table, &row, path);
    }
    cln_csv_close(&csv);
    if (status == CLN_OK && index < count)
        status = cln_fail(CLN_IO, "%s: the file has become shorter while it was read", path);
    if (status != CLN_OK) {
        free(*pixels);
        *pixels = NULL;
    }
    return status;
}
