/* Limits of a test's own (host/device_limits.h), behind those that the whole run may have. */
#ifndef TESTS_LIMITS_H
#define TESTS_LIMITS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/device_limits.h"

static char *limits_before;

/* From here on to limits_restore(); not twice. */
static inline void limits_set(const char *text) {
    char joined[1024];
    const char *before = ocl_limits_text();
    limits_before = before ? strdup(before) : NULL;
    snprintf(joined, sizeof joined, "%s%s%s", before ? before : "", before && *text ? "," : "", text);
    setenv("CLENET_LIMITS", joined, 1);
}

static inline void limits_restore(void) {
    if (limits_before)
        setenv("CLENET_LIMITS", limits_before, 1);
    else
        unsetenv("CLENET_LIMITS");
    free(limits_before);
    limits_before = NULL;
}

#endif
