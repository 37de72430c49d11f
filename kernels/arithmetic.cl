/* Applies a function of arithmetic.clh, with STRICT, to many numbers: out = FUNCTION(x), or with NUMERATORS
 * FUNCTION(numerators, x). `clenet check` looks at its errors and bits; no training launches it. The numbers lie one
 * after the other, whatever lanes the tuning has. */
#define STRICT 1
#undef LANES
#define LANES STRANDS
#include "lanes.clh"

#ifndef FUNCTION
#define FUNCTION square_root
#endif
#ifndef NUMERATORS
#define NUMERATORS 0
#endif

__kernel void arithmetic_apply(__global const floatv *restrict x, __global const floatv *restrict numerators,
                               __global floatv *restrict out, const int vectors PLACE) {
    const int i = item_id();
    if (i >= vectors)
        return;
#if NUMERATORS
    out[i] = FUNCTION(numerators[i], x[i]);
#else
    out[i] = FUNCTION(x[i]);
#endif
}
