/* Sequences: lists of launches, made once and enqueued many times. */
#include "host/sequence.h"

#include <stdio.h>
#include <stdlib.h>

#include "clenet/log.h"
#include "host/command_buffer.h"
#include "host/join.h"
#include "host/kernel.h"
#include "host/program.h"
#include "src/base/clock.h"
#include "src/base/part_meter.h"

struct step {
    char label[96];
    struct ocl_action action;
    struct ocl_buffer *numbers; /* of a joined launch; NULL: none */
    double flops, bytes;
    size_t row; /* row of the timeline */
};

/* A launch that is held back to be joined with others: copies of all that the launch points to but its buffers. */
struct held {
    struct ocl_launch launch;
    struct ocl_constants constants;
    char label[96], source[64], kernel[64];
};

struct join {
    int depth;      /* of nested pairs; 0: launches are appended at once */
    bool following; /* the next launch follows the last */
    struct ocl_part parts[OCL_MOST_PARTS];
    struct held *held[OCL_MOST_PARTS];
    size_t count;
};

struct ocl_sequence {
    struct ocl_context *context;
    struct join join;
    struct step *steps;
    size_t count, capacity;
    struct ocl_command_buffer *recorded; /* NULL: not recorded */
    bool settled;                        /* it was decided whether to record the present launches */
    bool told;                           /* the actions know that they were replayed */
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
    ocl_command_buffer_destroy(&s->recorded);
    for (size_t i = 0; i < s->count; i++) {
        s->steps[i].action.destroy(s->steps[i].action.state);
        ocl_buffer_destroy(&s->steps[i].numbers);
    }
    for (size_t i = 0; i < s->join.count; i++)
        free(s->join.held[i]);
    free(s->steps);
    free(s);
}

struct ocl_context *ocl_sequence_context(const struct ocl_sequence *sequence) {
    return sequence->context;
}

bool ocl_sequence_replays(const struct ocl_sequence *sequence) {
    return sequence->recorded != NULL;
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

static enum cln_status append(struct ocl_sequence *sequence, const char *label, struct ocl_action action, double flops,
                              double bytes) {
    struct step step = {.action = action, .flops = flops, .bytes = bytes};
    snprintf(step.label, sizeof step.label, "%s", label);
    enum cln_status status = reserve(sequence);
    if (status == CLN_OK && sequence->context->timeline)
        status = ocl_timeline_row(&step.row, sequence->context->timeline, step.label);
    if (status != CLN_OK) {
        action.destroy(action.state);
        return status;
    }
    sequence->steps[sequence->count++] = step;
    ocl_command_buffer_destroy(&sequence->recorded);
    sequence->settled = sequence->told = false;
    return CLN_OK;
}

static enum cln_status run_step(const struct step *step, struct ocl_timeline *timeline) {
    if (!timeline)
        return step->action.enqueue(step->action.state, NULL);
    struct ocl_span span = {.enqueued_ns = cln_clock_ns()};
    enum cln_status status = step->action.enqueue(step->action.state, &span);
    if (status == CLN_OK && span.end)
        return ocl_timeline_add(timeline, step->row, &span, step->flops, step->bytes);
    if (status == CLN_OK) /* an action of the host has no events */
        ocl_timeline_acted(timeline, step->row, span.enqueued_ns);
    ocl_span_release(&span);
    return status;
}

static enum cln_status record_steps(void *user, struct ocl_recording *recording) {
    const struct ocl_sequence *s = user;
    for (size_t i = 0; i < s->count; i++) {
        enum cln_status status = s->steps[i].action.record(s->steps[i].action.state, recording);
        if (status != CLN_OK)
            return cln_fail_within(status, "%s", s->steps[i].label);
    }
    return CLN_OK;
}

static bool can_record(const struct ocl_sequence *s) {
    bool can = s->context->replay && !s->context->timeline && s->count > 0;
    for (size_t i = 0; i < s->count && can; i++)
        can = s->steps[i].action.record != NULL;
    return can;
}

/* Records the sequence if possible. Failing is no error: the launches are then enqueued one by one. */
static void settle(struct ocl_sequence *s) {
    s->settled = true;
    if (can_record(s) && ocl_command_buffer_create(&s->recorded, s->context, record_steps, s))
        cln_log(CLN_LOG_WARNING, "cannot record a command buffer, launching one by one: %-s", cln_error_message());
}

static enum cln_status replay(bool *done, struct ocl_sequence *s) {
    enum cln_status status = ocl_command_buffer_enqueue(done, s->recorded);
    if (status != CLN_OK)
        return cln_fail_within(status, "%s and the launches after it, as a command buffer", s->steps[0].label);
    for (size_t i = 0; i < s->count && *done && !s->told; i++)
        s->steps[i].action.replayed(s->steps[i].action.state);
    s->told = s->told || *done;
    s->context->usage.command_buffer |= *done;
    return CLN_OK;
}

/* In a builder: runs the launch added last to its end, before the builder takes the next program. */
static enum cln_status run_last(const struct ocl_sequence *sequence) {
    struct ocl_context *context = sequence->context;
    const double start = cln_clock_cpu(CLOCK_PROCESS_CPUTIME_ID);
    enum cln_status status = run_step(&sequence->steps[sequence->count - 1], context->timeline);
    if (status == CLN_OK)
        status = ocl_context_finish(context);
    context->lazy |= cln_clock_cpu(CLOCK_PROCESS_CPUTIME_ID) - start > OCL_QUICK_CPU;
    return status;
}

static enum cln_status append_launch(struct ocl_sequence *sequence, const struct ocl_launch *launch) {
    struct ocl_action action;
    const char *label = launch->label ? launch->label : launch->kernel;
    enum cln_status status = ocl_kernel_action(&action, sequence->context, launch);
    if (status == CLN_OK && action.enqueue) {
        status = append(sequence, label, action, launch->flops, launch->bytes);
        if (status == CLN_OK && sequence->context->builds)
            status = run_last(sequence);
    }
    return status != CLN_OK ? cln_fail_within(status, "%s", label) : CLN_OK;
}

static enum cln_status hold(struct join *join, const struct ocl_launch *launch, bool follows) {
    struct held *held = malloc(sizeof *held);
    if (!held)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a launch of %s", launch->kernel);
    held->launch = *launch;
    if (launch->constants) {
        held->constants = *launch->constants;
        held->launch.constants = &held->constants;
    }
    snprintf(held->label, sizeof held->label, "%s", launch->label ? launch->label : launch->kernel);
    snprintf(held->source, sizeof held->source, "%s", launch->source);
    snprintf(held->kernel, sizeof held->kernel, "%s", launch->kernel);
    held->launch.label = held->label;
    held->launch.source = held->source;
    held->launch.kernel = held->kernel;
    join->parts[join->count] = (struct ocl_part){&held->launch, follows};
    join->held[join->count++] = held;
    return CLN_OK;
}

/* "LABEL + N": the label of the launch with the most flops, and the number of the others. */
static void join_labels(char *out, size_t bytes, const struct ocl_part *parts, size_t count) {
    const struct ocl_launch *most = parts[0].launch;
    for (size_t n = 1; n < count; n++)
        most = parts[n].launch->flops > most->flops ? parts[n].launch : most;
    snprintf(out, bytes, "%s + %zu", most->label, count - 1);
}

static enum cln_status append_joined(struct ocl_sequence *sequence, const struct ocl_part *parts, size_t count) {
    char *text = NULL, label[128];
    struct ocl_buffer *numbers = NULL;
    const size_t before = sequence->count;
    join_labels(label, sizeof label, parts, count);
    enum cln_status status = ocl_join_text(&text, sequence->context, parts, count);
    if (status == CLN_OK)
        status = ocl_join_numbers(&numbers, sequence->context, parts, count);
    if (status == CLN_OK) {
        const struct ocl_launch joined = ocl_join_launch(label, text, numbers, parts, count);
        status = append_launch(sequence, &joined);
    }
    if (sequence->count > before)
        sequence->steps[before].numbers = numbers;
    else
        ocl_buffer_destroy(&numbers);
    free(text);
    return status;
}

/* Appends the launches held back. */
static enum cln_status release(struct ocl_sequence *sequence) {
    struct join *join = &sequence->join;
    const size_t count = join->count;
    enum cln_status status = CLN_OK;
    join->count = 0;
    join->following = false;
    if (count == 1)
        status = append_launch(sequence, join->parts[0].launch);
    else if (count > 1)
        status = append_joined(sequence, join->parts, count);
    for (size_t i = 0; i < count; i++)
        free(join->held[i]);
    return status;
}

/* Whether one launch takes another beside those held back. */
static bool fits_beside(struct join *join, const struct ocl_launch *launch) {
    if (join->count == OCL_MOST_PARTS)
        return false;
    join->parts[join->count] = (struct ocl_part){launch, false};
    return ocl_join_arguments(join->parts, join->count + 1) <= OCL_MAX_ARGS;
}

enum cln_status ocl_sequence_add(struct ocl_sequence *sequence, const struct ocl_launch *launch) {
    struct join *join = &sequence->join;
    const bool holds = join->depth > 0 && ocl_join_takes(launch);
    const bool fits = holds && fits_beside(join, launch);
    const bool chains = join->following && ocl_join_follows(join->parts, join->count, launch);
    const bool joins = fits && (chains || !join->following);
    enum cln_status status = joins ? CLN_OK : release(sequence);
    join->following = false;
    if (status != CLN_OK)
        return status;
    return holds ? hold(join, launch, joins && chains) : append_launch(sequence, launch);
}

void ocl_sequence_join(struct ocl_sequence *sequence) {
    sequence->join.depth++;
}

void ocl_sequence_follow(struct ocl_sequence *sequence) {
    sequence->join.following = sequence->join.count > 0;
}

enum cln_status ocl_sequence_barrier(struct ocl_sequence *sequence) {
    return release(sequence);
}

enum cln_status ocl_sequence_joined(struct ocl_sequence *sequence) {
    return --sequence->join.depth > 0 ? CLN_OK : release(sequence);
}

enum cln_status ocl_sequence_append(struct ocl_sequence *sequence, const char *label, struct ocl_action action,
                                    double flops, double bytes) {
    enum cln_status status = release(sequence);
    if (status == CLN_OK)
        return append(sequence, label, action, flops, bytes);
    action.destroy(action.state);
    return status;
}

/* An action of the host. */
struct call {
    struct ocl_context *context;
    enum ocl_call_time time;
    ocl_host_function *function;
    void *user;
};

static enum cln_status make_call(void *state, struct ocl_span *span) {
    const struct call *call = state;
    const uint64_t begin = cln_clock_ns();
    /* With a meter, too: so that it tells computing from exchanges. */
    const bool waits = call->time == OCL_WHEN_DONE || call->context->meter;
    enum cln_status status = waits ? ocl_context_finish(call->context) : CLN_OK;
    ocl_timeline_waited(call->context->timeline, begin);
    if (span)
        span->enqueued_ns = cln_clock_ns(); /* the wait is not the action's */
    if (status != CLN_OK)
        return status;
    cln_part_meter_enter(call->context->meter, CLN_PART_EXCHANGE);
    status = call->function(call->user);
    cln_part_meter_enter(call->context->meter, CLN_PART_COMPUTE);
    return status;
}

enum cln_status ocl_sequence_call(struct ocl_sequence *sequence, const char *label, enum ocl_call_time time,
                                  ocl_host_function *function, void *user) {
    struct call *call = malloc(sizeof *call);
    if (!call)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for an action of the host");
    *call = (struct call){.context = sequence->context, .time = time, .function = function, .user = user};
    return ocl_sequence_append(sequence, label,
                               (struct ocl_action){.enqueue = make_call, .destroy = free, .state = call}, 0, 0);
}

static enum cln_status run_steps(struct ocl_sequence *sequence) {
    if (sequence->recorded) {
        bool done = false;
        enum cln_status status = replay(&done, sequence);
        if (status != CLN_OK || done)
            return status;
    }
    for (size_t i = 0; i < sequence->count; i++) {
        enum cln_status status = run_step(&sequence->steps[i], sequence->context->timeline);
        if (status != CLN_OK)
            return cln_fail_within(status, "%s", sequence->steps[i].label);
    }
    return CLN_OK;
}

enum cln_status ocl_sequence_run(struct ocl_sequence *sequence) {
    if (!sequence->settled)
        settle(sequence);
    enum cln_status status = run_steps(sequence);
    if (status == CLN_OK)
        ocl_programs_keep(sequence->context);
    return status;
}

enum cln_status ocl_sequence_run_apart(struct ocl_sequence *sequence, ocl_sequence_visitor *visit, void *user) {
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < sequence->count && status == CLN_OK; i++) {
        const struct step *step = &sequence->steps[i];
        status = visit(user, i, false);
        if (status != CLN_OK)
            break;
        status = run_step(step, sequence->context->timeline);
        if (status == CLN_OK)
            status = ocl_context_finish(sequence->context);
        status = status == CLN_OK ? visit(user, i, true) : cln_fail_within(status, "%s", step->label);
    }
    return status;
}
