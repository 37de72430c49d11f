/* Shared by the cases of several operations: probes of parameters, of slices of gradients, and of batch norm's buffers
 * with their expected values. For src/check alone. */
#ifndef SRC_CHECK_PARAMETERS_H
#define SRC_CHECK_PARAMETERS_H

#include "src/check/rig.h"
#include "src/engine/batchnorm.h"

/* A probe with all parameters of an operation. Each tensor starts at a multiple of CLN_TENSOR_ALIGN, with poison (NaN)
 * before it. The pointers are to the host's values, the _at members are offsets in floats; −1: none. */
struct cln_parameters {
    struct cln_probe *probe;
    const double *weight, *bias, *gamma, *beta;
    int weight_at, bias_at, gamma_at, beta_at; /* −1: none */
};

/* Makes random tensors of the given sizes; 0: none. Every other γ is negative. */
struct cln_parameters cln_rig_parameters(struct cln_rig *rig, size_t weights, size_t biases, size_t channels);

struct cln_weights cln_parameters_weights(const struct cln_parameters *parameters);

/* Makes a probe for `slices` slices of a gradient of `count` floats, with poison around each slice; sets *out to their
 * place. */
struct cln_probe *cln_rig_slices(struct cln_rig *rig, const char *name, size_t count, int slices,
                                 struct cln_slices *out);
/* Expects the sum over slices to be `expected`, within factor · CLN_EPS32 · magnitude. */
void cln_rig_expect_slices(struct cln_probe *probe, const struct cln_slices *at, int slices, const double *expected,
                           const double *magnitude, size_t count, double factor);

/* Probes of a batch norm's buffers. */
struct cln_norm_probes {
    struct cln_batchnorm options;
    struct cln_probe *normal, *dz_coefficients, *running;
    const double *running_mean, *running_var; /* values before the run */
    const double *gamma, *beta;
    int running_mean_at, running_var_at;
};

struct cln_norm_probes cln_rig_norm(struct cln_rig *rig, const struct cln_batchnorm *options,
                                    const struct cln_parameters *parameters);
struct cln_norm cln_norm_of(const struct cln_norm_probes *probes, const struct cln_parameters *parameters);

/* The expected statistics of a channel, and the error allowed to float32. */
struct cln_channel_statistics {
    double mean, variance, inverse; /* 1/√(variance + eps) */
    double mean_error;              /* absolute */
    double variance_error;          /* absolute */
    double inverse_error;           /* relative */
};

/* Computes the statistics of x [sample][element], with values as the device has them; one result per channel, in the
 * rig's arena. If all values of a channel are equal, mean and variance must be exact. */
struct cln_channel_statistics *cln_rig_statistics(struct cln_rig *rig, const struct cln_batchnorm *options,
                                                  const double *x);

/* Expects these statistics in `normal`, and the moved running statistics unless the state is frozen. */
void cln_rig_expect_norm(struct cln_rig *rig, const struct cln_norm_probes *probes,
                         const struct cln_channel_statistics *statistics);

#endif
