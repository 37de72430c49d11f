/* The activations and their derivatives. */
#include <math.h>

#include "src/reference/reference.h"

static double sigmoid(double y) {
    return 1 / (1 + exp(-y));
}

struct cln_reference_point cln_reference_activation(struct cln_activation activation, double y) {
    switch (activation.kind) {
    case CLN_SIGMOID: /* 1 − σ(y) = σ(−y), without cancellation */
        return (struct cln_reference_point){sigmoid(y), sigmoid(y) * sigmoid(-y)};
    case CLN_RELU:
        return (struct cln_reference_point){y < 0 ? 0 : y, y > 0 ? 1 : 0};
    case CLN_TANH:
        return (struct cln_reference_point){tanh(y), 1 - tanh(y) * tanh(y)};
    case CLN_LEAKY_RELU:
        return (struct cln_reference_point){y < 0 ? activation.parameter * y : y, y > 0 ? 1 : activation.parameter};
    case CLN_ELU:
        return (struct cln_reference_point){y < 0 ? activation.parameter * expm1(y) : y,
                                            y > 0 ? 1 : activation.parameter * exp(y)};
    case CLN_IDENTITY:
    case CLN_ACTIVATION_COUNT:
        break;
    }
    return (struct cln_reference_point){y, 1};
}
