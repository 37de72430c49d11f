/* y[i] = sqrt(x[i]^2 + other^2), by a function of OpenCL C that host/declarations.clh does not have. */
__kernel void length_with(__global float *y, __global const float *x, float other, int count) {
    size_t i = get_global_id(0);
    if (i < (size_t)count)
        y[i] = hypot(x[i], other);
}
