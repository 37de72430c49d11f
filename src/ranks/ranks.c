/* Processes that MPI has started: see include/clenet/ranks.h. */
#include "src/ranks/ranks_private.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/part_meter.h"
#include "src/ranks/launcher.h"

/* A process that waits answers within an eighth of a second, on an idle core. */
enum { FOLDER_BYTES = 4096, ANSWER_SECONDS = 2 };

static struct cln_ranks *open_ranks; /* MPI has no argument for its users */

struct cln_rank cln_ranks_place(void) {
    const char *module;
    return cln_launcher_place(&module);
}

struct cln_rank cln_ranks_here(const struct cln_ranks *ranks) {
    return ranks ? ranks->here : (struct cln_rank){.count = 1, .together = 1};
}

bool cln_ranks_knows(const struct cln_ranks *ranks) {
    return ranks && ranks->shared && !ranks->unfinished;
}

bool cln_ranks_told(const struct cln_ranks *ranks) {
    return ranks && ranks->shared && ranks->teller != ranks->here.rank;
}

/* ---- Waiting ---- */

/* Seconds that a process waits for another: within a step; longer between epochs, where the first process writes files,
 * and at the beginning, where others build kernels. */
static double limit(const struct cln_ranks *r) {
    const char *text = getenv("CLENET_RANK_SECONDS");
    const double seconds = text ? strtod(text, NULL) : 0;
    return (seconds > 0 ? seconds : 60) * (r->is_patient ? 30 : 1);
}

/* Whether a process has ended that its launcher has not yet taken note of. Not every system says so. */
static bool is_zombie(pid_t process) {
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)process);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    const char *state = strrchr(text, ')'); /* a name may have any letter */
    return state && strncmp(state, ") Z", 3) == 0;
}

/* Whether all processes of this machine are alive; `closely`: none is a zombie either. Their launcher ends the others
 * when one dies, but cannot say what that one was. */
static bool neighbours_live(struct cln_ranks *r, bool closely) {
    const char *own = r->peers[r->here.rank].machine;
    for (int p = 0; p < r->here.count && r->dead < 0; p++) {
        const pid_t process = r->peers[p].pid;
        if (own[0] && strcmp(r->peers[p].machine, own) == 0 &&
            ((kill(process, 0) != 0 && errno == ESRCH) || (closely && is_zombie(process))))
            r->dead = p;
    }
    return r->dead < 0;
}

/* A process that was asked to end still waits for two steps: then the others end, too, in the same step. */
static bool waits(double seconds) {
    struct cln_ranks *r = open_ranks;
    const double now = cln_clock_seconds();
    if (r->stopped == 0 && r->stops && r->stops())
        r->stopped = now;
    if (now - r->looked > 0.05) {
        r->looked = now;
        if (!neighbours_live(r, ++r->looks % (1 + (size_t)r->here.count / 8) == 0))
            return false;
    }
    return seconds < limit(r) && (r->stopped == 0 || now - r->stopped < (r->is_patient ? 10 : 0.5 + 2 * r->longest));
}

/* Names the processes that do not answer, after a wait that was in vain. */
static enum cln_status fail_waiting(struct cln_ranks *r, const char *error) {
    bool *missing = calloc((size_t)r->here.count, sizeof *missing);
    char who[MESSAGE_BYTES] = "";
    size_t used = 0;
    r->unfinished = true;
    if (missing && neighbours_live(r, true))
        r->mpi->find_missing(missing, ANSWER_SECONDS);
    if (missing && !neighbours_live(r, true)) { /* MPI may have noticed it first */
        memset(missing, 0, (size_t)r->here.count * sizeof *missing);
        missing[r->dead] = true;
    }
    for (int p = 0; missing && p < r->here.count; p++)
        if (missing[p] && used < sizeof who)
            used += (size_t)snprintf(who + used, sizeof who - used, "%s%s", used ? ", " : "", r->peers[p].name);
    r->lost = r->shared = missing && used > 0;
    for (r->teller = 0; r->shared && missing[r->teller]; r->teller++)
        ;
    free(missing);
    if (used == 0)
        return cln_fail(CLN_IO, "%s", error);
    const char *what = r->dead >= 0 ? "has died" : "does not answer: it hangs, or has died";
    if (r->step == 0)
        return cln_fail(CLN_IO, "before the first step: %s %s", who, what);
    return cln_fail(CLN_IO, "step %zu: %s %s; --resume goes on from the last model saved, with any number of processes",
                    r->step, who, what);
}

/* Makes room for what others send. MPI may still write there after a wait that was in vain, when the callers' memory is
 * no more. */
static enum cln_status reserve(struct cln_ranks *r, size_t bytes) {
    if (bytes <= r->received_bytes)
        return CLN_OK;
    char *larger = realloc(r->received, bytes);
    if (!larger)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu bytes of %d processes", bytes, r->here.count);
    r->received = larger;
    r->received_bytes = bytes;
    return CLN_OK;
}

/* A scatter; with `sent_bounds` NULL a gather. */
static enum cln_status exchange(struct cln_ranks *r, const void *sent, const size_t *sent_bounds, char *received,
                                const size_t *bounds) {
    const int own = r->here.rank, others = r->here.count - 1;
    const double begin = cln_clock_seconds();
    if (r->lost) /* and its message stays */
        return CLN_IO;
    if (r->unfinished)
        return cln_fail(CLN_IO, "an exchange with other processes has failed before");
    const enum cln_status status = reserve(r, bounds[others + 1]);
    if (status != CLN_OK)
        return status;
    const enum cln_part part = cln_part_meter_enter(r->meter, CLN_PART_WAITING);
    const char *error = r->meter ? r->mpi->barrier() : NULL;
    cln_part_meter_enter(r->meter, CLN_PART_EXCHANGE);
    if (!sent_bounds && bounds[own + 1] > bounds[own])
        memcpy(r->received + bounds[own], received + bounds[own], bounds[own + 1] - bounds[own]);
    if (!error)
        error =
            sent_bounds ? r->mpi->scatter(sent, sent_bounds, r->received, bounds) : r->mpi->gather(r->received, bounds);
    if (!error && bounds[others + 1] > 0)
        memcpy(received, r->received, bounds[others + 1]);
    cln_part_meter_exchanged(r->meter, sent_bounds ? sent_bounds[others + 1] - (sent_bounds[own + 1] - sent_bounds[own])
                                                   : (bounds[own + 1] - bounds[own]) * (size_t)others);
    cln_part_meter_enter(r->meter, part);
    r->waited += cln_clock_seconds() - begin;
    return !error ? CLN_OK : fail_waiting(r, error);
}

enum cln_status cln_ranks_gather(void *ranks, void *values, const size_t *bounds) {
    return exchange(ranks, NULL, NULL, values, bounds);
}

enum cln_status cln_ranks_scatter(void *ranks, const void *sent, const size_t *sent_bounds, void *received,
                                  const size_t *received_bounds) {
    return exchange(ranks, sent, sent_bounds, received, received_bounds);
}

void cln_ranks_meter(struct cln_ranks *r, struct cln_part_meter *meter) {
    if (r)
        r->meter = meter;
}

double cln_ranks_waited(const struct cln_ranks *r) {
    return r ? r->waited : 0;
}

enum cln_status cln_ranks_gather_each(struct cln_ranks *r, void *values, size_t bytes) {
    for (int p = 0; p <= r->here.count; p++)
        r->bounds[p] = (size_t)p * bytes;
    return cln_ranks_gather(r, values, r->bounds);
}

enum cln_status cln_ranks_take_first(struct cln_ranks *r, void *values, size_t bytes) {
    for (int p = 0; p <= r->here.count; p++)
        r->bounds[p] = p == 0 ? 0 : bytes;
    return cln_ranks_gather(r, values, r->bounds);
}

/* ---- Beginning and end ---- */

/* The folder of the file that this code is in: a library or a program. */
static void own_folder(char *out, size_t bytes) {
    Dl_info info;
    char path[FOLDER_BYTES] = "";
    if (dladdr((void *)&open_ranks, &info) && info.dli_fname && strchr(info.dli_fname, '/'))
        snprintf(path, sizeof path, "%s", info.dli_fname);
    else if (readlink("/proc/self/exe", path, sizeof path - 1) < 0)
        path[0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    snprintf(out, bytes, "%s", path);
}

static enum cln_status load(struct cln_ranks *r, const char *name) {
    char folder[FOLDER_BYTES], path[2 * FOLDER_BYTES];
    own_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/src/ranks/mpi-%s.so", folder, name); /* where it was built */
    if (access(path, R_OK) != 0)
        snprintf(path, sizeof path, "%s/mpi-%s.so", CLENET_MODULE_FOLDER, name);
    if (access(path, R_OK) != 0)
        return cln_fail(CLN_INVALID,
                        "one of %d processes that %s has started, but this clenet was built without it: install "
                        "lib%s-dev, and build again",
                        r->here.count, strcmp(name, "mpich") == 0 ? "MPICH" : "Open MPI", name);
    r->module = dlopen(path, RTLD_NOW | RTLD_GLOBAL); /* Open MPI's own modules look for its symbols */
    r->mpi = r->module ? dlsym(r->module, CLN_MPI_SYMBOL) : NULL;
    if (!r->mpi || r->mpi->version != CLN_MPI_VERSION)
        return cln_fail(CLN_INVALID, "%s: %s", path, r->mpi ? "of another version of clenet" : dlerror());
    return CLN_OK;
}

/* The launcher's environment and MPI must agree: MPI does not know its launcher if it is another's. */
static enum cln_status check_place(const struct cln_ranks *r) {
    int rank, count;
    r->mpi->place(&rank, &count);
    return rank == r->here.rank && count == r->here.count
               ? CLN_OK
               : cln_fail(CLN_INVALID,
                          "the launcher says process %d of %d, MPI says process %d of %d: start it with the mpirun of "
                          "the MPI that clenet was built with, or with srun --mpi=pmix",
                          r->here.rank, r->here.count, rank, count);
}

static void destroy(struct cln_ranks *r) {
    free(r->peers);
    free(r->bounds);
    if (!r->unfinished)
        free(r->received);
    free(r);
    open_ranks = NULL;
}

enum cln_status cln_ranks_open(struct cln_ranks **out, bool (*stops)(void)) {
    const char *module;
    const struct cln_rank here = cln_launcher_place(&module);
    *out = NULL;
    if (here.count < 2)
        return CLN_OK;
    if (here.is_cut_off)
        return cln_fail(CLN_INVALID,
                        "srun has started %d processes, but no MPI by which they reach each other: use srun --mpi=pmix "
                        "with Open MPI, srun --mpi=pmi2 with MPICH, or srun env -u SLURM_STEP_NUM_TASKS clenet for "
                        "trainings of their own",
                        here.count);
    struct cln_ranks *r = calloc(1, sizeof *r);
    if (!r)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %d processes", here.count);
    open_ranks = r;
    r->here = here;
    r->stops = stops;
    r->dead = -1;
    r->is_patient = true;
    r->peers = calloc((size_t)here.count, sizeof *r->peers);
    r->bounds = calloc((size_t)here.count + 1, sizeof *r->bounds);
    enum cln_status status =
        r->peers && r->bounds ? load(r, module) : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %d names", here.count);
    if (status == CLN_OK) {
        const char *error = r->mpi->start(waits);
        status = error ? cln_fail(CLN_IO, "%s", error) : check_place(r);
        if (status == CLN_OK)
            status = cln_ranks_introduce(r, NULL, NULL);
    }
    if (status != CLN_OK)
        destroy(r);
    else
        *out = r;
    return status;
}

void cln_ranks_close(struct cln_ranks **ranks) {
    struct cln_ranks *r = *ranks;
    *ranks = NULL;
    if (!r)
        return;
    r->mpi->stop();
    destroy(r);
}

void cln_ranks_end_all(struct cln_ranks *r, int exit_status) {
    if (!r)
        return;
    /* Let the one that tells it end all, or the launcher hand on what this one has told. */
    if (cln_ranks_told(r))
        sleep(5);
    else
        usleep(200000);
    r->mpi->end_all(exit_status);
}

/* ---- Names ---- */

enum cln_status cln_ranks_introduce(struct cln_ranks *r, const char *device, bool *unlike) {
    if (!r)
        return CLN_OK;
    struct peer *own = &r->peers[r->here.rank];
    own->pid = getpid();
    if (gethostname(own->host, sizeof own->host - 1) != 0)
        own->host[0] = '\0';
    cln_launcher_machine(own->machine, sizeof own->machine);
    snprintf(own->name, sizeof own->name, "process %d of %d (%s%s%.90s)", r->here.rank, r->here.count, own->host,
             device ? ", " : "", device ? device : "");
    snprintf(own->device, sizeof own->device, "%s", device ? device : "");
    const enum cln_status status = cln_ranks_gather_each(r, r->peers, sizeof *r->peers);
    for (int p = 0; unlike && p < r->here.count; p++)
        *unlike |= strcmp(r->peers[p].device, r->peers[0].device) != 0;
    return status;
}

void cln_ranks_step(struct cln_ranks *r, size_t step) {
    if (!r)
        return;
    const double now = cln_clock_seconds();
    if (r->begun > 0 && now - r->begun > r->longest)
        r->longest = now - r->begun;
    r->begun = now;
    r->is_patient = r->step == 0; /* in the first step drivers may still compile */
    r->step = step;
}

void cln_ranks_pause(struct cln_ranks *r) {
    if (!r)
        return;
    r->begun = 0;
    r->is_patient = true;
}
