/* Adam as in torch.optim.Adam (Kingma and Ba, 2015), all parameters in one launch:
 *   g += weight_decay p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
 *   p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 * The two factors with t come from batch_end of kernels/batch.cl. */
#include "optimizer.clh"

__kernel void adam(__global float *restrict parameters, __global float *restrict gradients,
                   __global const float *restrict partials, __global const int4 *restrict slice_table,
                   __global float *restrict first_moments, __global float *restrict second_moments, const int floats,
                   __global const struct cln_state *restrict state PLACE) {
    const int at = item_id() * VECTOR;
    if (at >= floats || state->whole == 0)
        return;
    const int4 slices = slice_table[at / TENSOR_ALIGN];
    const floatv p = load_floatv(parameters + at);
    floatv g = gradient_sum(partials, slices, at);
    store_floatv(g, gradients + at);
    if (stays(state, slices))
        return;

    g = clipped(g, partials, floats, state);
    g = settled(multiply_add(p, (floatv)weight_decay_of(state, slices), g));
    const floatv m =
        settled(multiply_add(g, (floatv)state->one_minus_beta1, load_floatv(first_moments + at) * state->beta1));
    const floatv v = settled_squares(
        multiply_add(g * g, (floatv)state->one_minus_beta2, load_floatv(second_moments + at) * state->beta2));
    store_floatv(m, first_moments + at);
    store_floatv(v, second_moments + at);
    const floatv step = divided(m, square_root(v) * state->correction + state->eps);
    store_floatv(settled(p - state->rate * step), parameters + at);
}
