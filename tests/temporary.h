/* A temporary folder of files for one test program, and IDX files to put there. */
#ifndef TESTS_TEMPORARY_H
#define TESTS_TEMPORARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* cmocka group fixtures: makes the folder, removes it with all that is in it. */
int temporary_create(void **state);
int temporary_remove(void **state);

/* "FOLDER/name"; good until the fourth call from now. `name` "" is the folder. */
const char *temporary_path(const char *name);

/* Write a file, with the folders that lead to it. */
void temporary_write(const char *name, const void *bytes, size_t count);
void temporary_write_gzip(const char *name, const void *bytes, size_t count);

/* Number of entries of a folder, 0 where there is none. */
size_t temporary_count(const char *name);

/* An IDX file in memory: `sizes` holds `rank` numbers, the body is 0, 1, 2, … modulo `modulus`. Returns its size. */
size_t idx_make(uint8_t *out, unsigned rank, const uint32_t *sizes, unsigned modulus);

/* Four small files as a data set in `folder`: `train` and `test` images of height×width with labels modulo `classes`.
 */
void idx_write_folder(const char *folder, uint32_t train, uint32_t test, uint32_t height, uint32_t width,
                      unsigned classes);

#endif
