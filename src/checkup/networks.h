/* Checks of whole networks on a device: against PyTorch's golden values, of a clipped step against float64, of the
 * gradient against differences of the loss, that two runs give the same bits, and that strict arithmetic gives the bits
 * of every other device. */
#ifndef SRC_CHECKUP_NETWORKS_H
#define SRC_CHECKUP_NETWORKS_H

#include "src/check/cases.h"

/* The name of check number `network`: "bn-lenet, ten steps of Adam"; NULL after the last. */
const char *cln_check_network(size_t network);

/* Whether a quick check includes it. */
bool cln_check_network_is_quick(size_t network);

/* Whether it is a check of the bits of strict arithmetic, and needs a tuning that is strict. */
bool cln_check_network_is_strict(size_t network);

/* Whether it runs launch by launch, which only looks for the place of an error of strict arithmetic. */
bool cln_check_network_is_apart(size_t network);

/* Runs one check; like cln_check_run. */
enum cln_status cln_check_network_run(struct cln_check_result *out, size_t network,
                                      const struct cln_check_params *params) CLN_MUST_CHECK;

#endif
