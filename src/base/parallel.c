/* Threads that take ranges of indices in ascending order, so that all indices below a failure have been taken. */
#include "src/base/parallel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "src/base/helpers.h"

/* Items that a thread takes at a time: a lock for each would cost more than a small picture. Threads mostly wait where
 * files come from a disk: 70,000 of them take 3 s with four for a processor, and 9 s with one. */
enum { RANGE = 16, PER_PROCESSOR = 4, MOST_THREADS = 64 };

struct job {
    size_t count;
    cln_parallel_work *work;
    void *user;
    pthread_mutex_t lock; /* of what follows */
    size_t next;          /* the first index that no thread has taken */
    size_t failed;        /* the lowest index that failed; `count`: none */
    enum cln_status status;
    char message[2048];
};

static bool take(struct job *job, size_t *begin, size_t *end) {
    pthread_mutex_lock(&job->lock);
    const bool has_more = job->failed == job->count && job->next < job->count;
    *begin = job->next;
    *end = job->count - *begin < RANGE ? job->count : *begin + RANGE;
    if (has_more)
        job->next = *end;
    pthread_mutex_unlock(&job->lock);
    return has_more;
}

static void note_failure(struct job *job, size_t index, enum cln_status status) {
    pthread_mutex_lock(&job->lock);
    if (index < job->failed) {
        job->failed = index;
        job->status = status;
        snprintf(job->message, sizeof job->message, "%s", cln_error_message());
    }
    pthread_mutex_unlock(&job->lock);
}

static void work_on(struct job *job, cln_parallel_tell *tell) {
    for (size_t begin, end; take(job, &begin, &end);) {
        if (tell)
            tell(job->user, end);
        enum cln_status status = CLN_OK;
        for (size_t i = begin; i < end && status == CLN_OK; i++)
            if ((status = job->work(job->user, i)) != CLN_OK)
                note_failure(job, i, status);
    }
}

static void *run_thread(void *job) {
    work_on(job, NULL);
    return NULL;
}

enum cln_status cln_parallel(size_t count, cln_parallel_work *work, cln_parallel_tell *tell, void *user) {
    struct job job = {.count = count, .work = work, .user = user, .lock = PTHREAD_MUTEX_INITIALIZER, .failed = count};
    pthread_t threads[MOST_THREADS];
    size_t wanted = PER_PROCESSOR * cln_count_processors() - 1, started = 0;
    if (wanted > (count - (count > 0)) / RANGE)
        wanted = (count - (count > 0)) / RANGE;
    if (tell)
        tell(user, 0);
    while (started < wanted && started < MOST_THREADS && pthread_create(&threads[started], NULL, run_thread, &job) == 0)
        started++;
    work_on(&job, tell);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (tell && job.failed == count)
        tell(user, count);
    return job.failed == count ? CLN_OK : cln_fail(job.status, "%-s", job.message);
}
