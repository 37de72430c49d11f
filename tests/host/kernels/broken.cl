/* The fault is in line 5, behind an include. */
#include "scale.clh"

__kernel void broken(__global float *y) {
    y[0] = no_such_thing;
}
