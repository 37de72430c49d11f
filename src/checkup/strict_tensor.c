/* What launches of strict arithmetic are given and what they write: constants, tensors, and who owns an element. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/checkup/strict_private.h"

const char *const cln_strict_moment_words[4] = {"number of values", "mean", "sum of squared deviations", "0"};
const char *const cln_strict_sum_words[2] = {"sum of dy", "sum of dy x̂"};

/* ---- Launches ---- */

static const char *find_constant(const struct cln_strict_launch *l, const char *name) {
    char key[64];
    const size_t length = (size_t)snprintf(key, sizeof key, " -D %s=", name);
    const char *found = NULL;
    for (const char *at = l->constants; (at = strstr(at, key)); at += length) /* the last one counts */
        found = at + length;
    return found;
}

int cln_strict_int(const struct cln_strict_launch *l, const char *name, int missing) {
    const char *value = find_constant(l, name);
    return value ? (int)strtol(value, NULL, 10) : missing;
}

float cln_strict_real(const struct cln_strict_launch *l, const char *name, float missing) {
    const char *value = find_constant(l, name);
    return value ? strtof(value, NULL) : missing;
}

struct cln_strict_batch cln_strict_batch_of(const struct cln_strict_launch *l) {
    const struct cln_state *state = cln_strict_state(l);
    struct cln_strict_batch b = {
        .count = state->count, .lanes = cln_strict_int(l, "LANES", 8), .vector = cln_strict_int(l, "VECTOR", 8)};
    if (strcmp(l->kernel, "batch_begin") == 0) {
        const int left = state->samples - state->next;
        b.count = left < 0 ? 0 : left < state->batch_size ? left : state->batch_size;
    }
    b.blocks = cln_ceil_div(b.count, b.lanes);
    b.lane_parts = b.lanes / OCTET;
    b.parts = cln_ceil_div(b.count, OCTET);
    return b;
}

/* ---- Tensors ---- */

static void add_dimension(struct cln_strict_tensor *t, const char *name, int size, size_t stride) {
    t->dimensions[t->dimension_count++] = (struct cln_strict_dimension){.name = name, .size = size, .stride = stride};
}

struct cln_strict_tensor cln_strict_in_lanes(const struct cln_strict_launch *l, const char *name, int argument,
                                             int channels, int rows, int columns) {
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    const size_t lanes = (size_t)b.lanes;
    struct cln_strict_tensor t = {.name = name,
                                  .argument = argument,
                                  .lanes = b.lanes,
                                  .block_cells = (size_t)channels * (size_t)rows * (size_t)columns * lanes,
                                  .owner = cln_strict_own_lanes,
                                  .tile = {1, 1, rows},
                                  .each = channels};
    add_dimension(&t, "sample", b.count, 0);
    add_dimension(&t, rows * columns == 1 ? "feature" : "channel", channels, (size_t)(rows * columns) * lanes);
    if (rows * columns > 1) {
        add_dimension(&t, "row", rows, (size_t)columns * lanes);
        add_dimension(&t, "column", columns, lanes);
    }
    return t;
}

struct cln_strict_tensor cln_strict_in_parts(const struct cln_strict_launch *l, const char *name, int argument,
                                             int channels, int pitch, int splits, const char *const *words, int width) {
    const size_t of_part = (size_t)splits * (size_t)width;
    struct cln_strict_tensor t = {
        .name = name, .argument = argument, .owner = cln_strict_own_parts, .tile = {1, 1, 1}, .each = channels};
    add_dimension(&t, "channel", channels, (size_t)pitch * of_part);
    add_dimension(&t, "octet of samples", cln_strict_batch_of(l).parts, of_part);
    add_dimension(&t, "row range", splits, (size_t)width);
    add_dimension(&t, "", width, 1);
    t.dimensions[3].words = words;
    return t;
}

struct cln_strict_tensor cln_strict_in_row(const char *name, int argument, size_t base, const char *dimension,
                                           int count, const char *const *words, int width) {
    struct cln_strict_tensor t = {.name = name, .argument = argument, .base = base, .owner = cln_strict_own_row};
    add_dimension(&t, dimension, count, (size_t)width);
    if (words) {
        add_dimension(&t, "", width, 1);
        t.dimensions[1].words = words;
    }
    return t;
}

size_t cln_strict_count(const struct cln_strict_tensor *t) {
    size_t count = 1;
    for (int d = 0; d < t->dimension_count; d++)
        count *= (size_t)t->dimensions[d].size;
    return count;
}

void cln_strict_place(const struct cln_strict_tensor *t, size_t i, int at[CLN_STRICT_DIMENSIONS]) {
    for (int d = t->dimension_count - 1; d >= 0; d--) {
        at[d] = (int)(i % (size_t)t->dimensions[d].size);
        i /= (size_t)t->dimensions[d].size;
    }
}

uint32_t cln_strict_element(const struct cln_strict_tensor *t, const void *buffer, size_t i, int copy) {
    int at[CLN_STRICT_DIMENSIONS];
    size_t cell = t->base + (size_t)copy * t->copy_cells;
    cln_strict_place(t, i, at);
    for (int d = 0; d < t->dimension_count; d++)
        cell += (size_t)at[d] * t->dimensions[d].stride;
    if (t->lanes > 0)
        cell += (size_t)(at[0] / t->lanes) * t->block_cells + (size_t)(at[0] % t->lanes);
    if (t->cells == CLN_STRICT_SHORT)
        return ((const uint16_t *)buffer)[cell];
    uint32_t bits = ((const uint32_t *)buffer)[cell];
    if (t->pair > 0)
        bits = cln_bits_of(cln_float_of(bits) + ((const float *)buffer)[cell + t->pair]);
    return bits;
}

uint32_t cln_strict_digest(const struct cln_strict_tensor *t, const void *buffer) {
    const size_t count = cln_strict_count(t);
    uint32_t digest = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = cln_strict_element(t, buffer, i, 0);
        for (int byte = 0; byte < 4; byte++)
            digest = (digest ^ (bits >> 8 * byte & 0xff)) * 16777619u;
    }
    return digest;
}

/* ---- Owners ---- */

/* The number of the tile that a channel is in; tiles belong to one of a convolution's groups. */
static int tile_of(const struct cln_strict_tensor *t, int channel) {
    return channel / t->each * cln_ceil_div(t->each, t->tile[0]) + channel % t->each / t->tile[0];
}

void cln_strict_own_lanes(const struct cln_strict_launch *l, const struct cln_strict_tensor *t, const int *at,
                          int group[3], int *item) {
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    group[0] = tile_of(t, at[1]);
    group[1] = at[0] / b.lanes / t->tile[1];
    group[2] = t->dimension_count > 2 ? at[2] / t->tile[2] : 0;
    *item = at[0] % b.lanes / b.vector;
}

void cln_strict_own_parts(const struct cln_strict_launch *l, const struct cln_strict_tensor *t, const int *at,
                          int group[3], int *item) {
    group[0] = tile_of(t, at[0]);
    group[1] = at[1] / cln_strict_batch_of(l).lane_parts / t->tile[1];
    group[2] = at[2];
    *item = -1;
}

void cln_strict_own_row(const struct cln_strict_launch *l, const struct cln_strict_tensor *t, const int *at,
                        int group[3], int *item) {
    (void)l;
    (void)t;
    group[0] = at[0];
    group[1] = group[2] = 0;
    *item = 0;
}

void cln_strict_own_vectors(const struct cln_strict_launch *l, const struct cln_strict_tensor *t, const int *at,
                            int group[3], int *item) {
    (void)t;
    const int number = at[0] / cln_strict_batch_of(l).vector, local = (int)(l->local[0] > 0 ? l->local[0] : 1);
    group[0] = number / local;
    group[1] = group[2] = 0;
    *item = number % local;
}
