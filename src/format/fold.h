/* Folds batch norms into the layers before them, for programs that only predict. */
#ifndef SRC_FORMAT_FOLD_H
#define SRC_FORMAT_FOLD_H

#include "clenet/checkpoint.h"

/* Makes a model that predicts the same with fewer layers: every batch norm directly after a Conv2d or Linear is folded
 * into that layer, unless something else reads the layer, too; per output channel:
 *     W' = W · γ / √(running_var + eps), b' = (b − running_mean) · γ / √(running_var + eps) + β
 * with b = 0 if the layer has no bias; computed in double and rounded once. The layer then has a bias, and the later
 * layers of its list move up. Batch norms in a row are folded one after the other. One after any other layer stays. The
 * result has training NULL; all else is as in `in`. *out is the caller's. CLN_NUMERIC: a folded value is not finite. */
enum cln_status cln_checkpoint_fold(struct cln_checkpoint **out, const struct cln_checkpoint *in) CLN_MUST_CHECK;

#endif
