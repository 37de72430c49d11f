/* What the columns of a CSV file are: one of labels, and either one of paths of pictures or many of pixels. Private to
 * src/data. */
#ifndef SRC_DATA_CSV_TABLE_H
#define SRC_DATA_CSV_TABLE_H

#include "clenet/dataset.h"
#include "src/data/csv.h"

/* Texts of labels, sorted. */
struct cln_csv_words {
    char **list;
    size_t count;
};

/* The columns of a file, as its first rows and --label tell them, and the classes, as all of its rows do. */
struct cln_csv_table {
    size_t columns, label; /* label: its column */
    size_t first;          /* the first column that is no number of the row: 1 where pandas wrote those, else 0 */
    size_t features;       /* columns of pixels; 0: there is one of paths */
    size_t path;
    char *header;               /* its fields, a line each; NULL: the file has no line of names */
    bool has_bytes;             /* all pixels are integers from 0 to 255 */
    bool has_names;             /* some label is no integer: classes are words */
    struct cln_csv_words words; /* all labels, as the file has them */
};

/* The labels of a file. */
struct cln_csv_labels {
    int32_t *labels;
    uint32_t *lines; /* of the rows, from 1 on */
    size_t count;
};

/* Reads the whole of a file to train on. `label`: struct cln_dataset_params.label. CLN_INVALID names a line. */
enum cln_status cln_csv_survey(struct cln_csv_table *table, const char *path, const char *label) CLN_MUST_CHECK;
void cln_csv_table_free(struct cln_csv_table *table);

/* Whether the file has the table's columns but for the labels, as files have that are to be predicted. */
enum cln_status cln_csv_is_unlabelled(bool *is, const char *path, const struct cln_csv_table *table) CLN_MUST_CHECK;
/* The labels of a file of these columns and classes; in each row of paths, the path. `each_path` may be NULL. */
enum cln_status cln_csv_read_labels(struct cln_csv_labels *out, const char *path, const struct cln_csv_table *table,
                                    enum cln_status (*each_path)(void *user, const char *picture, int32_t label,
                                                                 size_t line),
                                    void *user) CLN_MUST_CHECK;
void cln_csv_labels_free(struct cln_csv_labels *labels);
/* The pixels of `count` rows: [count][features], bytes where the table has them, else float32. */
enum cln_status cln_csv_read_pixels(void **pixels, const char *path, const struct cln_csv_table *table,
                                    size_t count) CLN_MUST_CHECK;

#endif
