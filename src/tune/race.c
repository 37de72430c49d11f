/* Races two sets of tuning values: see race.h. Machines are shared and clock rates change, so both run in turn, and the
 * best times are compared. */
#include "src/tune/race.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/check/step.h"
#include "src/data/random.h"
#include "src/engine/engine.h"

enum { INCUMBENT, CANDIDATE, WAYS };
enum { STEPS_OF_DATA = 16 };
#define PIECE_SECONDS 0.06
#define FAR_BEHIND 1.4

/* One of the two sets, ready to run. */
struct runner {
    struct cln_session *session;
    struct cln_engine *engine;
    size_t steps; /* steps per measurement */
};

static enum cln_status prepare(struct runner *r, const struct cln_race_params *p, int way) {
    enum cln_status status = cln_session_create(&r->session, &p->session);
    if (status == CLN_OK)
        status = cln_session_set(r->session, p->values[way]);
    return status == CLN_OK ? cln_session_open_plain(r->session) : status;
}

static enum cln_status check(struct cln_race *out, const struct runner *r, const struct cln_race_params *p) {
    struct cln_check_result result;
    const enum cln_status status =
        cln_check_step(&result, &(struct cln_step_check){.network = p->network, .batch_size = p->batch_size},
                       &(struct cln_check_params){
                           .context = r->session->context, .tuning = &r->session->tuning, .tuning_name = "candidate"});
    if (status == CLN_OK && result.failed > 0)
        snprintf(out->wrong, sizeof out->wrong, "%s", result.failure);
    return status;
}

static enum cln_status create_engine(struct runner *r, const struct cln_race_params *p, const uint8_t *pixels,
                                     const int32_t *labels) {
    const size_t count = (size_t)p->batch_size * STEPS_OF_DATA;
    enum cln_status status = cln_engine_create(&r->engine, r->session->context,
                                               &(struct cln_engine_params){.network = p->network,
                                                                           .tuning = &r->session->tuning,
                                                                           .batch_size = p->batch_size,
                                                                           .image = p->network->input,
                                                                           .train = {pixels, labels, count}});
    if (status != CLN_OK)
        return status;
    /* Sets parameters that give a finite loss: all equal. */
    float *values = malloc((p->network->parameter_floats + 1) * sizeof *values);
    if (!values)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu parameters", p->network->parameter_floats);
    for (size_t i = 0; i < p->network->parameter_floats; i++)
        values[i] = 0.01f;
    status = cln_engine_write(r->engine, CLN_PARAMETERS, values);
    free(values);
    return status;
}

/* Runs some epochs of STEPS_OF_DATA steps, and measures the seconds per step. */
static enum cln_status run_piece(struct runner *r, const struct cln_race_params *p, double *seconds) {
    const double start = cln_clock_seconds();
    enum cln_status status = CLN_OK;
    for (size_t step = 0; step < r->steps && status == CLN_OK; step++) {
        if (step % STEPS_OF_DATA == 0)
            status = cln_engine_begin(r->engine, CLN_TRAIN, NULL, (size_t)p->batch_size * STEPS_OF_DATA);
        if (status == CLN_OK)
            status = cln_engine_step(r->engine, CLN_TRAIN);
    }
    if (status == CLN_OK)
        status = ocl_context_finish(r->session->context);
    *seconds = (cln_clock_seconds() - start) / (double)r->steps;
    return status;
}

/* Runs the first steps, which build and allocate, and then chooses the number of steps per measurement. */
static enum cln_status warm_up(struct runner *r, const struct cln_race_params *p) {
    double seconds = 0;
    r->steps = 2;
    enum cln_status status = run_piece(r, p, &seconds);
    if (status == CLN_OK)
        status = run_piece(r, p, &seconds);
    r->steps = (size_t)fmax(1, fmin(1e4, PIECE_SECONDS / fmax(seconds, 1e-6)));
    return status;
}

static enum cln_status run_in_turn(struct cln_race *out, struct runner runners[WAYS], const struct cln_race_params *p) {
    const double until = cln_clock_seconds() + p->seconds;
    enum cln_status status = CLN_OK;
    out->seconds[INCUMBENT] = out->seconds[CANDIDATE] = INFINITY;
    for (int way = 0; way < WAYS && status == CLN_OK; way++)
        status = warm_up(&runners[way], p);
    for (int round = 0; status == CLN_OK && (round < 2 || cln_clock_seconds() < until); round++) {
        for (int way = 0; way < WAYS && status == CLN_OK; way++) {
            double seconds = 0;
            status = run_piece(&runners[way], p, &seconds);
            out->seconds[way] = fmin(out->seconds[way], seconds);
        }
        if (round >= 2 && out->seconds[CANDIDATE] > FAR_BEHIND * out->seconds[INCUMBENT])
            break;
    }
    return status;
}

enum cln_status cln_race_run(struct cln_race *out, const struct cln_race_params *p) {
    const size_t count = (size_t)p->batch_size * STEPS_OF_DATA, bytes = count * cln_shape_count(p->network->input);
    struct runner runners[WAYS] = {{NULL}};
    struct cln_random random;
    *out = (struct cln_race){.wrong = ""};
    uint8_t *pixels = malloc(bytes);
    int32_t *labels = calloc(count, sizeof *labels);
    enum cln_status status = CLN_OK;
    if (!pixels || !labels)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu images", count);
    cln_random_seed(&random, 0, CLN_STREAM_SYNTHETIC);
    for (size_t i = 0; status == CLN_OK && i < bytes; i++)
        pixels[i] = (uint8_t)(cln_random_u32(&random) >> 24);
    for (int way = WAYS - 1; way >= 0 && status == CLN_OK && !out->wrong[0]; way--) {
        status = prepare(&runners[way], p, way);
        if (status == CLN_OK && way == CANDIDATE)
            status = check(out, &runners[way], p);
        if (status == CLN_OK && !out->wrong[0])
            status = create_engine(&runners[way], p, pixels, labels);
    }
    if (status == CLN_OK && !out->wrong[0])
        status = run_in_turn(out, runners, p);
    for (int way = 0; way < WAYS; way++) {
        cln_engine_destroy(&runners[way].engine);
        cln_session_destroy(&runners[way].session);
    }
    free(pixels);
    free(labels);
    return status;
}
