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

/* The memory of one exchange. The parameters are divided into a part for each process; a node of a part is `floats` of
 * it, one after the other. */
struct work {
    size_t *parts; /* bounds of the parts, in bytes of the gradients */
    size_t *sent_bounds, *received_bounds;
    float *own, *sent, *received, *whole;
};

static void free_work(struct work *w) {
    void *const all[] = {w->parts, w->sent_bounds, w->received_bounds, w->own, w->sent, w->received, w->whole};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static size_t *bounds(const struct cln_exchange *e) {
    return calloc((size_t)e->count + 1, sizeof(size_t));
}

/* After a failure, too, free_work frees what there is. */
static enum cln_status begin(struct work *w, const struct cln_exchange_gradients *p) {
    const struct cln_exchange *e = p->exchange;
    const size_t processes = (size_t)e->count;
    w->parts = bounds(e);
    w->sent_bounds = bounds(e);
    w->received_bounds = bounds(e);
    if (!w->parts || !w->sent_bounds || !w->received_bounds)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu bounds", processes);
    for (size_t r = 0; r <= processes; r++)
        w->parts[r] = p->floats * r / processes * sizeof(float);
    const size_t own = w->parts[e->rank + 1] - w->parts[e->rank];
    const size_t nodes = (size_t)cln_exchange_nodes(e, e->rank, p->strict);
    for (int r = 0; r < e->count; r++) {
        w->sent_bounds[r + 1] = w->sent_bounds[r] + nodes * (w->parts[r + 1] - w->parts[r]);
        w->received_bounds[r + 1] = w->received_bounds[r] + (size_t)cln_exchange_nodes(e, r, p->strict) * own;
    }
    const size_t bytes = p->floats * sizeof(float);
    w->own = malloc(nodes * bytes + 1);
    w->sent = malloc(nodes * bytes + 1);
    w->received = malloc(w->received_bounds[e->count] + 1);
    w->whole = malloc(bytes);
    if (!w->own || !w->sent || !w->received || !w->whole)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu gradients", p->floats);
    enum cln_status status = nodes > 0 ? ocl_buffer_read(p->nodes, 0, nodes * bytes, w->own) : CLN_OK;
    for (int r = 0; r < e->count && status == CLN_OK; r++)
        for (size_t n = 0; n < nodes; n++) {
            const size_t part = w->parts[r + 1] - w->parts[r];
            memcpy((char *)w->sent + w->sent_bounds[r] + n * part, (char *)w->own + n * bytes + w->parts[r], part);
        }
    return status;
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
static void add_nodes(struct work *w, const struct cln_exchange_gradients *p) {
    const struct cln_exchange *e = p->exchange;
    const size_t part = w->parts[e->rank + 1] - w->parts[e->rank], floats = part / sizeof(float);
    float *own = (float *)((char *)w->whole + w->parts[e->rank]);
    if (part == 0)
        return;
    memcpy(own,
           p->strict ? add_tree(e, w->received, floats)
                     : add_in_order(w->received, w->received_bounds[e->count] / part, floats),
           part);
    for (size_t i = 0; i < floats && p->strict; i++)
        own[i] = own[i] > -0x1p-40f && own[i] < 0x1p-40f ? 0.0f : own[i];
}

static enum cln_status exchange(void *user) {
    const struct cln_exchange_gradients *p = user;
    const struct cln_exchange *e = p->exchange;
    struct work w = {NULL};
    int whole = 0;
    enum cln_status status = ocl_buffer_read(p->state, offsetof(struct cln_state, whole), sizeof whole, &whole);
    if (status != CLN_OK || whole == 0)
        return status;
    status = begin(&w, p);
    if (status == CLN_OK)
        status = e->scatter(e->user, w.sent, w.sent_bounds, w.received, w.received_bounds);
    if (status == CLN_OK)
        add_nodes(&w, p);
    if (status == CLN_OK)
        status = e->gather(e->user, w.whole, w.parts);
    if (status == CLN_OK)
        status = ocl_buffer_write(p->sums, 0, p->floats * sizeof(float), w.whole);
    free_work(&w);
    return status;
}

enum cln_status cln_exchange_add_gradients(struct cln_plan *plan, struct cln_exchange_gradients *point) {
    point->state = plan->state;
    point->strict = plan->tuning.strict;
    return cln_plan_call(plan, "exchange of gradients", exchange, point);
}
