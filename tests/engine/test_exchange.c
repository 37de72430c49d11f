/* Engines that share every batch train like one engine that has it to itself: with strict arithmetic bit for bit, else
 * within rounding. The processes are threads that take turns: one runs at a time, and an exchange lets the next one
 * run. */
#include <pthread.h>
#include <stdio.h>

#include "tests/engine/exchange.h"

enum { MOST_PROCESSES = 7, ROOM = 1 << 20 };

static struct {
    pthread_mutex_t mutex; /* held by the one that runs */
    pthread_cond_t changed;
    int count, arrived, generation;
    int gathers, scatters; /* calls of process 0 */
    unsigned char room[2][ROOM];
    struct {
        const void *sent;
        const size_t *bounds;
    } post[MOST_PROCESSES];
} world = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

struct process {
    int rank, failing; /* failing: the call from 1 on that fails; 0: none */
    int calls;
    struct cln_engine *engine;
    struct ocl_context *context;
    size_t samples; /* of an epoch, of the whole batch each step */
    int epochs;
    int *bounds; /* dealt anew after the first epoch, by these weights; NULL: not */
    const double *weights;
    enum cln_status status;
    char message[256];
};

/* Waits until all have come. */
static void meet(void) {
    const int generation = world.generation;
    if (++world.arrived == world.count) {
        world.arrived = 0;
        world.generation++;
        pthread_cond_broadcast(&world.changed);
        return;
    }
    while (world.generation == generation)
        pthread_cond_wait(&world.changed, &world.mutex);
}

static bool fails(struct process *p) {
    return ++p->calls == p->failing;
}

static enum cln_status gather(void *user, void *values, const size_t *bounds) {
    struct process *p = user;
    unsigned char *room = world.room[world.generation % 2];
    if (fails(p))
        return cln_fail(CLN_IO, "the other process has gone");
    world.gathers += p->rank == 0;
    if (bounds[world.count] > ROOM)
        return cln_fail(CLN_INVALID, "an exchange of %zu bytes is too large for this test", bounds[world.count]);
    memcpy(room + bounds[p->rank], (char *)values + bounds[p->rank], bounds[p->rank + 1] - bounds[p->rank]);
    meet();
    memcpy(values, room, bounds[world.count]);
    return CLN_OK;
}

static enum cln_status scatter(void *user, const void *sent, const size_t *sent_bounds, void *received,
                               const size_t *received_bounds) {
    struct process *p = user;
    if (fails(p))
        return cln_fail(CLN_IO, "the other process has gone");
    world.scatters += p->rank == 0;
    world.post[p->rank].sent = sent;
    world.post[p->rank].bounds = sent_bounds;
    meet();
    for (int r = 0; r < world.count; r++) {
        const size_t *theirs = world.post[r].bounds, bytes = theirs[p->rank + 1] - theirs[p->rank];
        if (bytes != received_bounds[r + 1] - received_bounds[r])
            return cln_fail(CLN_INVALID, "process %d sends %zu bytes", r, bytes);
        memcpy((char *)received + received_bounds[r], (const char *)world.post[r].sent + theirs[p->rank], bytes);
    }
    meet();
    return CLN_OK;
}

/* The processes are one in memory: they have one array of bounds. */
static enum cln_status redeal(struct process *p) {
    meet();
    if (p->rank == 0)
        cln_exchange_deal(p->bounds, world.count, p->bounds[world.count], p->weights);
    meet();
    return cln_engine_redeal(p->engine);
}

static void *train(void *user) {
    struct process *p = user;
    pthread_mutex_lock(&world.mutex);
    for (int e = 0; e < p->epochs && p->status == CLN_OK; e++) {
        p->status = cln_engine_begin(p->engine, CLN_TRAIN, NULL, p->samples);
        for (int s = 0; s < 3 && p->status == CLN_OK; s++) /* the last one comes behind the end */
            p->status = cln_engine_step(p->engine, CLN_TRAIN);
        if (p->status == CLN_OK)
            p->status = cln_engine_begin(p->engine, CLN_TEST, NULL, p->samples);
        for (int s = 0; s < 2 && p->status == CLN_OK; s++)
            p->status = cln_engine_step(p->engine, CLN_TEST);
        if (e == 0 && p->bounds && p->status == CLN_OK)
            p->status = redeal(p);
    }
    if (p->status != CLN_OK)
        snprintf(p->message, sizeof p->message, "%s", cln_error_message());
    pthread_mutex_unlock(&world.mutex);
    return NULL;
}

static struct cln_state state_of(struct cln_engine *engine, enum cln_engine_set set) {
    struct cln_state state;
    struct ocl_ticket *ticket = NULL;
    assert_ok(cln_engine_state(engine, set, &state, &ticket));
    assert_ok(ocl_ticket_wait(&ticket));
    return state;
}

/* What differs between processes is only their part of a batch. */
static void assert_same_states(struct cln_engine *a, struct cln_engine *b, bool exact) {
    for (int set = 0; set < CLN_SET_COUNT; set++) {
        struct cln_state x = state_of(a, (enum cln_engine_set)set), y = state_of(b, (enum cln_engine_set)set);
        assert_int_equal(x.step, y.step);
        assert_int_equal(x.seen, y.seen);
        assert_int_equal(x.frozen, y.frozen);
        if (exact) {
            assert_memory_equal(&x.loss_sum, &y.loss_sum, sizeof x.loss_sum);
            assert_int_equal(x.hits, y.hits);
        } else if (!(fabsf(x.loss_sum - y.loss_sum) <= 1e-4f * fabsf(x.loss_sum)))
            fail_msg("loss %.9g, expected %.9g", (double)y.loss_sum, (double)x.loss_sum);
    }
}

static struct cln_engine *engine_of(struct ocl_context *where, size_t batch, enum cln_optimizer_kind kind,
                                    struct cln_exchange exchange) {
    struct cln_engine *engine = engine_with(IN_PARTS, where, MOST, batch, kind, exchange);
    return engine;
}

struct shared {
    int processes, batch;
    enum cln_optimizer_kind kind;
    double clip_norm, accumulate;
    const double *weights; /* of the deal */
    const double *later;   /* of the deal of the second epoch; NULL: the same */
};

/* An epoch has two batches, the second one short. */
static void train_shared(const struct shared *c) {
    int bounds[MOST_PROCESSES + 1];
    struct process all[MOST_PROCESSES] = {{0}};
    pthread_t threads[MOST_PROCESSES];
    clip_norm = c->clip_norm;
    accumulate = c->accumulate;
    cln_exchange_deal(bounds, c->processes, c->batch, c->weights);
    assert_int_equal(bounds[0], 0);
    assert_int_equal(bounds[c->processes], c->batch);
    struct process whole = {.engine = engine_of(context, (size_t)c->batch, c->kind, (struct cln_exchange){0}),
                            .samples = MOST,
                            .epochs = 2};
    train(&whole);
    assert_ok(whole.status);
    world.count = c->processes;
    world.arrived = world.gathers = world.scatters = 0;
    for (int r = 0; r < c->processes; r++) {
        all[r] = (struct process){.rank = r, .context = context_under_test(), .samples = MOST, .epochs = 2};
        all[r].bounds = c->later ? bounds : NULL;
        all[r].weights = c->later;
        all[r].engine = engine_of(
            all[r].context, (size_t)c->batch, c->kind,
            (struct cln_exchange){c->processes, r, bounds, c->later != NULL, false, gather, scatter, &all[r]});
    }
    for (int r = 0; r < c->processes; r++)
        assert_int_equal(pthread_create(&threads[r], NULL, train, &all[r]), 0);
    for (int r = 0; r < c->processes; r++)
        assert_int_equal(pthread_join(threads[r], NULL), 0);
    for (int r = 0; r < c->processes; r++) {
        if (all[r].status != CLN_OK)
            fail_msg("process %d of %d, batch %d: %s", r, c->processes, c->batch, all[r].message);
        assert_same_bits(all[0].engine, all[r].engine);
        assert_same_states(whole.engine, all[r].engine, strict);
    }
    /* Two batches: two norms' moments and sums, and in the end the gradients; two of the test. The loss and the bias go
     * with the first sums. */
    assert_int_equal(world.gathers, 2 * (2 * (2 * NORMS + 1) + 2));
    assert_int_equal(world.scatters, 2 * 2);
    if (strict)
        assert_same_bits(whole.engine, all[0].engine);
    float *expected = values_of(whole.engine, CLN_PARAMETERS), *actual = values_of(all[0].engine, CLN_PARAMETERS);
    for (size_t i = 0; i < network->parameter_floats; i++)
        if (!(fabsf(actual[i] - expected[i]) <= 4e-6f))
            fail_msg("%d processes, batch %d: parameter %zu is %.9g, expected %.9g", c->processes, c->batch, i,
                     (double)actual[i], (double)expected[i]);
    free(expected);
    free(actual);
    for (int r = 0; r < c->processes; r++) {
        cln_engine_destroy(&all[r].engine);
        ocl_context_destroy(&all[r].context);
    }
    cln_engine_destroy(&whole.engine);
}

/* Batches of three shards and of five, where the last of a process may be a part of one, and more processes than
 * shards. With Adam a gradient's rounding may turn a step of a parameter around, so without strict arithmetic it is
 * SGD.
 */
static const struct shared cases[] = {
    {1, 190, CLN_SGD},
    {2, 190, CLN_SGD},
    {2, 320, CLN_SGD, .clip_norm = 0.5},
    {3, 300, CLN_SGD, .accumulate = 2},
    {7, 257, CLN_SGD},
    {3, 320, CLN_SGD, .weights = (const double[]){1, 5, 2}},
    {3, 320, CLN_SGD, .accumulate = 2, .weights = (const double[]){1, 5, 2}, .later = (const double[]){3, 1e-3, 1}},
};

static void test_processes_train_like_one(void **state) {
    (void)state;
    strict = false;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        train_shared(&cases[i]);
}

static void test_strict_processes_have_the_bits_of_one(void **state) {
    (void)state;
    strict = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shared c = cases[i];
        train_shared(&c);
        c.kind = CLN_ADAM;
        train_shared(&c);
    }
}

/* Normalised by their own samples, the first of two processes has the statistics of an engine that has only these. */
static void test_local_norms_are_of_own_samples(void **state) {
    enum { BATCH = 128, OWN = 64 };
    const int bounds[] = {0, OWN, BATCH};
    struct process all[2];
    pthread_t threads[2];
    (void)state;
    strict = false;
    clip_norm = accumulate = 0;
    world.count = 2;
    world.arrived = world.gathers = 0;
    struct process alone = {.engine = engine_with(IN_PARTS, context, OWN, OWN, CLN_SGD, (struct cln_exchange){0}),
                            .samples = OWN,
                            .epochs = 1};
    train(&alone);
    assert_ok(alone.status);
    for (int r = 0; r < 2; r++) {
        all[r] = (struct process){.rank = r, .context = context_under_test(), .samples = BATCH, .epochs = 1};
        all[r].engine = engine_of(all[r].context, BATCH, CLN_SGD,
                                  (struct cln_exchange){2, r, bounds, false, true, gather, scatter, &all[r]});
        assert_int_equal(pthread_create(&threads[r], NULL, train, &all[r]), 0);
    }
    float *running[3], *parameters[2];
    for (int r = 0; r < 2; r++) {
        assert_int_equal(pthread_join(threads[r], NULL), 0);
        assert_ok(all[r].status);
    }
    for (int r = 0; r < 3; r++)
        running[r] = values_of(r < 2 ? all[r].engine : alone.engine, CLN_RUNNING);
    for (int r = 0; r < 2; r++)
        parameters[r] = values_of(all[r].engine, CLN_PARAMETERS);
    assert_memory_equal(running[0], running[2], network->running_floats * sizeof(float));
    assert_memory_not_equal(running[0], running[1], network->running_floats * sizeof(float));
    assert_memory_equal(parameters[0], parameters[1], network->parameter_floats * sizeof(float));
    assert_int_equal(world.gathers, 1 + 1 + 1); /* the losses of both sets, one with the bias; the gradients */
    for (int r = 0; r < 3; r++)
        free(running[r]);
    for (int r = 0; r < 2; r++) {
        free(parameters[r]);
        cln_engine_destroy(&all[r].engine);
        ocl_context_destroy(&all[r].context);
    }
    cln_engine_destroy(&alone.engine);
}

static void test_a_deal_is_in_shards(void **state) {
    static const struct {
        int processes, samples;
        double weights[4]; /* 0: equal */
        int bounds[5];
    } deals[] = {
        {2, 256, {0}, {0, 128, 256}},
        {3, 256, {0}, {0, 128, 192, 256}},
        {4, 100, {0}, {0, 64, 64, 100, 100}},
        {4, 64, {0}, {0, 64, 64, 64, 64}},
        {2, 1, {0}, {0, 1, 1}},
        {2, 512, {3, 1}, {0, 384, 512}},
        {2, 512, {1e-6, 1}, {0, 64, 512}},
        {3, 1000, {1, 1, 1e-9}, {0, 512, 1000, 1000}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof deals / sizeof *deals; i++) {
        int bounds[5];
        cln_exchange_deal(bounds, deals[i].processes, deals[i].samples,
                          deals[i].weights[0] > 0 ? deals[i].weights : NULL);
        for (int r = 0; r <= deals[i].processes; r++)
            if (bounds[r] != deals[i].bounds[r])
                fail_msg("deal %zu: bound %d is %d, expected %d", i, r, bounds[r], deals[i].bounds[r]);
    }
}

/* The n-th exchange of a step fails, of a process that exchanges with itself. */
static void test_a_failure_is_the_step_s(void **state) {
    static const char *const seams[] = {"stage 1 exchange of moments", "stage 2 exchange of moments",
                                        "stage 2 exchange of sums",    "stage 1 exchange of sums",
                                        "exchange of gradients",       "exchange of gradients"};
    (void)state;
    const int bounds[] = {0, WHOLE};
    strict = false;
    clip_norm = accumulate = 0;
    world.count = 1;
    size_t found = 0;
    for (int at = 1; at <= 6; at++) {
        struct process p = {.failing = at, .samples = WHOLE, .epochs = 1};
        p.engine =
            engine_of(context, WHOLE, CLN_ADAM, (struct cln_exchange){1, 0, bounds, false, false, gather, scatter, &p});
        train(&p);
        assert_int_equal(p.status, CLN_IO);
        for (size_t s = 0; s < sizeof seams / sizeof *seams; s++) {
            char message[96];
            snprintf(message, sizeof message, "%s: the other process has gone", seams[s]);
            if (strcmp(p.message, message) == 0) {
                found++;
                break;
            }
        }
        assert_int_equal(p.calls, at);
        cln_engine_destroy(&p.engine);
    }
    assert_int_equal(found, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_deal_is_in_shards),
        cmocka_unit_test(test_processes_train_like_one),
        cmocka_unit_test(test_strict_processes_have_the_bits_of_one),
        cmocka_unit_test(test_local_norms_are_of_own_samples),
        cmocka_unit_test(test_a_failure_is_the_step_s),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
