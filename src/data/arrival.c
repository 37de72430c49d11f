/* Images that come one by one: see arrival.h. Nobody takes a lock for an image that no one waits for, as many of them
 * are decoded in some microseconds. */
#include "src/data/arrival.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum state { TO_COME, TAKEN, THERE };

/* For all arrivals: threads that wait look again. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;

enum cln_status cln_arrival_create(struct cln_arrival *a, size_t count) {
    *a = (struct cln_arrival){.count = count, .state = calloc(count, sizeof *a->state)};
    return a->state ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for a list of %zu images", count);
}

void cln_arrival_free(struct cln_arrival *a) {
    free(a->state);
    free((void *)atomic_load(&a->wanted));
    *a = (struct cln_arrival){.count = 0};
}

static bool give_away(struct cln_arrival *a, size_t image) {
    unsigned char expected = TO_COME;
    return atomic_compare_exchange_strong(&a->state[image], &expected, TAKEN);
}

void cln_arrival_begin(struct cln_arrival *a, const void *pixels, size_t bytes_each) {
    a->pixels = pixels;
    a->bytes_each = bytes_each;
}

bool cln_arrival_take(struct cln_arrival *a, size_t number, size_t *image) {
    const uint32_t *wanted = (const uint32_t *)atomic_load(&a->wanted);
    if (atomic_load(&a->is_stopped))
        return false;
    for (size_t i; wanted && (i = atomic_fetch_add(&a->next, 1)) < a->count;)
        if (give_away(a, *image = wanted[i]))
            return true;
    if (give_away(a, *image = number))
        return true;
    while ((*image = atomic_fetch_add(&a->rest, 1)) < a->count)
        if (give_away(a, *image))
            return true;
    return false;
}

static void wake(void) {
    pthread_mutex_lock(&lock);
    pthread_cond_broadcast(&came);
    pthread_mutex_unlock(&lock);
}

void cln_arrival_note(struct cln_arrival *a, size_t image) {
    atomic_store(&a->state[image], THERE);
    if (atomic_load(&a->waiting) > 0)
        wake();
}

void cln_arrival_end(struct cln_arrival *a, bool failed) {
    atomic_store(&a->has_failed, failed);
    atomic_store(&a->has_ended, true);
    wake();
}

void cln_arrival_want(struct cln_arrival *a, const uint32_t *wanted, size_t count) {
    uint32_t *copy = malloc(a->count * sizeof *copy);
    uintptr_t none = 0;
    for (size_t i = 0; copy && i < a->count; i++)
        copy[i] = i < count ? wanted[i] : (uint32_t)i; /* which may have been taken */
    if (!copy || !atomic_compare_exchange_strong(&a->wanted, &none, (uintptr_t)copy))
        free(copy);
}

static bool is_there(const struct cln_arrival *a, size_t image) {
    return atomic_load(&a->state[image]) == THERE;
}

const void *cln_arrival_await(struct cln_arrival *a, size_t image) {
    if (is_there(a, image))
        return a->pixels + image * a->bytes_each;
    pthread_mutex_lock(&lock);
    atomic_fetch_add(&a->waiting, 1);
    while (!is_there(a, image) && !atomic_load(&a->has_ended))
        pthread_cond_wait(&came, &lock);
    atomic_fetch_sub(&a->waiting, 1);
    pthread_mutex_unlock(&lock);
    return is_there(a, image) ? a->pixels + image * a->bytes_each : NULL;
}

void cln_arrival_stop(struct cln_arrival *a) {
    atomic_store(&a->is_stopped, true);
}
