/* Which tensor of a file is which of a network. `file` has only tensors with the values of layers, none of counters and
 * moments. For initial.c alone. */
#ifndef SRC_FORMAT_INITIAL_MATCH_H
#define SRC_FORMAT_INITIAL_MATCH_H

#include "clenet/network.h"
#include "src/base/safetensors.h"

/* Sets found[t], for each tensor of the network, to the file's tensor of that name, or NULL. Words that all names in
 * the file begin with ("module.") are left out of account. */
void cln_initial_by_name(const struct cln_safetensor **found, const struct cln_network *network,
                         const struct cln_safetensors *file);

/* The same by order. The file's layers are the tensors whose names differ in the last word alone. The first layer whose
 * weight has as many dimensions as that of the network's first layer with weights is that layer, and so on:
 * convolutions, linear layers and batch norms are counted apart. Within a layer the last word decides. If the file's
 * names are sorted, as PyTorch's writer leaves them, numbers in them count as numbers. CLN_OUT_OF_MEMORY. */
enum cln_status cln_initial_by_order(const struct cln_safetensor **found, const struct cln_network *network,
                                     const struct cln_safetensors *file) CLN_MUST_CHECK;

#endif
