/* Which kernels the strict reference knows: see strict.h. */
#include "src/checkup/strict.h"

#include <fenv.h>
#include <string.h>

#include "src/base/table.h"
#include "src/checkup/strict_private.h"

static const char *const ways[] = {
    [CLN_STRICT_RIGHT] = "nothing is wrong",
    [CLN_STRICT_ROUNDED] = "products are rounded before they are added, as without fma",
    [CLN_STRICT_CONTRACTED] = "products are fused with the sums behind them, which the source does not ask for",
    [CLN_STRICT_REVERSED] = "sums go in another order: products backwards, octets one after the other",
    [CLN_STRICT_QUOTIENTS] = "quotients lack their last correction",
    [CLN_STRICT_ROOTS] = "square roots lack their last correction",
    [CLN_STRICT_NATIVE] = "quotients, roots, exponentials and logarithms are a library's own",
    [CLN_STRICT_UNSETTLED] = "numbers below 2^-40 are not set to 0",
    [CLN_STRICT_TOWARDS_ZERO] = "results are rounded towards 0",
};
CLN_EVERY(ways, CLN_STRICT_WAY_COUNT);

const char *cln_strict_way_text(enum cln_strict_way way) {
    return ways[way];
}

static const struct cln_strict_kernel *const tables[] = {cln_strict_affine, cln_strict_gradients, cln_strict_stage,
                                                         cln_strict_batch, cln_strict_optimizer};

static const struct cln_strict_kernel *find(const struct cln_strict_launch *l) {
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct cln_strict_kernel *k = tables[t]; k->name; k++)
            if (strcmp(k->name, l->kernel) == 0)
                return k;
    return NULL;
}

size_t cln_strict_tensors(struct cln_strict_tensor out[CLN_STRICT_TENSORS], const struct cln_strict_launch *l) {
    const struct cln_strict_kernel *kernel = find(l);
    return kernel ? kernel->tensors(out, l) : 0;
}

bool cln_strict_work_out(const struct cln_strict_launch *l) {
    struct cln_strict_tensor tensors[CLN_STRICT_TENSORS];
    const struct cln_strict_kernel *kernel = find(l);
    if (!kernel || kernel->tensors(tensors, l) == 0)
        return false;
    const int rounding = fegetround();
    if (l->way == CLN_STRICT_TOWARDS_ZERO)
        fesetround(FE_TOWARDZERO);
    kernel->work_out(l);
    fesetround(rounding);
    return true;
}
