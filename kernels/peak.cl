/* Kernels that measure the device's peak: multiply-adds without memory traffic, and a copy without arithmetic. CHAINS
 * independent sums hide the latency of an addition; they are written out, so that each is a register. */
#ifndef VECTOR
#define VECTOR 8
#define MULTIPLY_ADD fma
#endif

#if VECTOR == 1
typedef float floatv;
#else
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
typedef PASTE(float, VECTOR) floatv;
#endif

#define CHAINS 12 /* as src/bench/peak.c counts them */

/* y = CHAINS sums of `rounds` multiply-adds each, per work-item. The factor is below 1, so that they stay finite. */
__kernel void multiply_add(__global floatv *restrict y, int rounds) {
    const size_t i = get_global_id(0);
    const floatv factor = 0.999f, term = y[i] + 0.001f;
    floatv s0 = 0, s1 = 1, s2 = 2, s3 = 3, s4 = 4, s5 = 5, s6 = 6, s7 = 7, s8 = 8, s9 = 9, s10 = 10, s11 = 11;
    for (int r = 0; r < rounds; r++) {
        s0 = MULTIPLY_ADD(s0, factor, term);
        s1 = MULTIPLY_ADD(s1, factor, term);
        s2 = MULTIPLY_ADD(s2, factor, term);
        s3 = MULTIPLY_ADD(s3, factor, term);
        s4 = MULTIPLY_ADD(s4, factor, term);
        s5 = MULTIPLY_ADD(s5, factor, term);
        s6 = MULTIPLY_ADD(s6, factor, term);
        s7 = MULTIPLY_ADD(s7, factor, term);
        s8 = MULTIPLY_ADD(s8, factor, term);
        s9 = MULTIPLY_ADD(s9, factor, term);
        s10 = MULTIPLY_ADD(s10, factor, term);
        s11 = MULTIPLY_ADD(s11, factor, term);
    }
    y[i] = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;
}

/* y = x. A work-group copies `run` vectors in a row, its neighbouring work-items neighbouring vectors. */
__kernel void copy(__global const floatv *restrict x, __global floatv *restrict y, int run) {
    const size_t first = get_group_id(0) * (size_t)run;
    for (size_t i = get_local_id(0); i < (size_t)run; i += get_local_size(0))
        y[first + i] = x[first + i];
}
