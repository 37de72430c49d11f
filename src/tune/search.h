/* Which tuning values are worth trying on a device, and in which order. Pure: no device is touched. */
#ifndef SRC_TUNE_SEARCH_H
#define SRC_TUNE_SEARCH_H

#include "src/engine/tuning.h"

enum { CLN_SEARCH_KEYS = 2, CLN_SEARCH_VALUES = 24 };

/* Values of one key, or of two that go together, to be tried one after the other with all others as they are. */
struct cln_search_dimension {
    const char *keys[CLN_SEARCH_KEYS]; /* the second may be NULL */
    long values[CLN_SEARCH_VALUES][CLN_SEARCH_KEYS];
    size_t count;
    const char *base; /* the key that is 0 in what these race against; NULL: they race against what there is */
};

/* Dimensions there are. */
size_t cln_search_dimensions(void);

/* One of them, in the order of what they are likely to bring. What makes no difference on this device has no values,
 * nor has what it does not allow: work-groups larger than its limit, CLBlast in a build without it. `now` is what the
 * search stands at: its own values are not tried again, but where there is a base. */
void cln_search_dimension(struct cln_search_dimension *out, size_t number, const struct ocl_device *device,
                          const struct cln_tuning *now, bool has_gemm);

#endif
