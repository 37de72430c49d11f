/* Checks batch sizes: see batches.h. */
#include "src/model/batches.h"

#include "clenet/log.h"

/* The first batch norm that has one value per channel if a batch has one image; NULL: none. */
static const struct cln_layer *find_single_value(const struct cln_network *network) {
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct cln_layer *layer = &network->layers[i];
        if (layer->kind == CLN_LAYER_BATCHNORM && layer->in.height == 1 && layer->in.width == 1)
            return layer;
    }
    return NULL;
}

enum cln_status cln_network_check_batches(const struct cln_network *network, int batch_size, size_t samples,
                                          size_t left) {
    const size_t batch = (size_t)batch_size;
    const struct cln_layer *layer = find_single_value(network);
    if (!layer)
        return CLN_OK;
    if (batch == 1 || samples == 1)
        return cln_fail(CLN_INVALID,
                        "layer %s (%s) of network %s needs more than one value per channel to normalise, and batches "
                        "of one image have one: every image would come out alike. Choose a batch size of 2 or more%s",
                        layer->path, layer->type, network->name,
                        samples == 1 ? ", and more than one training image" : "");
    if (samples % batch == 1 || left % batch == 1)
        cln_log(CLN_LOG_WARNING,
                "the last batch of an epoch has one image (%zu images at batch size %zu), and so layer %s (%s) one "
                "value per channel: this batch norm learns nothing from it. PyTorch refuses such a batch: another "
                "batch size avoids it",
                samples % batch == 1 ? samples : left, batch, layer->path, layer->type);
    return CLN_OK;
}
