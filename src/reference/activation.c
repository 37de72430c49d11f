/* The activations and their derivatives. */
#include <math.h>

#include "src/reference/reference.h"

static double sigmoid(double y) {
    return 1 / (1 + exp(-y));
}

double cln_reference_activation(enum cln_activation activation, double y) {
    switch (activation) {
    case CLN_SIGMOID:
        return sigmoid(y);
    case CLN_RELU:
        return y < 0 ? 0 : y;
    case CLN_TANH:
        return tanh(y);
    case CLN_IDENTITY:
    case CLN_ACTIVATION_COUNT:
        break;
    }
    return y;
}

double cln_reference_activation_derivative(enum cln_activation activation, double y) {
    switch (activation) {
    case CLN_SIGMOID:
        return sigmoid(y) * sigmoid(-y); /* 1 − σ(y) = σ(−y), without cancellation */
    case CLN_RELU:
        return y > 0 ? 1 : 0;
    case CLN_TANH:
        return 1 - tanh(y) * tanh(y);
    case CLN_IDENTITY:
    case CLN_ACTIVATION_COUNT:
        break;
    }
    return 1;
}
