/* Cases of kernels/philox.clh: every number to the bit. */
#include "src/engine/philox.h"
#include "src/check/rig.h"
#include "src/reference/philox.h"

struct philox_case {
    struct cln_case base;
    struct cln_philox numbers;                 /* without buffers */
    const struct cln_philox_vector *published; /* its counter and key replace those of `numbers` */
};

#define PUBLISHED(index, label)                                                                                        \
    { {"published vector, " label, 3, .quick = true}, {.elements = 7}, &cln_philox_vectors[index] }

static const struct philox_case cases[] = {
    PUBLISHED(0, "zeros"),
    PUBLISHED(1, "ones"),
    PUBLISHED(2, "digits of pi"),
    {{"every batch", 257, EVERY_BATCH, .quick = true}, {UINT64_C(0x0123456789abcdef), 12345, 3, .elements = 9}, NULL},
    {{"one number", 1, .quick = true}, {1, 1, 0, .elements = 1}, NULL},
    {{"many elements", 17, {17, 3}, .quick = true}, {42, 1, 1, .elements = 1001}, NULL},
    /* Element numbers pass 2^32 here, and 2^34, after which quads start again, in the next. */
    {{"elements beyond 2^32", 5}, {42, 1, 1, .first_quad = (1u << 30) - 2, .elements = 23}, NULL},
    {{"last elements", 5}, {42, 1, 1, .first_quad = UINT32_MAX - 2, .elements = 23}, NULL},
    {{"last samples", 33}, {42, 1, 1, .first_sample = UINT32_MAX - 16, .elements = 6}, NULL},
    {{"signs of the arguments", 9}, {UINT64_C(0x8000000080000000), 0x80000000u, 0x80000000u, .elements = 6}, NULL},
    {{"seed's upper half", 9}, {UINT64_C(1) << 32, 1, 1, .elements = 6}, NULL},
};

/* Counter and key of a case. */
static struct cln_philox numbers_of(const struct philox_case *c) {
    struct cln_philox g = c->numbers;
    if (c->published) {
        const struct cln_philox_vector *v = c->published;
        g.seed = (uint64_t)v->key[1] << 32 | v->key[0];
        g.first_quad = v->counter[0];
        g.stage = v->counter[1];
        g.step = v->counter[2];
        g.first_sample = v->counter[3];
    }
    return g;
}

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct philox_case *c = entry;
    struct cln_philox g = numbers_of(c);
    const struct cln_shape shape = {g.elements, 1, 1};
    const size_t elements = (size_t)g.elements, count = (size_t)b->count * elements;
    struct cln_probe *bits = cln_rig_tensor(b, "bits", shape, NULL),
                     *uniforms = cln_rig_tensor(b, "uniforms", shape, NULL);
    bits->integer = true;
    g.bits = bits->buffer;
    g.uniforms = uniforms->buffer;
    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = cln_philox_fill(&b->plan, &g);
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;
    double *expected_bits = cln_rig_alloc(b, count), *expected_uniforms = cln_rig_alloc(b, count);
    for (size_t i = 0; i < count; i++) {
        const uint32_t sample = (uint32_t)(i / elements), element = (uint32_t)(i % elements);
        uint32_t four[4];
        cln_reference_random_bits(four, g.seed, g.step, g.stage, g.first_sample + sample, g.first_quad + element / 4);
        const uint32_t number =
            c->published && sample == 0 && element < 4 ? c->published->expected[element] : four[element % 4];
        expected_bits[i] = (double)(int32_t)number;
        expected_uniforms[i] = (double)cln_reference_random_uniform(number);
    }
    cln_rig_expect_tensor(b, bits, shape, expected_bits, expected_bits, 0);
    cln_rig_expect_tensor(b, uniforms, shape, expected_uniforms, expected_uniforms, 0);
    cln_rig_compare(b);
    return CLN_OK;
}

const struct cln_operation cln_device_philox = CLN_OPERATION("philox", cases, run);
