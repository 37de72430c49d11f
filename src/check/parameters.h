/* What the cases of several operations share: where parameters and their gradients stand, and what a batch norm's
 * statistics should be. Private to src/check. */
#ifndef SRC_CHECK_PARAMETERS_H
#define SRC_CHECK_PARAMETERS_H

#include "src/check/rig.h"
#include "src/engine/batchnorm.h"

/* A probe of parameters, each tensor at a multiple of CLN_TENSOR_ALIGN behind one of poison. */
struct cln_parameters {
    struct cln_probe *probe;
    const double *weight, *bias, *gamma, *beta;
    int weight_at, bias_at, gamma_at, beta_at; /* −1: none */
};

/* Random tensors of the given sizes; 0: none. Every other γ is negative. */
struct cln_parameters cln_rig_parameters(struct cln_rig *rig, size_t weights, size_t biases, size_t channels);

struct cln_weights cln_parameters_weights(const struct cln_parameters *parameters);

/* Slices of a gradient of `count` floats: base and stride leave poison around each. */
struct cln_probe *cln_rig_slices(struct cln_rig *rig, const char *name, size_t count, int slices,
                                 struct cln_slices *out);
/* The sum over slices should be `expected` within factor · CLN_EPS32 · magnitude. */
void cln_rig_expect_slices(struct cln_probe *probe, const struct cln_slices *at, int slices, const double *expected,
                           const double *magnitude, size_t count, double factor);

/* A batch norm's own buffers. */
struct cln_norm_probes {
    struct cln_batchnorm options;
    struct cln_probe *normal, *gradient, *running;
    const double *running_mean, *running_var; /* as they were */
    const double *gamma, *beta;
    int running_mean_at, running_var_at;
};

struct cln_norm_probes cln_rig_norm(struct cln_rig *rig, const struct cln_batchnorm *options,
                                    const struct cln_parameters *parameters);
struct cln_norm cln_norm_of(const struct cln_norm_probes *probes, const struct cln_parameters *parameters);

/* A channel's statistics, and how far float32 may be off. */
struct cln_channel_statistics {
    double mean, variance, inverse; /* 1/√(variance + eps) */
    double mean_error;              /* absolute */
    double variance_error;          /* absolute */
    double inverse_error;           /* relative */
};

/* Of x [sample][element] as the device has it; channels results. A channel of equal values allows no error of the mean
 * and the variance. */
struct cln_channel_statistics *cln_rig_statistics(struct cln_rig *rig, const struct cln_batchnorm *options,
                                                  const double *x);

/* `normal` and, unless the state is frozen, the moved running statistics. */
void cln_rig_expect_norm(struct cln_rig *rig, const struct cln_norm_probes *probes,
                         const struct cln_channel_statistics *statistics);

#endif
