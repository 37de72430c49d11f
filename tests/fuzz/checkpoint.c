/* Reading models: of a network that the file names, and of one that is given. What is accepted can be used, and read
 * and written again it comes out as the same bytes. */
#include "clenet/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/support.h"

static const struct cln_network *given_network(void) {
    static const char text[] = "{\"input\": [1, 2, 2], \"layers\": [{\"type\": \"Conv2d\", \"out_channels\": 2, "
                               "\"kernel_size\": 2}, {\"type\": \"BatchNorm2d\"}, {\"type\": \"Flatten\"}, "
                               "{\"type\": \"Linear\", \"out_features\": 2}]}";
    static struct cln_network *network;
    if (!network)
        fuzz_require(cln_network_parse(&network, text, strlen(text), "given", NULL) == CLN_OK);
    return network;
}

static void require_usable(const struct cln_checkpoint *model) {
    const struct cln_network *network = model->network;
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        const float *values = (t->trainable ? model->parameters : model->running) + t->offset;
        for (size_t i = 0; i < t->count; i++)
            fuzz_require(isfinite(values[i]) && (t->role != CLN_RUNNING_VAR || values[i] >= 0));
    }
    fuzz_require(!model->mean == !model->inverse_deviation);
    for (size_t i = 0; model->mean && i < cln_shape_count(network->input); i++)
        fuzz_require(isfinite(model->mean[i]) && isfinite(model->inverse_deviation[i]));
    for (int i = 0; model->class_names && i < network->classes; i++)
        fuzz_require(model->class_names[i]);
}

static uint8_t *write_bytes(const struct cln_checkpoint *model, size_t *size) {
    fuzz_require(cln_checkpoint_write(fuzz_output(), model) == CLN_OK);
    return fuzz_output_bytes(size);
}

static bool run(const char *path, const struct cln_network *network) {
    struct cln_checkpoint *model = NULL, *again = NULL;
    fuzz_begin();
    enum cln_status status = cln_checkpoint_read(&model, path, network);
    if (!fuzz_end(status, model))
        return false;
    require_usable(model);
    size_t size, size_again;
    uint8_t *bytes = write_bytes(model, &size);
    fuzz_require(cln_checkpoint_read(&again, fuzz_output(), NULL) == CLN_OK);
    uint8_t *bytes_again = write_bytes(again, &size_again);
    fuzz_require(size == size_again && memcmp(bytes, bytes_again, size) == 0);
    free(bytes);
    free(bytes_again);
    cln_checkpoint_destroy(&model);
    cln_checkpoint_destroy(&again);
    fuzz_require(!model && !again);
    return true;
}

static bool run_both(const uint8_t *bytes, size_t size) {
    const char *path = fuzz_file(bytes, size);
    const bool of_its_own = run(path, NULL);
    return run(path, given_network()) || of_its_own;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    fuzz_accepted = run_both(bytes, size);
    uint8_t *mended = fuzz_mend_header(bytes, size);
    if (mended)
        run_both(mended, size);
    free(mended);
    return 0;
}
