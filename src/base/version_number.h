/* Finds and compares version numbers in the text of drivers: "3.1", "535.183.01", "2023.16.7.0.21_160000", "1.2 (Jan
 * 12)". */
#ifndef SRC_BASE_VERSION_NUMBER_H
#define SRC_BASE_VERSION_NUMBER_H

/* The start, in the text, of the first number with a dot, or else of the first number; NULL: there is no number. */
const char *cln_version_find(const char *text);

/* Compares the versions at the start of `a` and `b`: below 0 if a is older, 0 if they are equal, above 0 if a is newer.
 * Compares number by number (3.10 is newer than 3.9); missing numbers count as 0. */
int cln_version_compare(const char *a, const char *b);

#endif
