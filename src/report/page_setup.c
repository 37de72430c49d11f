/* Sections of what the run ran on and with: kernels, device, options, and how to repeat it. */
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/base/json_text.h"
#include "src/bench/bottleneck.h"
#include "src/report/page_private.h"

static bool always(const struct cln_page *page) {
    (void)page;
    return true;
}

/* ---- Kernels ---- */

static bool has_kernels(const struct cln_page *page) {
    return page->findings != NULL && page->findings->benchmark != NULL;
}

static void put_rate(FILE *stream, double amount, double seconds) {
    if (amount > 0 && seconds > 0)
        cln_text_print(stream, "<td>%.1f</td>", 1e-9 * amount / seconds);
    else
        cln_text_print(stream, "<td></td>");
}

static void put_kernel(FILE *stream, const struct cln_benchmark *b, const struct cln_benchmark_run *run,
                       const struct ocl_timing *k) {
    const double step = run->totals.busy_seconds + run->totals.gap_seconds, roofline = cln_roofline_share(k, &b->peak);
    cln_text_print_html(stream, "<tr><td>%s</td><td>%.1f</td><td>%.1f %%</td>", k->label,
                        1e6 * k->seconds / run->timed_steps, 100 * k->seconds / step);
    put_rate(stream, k->flops, k->seconds);
    put_rate(stream, k->bytes, k->seconds);
    if (roofline > 0)
        cln_text_print(stream, "<td>%.0f %%</td><td class=\"bar\"><i style=\"width:%.1f%%\"></i></td>", 100 * roofline,
                       roofline < 1 ? 100 * roofline : 100.0);
    else
        cln_text_print(stream, "<td></td><td class=\"bar\"></td>");
    cln_text_print(stream, "</tr>\n");
}

static enum cln_status draw_kernels(FILE *stream, const struct cln_page *page) {
    const struct cln_benchmark *b = page->findings->benchmark;
    const struct cln_benchmark_run *run = &b->runs[0];
    cln_text_print_html(
        stream,
        "<p>%s: training takes %.0f images per second in batches of %d, %.1f %% of the peak. The peak of "
        "the device, measured, is %.1f GFLOP/s and %.1f GB/s.</p>\n<p>Bottleneck: %s.</p>\n",
        b->device, run->best, run->batch_size, 100 * run->best * b->flops_per_image / b->peak.flops,
        1e-9 * b->peak.flops, 1e-9 * b->peak.bytes, run->bottleneck);
    cln_text_print(stream, "<div class=\"scroll\"><table>\n<tr><th>Kernel</th><th>µs per step</th><th>Share</th>"
                           "<th>GFLOP/s</th><th>GB/s</th><th>Of its roofline</th><th></th></tr>\n");
    for (size_t i = 0; i < run->kernel_count && run->timed_steps > 0; i++)
        put_kernel(stream, b, run, &run->kernels[i]);
    cln_text_print(stream,
                   "</table></div>\n<p class=\"note\">Measured now, on random images. The roofline is what the "
                   "peak allows, given a kernel's useful operations and traffic; above 100 %% if a cache helps or "
                   "a convolution is filtered.</p>\n");
    return CLN_OK;
}

const struct cln_section cln_section_kernels = {
    "kernels",
    "Time per kernel",
    has_kernels,
    draw_kernels,
    "The times of kernels were not compared with their rooflines: clenet report --timings, with the model, does so in "
    "some seconds.",
    CLN_SOURCE_MODEL};

/* ---- Device and data ---- */

static void put_row(FILE *stream, const char *name, const char *text) {
    if (text[0] != '\0')
        cln_text_print_html(stream, "<dt>%s</dt><dd>%s</dd>\n", name, text);
}

static void put_number(FILE *stream, const char *name, const json_t *event, const char *member) {
    const json_t *value = json_object_get(event, member);
    if (json_is_integer(value))
        cln_text_print_html(stream, "<dt>%s</dt><dd>%lld</dd>\n", name, (long long)json_integer_value(value));
}

static enum cln_status draw_setup(FILE *stream, const struct cln_page *page) {
    const struct cln_run *run = cln_page_run(page);
    cln_text_print(stream, "<dl class=\"list\">\n");
    put_row(stream, "Log", run->name);
    put_row(stream, "Device and profile", cln_event_text(run->start, "device"));
    if (page->findings != NULL)
        put_row(stream, "Model evaluated on", page->findings->device);
    put_row(stream, "Model",
            page->findings != NULL && page->findings->model != NULL ? page->findings->model
                                                                    : cln_event_text(run->end, "saved"));
    put_row(stream, page->findings == NULL ? "Without the model" : "Another training",
            page->trouble != NULL ? page->trouble : "");
    put_row(stream, "Network", cln_event_text(run->start, "network"));
    put_number(stream, "Parameters", run->start, "parameters");
    put_row(stream, "Data", cln_event_text(run->start, "data"));
    put_number(stream, "Training images", run->start, "train_images");
    put_number(stream, "Validation images", run->start, "validation_images");
    put_number(stream, "Test images", run->start, "test_images");
    put_row(stream, "Trained by clenet", cln_event_text(run->start, "version"));
    cln_text_print(stream, "</dl>\n");
    return CLN_OK;
}

const struct cln_section cln_section_setup = {"setup", "Device and data", always, draw_setup, NULL};

/* ---- Options ---- */

/* The text of an option's value in *text, which is the caller's: free(). */
static enum cln_status put_value(char **text, const json_t *value) {
    *text = json_is_string(value) ? strdup(json_string_value(value))
                                  : cln_json_dump(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    return *text != NULL ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the value of an option");
}

static bool has_options(const struct cln_page *page) {
    return json_is_object(json_object_get(cln_page_run(page)->start, "options"));
}

/* Options that are neither null nor false. */
static enum cln_status draw_options(FILE *stream, const struct cln_page *page) {
    json_t *options = json_object_get(cln_page_run(page)->start, "options");
    enum cln_status status = CLN_OK;
    const char *name;
    json_t *value;
    cln_text_print(stream, "<div class=\"options\"><dl>\n");
    json_object_foreach(options, name, value) {
        char *text = NULL;
        if (json_is_null(value) || json_is_false(value) || status != CLN_OK)
            continue;
        status = put_value(&text, value);
        if (status == CLN_OK)
            cln_text_print_html(stream, "<div><dt>%s</dt><dd>%s</dd></div>\n", name, text);
        free(text);
    }
    cln_text_print(stream, "</dl></div>\n<p class=\"note\">Flags that are off and options without a value are left "
                           "out.</p>\n");
    return status;
}

const struct cln_section cln_section_options = {"options", "Options", has_options, draw_options, NULL};

/* ---- Repeating ---- */

static bool has_recipe(const struct cln_page *page) {
    return cln_page_run(page)->recipe != NULL;
}

static enum cln_status draw_repeat(FILE *stream, const struct cln_page *page) {
    const struct cln_run *run = cln_page_run(page);
    char *recipe = cln_json_dump(run->recipe, JSON_INDENT(1) | JSON_REAL_PRECISION(cln_json_digits(run->recipe, 9)));
    if (recipe == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the recipe of a run");
    cln_text_print_html(
        stream,
        "<p>Save this recipe as recipe.json and start in the same folder, since its paths are those of the "
        "command line. On the same device, driver and profile the results are the same bits, on others "
        "equal within rounding. %s</p>\n<pre>clenet train --recipe recipe.json</pre>\n<pre>%-s</pre>\n",
        run->resumed > 0 ? "The training was resumed; resuming is exact, and this trains it in one go." : "", recipe);
    free(recipe);
    return CLN_OK;
}

const struct cln_section cln_section_repeat = {
    "repeat", "How to repeat it", has_recipe, draw_repeat,
    "The log begins with a training that was resumed: options alone do not repeat it. Its first log has the recipe."};
