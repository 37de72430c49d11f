/* One kernel per kind of memory, for the test of limits. */
__kernel void plain(__global float *y) { y[0] = 1.0f; }

__kernel void in_local_memory(__global float *y) {
    __local float values[64];
    values[get_local_id(0)] = y[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    y[0] = values[0] + 1.0f;
}

__kernel void from_constant_memory(__global float *y, __constant float *table) { y[0] = table[1]; }
