/* Formats the line of progress; report.c prints it. */
#include "src/cli/progress.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/duration.h"
#include "src/cli/report.h"

enum { BAR_MIN = 10, BAR_MAX = 40, LINE_BYTES = 256 };

/* Formats a duration: "0:07", "12:30" or "3:05:00". */
static void format_duration(char *text, size_t bytes, double seconds) {
    unsigned long whole = seconds < 1e8 ? (unsigned long)(seconds + 0.5) : 100000000UL;
    unsigned long hours = whole / 3600, minutes = whole / 60 % 60;
    if (hours > 0)
        snprintf(text, bytes, "%lu:%02lu:%02lu", hours, minutes, whole % 60);
    else
        snprintf(text, bytes, "%lu:%02lu", minutes, whole % 60);
}

/* Draws a bar: "=====> ". */
static void draw_bar(char *text, int width, double done) {
    int filled = (int)(done * width);
    memset(text, ' ', (size_t)width);
    memset(text, '=', (size_t)filled);
    if (filled < width)
        text[filled] = '>';
    text[width] = '\0';
}

/* A part of the line after "epoch N", with the two blanks before it. On a narrow terminal the parts of the lowest
 * `rank` are dropped first, as a whole, so that no number is cut. */
struct part {
    char text[40];
    int rank;
};
enum { PART_COUNT = 5 };

/* The length in bytes of all parts of at least this rank. */
static int length_of(const struct part *parts, int rank) {
    int length = 0;
    for (int i = 0; i < PART_COUNT; i++)
        length += parts[i].rank >= rank ? (int)strlen(parts[i].text) : 0;
    return length;
}

static void write_parts(struct part *parts, const struct cln_progress *p, double done, double seconds_left) {
    char left[32];
    format_duration(left, sizeof left, seconds_left);
    snprintf(parts[0].text, sizeof parts[0].text, " %3.0f %%", 100.0 * done);
    snprintf(parts[1].text, sizeof parts[1].text, "  %.0f images/s", p->images_per_second);
    snprintf(parts[2].text, sizeof parts[2].text, "  loss %.4f", p->loss);
    snprintf(parts[3].text, sizeof parts[3].text, "  acc %.3f", p->accuracy);
    snprintf(parts[4].text, sizeof parts[4].text, "  %s left", left);
}

/* When training told its last progress, in seconds of the clock. Decoding, which may go on beside it, is silent then.
 */
static atomic_llong trained;

/* Of the whole run; not a number if not known. */
static double seconds_left_of(const struct cln_progress *p, size_t steps_left) {
    if (p->step == 0 || !(p->images_per_second > 0))
        return NAN;
    const double steps_to_go = (double)(p->steps - p->step) + (double)steps_left;
    return (double)p->samples / (double)p->step * steps_to_go / p->images_per_second;
}

void cln_progress_tell_address(const struct cln_live *live) {
    if (live != NULL)
        cln_report_needed("live page: %s", cln_live_address(live));
}

void cln_progress_tell_live(struct cln_live *live, const struct cln_progress *p, size_t steps_left, size_t images,
                            int epochs) {
    const struct cln_page_progress progress = {.epoch = p->epoch,
                                               .epochs = epochs,
                                               .samples = p->samples,
                                               .images = images,
                                               .loss = p->loss,
                                               .accuracy = p->accuracy,
                                               .images_per_second = p->images_per_second,
                                               .seconds_left = seconds_left_of(p, steps_left)};
    cln_live_tell(live, &progress);
}

void cln_progress_show(const struct cln_progress *p, size_t steps_left) {
    const int columns = cln_report_columns();
    atomic_store(&trained, (long long)cln_clock_seconds());
    if (columns == 0 || p->step == 0 || p->steps == 0 || !(p->images_per_second > 0))
        return;
    struct part parts[PART_COUNT] = {{.rank = 5}, {.rank = 1}, {.rank = 3}, {.rank = 2}, {.rank = 4}};
    const double done = p->step < p->steps ? (double)p->step / (double)p->steps : 1.0;
    write_parts(parts, p, done, seconds_left_of(p, steps_left));

    char bar[BAR_MAX + 1], line[LINE_BYTES];
    int head = snprintf(line, sizeof line, "epoch %d", p->epoch), rank = 1;
    const int room = columns - CLN_REPORT_FREE_COLUMNS - head;
    while (rank <= PART_COUNT && length_of(parts, rank) > room)
        rank++;
    const int width = room - length_of(parts, rank) - 3; /* a blank, and the brackets */
    if (width >= BAR_MIN) {
        draw_bar(bar, width < BAR_MAX ? width : BAR_MAX, done);
        head += snprintf(line + head, sizeof line - (size_t)head, " [%s]", bar);
    }
    for (int i = 0; i < PART_COUNT; i++)
        if (parts[i].rank >= rank)
            head += snprintf(line + head, sizeof line - (size_t)head, "%s", parts[i].text);
    cln_report_live(line);
}

void cln_progress_tell(const struct cln_progress *p, size_t images) {
    char time[CLN_DURATION_BYTES];
    atomic_store(&trained, (long long)cln_clock_seconds());
    cln_report_note("epoch %d: %zu of %zu images, loss %.4f, train acc %.3f, %.0f images/s, %s", p->epoch, p->samples,
                    images, p->loss, p->accuracy, p->images_per_second, cln_duration(time, p->seconds, 0, "sec"));
}

void cln_progress_decoding(void *user, size_t begun, size_t count) {
    static double shown, told; /* pictures are decoded once in a process */
    const double now = cln_clock_seconds(), interval = cln_progress_interval();
    char line[LINE_BYTES];
    (void)user;
    if (now - (double)atomic_load(&trained) < 3 || now - shown < (interval < 0.1 ? interval : 0.1))
        return;
    if (shown == 0)
        told = now;
    shown = now;
    snprintf(line, sizeof line, "decoding %zu of %zu pictures", begun, count);
    if (cln_report_columns() > 0)
        cln_report_live(line);
    else if (now - told >= interval) {
        told = now;
        cln_report_note("%s", line);
    }
}

double cln_progress_interval(void) {
    const char *value = getenv("CLENET_PROGRESS_SECONDS");
    const double seconds = value != NULL ? strtod(value, NULL) : 0.0;
    return seconds > 0 ? seconds : 30.0;
}
