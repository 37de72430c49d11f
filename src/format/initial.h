/* Initial weights from a safetensors file, whose network may be another than the one to train. */
#ifndef SRC_FORMAT_INITIAL_H
#define SRC_FORMAT_INITIAL_H

#include "clenet/checkpoint.h"
#include "clenet/trainer.h"

struct cln_initial {
    bool *taken;                 /* per tensor of the network: the file gives its values */
    float *parameters, *running; /* laid out by the network's tensors; 0 where nothing was taken */
    uint64_t batches_tracked;    /* the highest "num_batches_tracked" in the file; 0: there is none */
    /* What the file says of its network and pixels, without values; NULL: it is no model of clenet. */
    struct cln_checkpoint *model;
};

/* Reads params->path, and finds the tensors of `network` in it as struct cln_init_params says. Notices
 * tell what was taken. CLN_INVALID: tensors do not fit; the message lists all that do not. *out is the caller's. */
enum cln_status cln_initial_read(struct cln_initial **out, const struct cln_init_params *params,
                                 const struct cln_network *network) CLN_MUST_CHECK;
void cln_initial_destroy(struct cln_initial **initial);

#endif
