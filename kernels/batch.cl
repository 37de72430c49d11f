/* The next mini-batch from the data set that lives on the device as bytes: gathered in shuffled order, scaled to
 * [0, 1], optionally resized and standardised, laid out in lanes. */
#include "lanes.clh"

#ifndef CHANNELS /* a small geometry, so that this file compiles alone */
#define CHANNELS 1
#define IN_H 4
#define IN_W 4
#define OUT_H 4
#define OUT_W 4
#define STANDARDIZE 0
#define FEATURES_PER_ITEM 4
#endif

#define FEATURES (CHANNELS * OUT_H * OUT_W)
#define PIXELS (CHANNELS * IN_H * IN_W)
#define RESIZE (IN_H != OUT_H || IN_W != OUT_W)

/* Moves on to the next batch of the epoch. One work-item, first in every step. */
__kernel void batch_begin(__global struct cln_state *restrict state) {
    if (state->frozen)
        return;
    state->position += state->count;
    state->count = clamp(state->samples - state->position, 0, state->batch_size);
    if (state->count > 0) {
        state->batches++;
        state->step++;
    }
}

/* Bilinear with half-pixel centres, as torch.nn.functional.interpolate(align_corners=False). */
static inline float resized(__global const uchar *image, int channel, int row, int column) {
    const float y = fmax(((float)row + 0.5f) * ((float)IN_H / OUT_H) - 0.5f, 0.0f);
    const float x = fmax(((float)column + 0.5f) * ((float)IN_W / OUT_W) - 0.5f, 0.0f);
    const int y0 = min((int)y, IN_H - 1), x0 = min((int)x, IN_W - 1);
    const int y1 = min(y0 + 1, IN_H - 1), x1 = min(x0 + 1, IN_W - 1);
    const float dy = y - (float)y0, dx = x - (float)x0;
    __global const uchar *upper = image + (channel * IN_H + y0) * IN_W, *lower = image + (channel * IN_H + y1) * IN_W;
    const float top = (1.0f - dx) * ((float)upper[x0] / 255.0f) + dx * ((float)upper[x1] / 255.0f);
    const float bottom = (1.0f - dx) * ((float)lower[x0] / 255.0f) + dx * ((float)lower[x1] / 255.0f);
    return (1.0f - dy) * top + dy * bottom;
}

/* Groups: (features / FEATURES_PER_ITEM, blocks). Dead lanes become zero, their labels −1.
 * pixels are [sample][channel][row][column]; standard[feature] = (mean, 1 / deviation). */
__kernel void batch_gather(__global const uchar *restrict pixels, __global const uchar *restrict labels,
                           __global const int *restrict order, __global const float2 *restrict standard,
                           __global floatv *restrict x, __global intv *restrict lane_labels,
                           __global const struct cln_state *restrict state) {
    const int block = (int)get_group_id(1);
    const int count = state->count;
    if (block >= blocks_of(count))
        return;
    const int lane0 = block * LANES + lane_group() * VECTOR;
    int sample[VECTOR];
    for (int lane = 0; lane < VECTOR; lane++)
        sample[lane] = lane0 + lane < count ? order[state->position + lane0 + lane] : -1;

    if (get_group_id(0) == 0) {
        __global int *label = (__global int *)(lane_labels + block * GROUP + lane_group());
        for (int lane = 0; lane < VECTOR; lane++)
            label[lane] = sample[lane] >= 0 ? labels[sample[lane]] : -1;
    }

    const int first = (int)get_group_id(0) * FEATURES_PER_ITEM;
    __global float *out = (__global float *)(x + (size_t)block * FEATURES * GROUP + lane_group());
    for (int f = first; f < min(first + FEATURES_PER_ITEM, FEATURES); f++) {
#if STANDARDIZE
        const float2 s = standard[f];
#endif
        for (int lane = 0; lane < VECTOR; lane++) {
            float value = 0.0f;
            if (sample[lane] >= 0) {
                __global const uchar *image = pixels + (size_t)sample[lane] * PIXELS;
                value = RESIZE ? resized(image, f / (OUT_H * OUT_W), f / OUT_W % OUT_H, f % OUT_W)
                               : (float)image[f] / 255.0f;
#if STANDARDIZE
                value = (value - s.x) * s.y;
#endif
            }
            out[f * LANES + lane] = value;
        }
    }
}
