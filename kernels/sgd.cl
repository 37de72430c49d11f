/* Stochastic gradient descent as in torch.optim.SGD, for all parameters in one launch:
 *   g += weight_decay p; buf = momentum buf + g (buf = g in the first step); p -= lr buf
 * With Nesterov's momentum: p -= lr (g + momentum buf). The buffer starts at 0, so that the first step is no special
 * case. */
#include "optimizer.clh"

__kernel void sgd(__global float *restrict parameters, __global float *restrict gradients,
                  __global const float *restrict partials, __global const int4 *restrict slice_table,
                  __global float *restrict momentum_buffers, const int floats,
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
    const floatv buffer = settled(multiply_add(load_floatv(momentum_buffers + at), (floatv)state->momentum, g));
    store_floatv(buffer, momentum_buffers + at);
    const floatv step = state->nesterov ? settled(multiply_add(buffer, (floatv)state->momentum, g)) : buffer;
    store_floatv(settled(p - state->lr * step), parameters + at);
}
