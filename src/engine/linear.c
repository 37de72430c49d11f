/* The linear layer: three products, each by our kernels or by CLBlast. In lanes a block is a row-major matrix of
 * features × lanes, which CLBlast takes as it is. */
#include "src/engine/linear.h"

#include <math.h>

#include "host/gemm.h"
#include "src/engine/batchnorm.h"

struct tiles {
    int features, blocks;      /* tile of the forward pass and the data gradient: features × blocks */
    int team;                  /* work-items that divide such a tile's sums */
    int weight_out, weight_in; /* tile of the weight gradient */
    int weight_run;            /* input features per work-item of the weight gradient */
    int slices;
};

enum { LEAST_DEPTH = 4 }; /* terms of a sum per work-item of a team */

/* Loop iterations of a weight gradient's tile over some blocks. */
static double weight_tile(const struct cln_plan *plan, int blocks, struct tiles t) {
    const double out = cln_tile_loop(t.weight_out, 0), sums = t.weight_in * t.weight_out;
    return cln_loop(blocks + 1, out + cln_tile_loop(t.weight_in, out)) + 5 * cln_loop(sums, 0) +
           sums * cln_loop(plan->tuning.lanes / cln_plan_vector(plan, "linear"), 0);
}

/* Loop iterations of a run of such tiles over a slice of the blocks. */
static double weight_run(const struct cln_plan *plan, struct tiles t) {
    return cln_ceil_div(t.weight_run, t.weight_in) * (1 + weight_tile(plan, cln_ceil_div(plan->blocks, t.slices), t));
}

static double flops_of(const struct cln_plan *plan, const struct cln_linear *g) {
    return 2.0 * plan->batch_size * g->in_features * g->out_features;
}

/* Bytes of x and z, or of their gradients, for the whole batch. */
static double value_bytes(const struct cln_plan *plan, const struct cln_linear *g) {
    return (double)sizeof(float) * plan->batch_size * (g->in_features + g->out_features);
}

static double bytes_of(const struct cln_plan *plan, const struct cln_linear *g) {
    return value_bytes(plan, g) + (double)sizeof(float) * g->in_features * g->out_features;
}

/* Loop iterations of the forward pass or data gradient, with sums of `depth` terms. */
static double product_iterations(const struct cln_plan *plan, struct tiles t, int depth) {
    const double blocks = cln_tile_loop(t.blocks, 0);
    const double sums = cln_tile_loop(t.features, blocks) + blocks;
    return cln_loop(depth, sums) + 8 * sums + t.features * t.blocks * (8 + cln_plan_reduction(plan, "linear"));
}

/* Chooses tiles. All layers that are large enough and have the same tuning get the same tiles, even if these do not
 * divide a layer evenly, so that the layers share a program. */
static struct tiles tiles_of(const struct cln_plan *plan, const struct cln_linear *g) {
    const int rows = g->out_features;
    const int budget = plan->tuning.accumulators;
    const int units = cln_plan_units(plan);
    const int widest = budget >= 24 ? 4 : 2;
    const int shared = cln_max(1, plan->blocks / (2 * units)); /* a chain should have two groups for each unit */
    struct tiles t = {.blocks = cln_even_tile(plan->blocks, plan->chains ? cln_min(widest, shared) : widest)};
    const int busy = cln_max(1, rows * cln_ceil_div(plan->blocks, t.blocks) / plan->tuning.min_groups);
    t.features = cln_min(rows, cln_min(busy, cln_max(1, budget / t.blocks)));
    const int depth = cln_max(g->in_features, g->out_features);
    while (t.features * t.blocks > 1 && product_iterations(plan, t, depth) > plan->tuning.max_loop_iterations)
        *(t.features > 1 ? &t.features : &t.blocks) -= 1;
    const int tiles = cln_ceil_div(rows, t.features) * cln_ceil_div(plan->blocks, t.blocks);
    const int most = cln_ceil_div(cln_min(g->in_features, g->out_features), LEAST_DEPTH);
    t.team = cln_plan_team(plan, "linear", cln_min(most, cln_ceil_div(plan->tuning.min_groups, tiles)),
                           t.features * t.blocks);
    t.weight_out = cln_min(g->out_features, cln_min(budget >= 24 ? 6 : 5, budget));
    t.weight_in = cln_min(g->in_features, cln_max(1, budget / t.weight_out));
    const int out_tiles = cln_ceil_div(g->out_features, t.weight_out);
    const int in_tiles = cln_ceil_div(g->in_features, t.weight_in);
    const int runs = cln_plan_splits(plan, in_tiles, out_tiles, 1 + weight_tile(plan, plan->blocks, t));
    t.weight_run = t.weight_in * cln_ceil_div(in_tiles, runs);
    t.slices =
        cln_min(plan->blocks,
                cln_max(cln_ceil_div(plan->tuning.min_groups, out_tiles * runs),
                        cln_plan_cache_slices(plan, value_bytes(plan, g), (double)g->in_features * g->out_features)));
    while (t.slices < plan->blocks && weight_run(plan, t) > plan->tuning.max_loop_iterations)
        t.slices = cln_min(plan->blocks, 2 * t.slices);
    if (plan->tuning.strict)
        t.slices = cln_plan_strict_slices(plan);
    return t;
}

bool cln_linear_uses_gemm(const struct cln_plan *plan, const struct cln_linear *g) {
    const double weights = (double)g->in_features * g->out_features;
    return plan->tuning.min_gemm_weights > 0 && weights >= plan->tuning.min_gemm_weights;
}

static double copied_floats(const struct cln_linear *g, struct tiles t) {
    return (double)t.features * cln_max(g->in_features, g->out_features);
}
static bool copies_weights(const struct cln_plan *plan, const struct cln_linear *g, struct tiles t) {
    return cln_plan_copies_weights(plan, "linear", copied_floats(g, t), t.features * t.blocks);
}

static double copy_iterations(const struct cln_plan *plan, const struct cln_linear *g, struct tiles t) {
    const int items = plan->tuning.lanes / cln_plan_vector(plan, "linear");
    return copies_weights(plan, g, t) ? cln_loop(ceil(copied_floats(g, t) / items), 0) : 0;
}

static void constants_of(struct ocl_constants *c, const struct cln_plan *plan, const struct cln_linear *g,
                         struct tiles t) {
    cln_plan_constants(plan, c);
    ocl_constants_int(c, "TILE_FEATURES", t.features);
    ocl_constants_int(c, "TILE_BLOCKS", t.blocks);
    ocl_constants_int(c, "TEAM", t.team);
    ocl_constants_int(c, "WEIGHT_OUT", t.weight_out);
    ocl_constants_int(c, "WEIGHT_IN", t.weight_in);
    if (copies_weights(plan, g, t)) {
        ocl_constants_int(c, "LOCAL_WEIGHTS", 1);
        ocl_constants_int(c, "IN_FEATURES", g->in_features);
        ocl_constants_int(c, "OUT_FEATURES", g->out_features);
    }
}

/* Adds one product of CLBlast per block of `lanes` columns. */
static enum cln_status gemm(struct cln_plan *plan, const char *name, struct ocl_gemm product) {
    char label[96];
    cln_plan_label(plan, name, label, sizeof label);
    product.label = label;
    product.alpha = 1.0f;
    product.batch_count = (size_t)plan->blocks;
    product.parameters = plan->tuning.gemm_parameters;
    return ocl_sequence_add_gemm(plan->sequence, &product);
}

static enum cln_status forward_gemm(struct cln_plan *plan, const struct cln_linear *g, struct ocl_buffer *x,
                                    struct cln_weights weights, struct ocl_buffer *z, struct cln_partials partials) {
    const size_t lanes = (size_t)plan->tuning.lanes;
    const size_t in = (size_t)g->in_features, out = (size_t)g->out_features;
    struct ocl_constants constants;
    constants_of(&constants, plan, g, tiles_of(plan, g));
    enum cln_status status =
        cln_plan_lanes(plan, &(struct ocl_launch){.source = "linear.cl",
                                                  .kernel = "linear_fill_bias",
                                                  .constants = &constants,
                                                  .args = {OCL_BUFFER(weights.buffer), OCL_INT(weights.bias),
                                                           OCL_INT(g->out_features), OCL_BUFFER(z)},
                                                  .arg_count = 4,
                                                  .iterations = cln_loop(g->out_features, 0)});
    if (status == CLN_OK)
        status = gemm(plan, "linear_forward (CLBlast)",
                      (struct ocl_gemm){.m = out,
                                        .n = lanes,
                                        .k = in,
                                        .beta = 1.0f,
                                        .a = weights.buffer,
                                        .a_offset = (size_t)weights.weight,
                                        .a_ld = in,
                                        .b = x,
                                        .b_ld = lanes,
                                        .b_stride = in * lanes,
                                        .c = z,
                                        .c_ld = lanes,
                                        .c_stride = out * lanes});
    if (status == CLN_OK && partials.buffer)
        status = cln_batchnorm_partials(plan, (struct cln_shape){g->out_features, 1, 1}, z, partials);
    return status;
}

enum cln_status cln_linear_forward(struct cln_plan *plan, const struct cln_linear *g, struct ocl_buffer *x,
                                   struct cln_weights weights, struct ocl_buffer *z, struct cln_partials partials) {
    if (cln_linear_uses_gemm(plan, g))
        return forward_gemm(plan, g, x, weights, z, partials);

    const struct tiles t = tiles_of(plan, g);
    struct ocl_constants constants;
    constants_of(&constants, plan, g, t);
    return cln_plan_teams(
        plan,
        &(struct ocl_launch){
            .source = "linear.cl",
            .kernel = "linear_forward",
            .constants = &constants,
            .args = {OCL_BUFFER(x), OCL_INT(g->in_features), OCL_INT(g->out_features), OCL_BUFFER(weights.buffer),
                     OCL_INT(weights.weight), OCL_INT(weights.bias), OCL_BUFFER(z), OCL_INT(partials.buffer != NULL),
                     OCL_BUFFER(partials.buffer ? partials.buffer : z), OCL_INT(cln_plan_parts(plan)),
                     OCL_BUFFER(plan->state)},
            .arg_count = 11,
            .groups = {(size_t)cln_ceil_div(g->out_features, t.features), (size_t)cln_ceil_div(plan->blocks, t.blocks)},
            .iterations = product_iterations(plan, t, g->in_features) + copy_iterations(plan, g, t),
            .span = (size_t)t.blocks,
            .flops = flops_of(plan, g),
            .bytes = bytes_of(plan, g),
        },
        t.team);
}

enum cln_status cln_linear_backward_data(struct cln_plan *plan, const struct cln_linear *g, struct ocl_buffer *dz,
                                         struct cln_weights weights, struct ocl_buffer *dx) {
    const size_t lanes = (size_t)plan->tuning.lanes;
    const size_t in = (size_t)g->in_features, out = (size_t)g->out_features;
    if (cln_linear_uses_gemm(plan, g))
        return gemm(plan, "linear_backward_data (CLBlast)",
                    (struct ocl_gemm){.transpose_a = true,
                                      .m = in,
                                      .n = lanes,
                                      .k = out,
                                      .a = weights.buffer,
                                      .a_offset = (size_t)weights.weight,
                                      .a_ld = in,
                                      .b = dz,
                                      .b_ld = lanes,
                                      .b_stride = out * lanes,
                                      .c = dx,
                                      .c_ld = lanes,
                                      .c_stride = in * lanes});

    const struct tiles t = tiles_of(plan, g);
    struct ocl_constants constants;
    constants_of(&constants, plan, g, t);
    return cln_plan_teams(
        plan,
        &(struct ocl_launch){
            .source = "linear.cl",
            .kernel = "linear_backward_data",
            .constants = &constants,
            .args = {OCL_BUFFER(dz), OCL_INT(g->in_features), OCL_INT(g->out_features), OCL_BUFFER(weights.buffer),
                     OCL_INT(weights.weight), OCL_BUFFER(dx), OCL_BUFFER(plan->state)},
            .arg_count = 7,
            .groups = {(size_t)cln_ceil_div(g->in_features, t.features), (size_t)cln_ceil_div(plan->blocks, t.blocks)},
            .iterations = product_iterations(plan, t, g->out_features) + copy_iterations(plan, g, t),
            .span = (size_t)t.blocks,
            .flops = flops_of(plan, g),
            .bytes = bytes_of(plan, g),
        },
        t.team);
}

int cln_linear_span(const struct cln_plan *plan, const struct cln_linear *g) {
    return tiles_of(plan, g).blocks;
}

int cln_linear_slices(const struct cln_plan *plan, const struct cln_linear *g) {
    return cln_linear_uses_gemm(plan, g) ? plan->blocks : tiles_of(plan, g).slices;
}

static enum cln_status clear_dead(struct cln_plan *plan, const struct ocl_constants *constants, struct ocl_buffer *x,
                                  int features) {
    return cln_plan_lanes(plan,
                          &(struct ocl_launch){.source = "linear.cl",
                                               .kernel = "linear_clear_dead",
                                               .constants = constants,
                                               .args = {OCL_BUFFER(x), OCL_INT(features), OCL_BUFFER(plan->state)},
                                               .arg_count = 3,
                                               .iterations = cln_loop(features, 0)});
}

enum cln_status cln_linear_backward_weights(struct cln_plan *plan, const struct cln_linear *g, struct ocl_buffer *x,
                                            struct ocl_buffer *dz, struct cln_slices slices) {
    const struct tiles t = tiles_of(plan, g);
    struct ocl_constants constants;
    constants_of(&constants, plan, g, t);
    if (cln_linear_uses_gemm(plan, g)) {
        const size_t lanes = (size_t)plan->tuning.lanes;
        const size_t in = (size_t)g->in_features, out = (size_t)g->out_features;
        enum cln_status status = clear_dead(plan, &constants, x, g->in_features);
        if (status == CLN_OK)
            status = clear_dead(plan, &constants, dz, g->out_features);
        if (status == CLN_OK)
            status = gemm(plan, "linear_backward_weights (CLBlast)",
                          (struct ocl_gemm){.transpose_b = true,
                                            .m = out,
                                            .n = in,
                                            .k = lanes,
                                            .a = dz,
                                            .a_ld = lanes,
                                            .a_stride = out * lanes,
                                            .b = x,
                                            .b_ld = lanes,
                                            .b_stride = in * lanes,
                                            .c = slices.buffer,
                                            .c_offset = (size_t)slices.base,
                                            .c_ld = in,
                                            .c_stride = (size_t)slices.stride});
        return status;
    }
    return cln_plan_lanes(plan, &(struct ocl_launch){
                                    .source = "linear.cl",
                                    .kernel = "linear_backward_weights",
                                    .constants = &constants,
                                    .args = {OCL_BUFFER(x), OCL_BUFFER(dz), OCL_INT(g->in_features),
                                             OCL_INT(g->out_features), OCL_INT(t.weight_run), OCL_BUFFER(slices.buffer),
                                             OCL_INT(slices.base), OCL_INT(slices.stride), OCL_BUFFER(plan->state)},
                                    .arg_count = 9,
                                    .groups = {(size_t)cln_ceil_div(g->in_features, t.weight_run),
                                               (size_t)cln_ceil_div(g->out_features, t.weight_out), (size_t)t.slices},
                                    .iterations = weight_run(plan, t),
                                    .flops = flops_of(plan, g),
                                    .bytes = bytes_of(plan, g),
                                });
}
