/* Fields of a CSV file: what they can be. Private to src/data. */
#ifndef SRC_DATA_CSV_FIELD_H
#define SRC_DATA_CSV_FIELD_H

#include "src/data/csv_table.h"

/* False: no finite number; no integer of 32 bits; no integer from 0 to 255. */
bool cln_csv_parse_number(double *value, const char *text);
bool cln_csv_parse_class(int32_t *label, const char *text);
bool cln_csv_parse_byte(uint8_t *byte, const char *text);
bool cln_csv_is_number(const char *text);
/* Whether it ends as names of pictures do. */
bool cln_csv_is_path(const char *text);

/* A line for each field; the caller's: free(). NULL: no memory. */
char *cln_csv_join_fields(const struct cln_csv_row *row);
/* CLN_INVALID where the row has not as many fields as the table has columns. */
enum cln_status cln_csv_check_columns(const struct cln_csv_table *table, const struct cln_csv_row *row,
                                      const char *path) CLN_MUST_CHECK;
/* True: *at is the word's place; false: where it has to be put in. */
bool cln_csv_find_word(size_t *at, const struct cln_csv_words *words, const char *text);

#endif
