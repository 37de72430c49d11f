/* One line of text from numbers; report.c puts it on the terminal. */
#include "src/cli/progress.h"

#include <stdio.h>
#include <string.h>

#include "src/cli/report.h"

enum { BAR_MIN = 10, BAR_MAX = 40, LINE_BYTES = 256 };

/* "0:07", "12:30" or "3:05:00". */
static void format_duration(char *text, size_t bytes, double seconds) {
    unsigned long whole = seconds < 1e8 ? (unsigned long)(seconds + 0.5) : 100000000UL;
    unsigned long hours = whole / 3600, minutes = whole / 60 % 60;
    if (hours > 0)
        snprintf(text, bytes, "%lu:%02lu:%02lu", hours, minutes, whole % 60);
    else
        snprintf(text, bytes, "%lu:%02lu", minutes, whole % 60);
}

/* "=====>    " */
static void draw_bar(char *text, int width, double done) {
    int filled = (int)(done * width);
    memset(text, ' ', (size_t)width);
    memset(text, '=', (size_t)filled);
    if (filled < width)
        text[filled] = '>';
    text[width] = '\0';
}

void cln_progress_show(const struct cln_progress *p, size_t steps_left) {
    int columns = cln_report_columns();
    if (columns == 0 || p->step == 0 || p->steps == 0 || !(p->images_per_second > 0))
        return;
    double done = p->step < p->steps ? (double)p->step / (double)p->steps : 1.0;
    char left[32], numbers[128], bar[BAR_MAX + 1], line[LINE_BYTES];
    double steps_to_go = (double)(p->steps - p->step) + (double)steps_left;
    const double images_per_step = (double)p->samples / (double)p->step;
    format_duration(left, sizeof left, images_per_step * steps_to_go / p->images_per_second);
    snprintf(numbers, sizeof numbers, " %3.0f %%  %.0f images/s  loss %.4f  acc %.3f  %s left", 100.0 * done,
             p->images_per_second, p->loss, p->accuracy, left);

    int head = snprintf(line, sizeof line, "epoch %d ", p->epoch);
    int width = columns - 1 - head - 2 - (int)strlen(numbers);
    if (width >= BAR_MIN) {
        draw_bar(bar, width < BAR_MAX ? width : BAR_MAX, done);
        snprintf(line + head, sizeof line - (size_t)head, "[%s]%s", bar, numbers);
    } else {
        snprintf(line + head, sizeof line - (size_t)head, "%s", numbers);
    }
    cln_report_live(line);
}
