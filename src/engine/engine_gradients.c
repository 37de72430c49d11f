/* The gradients of outputs: which stage writes which, and the memory that they share. */
#include <limits.h>
#include <stdlib.h>

#include "src/engine/engine_private.h"

/* The first stage that reads a stage's output, as x or as an addend; −1: none. */
static int first_reader(const struct cln_engine *e, int stage, bool as_addend) {
    for (size_t s = 0; s < e->stage_count; s++)
        if ((as_addend ? e->stages[s].addend : e->stages[s].input) == stage)
            return (int)s;
    return -1;
}

/* The stage whose da holds the gradient of a stage's output: its own, or if others only add the output, that of the
 * first sum, since both gradients are equal. */
static int owner_of(const struct cln_engine *e, int stage) {
    while (first_reader(e, stage, false) < 0 && first_reader(e, stage, true) >= 0)
        stage = first_reader(e, stage, true);
    return stage;
}

/* Whether a stage computes the gradient of x. */
static bool has_dx(const struct cln_engine *e, size_t stage) {
    const int input = e->stages[stage].input;
    return input != CLN_READS_IMAGES && e->learns[input];
}

/* Whether a stage writes the gradient of x into memory of its own, because another writes into its input's da. */
static bool has_own_dx(const struct cln_engine *e, size_t stage) {
    return has_dx(e, stage) && first_reader(e, e->stages[stage].input, false) != (int)stage;
}

struct ocl_buffer *cln_engine_gradient_of_input(const struct cln_engine *e, size_t stage) {
    const int input = e->stages[stage].input;
    return !has_dx(e, stage) ? NULL : has_own_dx(e, stage) ? e->buffers[stage].dx : e->buffers[input].da;
}

struct ocl_buffer *cln_engine_further_gradient(const struct cln_engine *e, size_t stage, size_t number) {
    const int owner = owner_of(e, (int)stage);
    for (size_t s = stage + 1; s < e->stage_count; s++) {
        if (e->stages[s].input == (int)stage && has_own_dx(e, s) && number-- == 0)
            return e->buffers[s].dx;
        if (e->stages[s].addend == (int)stage && owner_of(e, (int)s) != owner && number-- == 0)
            return e->buffers[s].da;
    }
    return NULL;
}

bool cln_engine_needs_all_blocks(const struct cln_engine *e, size_t stage) {
    return e->stages[stage].normalise || (!e->plan.chains && !e->buffers[stage].shares_output);
}

/* A gradient of a stage's output or input, and when it is alive. Time is counted in barriers of the backward pass:
 * launches between the same two may run at once. */
struct gradient {
    size_t bytes;
    int first, last; /* last < first: there is none, or it is another's */
    size_t memory;   /* index of the memory that it gets */
};

/* Memory that gradients take one after the other. */
struct memory {
    size_t bytes;
    int last; /* when the latest of them is alive last */
};

/* All gradients of a network. */
struct layout {
    struct gradient *da, *dx; /* per stage */
    struct memory *memories;  /* up to two per stage */
    size_t count;
};

static void live(struct gradient *gradient, int when) {
    gradient->first = cln_min(gradient->first, when);
    gradient->last = cln_max(gradient->last, when);
}

/* The order is that of cln_engine_create_training: the loss writes da of the last stage, then come all that learn. A
 * stage reads da twice: for its sums, and behind the barrier, if it has one, for dz. Its weight gradient comes behind
 * the next barrier, and may take da for dz. */
static void find_lives(const struct cln_engine *e, struct layout *l) {
    int now = 0;
    live(&l->da[e->stage_count - 1], now);
    for (size_t s = e->stage_count; s-- > 0;) {
        const struct cln_stage *stage = &e->stages[s];
        if (!e->learns[s])
            continue;
        struct gradient *da = &l->da[owner_of(e, (int)s)];
        live(da, now);
        for (size_t r = s + 1; r < e->stage_count; r++) { /* the terms of da */
            if (e->stages[r].input == (int)s && has_own_dx(e, r))
                live(&l->dx[r], now);
            if (e->stages[r].addend == (int)s)
                live(&l->da[owner_of(e, (int)r)], now);
        }
        now += cln_engine_needs_all_blocks(e, s);
        live(da, now);
        if (e->buffers[s].shares_output || cln_stage_may_fuse_dz(stage))
            live(da, now + 1);
        if (has_own_dx(e, s))
            live(&l->dx[s], now);
        else if (has_dx(e, s))
            live(&l->da[owner_of(e, stage->input)], now);
    }
}

/* Gives a gradient the smallest free memory that is large enough, else the largest free one, which grows, else new. */
static void give_memory(struct layout *l, struct gradient *gradient) {
    size_t best = l->count;
    for (size_t m = 0; m < l->count; m++) {
        if (l->memories[m].last >= gradient->first)
            continue;
        const size_t bytes = l->memories[m].bytes, now = best < l->count ? l->memories[best].bytes : 0;
        if (best == l->count || (now < gradient->bytes ? bytes > now : bytes >= gradient->bytes && bytes < now))
            best = m;
    }
    struct memory *memory = &l->memories[best];
    l->count = best == l->count ? best + 1 : l->count;
    memory->bytes = memory->bytes > gradient->bytes ? memory->bytes : gradient->bytes;
    memory->last = gradient->last;
    gradient->memory = best;
}

static void lay_out(const struct cln_engine *e, const struct cln_plan *plan, struct layout *l) {
    for (size_t s = 0; s < e->stage_count; s++) {
        l->da[s] = (struct gradient){cln_plan_bytes(plan, e->stages[s].a), INT_MAX, -1, 0};
        l->dx[s] = (struct gradient){cln_plan_bytes(plan, e->stages[s].x), INT_MAX, -1, 0};
    }
    find_lives(e, l);
    const int end = 2 * (int)e->stage_count; /* more barriers than there are */
    for (int when = 0; when < end; when++)
        for (size_t s = e->stage_count; s-- > 0;) {
            if (l->da[s].first == when)
                give_memory(l, &l->da[s]);
            if (l->dx[s].first == when)
                give_memory(l, &l->dx[s]);
        }
}

/* Creates the memories, and points the stages' buffers to them. */
static enum cln_status create(struct cln_engine *e, struct cln_plan *plan, const struct layout *l) {
    enum cln_status status = CLN_OK;
    for (size_t m = 0; m < l->count && status == CLN_OK; m++)
        status = cln_plan_buffer(plan, &e->gradient_memory[m], "gradients of activations", l->memories[m].bytes);
    for (size_t s = 0; s < e->stage_count && status == CLN_OK && !plan->tally; s++) {
        struct cln_stage_buffers *b = &e->buffers[s];
        b->da = e->gradient_memory[l->da[owner_of(e, (int)s)].memory];
        b->dx = has_own_dx(e, s) ? e->gradient_memory[l->dx[s].memory] : NULL;
    }
    for (size_t s = 0; s < e->stage_count && status == CLN_OK && !plan->tally; s++)
        if (cln_stage_adds_gradients(&e->stages[s]))
            e->buffers[s].further = cln_engine_further_gradient(e, s, 0);
    return status;
}

enum cln_status cln_engine_gradient_buffers(struct cln_engine *e, struct cln_plan *plan) {
    struct layout l = {.da = calloc(e->stage_count, sizeof *l.da),
                       .dx = calloc(e->stage_count, sizeof *l.dx),
                       .memories = calloc(2 * e->stage_count, sizeof *l.memories)};
    enum cln_status status = CLN_OK;
    if (!l.da || !l.dx || !l.memories) {
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for the gradients of %zu stages", e->stage_count);
    } else {
        lay_out(e, plan, &l);
        status = create(e, plan, &l);
    }
    free(l.da);
    free(l.dx);
    free(l.memories);
    return status;
}
