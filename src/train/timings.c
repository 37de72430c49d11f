/* Formats a table of device time per kernel. */
#include "src/train/timings.h"

#include <stdio.h>
#include <stdlib.h>

#include "clenet/text.h"

static int by_seconds(const void *a, const void *b) {
    const double x = ((const struct ocl_timing *)a)->seconds, y = ((const struct ocl_timing *)b)->seconds;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void print_row(FILE *stream, const struct ocl_timing *row, double total) {
    cln_text_print(stream, "%-42s %9llu %11.3f %10.1f %6.1f%%", row->label, (unsigned long long)row->launches,
                   1e3 * row->seconds, row->launches ? 1e6 * row->seconds / (double)row->launches : 0.0,
                   total > 0.0 ? 100.0 * row->seconds / total : 0.0);
    if (row->flops > 0.0 && row->seconds > 0.0)
        cln_text_print(stream, " %9.1f", 1e-9 * row->flops / row->seconds);
    else
        cln_text_print(stream, " %9s", "");
    if (row->bytes > 0.0 && row->seconds > 0.0)
        cln_text_print(stream, " %8.1f", 1e-9 * row->bytes / row->seconds);
    cln_text_print(stream, "\n");
}

enum cln_status cln_timings_text(char **out, struct ocl_context *context) {
    struct ocl_timing *rows = NULL;
    size_t count = 0, bytes = 0;
    *out = NULL;
    enum cln_status status = ocl_timeline_read(context, &rows, &count);
    if (status != CLN_OK)
        return status;
    FILE *stream = open_memstream(out, &bytes);
    if (!stream) {
        free(rows);
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the table of timings");
    }
    if (count > 0) {
        struct ocl_timing total = {.label = "total"};
        for (size_t i = 0; i < count; i++) {
            total.launches += rows[i].launches;
            total.seconds += rows[i].seconds;
            total.flops += rows[i].flops;
        }
        qsort(rows, count, sizeof *rows, by_seconds);
        cln_text_print(stream, "%-42s %9s %11s %10s %7s %9s %8s\n", "kernel", "launches", "ms", "µs each", "share",
                       "GFLOP/s", "GB/s");
        for (size_t i = 0; i < count; i++)
            print_row(stream, &rows[i], total.seconds);
        print_row(stream, &total, total.seconds);
    }
    free(rows);
    if (fclose(stream) != 0) {
        free(*out);
        *out = NULL;
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the table of timings");
    }
    return CLN_OK;
}
