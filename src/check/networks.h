/* Whole networks on a device: PyTorch's golden values, the gradient by differences of the loss, the same bits twice. */
#ifndef SRC_CHECK_NETWORKS_H
#define SRC_CHECK_NETWORKS_H

#include "src/check/cases.h"

/* What is checked, in words: "bn-lenet, ten steps of Adam"; NULL behind the last. */
const char *cln_check_network(size_t network);

/* Whether it is part of a quick check. */
bool cln_check_network_is_quick(size_t network);

/* As cln_check_run. */
enum cln_status cln_check_network_run(struct cln_check_result *out, size_t network,
                                      const struct cln_check_params *params) CLN_MUST_CHECK;

#endif
