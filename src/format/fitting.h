/* Compares the tensors of a file with those of a network. For src/format alone. */
#ifndef SRC_FORMAT_FITTING_H
#define SRC_FORMAT_FITTING_H

#include "clenet/network.h"
#include "src/base/safetensors.h"

/* Whether the file's tensor has the shape of the network's. */
bool cln_fitting_shape(const struct cln_safetensor *tensor, const struct cln_tensor_info *info);

/* Write a shape as "[6, 1, 5, 5]". */
void cln_fitting_write(char *text, size_t bytes, const struct cln_safetensor *tensor);
void cln_fitting_write_wanted(char *text, size_t bytes, const struct cln_tensor_info *info);

#endif
