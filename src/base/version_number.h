/* Version numbers within what drivers say of themselves: "3.1", "535.183.01", "2023.16.7.0.21_160000", "1.2 (Jan 12)".
 */
#ifndef SRC_BASE_VERSION_NUMBER_H
#define SRC_BASE_VERSION_NUMBER_H

/* The first number with a dot in it, else the first number; NULL where there is none. A place in the text. */
const char *cln_version_find(const char *text);

/* Below, at or above 0 as the version at the start of `a` is older, the same or newer than that of `b`: number by
 * number, so that 3.10 comes after 3.9; one that ends early goes on with zeros. */
int cln_version_compare(const char *a, const char *b);

#endif
