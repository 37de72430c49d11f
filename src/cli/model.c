/* See model.h. */
#include "src/cli/model.h"

const char *const cln_variances[] = {[CLN_UNBIASED] = "unbiased", [CLN_BIASED] = "biased", NULL};

enum cln_status cln_model_read(struct cln_checkpoint **model, const char *path, const char *network) {
    struct cln_network *named = NULL;
    enum cln_status status = CLN_OK;
    *model = NULL;
    if (network != NULL)
        status = cln_network_load(&named, network, NULL);
    if (status == CLN_OK)
        status = cln_checkpoint_read(model, path, named);
    cln_network_destroy(&named);
    return status;
}
