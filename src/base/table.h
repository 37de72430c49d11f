/* Tables that are indexed by an enum. */
#ifndef SRC_BASE_TABLE_H
#define SRC_BASE_TABLE_H

/* Behind a table that is written without a size: a value that was added behind the others does not compile until it has
 * a row. `count` is the enum's last name, which counts the others. */
#define CLN_EVERY(table, count)                                                                                        \
    _Static_assert(sizeof(table) / sizeof *(table) == (count), "a value of the enum has no row in " #table)

#endif
