/* Cases of kernels/philox.clh: every number to the bit, at the ends of every range. */
#include "src/engine/philox.h"
#include "src/check/rig.h"
#include "src/reference/philox.h"

struct philox_case {
    struct cln_case base;
    uint64_t seed;
    uint32_t step, stage, first_quad;
    size_t count;
};

static const struct philox_case cases[] = {
    {{"all zero", 1, .quick = true}, 0, 0, 0, 0, 64},
    {{"any", 1, .quick = true}, UINT64_C(0x299f31d0a4093822), 12345, 7, 1000, 1001},
    {{"one number", 1}, 1, 2, 3, 4, 1},
    {{"many steps, far elements", 1}, 42, 0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFF00u, 1023},
    {{"largest seed", 1}, UINT64_MAX, 1, 0, 0x7FFFFFF0u, 259},
};

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct philox_case *c = entry;
    struct cln_probe *bits = cln_rig_cells(b, "bits", c->count), *uniforms = cln_rig_cells(b, "uniforms", c->count);
    bits->integer = true;
    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = cln_philox_fill(&b->plan, &(struct cln_philox){.seed = c->seed,
                                                                .step = c->step,
                                                                .stage = c->stage,
                                                                .first_quad = c->first_quad,
                                                                .count = c->count,
                                                                .bits = bits->buffer,
                                                                .uniforms = uniforms->buffer});
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;
    for (size_t i = 0; i < c->count; i++) {
        uint32_t four[4];
        cln_reference_random_bits(four, c->seed, c->step, c->stage, c->first_quad + (uint32_t)(i / 4));
        cln_probe_expect(bits, i, (double)(int32_t)four[i % 4], 0);
        cln_probe_expect(uniforms, i, (double)cln_reference_random_uniform(four[i % 4]), 0);
    }
    cln_rig_compare(b);
    return CLN_OK;
}

const struct cln_operation cln_device_philox = CLN_OPERATION("philox", cases, run);
