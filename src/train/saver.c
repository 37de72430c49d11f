/* Resume points on disk: see saver.h. */
#include "src/train/saver.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clenet/log.h"
#include "src/base/clock.h"
#include "src/base/place.h"
#include "src/base/replace.h"
#include "src/train/snapshot.h"

struct cln_saver {
    struct cln_save_params params;
    char *path;                    /* path of the newest file; params.path may be a link to it */
    struct cln_snapshot *snapshot; /* belongs to the writing thread while is_writing */
    bool best;
    pthread_t writer;
    bool is_writing;
    enum cln_status result; /* result of the last write */
    char *message;          /* its message, which would be lost with the writing thread */
    bool has_saved;

    double last;       /* time of the last resume point, or of the start of training */
    int epochs;        /* epochs finished since then */
    size_t steps_kept; /* the trainer's steps and epochs in the last resume point */
    int epochs_kept;
};

enum cln_status cln_saver_create(struct cln_saver **out, const struct cln_trainer *t) {
    *out = NULL;
    if (!t->params.save.path || t->params.evaluate_only)
        return CLN_OK;
    struct cln_saver *s = *out = calloc(1, sizeof *s);
    if (!s)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a saver");
    s->params = t->params.save;
    s->path = cln_place_resolve(s->params.path);
    if (s->path)
        s->params.path = s->path;
    if (s->params.every_epochs == 0 && !(s->params.every_seconds > 0.0))
        s->params.every_epochs = 1;
    s->last = cln_clock_seconds();
    s->steps_kept = t->steps;
    s->epochs_kept = cln_trainer_epochs(t);
    return cln_snapshot_create(&s->snapshot, t);
}

bool cln_saver_has_best(const struct cln_save_params *params) {
    char *path = params->path && params->best ? cln_place_resolve(params->path) : NULL;
    char *best = path ? cln_saver_name(path, "best") : NULL;
    const bool has = best && access(best, F_OK) == 0;
    free(best);
    free(path);
    return has;
}

char *cln_saver_name(const char *path, const char *mark) {
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path, *dot = strrchr(file, '.');
    const size_t stem = dot && dot != file ? (size_t)(dot - path) : strlen(path);
    char *name = NULL;
    return asprintf(&name, "%.*s.%s%s", (int)stem, path, mark, path + stem) < 0 ? NULL : name;
}

static char *numbered_name(const char *path, int number) {
    char mark[16];
    snprintf(mark, sizeof mark, "%d", number);
    return cln_saver_name(path, mark);
}

/* Whether `previous` is a hard link to the newest file: the last write then failed, and the file is already kept. */
static bool is_kept(const char *path, const char *previous) {
    struct stat a, b;
    return stat(path, &a) == 0 && stat(previous, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static enum cln_status move(const char *from, const char *to) {
    if (rename(from, to) && errno != ENOENT)
        return cln_fail(CLN_IO, "cannot rename %s to %s: %s", from, to, strerror(errno));
    return CLN_OK;
}

static bool is_file(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* Renames .1 to .2 and so on up to keep - 1, and hard-links the newest as .1. Does nothing if there is no newest
 * file. */
static enum cln_status keep_previous(const char *path, int keep) {
    char *first = numbered_name(path, 1), *to = numbered_name(path, keep - 1);
    enum cln_status status = first && to ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the name of a file");
    const bool done = status == CLN_OK && (!is_file(path) || is_kept(path, first));
    for (int i = keep - 2; i >= 1 && status == CLN_OK && !done; i--) {
        char *from = numbered_name(path, i);
        status = from ? move(from, to) : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the name of a file");
        free(to);
        to = from;
    }
    /* A hard link, so that `path` always exists. */
    if (status == CLN_OK && !done)
        status = cln_replace_link(path, first);
    free(first);
    free(to);
    return status;
}

static enum cln_status write_files(const struct cln_saver *s) {
    const struct cln_save_params *p = &s->params;
    enum cln_status status = CLN_OK;
    if (p->keep > 1)
        status = keep_previous(p->path, p->keep);
    if (status == CLN_OK)
        status = cln_checkpoint_write(p->path, &s->snapshot->checkpoint);
    if (status != CLN_OK || !s->best)
        return status;
    char *best = cln_saver_name(p->path, "best");
    status = best ? cln_checkpoint_write(best, &s->snapshot->checkpoint)
                  : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the name of a file");
    free(best);
    return status;
}

static void *run_writer(void *saver) {
    struct cln_saver *s = saver;
    s->result = write_files(s);
    if (s->result != CLN_OK)
        s->message = strdup(cln_error_message());
    return NULL;
}

/* Waits until no write is under way. */
static void join_writer(struct cln_saver *s) {
    if (s->is_writing)
        pthread_join(s->writer, NULL);
    s->has_saved |= s->is_writing && s->result == CLN_OK;
    s->is_writing = false;
}

/* Waits likewise, and returns the last write's result. */
static enum cln_status wait_for_writer(struct cln_saver *s) {
    join_writer(s);
    return s->result == CLN_OK ? CLN_OK : cln_fail(s->result, "%-s", s->message ? s->message : s->params.path);
}

void cln_saver_destroy(struct cln_saver **saver) {
    struct cln_saver *s = *saver;
    if (!s)
        return;
    *saver = NULL;
    join_writer(s);
    cln_snapshot_destroy(&s->snapshot);
    free(s->message);
    free(s->path);
    free(s);
}

bool cln_saver_due(const struct cln_saver *s) {
    return s && s->params.every_seconds > 0.0 && cln_clock_seconds() - s->last >= s->params.every_seconds;
}

enum cln_status cln_saver_save(struct cln_saver *s, struct cln_trainer *t, bool best) {
    if (wait_for_writer(s) != CLN_OK) {
        cln_log(CLN_LOG_WARNING, "%-s: training continues without this resume point", cln_error_message());
        if (s->best && !best)
            t->best_accuracy = -1.0; /* the best model has no file: let the next epoch be the best */
    }
    free(s->message);
    s->message = NULL;
    s->result = CLN_OK;
    enum cln_status status = cln_snapshot_take(s->snapshot, t);
    if (status != CLN_OK)
        return status;
    s->best = best;
    s->last = cln_clock_seconds();
    s->epochs = 0;
    s->steps_kept = t->steps;
    s->epochs_kept = cln_trainer_epochs(t);
    s->is_writing = pthread_create(&s->writer, NULL, run_writer, s) == 0;
    if (!s->is_writing) {
        run_writer(s);
        s->has_saved |= s->result == CLN_OK;
    }
    return CLN_OK;
}

enum cln_status cln_saver_epoch(struct cln_saver *s, struct cln_trainer *t, bool best) {
    if (!s)
        return CLN_OK;
    s->epochs++;
    best &= s->params.best;
    if (best || cln_saver_due(s) || (s->params.every_epochs > 0 && s->epochs >= s->params.every_epochs))
        return cln_saver_save(s, t, best);
    return CLN_OK;
}

enum cln_status cln_saver_finish(struct cln_saver *s, struct cln_trainer *t) {
    if (!s)
        return CLN_OK;
    enum cln_status status = wait_for_writer(s);
    if (status == CLN_OK && t->steps == s->steps_kept && cln_trainer_epochs(t) == s->epochs_kept)
        return CLN_OK;
    /* Writes again what could not be written: no later resume point will make up for it. */
    const bool best = status != CLN_OK && s->best && t->steps == s->steps_kept;
    s->result = CLN_OK;
    status = cln_saver_save(s, t, best);
    return status == CLN_OK ? wait_for_writer(s) : status;
}

bool cln_saver_has_saved(struct cln_saver *s) {
    if (s)
        join_writer(s);
    return s && s->has_saved;
}
