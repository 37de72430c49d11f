/* The beginning and the end of a mini-batch. Beginning: gathers the samples in shuffled order from the data set, which
 * is on the device as bytes; scales them to [0, 1], optionally resizes, augments and standardises them, and lays them
 * out in lanes. End, when the loss is known: updates the state, that is the epoch's sums, the place of the next batch,
 * and the optimizer's factors. */
#include "lanes.clh"

#ifndef CHANNELS /* a small geometry, so that this file compiles alone */
#define PIXEL_BITS 8
#define RING 0
#define CHANNELS 1
#define IN_H 4
#define IN_W 8
#define OUT_H 4
#define OUT_W 8
#define STANDARDIZE 0
#define FEATURES_PER_ITEM 8
#define CHUNKED 0
#define AUGMENT 1
#define MIX 1
#define SHIFT 1
#define REFLECT 1
#define FLIP 1
#define ROTATE 0
#define ZOOM 0
#define BRIGHTNESS 0.5f
#define CONTRAST 0.5f
#define CUTOUT 1
#endif

#if PIXEL_BITS == 8
#define PIXEL uchar
#elif PIXEL_BITS == 16
#define PIXEL ushort
#else
#define PIXEL float
#endif

#if AUGMENT
#include "augment.clh"
#endif

#define FEATURES (CHANNELS * OUT_H * OUT_W)
#define PIXELS (CHANNELS * IN_H * IN_W)
#define RESIZE (IN_H != OUT_H || IN_W != OUT_W)

/* The number of bytes that one load takes from each lane's image, if vectors are wide enough to be worth transposing.
 * The bytes of an augmented picture must not be turned, and their order in a number has to be known. */
#if RESIZE || VECTOR < 4 || PIXEL_BITS > 8
#define STRETCH 1
#elif AUGMENT && (WARP || OUT_W < 8 || !defined(__ENDIAN_LITTLE__))
#define STRETCH 1
#else
#define STRETCH 8
#endif

#if !AUGMENT || STRETCH == 1
/* Linear interpolation from a to b at `part`: exactly a if they are equal. */
static inline float between(float a, float b, float part) { return multiply_add(part, b - a, a); }

/* Bilinear with half-pixel centres, as torch.nn.functional.interpolate(align_corners=False). */
static inline float resized(__global const PIXEL *image, int channel, int row, int column) {
    const float y = fmax(((float)row + 0.5f) * ((float)IN_H / OUT_H) - 0.5f, 0.0f);
    const float x = fmax(((float)column + 0.5f) * ((float)IN_W / OUT_W) - 0.5f, 0.0f);
    const int y0 = min((int)y, IN_H - 1), x0 = min((int)x, IN_W - 1);
    const int y1 = min(y0 + 1, IN_H - 1), x1 = min(x0 + 1, IN_W - 1);
    const float dy = y - (float)y0, dx = x - (float)x0;
    __global const PIXEL *upper = image + (channel * IN_H + y0) * IN_W, *lower = image + (channel * IN_H + y1) * IN_W;
    const float top = between(scalar_settled((float)upper[x0]), scalar_settled((float)upper[x1]), dx);
    const float bottom = between(scalar_settled((float)lower[x0]), scalar_settled((float)lower[x1]), dx);
    return between(top, bottom, dy);
}
#endif

/* A stored value as the network sees it. v / 255 and v / 65535 are correctly rounded for whole numbers, without a
 * division: the remainder of a product corrects it. Floats are as they are. */
static inline floatv to_unit(floatv v) {
#if PIXEL_BITS == 32
    return settled(v);
#elif FMA || STRICT
    const floatv most = (floatv)(PIXEL_BITS == 8 ? 255.0f : 65535.0f);
    const floatv reciprocal = (floatv)(PIXEL_BITS == 8 ? 1.0f / 255.0f : 1.0f / 65535.0f), product = v * reciprocal;
    return multiply_add(multiply_add(product, -most, v), reciprocal, product);
#else
    return v / (PIXEL_BITS == 8 ? 255.0f : 65535.0f);
#endif
}

/* An array of VECTOR floats or ints as a vector. */
#if VECTOR == 1
#define LOAD_LANES(array) (array)[0]
#else
#define LOAD_LANES(array) PASTE(vload, VECTOR)(0, array)
#endif

#if STRETCH == 8
static inline ushort8 interleave_bytes(uchar8 a, uchar8 b) {
    uchar16 both;
    both.even = a;
    both.odd = b;
    return as_ushort8(both);
}
static inline uint4 interleave_pairs(ushort4 a, ushort4 b) {
    ushort8 both;
    both.even = a;
    both.odd = b;
    return as_uint4(both);
}

/* Transposes eight bytes of each of four images: each result has one byte of every image, the first image's first. */
static inline void turn_four(const uchar8 *image, uint4 *out) {
    const ushort8 first = interleave_bytes(image[0], image[1]), second = interleave_bytes(image[2], image[3]);
    out[0] = interleave_pairs(first.lo, second.lo);
    out[1] = interleave_pairs(first.hi, second.hi);
}

/* Puts eight bytes of each image into out[0 … 7]. */
static inline void turn_stretch(const uchar8 *row, floatv *out) {
    uint4 turned[VECTOR / 4][2];
#pragma unroll
    for (int q = 0; q < VECTOR / 4; q++)
        turn_four(row + 4 * q, turned[q]);
#define QUARTER(q, half, k) convert_float4(as_uchar4(turned[q][half].s##k))
#if VECTOR == 4
#define TURNED(half, k) QUARTER(0, half, k)
#elif VECTOR == 8
#define TURNED(half, k) (float8)(QUARTER(0, half, k), QUARTER(1, half, k))
#else
#define TURNED(half, k) (float16)(QUARTER(0, half, k), QUARTER(1, half, k), QUARTER(2, half, k), QUARTER(3, half, k))
#endif
    out[0] = TURNED(0, 0);
    out[1] = TURNED(0, 1);
    out[2] = TURNED(0, 2);
    out[3] = TURNED(0, 3);
    out[4] = TURNED(1, 0);
    out[5] = TURNED(1, 1);
    out[6] = TURNED(1, 2);
    out[7] = TURNED(1, 3);
}
#endif

static inline floatv standardised(floatv value, int f, __global const float2 *standardization) {
#if STANDARDIZE
    const float2 s = standardization[f];
    value = settled((value - scalar_settled(s.x)) * scalar_settled(s.y));
#endif
    return value;
}

/* Writes a feature. Lanes outside of `mask` become 0, unless another launch has put samples of the same batch there. */
static inline void put_feature(__global floatv *x, int f, floatv value, intv mask, bool keep) {
    value = settled(value);
    x[f * GROUP] = CHUNKED && keep ? select(x[f * GROUP], value, mask) : live(value, mask);
}

/* The place of an image among all that are stored, which is number `at` in its epoch: in a ring of so many images, in
 * the order of the epoch (RING), or in the order of the set. */
static inline int stored_at(int image, int at) { return RING > 0 ? at % (RING > 0 ? RING : 1) : image; }

#if AUGMENT
#include "gather.clh"
#else
#define AUGMENT_ARGUMENTS

#if STRETCH == 8
/* Loads bytes f to f + 7 of the images into out[0 … 7]. */
static inline void load_stretch(__global const PIXEL *const *image, int f, floatv *out) {
    uchar8 row[VECTOR];
#pragma unroll
    for (int lane = 0; lane < VECTOR; lane++)
        row[lane] = vload8(0, image[lane] + f);
    turn_stretch(row, out);
}
#endif

/* Feature f of the images, in [0, 1]. */
static inline floatv load_feature(__global const PIXEL *const *image, int f) {
    float value[VECTOR];
#pragma unroll
    for (int lane = 0; lane < VECTOR; lane++)
        value[lane] =
            RESIZE ? resized(image[lane], f / (OUT_H * OUT_W), f / OUT_W % OUT_H, f % OUT_W) : (float)image[lane][f];
    return to_unit(LOAD_LANES(value));
}
#endif

/* Advances the state to the batch that starts at `next`, and gathers that batch. Every group computes the batch's place
 * itself, because other groups see the new state only in later launches. Dead lanes become 0, their labels −1. Labels
 * are those of the whole batch, also where several processes share it. pixels are [sample][channel][row][column];
 * standardization[feature] = (mean, 1 / deviation). CHUNKED: `pixels` has the images stored from chunk_begin to before
 * chunk_end. The launch for the first chunk writes 0 for samples of other chunks, and the other launches fill them in.
 * With AUGMENT, FEATURES_PER_ITEM is a number of whole rows. Groups: (features / FEATURES_PER_ITEM, blocks). */
GROUP_OF(GROUP)
__kernel void batch_begin(__global const PIXEL *restrict pixels, const int chunk_begin, const int chunk_end,
                          __global const int *restrict labels, __global const int *restrict order,
                          __global const float2 *restrict standardization, __global floatv *restrict x,
                          __global intv *restrict lane_labels,
                          __global struct cln_state *restrict state AUGMENT_ARGUMENTS PLACE) {
    const int block = group_id(1), position = state->next, share = state->share;
    const int whole = clamp(state->samples - position, 0, state->batch_size);
    const int count = clamp(whole - share, 0, state->most);
    const bool leads = !CHUNKED || chunk_begin == 0;
    if (leads && group_id(0) == 0 && block == 0 && get_local_id(0) == 0 && !state->frozen) {
        state->position = position;
        state->whole = whole;
        state->count = count;
        if (whole > 0) {
            if (state->accumulate <= 1 || (state->batches - state->resumed) % state->accumulate == 0) {
                state->step++;
                state->first = position;
            }
            state->batches++;
        }
    }
    if (leads && group_id(0) == 0)
        for (int b = block; b < blocks_of(whole); b += group_count(1)) {
            const int first = b * LANES + lane_group() * VECTOR;
            int label[VECTOR];
#pragma unroll
            for (int lane = 0; lane < VECTOR; lane++)
                label[lane] = first + lane < whole ? labels[order[position + first + lane]] : -1;
            lane_labels[first / VECTOR] = LOAD_LANES(label);
        }
    if (block >= blocks_of(count))
        return;

    x += (size_t)block * FEATURES * GROUP + lane_group();
    int f = group_id(0) * FEATURES_PER_ITEM;
    const int end = min(f + FEATURES_PER_ITEM, FEATURES);
#if AUGMENT
    const uint2 seed = (uint2)((uint)seed_low, (uint)seed_high);
    const int2 chunk = (int2)(chunk_begin, chunk_end);
    struct source own;
    find_source(&own, pixels, chunk, order, position, share, block, count, whole, 0, seed, state);
#if MIX
    struct source other;
    find_source(&other, pixels, chunk, order, position, share, block, count, whole, 1, seed, state);
    put_mixed(x, f, end, &own, &other, mixes + state->ended, standardization, !leads);
#else
    put_augmented(x, f, end, &own, standardization, !leads);
#endif
#else
    const int lane0 = block * LANES + lane_group() * VECTOR;
    intv mask = live_lanes(block, count);
    __global const PIXEL *image[VECTOR];
    int present[VECTOR]; /* in this chunk */
#pragma unroll
    for (int lane = 0; lane < VECTOR; lane++) {
        const int at = position + share + min(lane0 + lane, count - 1), stored = stored_at(order[at], at);
        const bool here = !CHUNKED || (stored >= chunk_begin && stored < chunk_end);
        image[lane] = pixels + (here ? (size_t)(CHUNKED ? stored - chunk_begin : stored) * PIXELS : 0);
        present[lane] = here ? -1 : 0;
    }
    if (CHUNKED)
        mask &= LOAD_LANES(present);
#if STRETCH == 8
    for (; f + STRETCH <= end; f += STRETCH) {
        floatv value[STRETCH];
        load_stretch(image, f, value);
#pragma unroll
        for (int k = 0; k < STRETCH; k++)
            put_feature(x, f + k, standardised(to_unit(value[k]), f + k, standardization), mask, !leads);
    }
#endif
    for (; f < end; f++)
        put_feature(x, f, standardised(load_feature(image, f), f, standardization), mask, !leads);
#endif
}

/* Adds the batch's sums to the epoch's, freezes the state at a loss that is not finite, and computes the place of the
 * next batch and the optimizer's factors. sums[part] = (loss, hits); rates[i] is the learning rate of batch i
 * after the resumed ones. One work-item. Adam's 1 - b^t is computed as -expm1(t log b): a power of a rounded b would be
 * off by 1e-5 in the first steps. */
__kernel void batch_end(__global const float2 *restrict sums, __global const float *restrict rates,
                        __global struct cln_state *restrict state PLACE) {
    if (state->frozen || state->whole == 0)
        return;
    float2 total = (float2)0.0f;
    for (int part = 0; part < parts_of(state->whole); part++)
        total += sums[part];
    if (!isfinite(total.x)) {
        state->frozen = 1;
        return;
    }
    const float term = total.x - state->loss_carry;
    const float sum = state->loss_sum + term;
    state->loss_carry = (sum - state->loss_sum) - term;
    state->loss_sum = sum;
    state->hits += (int)total.y;
    state->seen += state->whole;
    state->next = state->position + state->whole;
    state->ended = state->batches - state->resumed;
    const bool begins = state->accumulate <= 1 || state->ended % state->accumulate == 0;
    state->update = begins ? state->step + 1 : state->step;
    state->before = begins ? 0 : state->next - state->first;
    state->lr = rates[state->batches - 1 - state->resumed];
    const float t = (float)state->step;
    state->rate = scalar_divided(state->lr, -scalar_expm1_of_negative(t * state->log_beta1));
    state->correction = scalar_divided(1.0f, scalar_square_root(-scalar_expm1_of_negative(t * state->log_beta2)));
}
