/* A list of launches, made once and enqueued many times. */
#include "host/sequence.h"

#include <stdio.h>
#include <stdlib.h>

#include "host/clock.h"
#include "host/internal.h"
#include "host/kernel.h"

struct step {
    char label[96];
    struct ocl_action action;
    double flops, bytes;
    size_t row; /* of the timeline */
};

struct ocl_sequence {
    struct ocl_context *context;
    struct step *steps;
    size_t count, capacity;
};

enum cln_status ocl_sequence_create(struct ocl_sequence **out, struct ocl_context *context) {
    *out = calloc(1, sizeof **out);
    if (!*out)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a sequence");
    (*out)->context = context;
    return CLN_OK;
}

void ocl_sequence_destroy(struct ocl_sequence **sequence) {
    struct ocl_sequence *s = *sequence;
    if (!s)
        return;
    *sequence = NULL;
    for (size_t i = 0; i < s->count; i++)
        s->steps[i].action.destroy(s->steps[i].action.state);
    free(s->steps);
    free(s);
}

struct ocl_context *ocl_sequence_context(const struct ocl_sequence *sequence) {
    return sequence->context;
}

size_t ocl_sequence_length(const struct ocl_sequence *sequence) {
    return sequence->count;
}

static enum cln_status reserve(struct ocl_sequence *s) {
    if (s->count < s->capacity)
        return CLN_OK;
    size_t capacity = s->capacity ? 2 * s->capacity : 32;
    struct step *grown = realloc(s->steps, capacity * sizeof *grown);
    if (!grown)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a sequence of %zu launches", capacity);
    s->steps = grown;
    s->capacity = capacity;
    return CLN_OK;
}

enum cln_status ocl_sequence_append(struct ocl_sequence *sequence, const char *label, struct ocl_action action,
                                    double flops, double bytes) {
    struct step step = {.action = action, .flops = flops, .bytes = bytes};
    snprintf(step.label, sizeof step.label, "%s", label);
    enum cln_status status = reserve(sequence);
    if (!status && sequence->context->timeline)
        status = ocl_timeline_row(&step.row, sequence->context->timeline, step.label);
    if (status) {
        action.destroy(action.state);
        return status;
    }
    sequence->steps[sequence->count++] = step;
    return CLN_OK;
}

static enum cln_status run_step(const struct step *step, struct ocl_timeline *timeline) {
    if (!timeline)
        return step->action.enqueue(step->action.state, NULL);
    struct ocl_span span = {.enqueued_ns = cln_clock_ns()};
    enum cln_status status = step->action.enqueue(step->action.state, &span);
    if (!status)
        return ocl_timeline_add(timeline, step->row, &span, step->flops, step->bytes);
    ocl_span_release(&span);
    return status;
}

/* In a process that only builds: to the end, before it takes on the next program. */
static enum cln_status run_last(const struct ocl_sequence *sequence) {
    struct ocl_context *context = sequence->context;
    const double start = cln_clock_seconds();
    enum cln_status status = run_step(&sequence->steps[sequence->count - 1], context->timeline);
    if (!status)
        status = ocl_context_finish(context);
    context->lazy |= cln_clock_seconds() - start > OCL_QUICK_SECONDS;
    return status;
}

enum cln_status ocl_sequence_add(struct ocl_sequence *sequence, const struct ocl_launch *launch) {
    struct ocl_action action;
    const char *label = launch->label ? launch->label : launch->kernel;
    enum cln_status status = ocl_kernel_action(&action, sequence->context, launch);
    if (!status && action.enqueue) {
        status = ocl_sequence_append(sequence, label, action, launch->flops, launch->bytes);
        if (!status && sequence->context->builds)
            status = run_last(sequence);
    }
    return status ? cln_fail_within(status, "%s", label) : CLN_OK;
}

enum cln_status ocl_sequence_run(struct ocl_sequence *sequence) {
    for (size_t i = 0; i < sequence->count; i++) {
        enum cln_status status = run_step(&sequence->steps[i], sequence->context->timeline);
        if (status)
            return cln_fail_within(status, "%s", sequence->steps[i].label);
    }
    return CLN_OK;
}
