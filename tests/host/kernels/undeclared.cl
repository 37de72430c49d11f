/* y[i] = sqrt(x[i]^2 + factor^2), by a function of OpenCL C that kernels/declarations.clh does not have. */
__kernel void scale(__global float *y, __global const float *x, float factor, int count) {
    size_t i = get_global_id(0);
    if (i < (size_t)count)
        y[i] = hypot(x[i], factor);
}
