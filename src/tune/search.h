/* Chooses the tuning values worth trying on a device, and their order. Pure functions; no device is used. */
#ifndef SRC_TUNE_SEARCH_H
#define SRC_TUNE_SEARCH_H

#include "src/engine/tuning.h"

enum { CLN_SEARCH_KEYS = 2, CLN_SEARCH_VALUES = 24 };

/* A dimension of the search: the values to try for one key, or for two keys that belong together, while all others
 * stay. */
struct cln_search_dimension {
    char layer[CLN_LAYER_TEXT];        /* the layer that the values are for, by itself; "": all */
    const char *keys[CLN_SEARCH_KEYS]; /* the second may be NULL */
    long values[CLN_SEARCH_VALUES][CLN_SEARCH_KEYS];
    size_t count;
    const char *base; /* the incumbent is the current tuning with this key set to 0; NULL: the current tuning */
};

/* The number of dimensions. */
size_t cln_search_dimensions(void);

/* Makes dimension `number`; those likely to gain most come first. It has no values if they make no difference on this
 * device or are not allowed, such as work-groups above its limit, or CLBlast in a build without it. `now` is the
 * current tuning; its own values are left out unless there is a base. */
void cln_search_dimension(struct cln_search_dimension *out, size_t number, const struct ocl_device *device,
                          const struct cln_tuning *now, bool has_gemm);

/* The same for the layer of a stage by itself: direct or filtered, fused or apart, the shape of tiles, the slices. */
size_t cln_search_layer_dimensions(void);
void cln_search_layer_dimension(struct cln_search_dimension *out, size_t number, const struct cln_stage *stage,
                                const struct cln_tuning *now);

#endif
