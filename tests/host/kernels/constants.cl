/* What specialisation constants arrive as. */
__kernel void constants(__global float *y) {
    y[0] = (float)(A_NUMBER);
    y[1] = A_FLOAT;
    y[2] = A_WORD(4.0f);
}
