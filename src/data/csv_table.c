/* Finds out what the columns of a CSV file are, and reads them. */
#include "src/data/csv_table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clenet/log.h"
#include "src/data/csv_field.h"

static const char *const label_names[] = {"label", "labels", "class", "target", "category", "species"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool names_label(const char *field, const char *wanted) {
    for (size_t i = 0; i < COUNT(label_names) && !wanted; i++)
        if (strcasecmp(field, label_names[i]) == 0)
            return true;
    return wanted && strcmp(field, wanted) == 0;
}

static bool is_position(const char *label) {
    return label && (strcmp(label, "first") == 0 || strcmp(label, "last") == 0);
}

/* A row of names has one that labels have, or several fields that no row of data has: those have one word at most, or a
 * path and a word. */
static bool is_header(const struct cln_csv_row *row, const char *label) {
    size_t words = 0, paths = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (names_label(row->fields[i], is_position(label) ? NULL : label))
            return true;
        words += !cln_csv_is_number(row->fields[i]);
        paths += cln_csv_is_path(row->fields[i]);
    }
    return words > 1 && paths == 0;
}

/* The column from `i` on of that name, or of one that labels usually have; where there is none, the number of columns.
 */
static size_t find_named(const struct cln_csv_row *header, size_t i, const char *label) {
    while (i < header->count && !names_label(header->fields[i], is_position(label) ? NULL : label))
        i++;
    return i;
}

/* Where no name and no option tells it: the one column that has words; the one beside paths; else the first. */
static enum cln_status guess_label(struct cln_csv_table *table, const struct cln_csv_row *row, const char *path) {
    const char *const at_first = row->fields[table->first], *const at_last = row->fields[table->columns - 1];
    const bool first_is_word = !cln_csv_is_number(at_first) && !cln_csv_is_path(at_first),
               last_is_word = !cln_csv_is_number(at_last) && !cln_csv_is_path(at_last);
    const bool is_pair = table->columns - table->first == 2 && cln_csv_is_path(at_first) != cln_csv_is_path(at_last);
    const bool is_last = is_pair ? cln_csv_is_path(at_first) : last_is_word;
    table->label = is_last ? table->columns - 1 : table->first;
    if (is_pair || first_is_word != last_is_word)
        return CLN_OK;
    if (table->header)
        return cln_fail(CLN_INVALID,
                        "%s: line 1: no column is called label, class or target: say with --label which one holds the "
                        "labels: its name, first or last",
                        path);
    table->label = table->first;
    cln_log(CLN_LOG_WARNING,
            "%s: no line of names says which column holds the labels: the first is taken; --label last takes the last",
            path);
    return CLN_OK;
}

/* `named`: the column of the right name; table->columns where there is none. `row` is the first row of data. */
static enum cln_status find_label(struct cln_csv_table *table, size_t named, const struct cln_csv_row *row,
                                  const char *path, const char *label) {
    if (is_position(label))
        table->label = strcmp(label, "first") == 0 ? table->first : table->columns - 1;
    else if (named < table->columns)
        table->label = named;
    else if (label)
        return cln_fail(CLN_INVALID, "%s: line 1: no column \"%s\" (--label, or the label of the model)%s", path, label,
                        table->header ? "" : ": the file has no line of names");
    else
        return guess_label(table, row, path);
    return CLN_OK;
}

/* Either every column but that of the labels has pixels, or one has paths, and others do not matter. */
static enum cln_status find_features(struct cln_csv_table *table, const struct cln_csv_row *row, const char *path) {
    if (table->label < table->first) /* the numbers of the rows are the labels */
        table->first = 0;
    table->features = table->columns - table->first - 1;
    for (size_t i = 0; i < table->columns; i++)
        if (i != table->label && cln_csv_is_path(row->fields[i])) {
            table->path = i;
            table->features = 0;
            return CLN_OK;
        }
    return table->features > 0
               ? CLN_OK
               : cln_fail(CLN_INVALID,
                          "%s: line %zu: one column: a row has a label and pixels, or a label and the path of a "
                          "picture, with commas between",
                          path, row->line);
}

/* ---- Words ---- */

static enum cln_status add_word(struct cln_csv_table *table, const struct cln_csv_row *row, const char *path) {
    struct cln_csv_words *words = &table->words;
    const char *text = row->fields[table->label];
    size_t at;
    int32_t number;
    if (!*text)
        return cln_fail(CLN_INVALID, "%s: line %zu, column %zu: the label is empty", path, row->line, table->label + 1);
    if (cln_csv_find_word(&at, words, text))
        return CLN_OK;
    if (words->count == CLN_CLASS_LIMIT)
        return cln_fail(CLN_INVALID,
                        "%s: line %zu, column %zu: more than %d different labels, clenet's limit; --label names "
                        "another column",
                        path, row->line, table->label + 1, CLN_CLASS_LIMIT);
    if (!words->list)
        words->list = calloc(CLN_CLASS_LIMIT, sizeof *words->list);
    char *copy = words->list ? strdup(text) : NULL;
    if (!copy)
        return cln_fail(CLN_OUT_OF_MEMORY, "%s: line %zu: no memory for labels", path, row->line);
    memmove(words->list + at + 1, words->list + at, (words->count - at) * sizeof *words->list);
    words->list[at] = copy;
    words->count++;
    table->has_names |= !cln_csv_parse_class(&number, text);
    return CLN_OK;
}

void cln_csv_table_free(struct cln_csv_table *table) {
    for (size_t i = 0; i < table->words.count; i++)
        free(table->words.list[i]);
    free(table->words.list);
    free(table->header);
    *table = (struct cln_csv_table){.columns = 0};
}

/* ---- Surveying ---- */

/* Pandas writes the number of the row first, below no name. */
static size_t count_row_numbers(const struct cln_csv_row *header) {
    const char *name = header->count > 2 ? header->fields[0] : "label";
    return !*name || strcmp(name, "Unnamed: 0") == 0;
}

/* Finds out about the columns. Leaves *row at the first row of data. */
static enum cln_status begin(struct cln_csv_table *table, struct cln_csv *csv, struct cln_csv_row *row,
                             const char *path, const char *label) {
    enum cln_status status = cln_csv_next(csv, row);
    size_t named = table->columns = row->count, second = named;
    if (status == CLN_OK && row->count > 0 && is_header(row, label)) {
        named = find_named(row, 0, label);
        second = is_position(label) ? row->count : find_named(row, named + 1, label);
        table->first = count_row_numbers(row);
        table->header = cln_csv_join_fields(row);
        status = table->header ? cln_csv_next(csv, row) : cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory to read it", path);
    }
    if (status == CLN_OK && row->count == 0)
        status = cln_fail(CLN_INVALID, "%s: the file has no rows", path);
    if (status == CLN_OK)
        status = cln_csv_check_columns(table, row, path);
    if (status == CLN_OK)
        status = find_label(table, named, row, path, label);
    if (status == CLN_OK)
        status = find_features(table, row, path);
    if (status == CLN_OK && table->features > 0 && second < table->columns) /* a pixel would tell the class */
        status = cln_fail(CLN_INVALID,
                          "%s: line 1: columns %zu and %zu are both called as labels are: say with --label which one "
                          "holds them, its name, first or last, or take one away",
                          path, named + 1, second + 1);
    return status;
}

/* Whether all pixels of the row are bytes. What is no number at all is found when pixels are read. */
static bool has_bytes(const struct cln_csv_table *table, const struct cln_csv_row *row) {
    uint8_t byte;
    for (size_t i = table->first; i < row->count; i++)
        if (i != table->label && !cln_csv_parse_byte(&byte, row->fields[i]))
            return false;
    return true;
}

enum cln_status cln_csv_survey(struct cln_csv_table *table, const char *path, const char *label) {
    struct cln_csv *csv;
    struct cln_csv_row row;
    *table = (struct cln_csv_table){.has_bytes = true};
    enum cln_status status = cln_csv_open(&csv, path);
    if (status == CLN_OK)
        status = begin(table, csv, &row, path, label);
    while (status == CLN_OK && row.count > 0) {
        table->has_bytes = table->has_bytes && table->features > 0 && has_bytes(table, &row);
        status = add_word(table, &row, path);
        if (status == CLN_OK)
            status = cln_csv_next(csv, &row);
        if (status == CLN_OK && row.count > 0)
            status = cln_csv_check_columns(table, &row, path);
    }
    cln_csv_close(&csv);
    if (status != CLN_OK)
        cln_csv_table_free(table);
    return status;
}
