/* One training step launch by launch: see bisect_step.h. */
#include "src/checkup/bisect_step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/checkup/bisect_finding.h"

struct cln_bisect {
    const struct cln_bisect_digests *digests;
    const struct cln_check_params *params;
    struct cln_check_result *result;
    struct cln_strict_launch *launches; /* of a step */
    size_t count, capacity;
    bool is_full; /* no memory for another launch */
    size_t step;  /* that runs */
};

enum cln_status cln_bisect_create(struct cln_bisect **out, const struct cln_bisect_digests *digests,
                                  const struct cln_check_params *params, struct cln_check_result *result) {
    struct cln_bisect *b = *out = calloc(1, sizeof *b);
    if (!b)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a bisection");
    *b = (struct cln_bisect){.digests = digests, .params = params, .result = result};
    return CLN_OK;
}

static void forget(struct cln_bisect *b) {
    for (size_t i = 0; i < b->count; i++)
        free(b->launches[i].constants);
    b->count = 0;
}

void cln_bisect_destroy(struct cln_bisect **bisect) {
    if (!*bisect)
        return;
    forget(*bisect);
    free((*bisect)->launches);
    free(*bisect);
    *bisect = NULL;
}

/* ---- Launches, while the engine is planned ---- */

/* Whether a launch is the one before, tried again with smaller work-groups. */
static bool is_again(const struct cln_strict_launch *before, const struct ocl_launch *launch) {
    bool is_same = strcmp(before->label, launch->label) == 0 && before->arg_count == launch->arg_count;
    for (size_t i = 0; i < launch->arg_count && is_same; i++) {
        const struct ocl_arg *a = &before->args[i], *b = &launch->args[i];
        is_same = a->buffer == b->buffer && a->int_value == b->int_value;
    }
    return is_same;
}

/* Whether a launch is the first of a step: the engine is planned, maybe again. */
static bool begins(const struct ocl_launch *launch) {
    return strcmp(launch->kernel, "batch_begin") == 0 && launch->args[1].int_value == 0; /* the first chunk of images */
}

void cln_bisect_observe(void *bisect, const struct ocl_launch *launch) {
    struct cln_bisect *b = bisect;
    if (begins(launch))
        forget(b);
    if (b->count > 0 && is_again(&b->launches[b->count - 1], launch))
        free(b->launches[--b->count].constants);
    if (b->count == b->capacity) {
        const size_t capacity = b->capacity ? 2 * b->capacity : 64;
        struct cln_strict_launch *grown = realloc(b->launches, capacity * sizeof *grown);
        b->is_full |= !grown;
        b->launches = grown ? grown : b->launches;
        b->capacity = grown ? capacity : b->capacity;
    }
    char *constants = b->count < b->capacity ? strdup(launch->constants->text) : NULL;
    b->is_full |= !constants;
    if (!constants)
        return;
    struct cln_strict_launch *l = &b->launches[b->count++];
    *l = (struct cln_strict_launch){.constants = constants, .arg_count = launch->arg_count};
    snprintf(l->label, sizeof l->label, "%s", launch->label);
    snprintf(l->kernel, sizeof l->kernel, "%s", launch->kernel);
    memcpy(l->args, launch->args, sizeof l->args);
    for (int d = 0; d < 3; d++) {
        l->groups[d] = launch->groups[d] > 0 ? launch->groups[d] : 1;
        l->local[d] = launch->local[d] > 0 ? launch->local[d] : 1;
    }
}

/* ---- One launch ---- */

static void release(struct cln_strict_launch *l) {
    for (size_t a = 0; a < l->arg_count; a++) {
        free(l->before[a]);
        free(l->after[a]);
        free(l->expected[a]);
        l->before[a] = l->after[a] = l->expected[a] = NULL;
    }
}

static enum cln_status read(void **out, const struct cln_strict_launch *l, size_t argument) {
    struct ocl_buffer *buffer = l->args[argument].buffer;
    const size_t bytes = ocl_buffer_bytes(buffer);
    *out = malloc(bytes);
    return *out ? ocl_buffer_read(buffer, 0, bytes, *out)
                : cln_fail(CLN_OUT_OF_MEMORY, "host memory for a buffer of %zu bytes", bytes);
}

static enum cln_status read_before(struct cln_strict_launch *l) {
    enum cln_status status = CLN_OK;
    for (size_t a = 0; a < l->arg_count && status == CLN_OK; a++)
        if (l->args[a].kind == OCL_ARG_BUFFER)
            status = read(&l->before[a], l, a);
    return status;
}

/* The name of a tensor in a step: with its stage. A stage may launch a kernel twice, as copy: the second time with a
 * number. */
static void name_of(char *out, size_t bytes, const struct cln_bisect *b, const struct cln_strict_launch *l,
                    const struct cln_strict_tensor *t) {
    int number = 1;
    for (const struct cln_strict_launch *before = b->launches; before < l; before++)
        number += strcmp(before->label, l->label) == 0;
    const int used = snprintf(out, bytes, "%.*s%s", (int)(strlen(l->label) - strlen(l->kernel)), l->label, t->name);
    if (number > 1)
        snprintf(out + used, bytes - (size_t)used, ", %d", number);
}

/* Finds the digest that every device has. False: the table does not have the tensor, or is to be made. */
static bool find_digest(uint32_t *out, const struct cln_bisect *b, const char *name) {
    const struct cln_bisect_digests *d = b->digests;
    for (size_t i = 0; i < d->count && b->step < d->steps && !b->params->note; i++)
        if (strcmp(d->tensors[i], name) == 0) {
            *out = d->digests[b->step * d->count + i];
            return true;
        }
    return false;
}

/* Compares what a launch has written. *off: the first tensor that is not as expected; `count`: none is. */
static enum cln_status compare(size_t *off, struct cln_bisect *b, struct cln_strict_launch *l,
                               const struct cln_strict_tensor *tensors, size_t count) {
    enum cln_status status = CLN_OK;
    *off = count;
    for (size_t i = 0; i < count && status == CLN_OK; i++) {
        const struct cln_strict_tensor *t = &tensors[i];
        char name[128];
        uint32_t expected;
        if (!l->after[t->argument])
            status = read(&l->after[t->argument], l, (size_t)t->argument);
        if (status != CLN_OK)
            break;
        const uint32_t digest = cln_strict_digest(t, l->after[t->argument]);
        name_of(name, sizeof name, b, l, t);
        const bool known = find_digest(&expected, b, name);
        const bool right = (!known || digest == expected) && cln_bisect_copies_agree(t, l->after[t->argument]);
        if (b->params->note)
            b->params->note(b->params->user, b->step, name, digest);
        b->result->cases += known;
        if (!right && *off == count)
            *off = i;
    }
    return status;
}

/* Tells of a launch what `found` says of it. */
static void report(struct cln_bisect *b, size_t number, struct cln_check_finding found) {
    struct cln_check_finding *f = &b->result->finding;
    *f = found;
    f->step = b->step + 1;
    f->launch = number + 1;
    f->launches = b->count;
    snprintf(f->launched, sizeof f->launched, "%s", b->launches[number].label);
    cln_bisect_tell(b->result->failure, sizeof b->result->failure, f);
    b->result->failed = 1;
}

/* Whether a buffer is one that a launch writes to. */
static bool is_output(const struct cln_strict_launch *l, const struct cln_strict_tensor *tensors, size_t count,
                      const struct ocl_buffer *buffer) {
    for (size_t i = 0; i < count; i++)
        if (l->args[tensors[i].argument].buffer == buffer)
            return true;
    return false;
}

/* Looks whether a launch has changed what it only reads. */
static enum cln_status look_at_inputs(struct cln_bisect *b, size_t number, const struct cln_strict_tensor *tensors,
                                      size_t count) {
    struct cln_strict_launch *l = &b->launches[number];
    for (size_t a = 0; a < l->arg_count && count > 0; a++) {
        if (l->args[a].kind != OCL_ARG_BUFFER || is_output(l, tensors, count, l->args[a].buffer))
            continue;
        const enum cln_status status = read(&l->after[a], l, a);
        if (status != CLN_OK)
            return status;
        struct cln_check_finding found = {.item = -1};
        cln_bisect_find_change(&found, l, a);
        if (found.off == 0)
            continue;
        report(b, number, found);
        return CLN_OK;
    }
    return CLN_OK;
}

static enum cln_status look_at(struct cln_bisect *b, size_t number) {
    struct cln_strict_launch *l = &b->launches[number];
    struct cln_strict_tensor tensors[CLN_STRICT_TENSORS];
    const size_t count = cln_strict_tensors(tensors, l);
    size_t off;
    b->result->left_out += count == 0;
    enum cln_status status = compare(&off, b, l, tensors, count);
    for (size_t i = 0; i < count && status == CLN_OK && (off < count || b->params->work_out); i++)
        if (!l->expected[tensors[i].argument])
            status = read(&l->expected[tensors[i].argument], l, (size_t)tensors[i].argument);
    if (status == CLN_OK && off == count && b->params->work_out)
        off = cln_bisect_differs(l, tensors, count);
    if (status != CLN_OK || off == count)
        return status == CLN_OK ? look_at_inputs(b, number, tensors, count) : status;
    struct cln_check_finding found = {.item = -1};
    cln_bisect_find(&found, l, &tensors[off]);
    report(b, number, found);
    return CLN_OK;
}

static enum cln_status visit(void *user, size_t launch, bool after) {
    struct cln_bisect *b = user;
    if (b->result->failed > 0)
        return CLN_OK;
    struct cln_strict_launch *l = &b->launches[launch];
    if (!after)
        return read_before(l);
    const enum cln_status status = look_at(b, launch);
    release(l);
    return status;
}

enum cln_status cln_bisect_step(struct cln_bisect *b, struct cln_engine *engine, size_t step) {
    if (b->is_full)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the launches of a step");
    if (b->count != cln_engine_launches(engine))
        return cln_fail(CLN_INVALID, "a step has %zu launches, %zu were observed", cln_engine_launches(engine),
                        b->count);
    b->step = step;
    const enum cln_status status = cln_engine_step_apart(engine, visit, b);
    for (size_t i = 0; i < b->count; i++) /* after a failure */
        release(&b->launches[i]);
    return status;
}

/* ---- The end of a step ---- */

static bool writes(struct cln_strict_launch *l, const struct ocl_buffer *buffer) {
    struct cln_strict_tensor tensors[CLN_STRICT_TENSORS];
    return is_output(l, tensors, cln_strict_tensors(tensors, l), buffer);
}

/* Whether a launch after number `number` writes to the buffer of one of its arguments. Gradients of several stages
 * share memory, and are then one buffer. */
static bool is_overwritten(struct cln_bisect *b, size_t number, int argument) {
    const struct ocl_buffer *buffer = b->launches[number].args[argument].buffer;
    for (size_t i = number + 1; i < b->count; i++)
        if (writes(&b->launches[i], buffer))
            return true;
    return false;
}

/* Compares what one launch left, in the two engines. */
static enum cln_status compare_left(struct cln_bisect *right, struct cln_bisect *other, size_t number) {
    struct cln_strict_launch *a = &right->launches[number], *b = &other->launches[number];
    struct cln_strict_tensor tensors[CLN_STRICT_TENSORS];
    const size_t count = cln_strict_tensors(tensors, b);
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < count && status == CLN_OK && other->result->failed == 0; i++) {
        const int argument = tensors[i].argument;
        if (is_overwritten(other, number, argument))
            continue;
        if (!b->after[argument])
            status = read(&b->after[argument], b, (size_t)argument);
        if (status == CLN_OK && !b->expected[argument])
            status = read(&b->expected[argument], a, (size_t)argument);
        if (status == CLN_OK && cln_strict_digest(&tensors[i], b->after[argument]) !=
                                    cln_strict_digest(&tensors[i], b->expected[argument])) {
            struct cln_check_finding found = {.is_joined = true, .item = -1};
            cln_bisect_find(&found, b, &tensors[i]);
            report(other, number, found);
        }
    }
    return status;
}

enum cln_status cln_bisect_compare(struct cln_bisect *right, struct cln_bisect *other, size_t step) {
    enum cln_status status = CLN_OK;
    bool alike = right->count == other->count && !right->is_full && !other->is_full;
    other->step = step;
    for (size_t i = 0; i < right->count && alike; i++)
        alike = strcmp(right->launches[i].label, other->launches[i].label) == 0;
    for (size_t i = 0; alike && i < other->count && status == CLN_OK; i++) {
        const size_t state = other->launches[i].arg_count - 1; /* it says how many samples there are */
        status = read(&other->launches[i].before[state], &right->launches[i], state);
    }
    for (size_t i = 0; alike && i < other->count && status == CLN_OK && other->result->failed == 0; i++)
        status = compare_left(right, other, i);
    for (size_t i = 0; i < other->count; i++)
        release(&other->launches[i]);
    return status;
}
