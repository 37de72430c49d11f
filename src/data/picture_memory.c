/* Shares of memory: see picture_memory.h. */
#include "src/data/picture_memory.h"

#include <pthread.h>
#include <stdint.h>

#include "src/base/helpers.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static pthread_cond_t given = PTHREAD_COND_INITIALIZER;
static size_t taken[CLN_SHARE_COUNT], limit; /* 0: not known yet */

/* With the lock. */
static size_t find_limit(void) {
    const double eighth = cln_memory_bytes() / 8;
    if (limit == 0)
        limit = eighth < 1 ? 1 : eighth < (double)SIZE_MAX / 2 ? (size_t)eighth : SIZE_MAX / 2;
    return limit;
}

size_t cln_share_limit(void) {
    pthread_mutex_lock(&lock);
    const size_t found = find_limit();
    pthread_mutex_unlock(&lock);
    return found;
}

void cln_share_take(struct cln_share *share, enum cln_share_of of, size_t bytes) {
    if (!share)
        return;
    pthread_mutex_lock(&lock);
    const size_t most = find_limit();
    while (taken[of] > 0 && (taken[of] > most || bytes > most - taken[of]))
        pthread_cond_wait(&given, &lock);
    taken[of] += bytes;
    pthread_mutex_unlock(&lock);
    *share = (struct cln_share){of, bytes};
}

void cln_share_give(struct cln_share *share) {
    if (share->bytes == 0)
        return;
    pthread_mutex_lock(&lock);
    taken[share->of] -= share->bytes;
    pthread_cond_broadcast(&given);
    pthread_mutex_unlock(&lock);
    *share = (struct cln_share){0};
}
