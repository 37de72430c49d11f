/* The dimensions of the search: see search.h. */
#include "src/tune/search.h"

#include <string.h>

#include "host/gemm.h"
#include "src/engine/winograd.h"

enum { NEVER = 1 << 20, WIDEST = 16, MOST_LANES = 256, MOST_TEAM = 32 };

static void add(struct cln_search_dimension *d, long first, long second) {
    for (size_t i = 0; i < d->count; i++)
        if (d->values[i][0] == first && d->values[i][1] == second)
            return;
    if (d->count < CLN_SEARCH_VALUES) {
        d->values[d->count][0] = first;
        d->values[d->count++][1] = second;
    }
}

static bool group_fits(const struct ocl_device *device, long items) {
    return (size_t)items <= device->max_work_group_size && (size_t)items <= device->max_work_item_sizes[0];
}

/* Adds a shape: `items` work-items per block that own `vector` lanes each. A block with more lanes than a batch is
 * likely to have is not worth trying. */
static void add_shape(struct cln_search_dimension *d, const struct ocl_device *device, long vector, long items) {
    if (vector >= 1 && vector <= WIDEST && vector * items <= MOST_LANES && group_fits(device, items))
        add(d, vector, vector * items);
}

/* Adds shapes. On a CPU: explicit vectors with one work-item per group. On a GPU: several work-items per group. Then
 * the other way round, for devices that are not what they report. */
static void add_shapes(struct cln_search_dimension *d, const struct ocl_device *device) {
    long native = 1;
    while (native < WIDEST && native * 2 <= (long)device->native_float_vector)
        native *= 2;
    const long wide[][2] = {{native, 1}, {native * 2, 1}, {native / 2, 1}, {8, 1}, {4, 1}, {native, 2}, {native, 4}};
    const long narrow[][2] = {{1, 32}, {1, 64}, {2, 32}, {4, 16}, {2, 16}, {4, 32}, {1, 16}, {1, 128}, {4, 8}, {2, 64}};
    const bool cpu = device->type == OCL_DEVICE_CPU;
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < sizeof wide / sizeof *wide && (turn == 0) == cpu; i++)
            add_shape(d, device, wide[i][0], wide[i][1]);
        for (size_t i = 0; i < sizeof narrow / sizeof *narrow && (turn == 0) == !cpu; i++)
            add_shape(d, device, narrow[i][0], narrow[i][1]);
    }
}

static void add_list(struct cln_search_dimension *d, const long *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        add(d, values[i], 0);
}

#define LIST(...) (const long[]){__VA_ARGS__}, sizeof((const long[]){__VA_ARGS__}) / sizeof(long)

static void drop_current(struct cln_search_dimension *d, const struct cln_tuning *now) {
    const long first = cln_tuning_value(now, d->keys[0]), second = d->keys[1] ? cln_tuning_value(now, d->keys[1]) : 0;
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++)
        if (d->values[i][0] != first || d->values[i][1] != second)
            memmove(d->values[kept++], d->values[i], sizeof *d->values);
    d->count = kept;
}

enum {
    SHAPE,
    TEAM,
    TILES,
    WINOGRAD,
    FUSE,
    JOIN,
    GEMM,
    WHOLE_CHANNELS,
    GROUPS,
    LOCAL_WEIGHTS,
    CHANNEL_CACHE,
    SLICE_CACHE,
    FMA,
    REPLAY,
    DIMENSIONS
};

static const long tiles[] = {8, 10, 12, 16, 20, 24, 32}, caches[] = {96, 192, 384, 768, 1536},
                  winograd[] = {CLN_WINOGRAD_NEVER, CLN_WINOGRAD_WHERE_FASTER, CLN_WINOGRAD_ALWAYS}, either[] = {0, 1};
#define ALL(values) values, sizeof(values) / sizeof *(values)

/* Whether convolutions may be filtered (cln_tuning_create decides). */
static bool may_filter(const struct cln_tuning *now) {
    return now->lanes == now->vector && cln_tuning_value(now, "max_loop_iterations") == 0;
}

void cln_search_dimension(struct cln_search_dimension *d, size_t number, const struct ocl_device *device,
                          const struct cln_tuning *now, bool has_gemm) {
    static const char *const keys[DIMENSIONS][CLN_SEARCH_KEYS] = {
        [SHAPE] = {"vector", "lanes"},
        [TEAM] = {"max_team"},
        [TILES] = {"accumulators"},
        [WINOGRAD] = {"winograd"},
        [FUSE] = {"fuse"},
        [JOIN] = {"join_launches"},
        [GEMM] = {"min_gemm_weights", "gemm_parameters"},
        [WHOLE_CHANNELS] = {"min_whole_channels"},
        [GROUPS] = {"min_groups"},
        [LOCAL_WEIGHTS] = {"local_weights"},
        [CHANNEL_CACHE] = {"channel_cache_kib"},
        [SLICE_CACHE] = {"slice_cache_kib"},
        [FMA] = {"fma"},
        [REPLAY] = {"command_buffer"},
    };
    const long units = (long)device->compute_units;
    const bool groups = now->lanes > now->vector;
    *d = (struct cln_search_dimension){.count = 0};
    if (number >= DIMENSIONS)
        return;
    /* On a CPU CLBlast takes longest to build and gains least: it comes last. */
    if (device->type == OCL_DEVICE_CPU)
        number = number == DIMENSIONS - 1 ? GEMM : number >= GEMM ? number + 1 : number;
    memcpy(d->keys, keys[number], sizeof d->keys);
    switch (number) {
    case SHAPE:
        add_shapes(d, device);
        break;
    case TEAM:
        for (long team = 1; groups && team <= MOST_TEAM; team *= 2)
            if (group_fits(device, now->lanes / now->vector * team))
                add(d, team, 0);
        break;
    case TILES:
        add_list(d, ALL(tiles));
        break;
    case WINOGRAD:
        if (may_filter(now))
            add_list(d, ALL(winograd));
        break;
    case FUSE:
        add_list(d, ALL(either));
        break;
    case JOIN:
        if (!groups)
            add_list(d, ALL(either));
        break;
    case GEMM:
        /* CLBlast has one set of parameters per process, so two sets cannot race each other: each races against our own
         * kernel. Layers differ by their size. */
        d->base = "min_gemm_weights";
        for (long tile = 0; has_gemm && tile < OCL_GEMM_SETS; tile++)
            add(d, 1, tile);
        for (int i = 0; has_gemm && i < 2; i++)
            add(d, i == 0 ? 5000 : 20000, now->gemm_parameters);
        break;
    case WHOLE_CHANNELS:
        add_list(d, LIST(1, 3 * units, NEVER));
        break;
    case GROUPS:
        add_list(d, LIST(units, 2 * units, 4 * units, 8 * units, 16 * units, 32 * units));
        break;
    case LOCAL_WEIGHTS:
        if (groups && device->local_memory_bytes > 0)
            add_list(d, ALL(either));
        break;
    case CHANNEL_CACHE:
        add_list(d, LIST(1024, 2048, 4096, 8192, 16384));
        break;
    case SLICE_CACHE:
        add_list(d, ALL(caches));
        break;
    case FMA:
        add_list(d, ALL(either));
        break;
    case REPLAY:
        if (device->has_command_buffer)
            add_list(d, ALL(either));
        break;
    }
    if (!d->base)
        drop_current(d, now);
}

size_t cln_search_dimensions(void) {
    return DIMENSIONS;
}

/* Whether a value of the stage's layer by itself can make a difference. */
static bool winograd_matters(const struct cln_stage *stage, const struct cln_tuning *now) {
    return stage->affine == CLN_AFFINE_CONV2D && may_filter(now) && cln_winograd_fits(&stage->conv2d);
}

static bool fuse_matters(const struct cln_stage *stage, const struct cln_tuning *now) {
    (void)now;
    return stage->affine == CLN_AFFINE_CONV2D &&
           ((stage->normalise && stage->pool.kind == CLN_POOL_MAX) || cln_stage_may_fuse_dz(stage));
}

static bool tiles_matter(const struct cln_stage *stage, const struct cln_tuning *now) {
    const double weights = (double)stage->linear.in_features * stage->linear.out_features;
    return stage->affine == CLN_AFFINE_CONV2D ||
           (stage->affine == CLN_AFFINE_LINEAR && (now->min_gemm_weights == 0 || weights < now->min_gemm_weights));
}

static const struct {
    const char *key;
    const long *values;
    size_t count;
    bool (*matters)(const struct cln_stage *stage, const struct cln_tuning *now);
} layer_dimensions[] = {
    {"winograd", ALL(winograd), winograd_matters},
    {"fuse", ALL(either), fuse_matters},
    {"accumulators", ALL(tiles), tiles_matter},
    {"slice_cache_kib", ALL(caches), tiles_matter},
};

size_t cln_search_layer_dimensions(void) {
    return sizeof layer_dimensions / sizeof *layer_dimensions;
}

void cln_search_layer_dimension(struct cln_search_dimension *d, size_t number, const struct cln_stage *stage,
                                const struct cln_tuning *now) {
    const struct cln_tuning own = cln_tuning_of_stage(now, stage);
    *d = (struct cln_search_dimension){.keys = {layer_dimensions[number].key}};
    cln_layer_text(d->layer, stage);
    if (layer_dimensions[number].matters(stage, now) && now->layer_count < CLN_MOST_LAYER_VALUES)
        add_list(d, layer_dimensions[number].values, layer_dimensions[number].count);
    drop_current(d, &own);
}
