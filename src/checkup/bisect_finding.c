/* Findings: see bisect_finding.h. */
#include "src/checkup/bisect_finding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"

static size_t bytes_of(const struct cln_strict_launch *l, int argument) {
    return ocl_buffer_bytes(l->args[argument].buffer);
}

bool cln_bisect_copies_agree(const struct cln_strict_tensor *t, const void *buffer) {
    const size_t count = cln_strict_count(t);
    for (int copy = 1; copy < t->copies; copy++)
        for (size_t i = 0; i < count; i++)
            if (cln_strict_element(t, buffer, i, copy) != cln_strict_element(t, buffer, i, 0))
                return false;
    return true;
}

/* Works a launch out. False: there is no reference. */
static bool work_out(struct cln_strict_launch *l, enum cln_strict_way way, int mistaken) {
    l->mistaken = mistaken;
    for (size_t a = 0; a < l->arg_count; a++)
        if (l->expected[a])
            memcpy(l->expected[a], l->before[a], bytes_of(l, (int)a));
    l->way = way;
    return cln_strict_work_out(l);
}

static int copies_of(const struct cln_strict_tensor *t) {
    return t->copies > 1 ? t->copies : 1;
}

/* The number of elements, copies included, that the device and the reference disagree on. */
static size_t count_off(const struct cln_strict_launch *l, const struct cln_strict_tensor *t) {
    const void *after = l->after[t->argument], *expected = l->expected[t->argument];
    const size_t count = cln_strict_count(t);
    size_t off = 0;
    for (int copy = 0; copy < copies_of(t); copy++)
        for (size_t i = 0; i < count; i++)
            off += cln_strict_element(t, after, i, copy) != cln_strict_element(t, expected, i, copy);
    return off;
}

size_t cln_bisect_differs(struct cln_strict_launch *l, const struct cln_strict_tensor *tensors, size_t count) {
    if (!work_out(l, CLN_STRICT_RIGHT, -1))
        return count;
    for (size_t i = 0; i < count; i++)
        if (count_off(l, &tensors[i]) > 0)
            return i;
    return count;
}

/* "sample 3, channel 1, row 0, column 4"; of words "channel 2, mean". */
static void name_element(char *out, size_t bytes, const struct cln_strict_tensor *t, const int *at) {
    size_t used = 0;
    out[0] = '\0';
    for (int d = 0; d < t->dimension_count && used < bytes; d++) {
        const struct cln_strict_dimension *dimension = &t->dimensions[d];
        const char *comma = used > 0 ? ", " : "";
        if (dimension->words)
            used += cln_text_format(out + used, bytes - used, "%s%s", comma, dimension->words[at[d]]);
        else if (dimension->size > 1 || d == 0)
            used += cln_text_format(out + used, bytes - used, "%s%s %d", comma, dimension->name, at[d]);
    }
}

/* The number of floats from one to the other, in the order of the line. */
static uint64_t ulps_between(uint32_t a, uint32_t b) {
    const int64_t x = a >> 31 ? -(int64_t)(a & 0x7fffffff) : (int64_t)a;
    const int64_t y = b >> 31 ? -(int64_t)(b & 0x7fffffff) : (int64_t)b;
    return (uint64_t)llabs(x - y);
}

/* Looks for the mistake that leaves the fewest elements unexplained, and at least explains half of them. */
static void explain(struct cln_check_finding *out, struct cln_strict_launch *l, const struct cln_strict_tensor *t) {
    size_t fewest = out->off;
    for (enum cln_strict_way way = CLN_STRICT_RIGHT + 1; way < CLN_STRICT_WAY_COUNT; way++) {
        const size_t left = work_out(l, way, t->argument) ? count_off(l, t) : out->off;
        if (left < fewest && 2 * left <= out->off) {
            fewest = left;
            snprintf(out->cause, sizeof out->cause, "%s", cln_strict_way_text(way));
        }
    }
    out->explained = out->off - fewest;
    work_out(l, CLN_STRICT_RIGHT, -1);
}

/* The first wrong element, counted through all copies. */
static void describe(struct cln_check_finding *out, const struct cln_strict_launch *l,
                     const struct cln_strict_tensor *t) {
    const void *after = l->after[t->argument], *expected = l->expected[t->argument];
    const size_t count = cln_strict_count(t);
    int at[CLN_STRICT_DIMENSIONS] = {0}, copy = 0;
    size_t i = 0;
    while (cln_strict_element(t, after, i, copy) == cln_strict_element(t, expected, i, copy)) {
        copy += i + 1 == count;
        i = (i + 1) % count;
    }
    cln_strict_place(t, i, at);
    out->got = cln_strict_element(t, after, i, copy);
    out->expected = cln_strict_element(t, expected, i, copy);
    out->is_float = t->cells == CLN_STRICT_FLOAT || (t->floats >> i & 1);
    out->ulps = ulps_between(out->got, out->expected);
    name_element(out->element, sizeof out->element, t, at);
    t->owner(l, t, at, out->group, &out->item);
    if (copy > 0)
        out->group[1] = copy;
}

void cln_bisect_find(struct cln_check_finding *out, struct cln_strict_launch *l, const struct cln_strict_tensor *t) {

    snprintf(out->tensor, sizeof out->tensor, "%s", t->name);
    snprintf(out->operation, sizeof out->operation, "%s", t->operation);
    out->of = cln_strict_count(t) * (size_t)copies_of(t);

    out->is_known = out->is_joined || work_out(l, CLN_STRICT_RIGHT, -1);
    if (!out->is_known)
        return;
    out->off = count_off(l, t);
    if (out->off == 0)
        return;
    describe(out, l, t);
    if (!out->is_joined)
        explain(out, l, t);
}

void cln_bisect_find_change(struct cln_check_finding *out, const struct cln_strict_launch *l, size_t argument) {
    const uint32_t *before = l->before[argument], *after = l->after[argument];
    out->of = bytes_of(l, (int)argument) / sizeof *before;
    for (size_t i = 0; i < out->of; i++) {
        if (before[i] == after[i])
            continue;
        if (out->off++ > 0)
            continue;
        out->changed = (int)argument + 1;
        out->got = after[i];
        out->expected = before[i];
        cln_text_format(out->element, sizeof out->element, "cell %zu", i);
    }
}

static void tell_number(char *out, size_t bytes, const struct cln_check_finding *f, uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    if (f->is_float)
        cln_text_format(out, bytes, "%.9g (0x%08x)", (double)value, (unsigned)bits);
    else
        cln_text_format(out, bytes, "%d", (int)bits);
}

void cln_bisect_tell(char *out, size_t bytes, const struct cln_check_finding *f) {
    char got[48], expected[48];
    size_t used =
        cln_text_format(out, bytes, "step %zu, launch %zu of %zu, %s: ", f->step, f->launch, f->launches, f->launched);
    if (f->changed > 0) {
        cln_text_format(out + used, bytes - used,
                        "it changes argument %d, which it only reads: %zu of %zu cells, %s from 0x%08x to 0x%08x",
                        f->changed, f->off, f->of, f->element, (unsigned)f->expected, (unsigned)f->got);
        return;
    }
    if (f->off == 0) {
        cln_text_format(out + used, bytes - used, "%s has another digest than on every other device, %s", f->tensor,
                        f->is_known ? "but the reference agrees with this device" : "and there is no reference for it");
        return;
    }
    tell_number(got, sizeof got, f, f->got);
    tell_number(expected, sizeof expected, f, f->expected);
    cln_text_format(out + used, bytes - used, "%s at %s is %s, expected %s; %zu of %zu are off", f->tensor, f->element,
                    got, expected, f->off, f->of);
}
