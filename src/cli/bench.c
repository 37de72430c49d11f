/* clenet bench: measures training speed against the device's peak, and finds the bottleneck. */
#include <stdio.h>

#include "clenet/network.h"
#include "src/bench/benchmark_text.h"
#include "src/cli/bench_options.h"
#include "src/cli/command.h"
#include "src/cli/options.h"
#include "src/cli/report.h"

static void on_progress(void *user, const char *doing) {
    (void)user;
    cln_report_live(doing);
}

static int bench(const struct cln_bench_options *o) {
    const int usual[] = {256, 16};
    struct cln_network *network = NULL;
    struct cln_trace *trace = NULL;
    struct cln_benchmark *benchmark = NULL;
    enum cln_status status = cln_network_load(&network, o->network, NULL);
    if (status == CLN_OK && o->trace != NULL)
        status = cln_trace_create(&trace, o->trace);
    struct cln_session_params session = cln_session_options_params(&o->session);
    session.builder = NULL; /* the kernels of a benchmark are built once each */
    session.trace = trace;
    if (status == CLN_OK)
        status = cln_benchmark_create(&benchmark, &(struct cln_benchmark_params){
                                                      .network = network,
                                                      .session = session,
                                                      .batch_sizes = o->batch_size > 0 ? &o->batch_size : usual,
                                                      .batch_size_count = o->batch_size > 0 ? 1 : 2,
                                                      .seconds = o->seconds,
                                                      .progress = on_progress,
                                                  });
    if (status == CLN_OK) {
        cln_report_live("");
        if (o->json)
            status = cln_benchmark_print_json(benchmark, stdout);
        else
            cln_benchmark_print(benchmark, stdout);
    }
    int exit_status = cln_report_failure(status);
    if (cln_report_failure(cln_trace_close(&trace)) != CLN_EXIT_OK)
        exit_status = CLN_EXIT_FAILURE;
    cln_benchmark_destroy(&benchmark);
    cln_network_destroy(&network);
    return exit_status;
}

int cln_command_bench(const struct cln_command *command, int argc, const char **argv) {
    struct cln_bench_options o = {.network = "bn-lenet", .seconds = 5};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[CLN_MOST_OPTIONS] = {
        {"network",
         "NETWORK",
         "as for 'clenet train'; the images are random, of its input shape",
         CLN_OPTION_TEXT,
         {.text = &o.network},
         .file = CLN_FILE_NETWORK},
        {"batch-size",
         "N",
         "images per step (default 256, then 16; with several processes 1024 and a quarter)",
         CLN_OPTION_INT,
         {.integer = &o.batch_size},
         1,
         65536},
        {"seconds", "S", "seconds of training per batch size", CLN_OPTION_REAL, {.real = &o.seconds}, 0.1, 3600},
        {"ranks",
         "N,N,...",
         "measure groups of so many processes, which mpirun starts, and predict larger ones",
         CLN_OPTION_TEXT,
         {.text = &o.ranks}},
        {"devices",
         "DEVICE,DEVICE,...",
         "the devices of these processes; without --ranks one process for each",
         CLN_OPTION_TEXT,
         {.text = &o.devices}},
        {"json", NULL, "print one JSON object", CLN_OPTION_FLAG, {.flag = &o.json}},
        {"trace",
         "FILE",
         "as for 'clenet train'",
         CLN_OPTION_TEXT,
         {.text = &o.trace},
         .file = CLN_FILE_TRACE,
         .endings = ".json"},
        {0},
    };
    cln_session_options_add(options, &o.session,
                            CLN_ROW_DEVICE | CLN_ROW_PROFILE | CLN_ROW_SAFE | CLN_ROW_STRICT | CLN_ROW_KERNELS |
                                CLN_ROW_COMMAND_BUFFER | CLN_ROW_PLAIN);
    cln_options_describe(options, "no-command-buffer", "launch one by one, and do not compare");
    if (cln_options_parse(options, command, argc, argv, &exit_status))
        exit_status = cln_bench_is_of_ranks(&o) ? cln_bench_ranks(&o) : bench(&o);
    cln_options_release(options);
    return exit_status;
}
