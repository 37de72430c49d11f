/* The gradients of processes that share a batch become those of the whole batch. Each process adds up one part of the
 * parameters, and then all parts go round: so each sends and receives about twice the parameters, however many
 * processes there are. With strict arithmetic the sum is that tree over the shards of the batch that one process has
 * (docs/strict.md): a process brings the nodes of the tree that lie in its own shards. */
#include <stdlib.h>
#include <string.h>

#include "kernels/state.clh"
#include "src/engine/exchange.h"

enum { LEVELS = 24 };

/* The largest node of the tree that begins at a shard, of those that end at `end` at the latest: its level. */
static int level_at(int shard, int end) {
    int level = 0;
    while (!(shard >> level & 1) && level < LEVELS && shard + (2 << level) <= end)
        level++;
    return level;
}

/* The first shard of a process, and the one behind its last. */
static int first_shard(const struct cln_exchange *e, int process) {
    return cln_ceil_div(e->bounds[process], SHARD_SAMPLES);
}

int cln_exchange_nodes(const struct cln_exchange *exchange, int process, bool strict) {
    const int end = first_shard(exchange, process + 1);
    int nodes = 0;
    for (int shard = first_shard(exchange, process); shard < end; shard += 1 << level_at(shard, end))
        nodes++;
    return strict ? nodes : nodes > 0;
}

int cln_exchange_most_nodes(const struct cln_exchange *exchange, bool strict) {
    const int shards = first_shard(exchange, exchange->count);
    int levels = 0;
    while (shards >> levels > 0)
        levels++;
    const int now = cln_max(1, cln_exchange_nodes(exchange, exchange->rank, strict));
    return exchange->varies && strict ? 2 * levels : now; /* two of a level at most */
}

/* Host memory that is kept from step to step. It grows where a new deal needs more. */
struct floats {
    float *values;
    size_t bytes;
};

/* The parameters are divided into a part for each process; a node of a part is its floats, one after the other. */
struct cln_exchange_memory {
    size_t *parts; /* bounds of the parts, in bytes of the gradients */
    size_t *sent_bounds, *received_bounds;
    struct floats own, sent, received, whole;
};

void cln_exchange_free_gradients(struct cln_exchange_gradients *point) {
    struct cln_exchange_memory *m = point->memory;
    point->memory = NULL;
    if (!m)
        return;
    void *const all[] = {m->parts,       m->sent_bounds,     m->received_bounds, m->own.values,
                         m->sent.values, m->received.values, m->whole.values};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(m);
}

static enum cln_status create_memory(struct cln_exchange_gradients *p) {
    const size_t processes = (size_t)p->rounds->exchange->count;
    struct cln_exchange_memory *m = p->memory = calloc(1, sizeof *m);
    if (m) {
        m->parts = calloc(processes + 1, sizeof *m->parts);
        m->sent_bounds = calloc(processes + 1, sizeof *m->sent_bounds);
        m->received_bounds = calloc(processes + 1, sizeof *m->received_bounds);
    }
    if (!m || !m->parts || !m->sent_bounds || !m->received_bounds)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu bounds", processes);
    for (size_t r = 0; r <= processes; r++)
        m->parts[r] = p->floats * r / processes * sizeof(float);
    return CLN_OK;
}

/* There is memory for no bytes, too: a process without nodes passes it on. */
static enum cln_status grow(struct floats *floats, size_t bytes) {
    if (floats->values && bytes <= floats->bytes)
        return CLN_OK;
    free(floats->values);
    floats->values = malloc(bytes + 1);
    floats->bytes = floats->values ? bytes : 0;
    return floats->values ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for gradients of %zu bytes", bytes);
}

/* Several nodes of this process, part by part. */
static void pack_nodes(struct cln_exchange_memory *m, const struct cln_exchange *e, size_t nodes, size_t bytes) {
    for (int r = 0; r < e->count; r++)
        for (size_t n = 0; n < nodes; n++) {
            const size_t part = m->parts[r + 1] - m->parts[r];
            memcpy((char *)m->sent.values + m->sent_bounds[r] + n * part,
                   (char *)m->own.values + n * bytes + m->parts[r], part);
        }
}

/* Reads the nodes of this process, and sends each process its part of them. */
static enum cln_status scatter_nodes(struct cln_exchange_memory *m, const struct cln_exchange_gradients *p) {
    const struct cln_exchange *e = p->rounds->exchange;
    const size_t own = m->parts[e->rank + 1] - m->parts[e->rank], bytes = p->floats * sizeof(float);
    const size_t nodes = (size_t)cln_exchange_nodes(e, e->rank, p->strict);
    for (int r = 0; r < e->count; r++) {
        m->sent_bounds[r + 1] = m->sent_bounds[r] + nodes * (m->parts[r + 1] - m->parts[r]);
        m->received_bounds[r + 1] = m->received_bounds[r] + (size_t)cln_exchange_nodes(e, r, p->strict) * own;
    }
    enum cln_status status = grow(&m->own, nodes * bytes);
    if (status == CLN_OK && nodes > 1)
        status = grow(&m->sent, nodes * bytes);
    if (status == CLN_OK)
        status = grow(&m->received, m->received_bounds[e->count]);
    if (status == CLN_OK && nodes > 0)
        status = ocl_buffer_read(p->nodes, 0, nodes * bytes, m->own.values);
    if (status == CLN_OK && nodes > 1)
        pack_nodes(m, e, nodes, bytes);
    return status == CLN_OK ? e->scatter(e->user, (nodes > 1 ? m->sent : m->own).values, m->sent_bounds,
                                         m->received.values, m->received_bounds)
                            : status;
}

/* left += right. */
static void add(float *restrict left, const float *restrict right, size_t floats) {
    for (size_t i = 0; i < floats; i++)
        left[i] += right[i];
}

/* The nodes of all processes, in the order of their samples, become the tree: whenever a right one comes, its left one
 * waits. What waits in the end is added up from the last to the first, as in kernels/optimizer.clh. Returns the sum,
 * which is among the nodes; NULL: there are none. */
static float *add_tree(const struct cln_exchange *e, float *nodes, size_t floats) {
    float *waiting[LEVELS] = {NULL}, *node = nodes, *sum = NULL;
    for (int r = 0; r < e->count; r++) {
        const int end = first_shard(e, r + 1);
        for (int shard = first_shard(e, r), level; shard < end; shard += 1 << level, node += floats) {
            int at = level = level_at(shard, end);
            float *right = node;
            for (; shard >> at & 1; at++) {
                add(waiting[at], right, floats);
                right = waiting[at];
            }
            waiting[at] = right;
            for (int below = 0; below < at; below++)
                waiting[below] = NULL;
        }
    }
    for (int level = 0; level < LEVELS; level++)
        if (waiting[level]) {
            if (sum)
                add(waiting[level], sum, floats);
            sum = waiting[level];
        }
    return sum;
}

static float *add_in_order(float *nodes, size_t count, size_t floats) {
    for (size_t n = 1; n < count; n++)
        add(nodes, nodes + n * floats, floats);
    return nodes;
}

/* This process's part of the sum. A gradient below 2^-40 counts as 0 with strict arithmetic, as in
 * kernels/arithmetic.clh. */
static void add_nodes(struct cln_exchange_memory *m, const struct cln_exchange_gradients *p) {
    const struct cln_exchange *e = p->rounds->exchange;
    const size_t part = m->parts[e->rank + 1] - m->parts[e->rank], floats = part / sizeof(float);
    float *own = (float *)((char *)m->whole.values + m->parts[e->rank]);
    if (part == 0)
        return;
    memcpy(own,
           p->strict ? add_tree(e, m->received.values, floats)
                     : add_in_order(m->received.values, m->received_bounds[e->count] / part, floats),
           part);
    for (size_t i = 0; i < floats && p->strict; i++)
        own[i] = own[i] > -0x1p-40f && own[i] < 0x1p-40f ? 0.0f : own[i];
}

static enum cln_status exchange(void *user) {
    const struct cln_exchange_gradients *p = user;
    const struct cln_exchange *e = p->rounds->exchange;
    struct cln_exchange_memory *m = p->memory;
    if (p->rounds->whole == 0)
        return CLN_OK;
    enum cln_status status = grow(&m->whole, p->floats * sizeof(float));
    if (status == CLN_OK)
        status = scatter_nodes(m, p);
    if (status == CLN_OK)
        add_nodes(m, p);
    if (status == CLN_OK)
        status = e->gather(e->user, m->whole.values, m->parts);
    return status == CLN_OK ? ocl_buffer_write_queued(p->sums, 0, p->floats * sizeof(float), m->whole.values) : status;
}

enum cln_status cln_exchange_add_gradients(struct cln_plan *plan, struct cln_exchange_gradients *point) {
    point->rounds = plan->rounds;
    point->strict = plan->tuning.strict;
    const enum cln_status status = create_memory(point);
    return status == CLN_OK ? cln_plan_call(plan, "exchange of gradients", OCL_WHEN_DONE, exchange, point) : status;
}
