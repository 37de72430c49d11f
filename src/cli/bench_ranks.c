/* clenet bench with several processes. Whoever is given --ranks starts a group of each size, one after the other, each
 * by this same command line, and gets from its first process what it has measured, as JSON. A process of a group that
 * the user has started by mpirun or srun measures that group and reports it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clenet/network.h"
#include "src/base/json_text.h"
#include "src/bench/scaling_text.h"
#include "src/cli/bench_options.h"
#include "src/cli/command.h"
#include "src/cli/device_list.h"
#include "src/cli/launch.h"
#include "src/cli/rank_notices.h"
#include "src/cli/report.h"
#include "src/cli/signals.h"

enum { USUAL_BATCH = 1024, SHARD = 64, MOST_GROUPS = 16, BATCHES = 2 };

/* Sizes of groups, in rising order. False: the text is no such list. */
static bool parse_sizes(int *sizes, size_t *count, const char *text) {
    *count = 0;
    for (int before = 0;; text++) {
        char *end;
        const long size = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : 0;
        if (size <= before || size > CLN_SCALING_MOST || *count == MOST_GROUPS)
            return false;
        sizes[(*count)++] = before = (int)size;
        text = end;
        if (*text != ',')
            return *text == '\0';
    }
}

/* A batch and a quarter of it, in whole shards: two make a line. Returns how many there are. */
static size_t batch_sizes(int *sizes, int asked) {
    const int whole = asked > 0 ? asked : USUAL_BATCH, quarter = whole / 4 / SHARD * SHARD;
    sizes[0] = whole;
    sizes[1] = quarter > SHARD ? quarter : SHARD;
    return sizes[1] < whole ? 2 : 1;
}

bool cln_bench_is_of_ranks(const struct cln_bench_options *o) {
    return o->ranks != NULL || o->devices != NULL || cln_ranks_place().count > 1;
}

/* ---- A report ---- */

static enum cln_status report(const struct cln_bench_options *o, struct cln_group *const *groups, size_t count,
                              const char *cores) {
    struct cln_network *network = NULL;
    enum cln_status status = cln_network_load(&network, o->network, NULL);
    if (status == CLN_OK) {
        const struct cln_scaling_report made = {.network = network,
                                                .strict = o->session.params.strict,
                                                .cores = cores,
                                                .groups = (const struct cln_group *const *)groups,
                                                .count = count};
        cln_report_live("");
        status = o->json ? cln_scaling_print_json(&made, stdout) : cln_scaling_print(&made, stdout);
    }
    cln_network_destroy(&network);
    return status;
}

/* What PoCL takes of the processor's cores, for people. */
static void describe_cores(char *out, size_t bytes) {
    const char *threads = getenv("POCL_MAX_PTHREAD_COUNT");
    snprintf(out, bytes, "%.8s of %ld cores for each process where the device is a CPU", threads ? threads : "all",
             sysconf(_SC_NPROCESSORS_ONLN));
}

/* ---- A process of a group ---- */

static void on_progress(void *user, const char *doing) {
    (void)user;
    cln_report_live(doing);
}

static enum cln_status measure(struct cln_group **group, const struct cln_bench_options *o, struct cln_ranks *ranks) {
    int sizes[BATCHES];
    const size_t count = batch_sizes(sizes, o->batch_size);
    struct cln_network *network = NULL;
    struct cln_session_params session = cln_session_options_params(&o->session);
    session.builder = NULL; /* the first process of a machine builds, and the others take what it has built */
    enum cln_status status = cln_ranks_agree(ranks, cln_network_load(&network, o->network, NULL));
    if (status == CLN_OK)
        status = cln_group_create(group, &(struct cln_group_params){.network = network,
                                                                    .session = session,
                                                                    .ranks = ranks,
                                                                    .batch_sizes = sizes,
                                                                    .batch_size_count = count,
                                                                    .seconds = o->seconds,
                                                                    .progress = on_progress});
    if (status == CLN_OK)
        status = cln_rank_notices_share(ranks);
    cln_network_destroy(&network);
    return status;
}

/* For the process that has started this group: all that was measured. */
static enum cln_status hand_over(const struct cln_group *group) {
    json_t *value = cln_group_json(group, true);
    const enum cln_status status = cln_report_json(value, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(value);
    return status;
}

static int run_process(struct cln_bench_options *o, bool hands_over) {
    struct cln_ranks *ranks = NULL;
    struct cln_group *group = NULL;
    const struct cln_rank here = cln_ranks_place();
    char cores[96];
    if (o->devices != NULL)
        o->session.params.device = cln_device_list_take(o->devices, here.local);
    if (here.count > 1) {
        cln_signals_in_group();
        cln_share_cores(here.together);
        cln_rank_notices_begin(here);
    }
    if (here.rank > 0)
        cln_report_quiet();
    describe_cores(cores, sizeof cores);
    enum cln_status status = cln_ranks_open(&ranks, NULL);
    if (status == CLN_OK)
        status = measure(&group, o, ranks);
    if (status == CLN_OK && here.rank == 0)
        status = hands_over ? hand_over(group) : report(o, &group, 1, cores);
    const bool told = status != CLN_OK && (cln_ranks_told(ranks) || (here.is_cut_off && here.rank > 0));
    const int exit_status = told ? CLN_EXIT_FAILURE : cln_report_failure(status);
    cln_group_destroy(&group);
    if (status != CLN_OK && !cln_ranks_knows(ranks))
        cln_ranks_end_all(ranks, exit_status);
    cln_ranks_close(&ranks);
    return exit_status;
}

/* ---- Who starts groups ---- */

/* The line of JSON in what a group has printed; launchers may print more. */
static enum cln_status take_group(struct cln_group **group, const char *output) {
    const char *line = output ? strstr(output, "{\"processes\"") : NULL;
    json_t *value = NULL;
    json_error_t error;
    enum cln_status status = line ? cln_json_parse(&value, line, strcspn(line, "\n"), 0, &error)
                                  : cln_fail(CLN_INVALID, "a group of processes has printed nothing");
    if (status == CLN_INVALID && line)
        status = cln_fail(CLN_INVALID, "what a group of processes has printed: %s", error.text);
    if (status == CLN_OK)
        status = cln_group_parse(group, value);
    json_decref(value);
    return status;
}

static int start_group(struct cln_group **group, int processes) {
    char doing[64], *output = NULL;
    snprintf(doing, sizeof doing, "measuring %d process%s", processes, processes > 1 ? "es" : "");
    cln_report_live(doing);
    int exit_status = cln_launch_read(processes, &output);
    if (exit_status == CLN_EXIT_OK)
        exit_status = cln_report_failure(take_group(group, output));
    free(output);
    return exit_status;
}

/* The largest comes first, so that a launcher that is missing is told at once. */
static int start_groups(const struct cln_bench_options *o, const int *sizes, size_t count) {
    struct cln_group *groups[MOST_GROUPS] = {NULL};
    char cores[96];
    int exit_status = CLN_EXIT_OK;
    cln_share_cores(sizes[count - 1]); /* in every group the same, so that they compare */
    describe_cores(cores, sizeof cores);
    for (size_t i = count; i-- > 0 && exit_status == CLN_EXIT_OK;)
        exit_status = start_group(&groups[i], sizes[i]);
    if (exit_status == CLN_EXIT_OK)
        exit_status = cln_report_failure(report(o, groups, count, cores));
    for (size_t i = 0; i < count; i++)
        cln_group_destroy(&groups[i]);
    return exit_status;
}

int cln_bench_ranks(struct cln_bench_options *o) {
    const struct cln_rank here = cln_ranks_place();
    const int started_as = cln_launch_number();
    int sizes[MOST_GROUPS] = {1};
    size_t count = 1;
    const struct {
        bool is_wrong;
        const char *message;
    } rules[] = {
        {o->devices != NULL && o->session.params.device != NULL,
         "--devices says which device each process takes: leave --device out"},
        {o->trace != NULL, "--trace is of one process: leave --ranks, --devices and mpirun out"},
        {cln_device_list_is_wrong(o->devices), "--devices: names of devices with commas between them, as in gpu,cpu"},
        {o->ranks != NULL && !parse_sizes(sizes, &count, o->ranks),
         "--ranks: at most 16 numbers of processes that rise, with commas between them, as in 1,2,4"},
        {o->ranks != NULL && here.count > 1 && started_as == 0,
         "--ranks starts processes by itself: leave mpirun out, or --ranks"},
        {started_as > 0 && here.count != started_as,
         "--ranks: mpirun has started this process, but not as Open MPI, MPICH or Slurm do: use one of theirs"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].is_wrong) {
            if (here.rank == 0)
                cln_report_error("%s", rules[i].message);
            return CLN_EXIT_USAGE;
        }
    if (here.count > 1 || started_as > 0)
        return run_process(o, started_as > 0);
    if (o->ranks == NULL)
        sizes[0] = cln_device_list_count(o->devices);
    return start_groups(o, sizes, count);
}
