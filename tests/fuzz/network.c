/* Reading networks: what is accepted keeps its limits, can be printed, and written as text and read again it is the
 * same network. */
#include "clenet/network.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/support.h"

static char *text_of(const struct cln_network *network) {
    char *text;
    fuzz_require(cln_network_text(&text, network) == CLN_OK);
    return text;
}

/* All that cln_network_print says, in memory: free(). */
static char *print(const struct cln_network *network) {
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    fuzz_require(stream);
    cln_network_print(network, 1 << 16, stream);
    fuzz_require(fclose(stream) == 0);
    return text;
}

static bool same_shape(struct cln_shape a, struct cln_shape b) {
    return a.channels == b.channels && a.height == b.height && a.width == b.width;
}

static void require_same(const struct cln_network *a, const struct cln_network *b) {
    fuzz_require(strcmp(a->name, b->name) == 0 && same_shape(a->input, b->input) && a->classes == b->classes);
    fuzz_require(a->layer_count == b->layer_count && a->tensor_count == b->tensor_count);
    for (size_t i = 0; i < a->layer_count; i++) {
        const struct cln_layer *x = &a->layers[i], *y = &b->layers[i];
        fuzz_require(x->kind == y->kind && x->type == y->type && x->flat == y->flat);
        fuzz_require(same_shape(x->in, y->in) && same_shape(x->out, y->out));
    }
    for (size_t i = 0; i < a->tensor_count; i++) {
        const struct cln_tensor_info *x = &a->tensors[i], *y = &b->tensors[i];
        fuzz_require(strcmp(x->name, y->name) == 0 && x->rank == y->rank);
        fuzz_require(memcmp(x->dims, y->dims, sizeof(x->dims)) == 0);
        fuzz_require(x->offset == y->offset && x->count == y->count);
    }
    fuzz_require(a->flat == b->flat);
    fuzz_require(a->parameter_floats == b->parameter_floats && a->running_floats == b->running_floats);
}

static void require_limits(const struct cln_network *network) {
    const size_t limit = (size_t)1 << 28;
    fuzz_require(cln_shape_count(network->input) <= limit && network->parameter_floats <= limit);
    fuzz_require(network->classes >= 2);
    for (const struct cln_layer *layer = network->layers; layer < network->layers + network->layer_count; layer++) {
        fuzz_require(layer->out.channels > 0 && layer->out.height > 0 && layer->out.width > 0);
        fuzz_require(cln_shape_count(layer->out) <= limit);
        fuzz_require(layer->input < layer - network->layers && layer->shortcut <= layer - network->layers);
    }
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++)
        fuzz_require(t->offset + t->count <= (t->trainable ? network->parameter_floats : network->running_floats));
}

static bool run(const char *bytes, size_t size, const struct cln_network_params *params) {
    struct cln_network *network = NULL, *again = NULL;
    fuzz_begin();
    enum cln_status status = cln_network_parse(&network, bytes, size, "input", params);
    if (!fuzz_end(status, network))
        return false;
    require_limits(network);
    char *text = text_of(network), *printed = print(network);
    fuzz_require(cln_network_parse(&again, text, strlen(text), "again", NULL) == CLN_OK);
    require_same(network, again);
    char *text_again = text_of(again), *printed_again = print(again);
    fuzz_require(strcmp(text, text_again) == 0 && strcmp(printed, printed_again) == 0);
    free(text);
    free(text_again);
    free(printed);
    free(printed_again);
    cln_network_destroy(&network);
    cln_network_destroy(&again);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const struct cln_network_params resized = {.height = 32, .width = 32, .biased_running_variance = true};
    fuzz_accepted = run((const char *)bytes, size, NULL);
    (void)run((const char *)bytes, size, &resized);
    return 0;
}
