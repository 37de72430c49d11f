/* How many programs a folder of the cache holds. */
#ifndef TESTS_HOST_PROGRAMS_H
#define TESTS_HOST_PROGRAMS_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/temporary.h"

/* As binaries or notes, below the temporary folder; what is known of the driver is left out. */
static inline size_t programs_in(const char *folder) {
    const size_t files = temporary_count(folder);
    char command[1100];
    snprintf(command, sizeof command, "grep -q 'clenet driver' %s/*.program 2>/dev/null", temporary_path(folder));
    return files - (system(command) == 0);
}

#endif
