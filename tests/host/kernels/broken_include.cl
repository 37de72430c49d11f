#include "broken_include.clh"

__kernel void fine(__global float *y) {
    y[0] = helper(y[0]);
}
