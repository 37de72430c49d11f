/* Batch norms folded into the layers before them, for programs that only predict. */
#ifndef SRC_FORMAT_FOLD_H
#define SRC_FORMAT_FOLD_H

#include "clenet/checkpoint.h"

/* A model that predicts the same with fewer layers: every batch norm right behind a Conv2d or Linear goes into it,
 *     W' = W · γ / √(running_var + eps),    b' = (b − running_mean) · γ / √(running_var + eps) + β
 * per output channel, b = 0 where the layer has no bias, worked out in double and rounded once. Such a layer has a bias
 * then, later layers move up, and the network keeps its name. A batch norm behind anything else stays. `training` is
 * NULL in the result, all else is as in `in`; it is the caller's. CLN_NUMERIC where a folded value is not finite. */
enum cln_status cln_checkpoint_fold(struct cln_checkpoint **out, const struct cln_checkpoint *in) CLN_MUST_CHECK;

#endif
