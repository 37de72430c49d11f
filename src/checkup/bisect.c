/* Trainings launch by launch: see bisect.h. */
#include "src/checkup/bisect.h"

#include <stdlib.h>

#include "src/checkup/bisect_step.h"

/* An engine that runs the steps, and what was observed of it. */
struct run {
    struct cln_bisect *bisect;
    struct cln_engine *engine;
};

static enum cln_status open_run(struct run *r, struct cln_check_result *result, const struct cln_bisect_training *t,
                                const struct cln_check_params *params, const struct cln_tuning *tuning) {
    struct cln_engine_params engine = t->engine;
    enum cln_status status = cln_bisect_create(&r->bisect, t->digests, params, result);
    engine.tuning = tuning;
    engine.test = (struct cln_engine_images){.count = 0};
    engine.observe = cln_bisect_observe;
    engine.observer = r->bisect;
    if (status == CLN_OK)
        status = cln_engine_create(&r->engine, params->context, &engine);
    if (status == CLN_OK)
        status = cln_engine_write(r->engine, CLN_PARAMETERS, t->values);
    if (status == CLN_OK && engine.network->running_floats > 0)
        status = cln_engine_write(r->engine, CLN_RUNNING, t->values + engine.network->parameter_floats);
    return status;
}

static void close_run(struct run *r) {
    cln_engine_destroy(&r->engine);
    cln_bisect_destroy(&r->bisect);
}

static enum cln_status begin(struct cln_engine *engine, const uint32_t *order, size_t count) {
    return engine ? cln_engine_begin(engine, CLN_TRAIN, order, count) : CLN_OK;
}

/* Runs a step in both engines; `joined` may have none. */
static enum cln_status step_both(struct run *apart, struct run *joined, size_t step, const uint32_t *order,
                                 size_t count) {
    enum cln_status status = begin(apart->engine, order, count);
    if (status == CLN_OK)
        status = begin(joined->engine, order, count);
    if (status == CLN_OK)
        status = cln_bisect_step(apart->bisect, apart->engine, step);
    if (status == CLN_OK && joined->engine)
        status = cln_engine_step(joined->engine, CLN_TRAIN);
    return status;
}

enum cln_status cln_bisect_run(struct cln_check_result *out, const struct cln_bisect_training *t,
                               const struct cln_check_params *params) {
    struct run apart = {NULL}, joined = {NULL};
    struct cln_tuning by_itself = *params->tuning;
    const size_t count = (size_t)t->engine.batch_size;
    uint32_t *order = calloc(count, sizeof *order);
    by_itself.join_launches = by_itself.command_buffer = 0;
    enum cln_status status =
        order ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for the order of %zu images", count);
    if (status == CLN_OK)
        status = open_run(&apart, out, t, params, &by_itself);
    if (status == CLN_OK && params->tuning->join_launches)
        status = open_run(&joined, out, t, params, params->tuning);
    for (size_t step = 0; step < t->steps && status == CLN_OK && out->failed == 0; step++) {
        for (size_t i = 0; i < count; i++)
            order[i] = (uint32_t)(step * count + i);
        status = step_both(&apart, &joined, step, order, count);
        if (status == CLN_OK && out->failed == 0 && joined.engine)
            status = cln_bisect_compare(apart.bisect, joined.bisect, step);
    }
    close_run(&joined);
    close_run(&apart);
    free(order);
    return status;
}
