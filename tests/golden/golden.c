/* Golden values: see golden.h. */
#include "tests/golden/golden.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void require(enum cln_status status) {
    if (status != CLN_OK)
        fail_msg("%s", cln_error_message());
}

struct cln_safetensors *golden_open(enum cln_golden_set set) {
    struct cln_safetensors *golden = NULL;
    require(cln_golden_open(&golden, NULL, set));
    return golden;
}

struct cln_network *golden_network(enum cln_golden_set set) {
    struct cln_network *network = NULL;
    require(cln_golden_open(NULL, &network, set));
    return network;
}

void golden_values(const struct cln_safetensors *golden, const char *prefix, const char *name, size_t count,
                   double *values) {
    require(cln_golden_read(golden, prefix, name, count, values));
}

void golden_state(const struct cln_safetensors *golden, const char *prefix, const struct cln_network *network,
                  double *parameters, double *running) {
    require(cln_golden_state(golden, prefix, network, parameters, running));
}

static int32_t labels[GOLDEN_STEPS * GOLDEN_BATCH]; /* of the images that all sets use */

const uint8_t *golden_images(const struct cln_safetensors *golden) {
    const uint8_t *images = NULL;
    require(cln_golden_images(&images, labels, golden));
    return images;
}

const int32_t *golden_labels(const struct cln_safetensors *golden) {
    (void)golden_images(golden);
    return labels;
}
