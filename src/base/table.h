/* A compile-time check for tables that are indexed by an enum. */
#ifndef SRC_BASE_TABLE_H
#define SRC_BASE_TABLE_H

/* Write it after a table that has no explicit size: if the enum has a value without a row, compilation fails. `count`
 * is the enum's last name, the number of its values. */
#define CLN_EVERY(table, count)                                                                                        \
    _Static_assert(sizeof(table) / sizeof *(table) == (count), "a value of the enum has no row in " #table)

#endif
