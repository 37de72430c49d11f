/* RMSprop as in torch.optim.RMSprop (Hinton, 2012, with PyTorch's place of eps), all parameters in one launch:
 *   g += weight_decay p;  v = alpha v + (1 - alpha) g^2;  buf = momentum buf + g / (sqrt(v) + eps);  p -= lr buf
 * Both buffers start at 0. */
#include "optimizer.clh"

__kernel void rmsprop(__global float *restrict parameters, __global float *restrict gradients,
                      __global const float *restrict partials, __global const int4 *restrict slice_table,
                      __global float *restrict squares, __global float *restrict momentum_buffers, const int floats,
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
    const floatv v =
        settled_squares(multiply_add(g * g, (floatv)state->one_minus_alpha, load_floatv(squares + at) * state->alpha));
    const floatv step = divided(g, square_root(v) + state->eps);
    const floatv buffer = settled(multiply_add(load_floatv(momentum_buffers + at), (floatv)state->momentum, step));
    store_floatv(v, squares + at);
    store_floatv(buffer, momentum_buffers + at);
    store_floatv(settled(p - state->lr * buffer), parameters + at);
}
