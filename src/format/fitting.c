/* Shapes of tensors in files and networks: see fitting.h. */
#include "src/format/fitting.h"

#include <stdio.h>

bool cln_fitting_shape(const struct cln_safetensor *tensor, const struct cln_tensor_info *info) {
    bool same = tensor->rank == info->rank;
    for (int d = 0; same && d < info->rank; d++)
        same = tensor->dims[d] == (size_t)info->dims[d];
    return same;
}

void cln_fitting_write(char *text, size_t bytes, const struct cln_safetensor *tensor) {
    size_t used = (size_t)snprintf(text, bytes, "[");
    for (int d = 0; d < tensor->rank && used < bytes; d++)
        used += (size_t)snprintf(text + used, bytes - used, "%s%zu", d ? ", " : "", tensor->dims[d]);
    if (used < bytes)
        snprintf(text + used, bytes - used, "]");
}

void cln_fitting_write_wanted(char *text, size_t bytes, const struct cln_tensor_info *info) {
    struct cln_safetensor wanted = {.rank = info->rank};
    for (int d = 0; d < info->rank; d++)
        wanted.dims[d] = (size_t)info->dims[d];
    cln_fitting_write(text, bytes, &wanted);
}
