/* See part_meter.h. */
#include "src/base/part_meter.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"

void cln_part_meter_begin(struct cln_part_meter *m) {
    if (!m)
        return;
    m->is_open = true;
    m->part = CLN_PART_COMPUTE;
    m->since = cln_clock_seconds();
    m->own_exchanges = 0;
    m->own_bytes = 0;
    memset(m->own, 0, sizeof m->own);
    memset(m->computed, 0, sizeof m->computed);
}

enum cln_part cln_part_meter_enter(struct cln_part_meter *m, enum cln_part part) {
    if (!m || !m->is_open)
        return CLN_PART_COMPUTE;
    const enum cln_part before = m->part;
    const double now = cln_clock_seconds();
    const size_t last = CLN_PART_STRETCHES - 1, stretch = m->own_exchanges < last ? m->own_exchanges : last;
    m->own[before] += now - m->since;
    if (before == CLN_PART_COMPUTE)
        m->computed[stretch] += now - m->since;
    m->part = part;
    m->since = now;
    return before;
}

void cln_part_meter_exchanged(struct cln_part_meter *m, size_t bytes) {
    if (!m || !m->is_open)
        return;
    m->own_exchanges++;
    m->own_bytes += (double)bytes;
}

/* Keeps the stretches of the step, if it has as many as those before. */
static void keep(struct cln_part_meter *m) {
    const size_t columns = m->own_exchanges < CLN_PART_STRETCHES ? m->own_exchanges + 1 : CLN_PART_STRETCHES;
    if (!m->stretches) {
        m->columns = columns;
        m->stretches = calloc(CLN_PART_STEPS * columns, sizeof *m->stretches);
    }
    if (m->stretches && columns == m->columns && m->kept < CLN_PART_STEPS)
        memcpy(m->stretches + m->kept++ * columns, m->computed, columns * sizeof *m->stretches);
}

void cln_part_meter_end(struct cln_part_meter *m) {
    if (!m || !m->is_open)
        return;
    cln_part_meter_enter(m, CLN_PART_COMPUTE);
    for (int part = 0; part < CLN_PARTS; part++)
        m->seconds[part] += m->own[part];
    m->exchanges += (double)m->own_exchanges;
    m->bytes += m->own_bytes;
    m->steps++;
    keep(m);
    m->is_open = false;
}

void cln_part_meter_free(struct cln_part_meter *m) {
    free(m->stretches);
    *m = (struct cln_part_meter){.steps = 0};
}
