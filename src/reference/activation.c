/* The activations and their derivatives. */
#include <math.h>

#include "src/reference/reference.h"

static double sigmoid(double y) {
    return 1 / (1 + exp(-y));
}

/* At the ends of the middle piece the derivatives are those of the outer ones. */
static struct cln_reference_point hardswish(double y) {
    if (y <= -3 || y >= 3)
        return (struct cln_reference_point){y < 0 ? 0 : y, y < 0 ? 0 : 1};
    return (struct cln_reference_point){y * (y + 3) / 6, y / 3 + 0.5};
}

/* y · Φ(y), with Φ(y) = erfc(−y/√2) / 2. */
static struct cln_reference_point gelu(double y) {
    const double pi = 3.14159265358979323846, distribution = erfc(-y / sqrt(2)) / 2;
    return (struct cln_reference_point){y * distribution, distribution + y * exp(-y * y / 2) / sqrt(2 * pi)};
}

/* (1 + tanh(u)) / 2 = σ(2u). */
static struct cln_reference_point gelu_by_tanh(double y) {
    const double pi = 3.14159265358979323846, scale = 2 * sqrt(2 / pi), u2 = scale * (y + 0.044715 * y * y * y);
    const double slope = scale * (1 + 3 * 0.044715 * y * y);
    return (struct cln_reference_point){y * sigmoid(u2), sigmoid(u2) + y * sigmoid(u2) * sigmoid(-u2) * slope};
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
    case CLN_HARDSWISH:
        return hardswish(y);
    case CLN_SILU:
        return (struct cln_reference_point){y * sigmoid(y), sigmoid(y) * (1 + y * sigmoid(-y))};
    case CLN_GELU:
        return activation.parameter == 1 ? gelu_by_tanh(y) : gelu(y);
    case CLN_IDENTITY:
    case CLN_ACTIVATION_COUNT:
        break;
    }
    return (struct cln_reference_point){y, 1};
}
