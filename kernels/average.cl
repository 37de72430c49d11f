/* The exponential moving average of all parameters and running statistics after each update, in one launch, as
 * torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn and use_buffers:
 *   average += (1 - decay) (value - average)
 * The first update sets the average to the values. A value that never changes is its own average, to the last bit. */
#include "optimizer.clh"

/* Work-items are for the vectors of the parameters, and behind these for those of the running statistics. */
__kernel void average(__global float *restrict parameter_averages, __global const float *restrict parameters,
                      const int parameter_floats, __global float *restrict running_averages,
                      __global const float *restrict running, const int running_floats,
                      __global const struct cln_state *restrict state PLACE) {
    const int item = item_id() * VECTOR, at = item < parameter_floats ? item : item - parameter_floats;
    if (item >= parameter_floats + running_floats || state->whole == 0 || state->frozen)
        return;
    __global float *averages = item < parameter_floats ? parameter_averages : running_averages;
    const floatv value = load_floatv((item < parameter_floats ? parameters : running) + at);
    const floatv before = load_floatv(averages + at);
    const floatv after = settled(multiply_add(value - before, (floatv)state->one_minus_ema, before));
    store_floatv(state->step == 1 ? value : after, averages + at);
}
