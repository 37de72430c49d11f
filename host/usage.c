/* What launches use of a device: see context.h. */
#include <string.h>

#include "host/context.h"

static void add_group(struct ocl_usage *u, const uint32_t group[3]) {
    for (size_t i = 0; i < u->group_count; i++)
        if (memcmp(u->groups[i], group, sizeof u->groups[i]) == 0)
            return;
    if (u->group_count < OCL_MOST_GROUPS)
        memcpy(u->groups[u->group_count++], group, sizeof u->groups[0]);
    else
        u->has_more = true;
}

void ocl_usage_launch(struct ocl_usage *u, const size_t group[3], uint64_t local_bytes) {
    add_group(u, (const uint32_t[3]){(uint32_t)group[0], (uint32_t)group[1], (uint32_t)group[2]});
    u->local_bytes = local_bytes > u->local_bytes ? local_bytes : u->local_bytes;
}

void ocl_usage_add(struct ocl_usage *u, const struct ocl_usage *other) {
    for (size_t i = 0; i < other->group_count; i++)
        add_group(u, other->groups[i]);
    u->has_more |= other->has_more;
    u->local_bytes = other->local_bytes > u->local_bytes ? other->local_bytes : u->local_bytes;
    u->command_buffer |= other->command_buffer;
    u->gemm |= other->gemm;
}
