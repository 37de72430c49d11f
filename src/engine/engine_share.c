/* The share of a batch that a process has, among those that share it. */
#include "src/engine/engine_private.h"

int cln_engine_share(const struct cln_engine *e, int batch_size) {
    const struct cln_exchange *x = &e->exchange;
    return x->count > 0 ? x->bounds[x->rank + 1] - x->bounds[x->rank] : batch_size;
}

enum cln_status cln_engine_redeal(struct cln_engine *e) {
    enum cln_status status = CLN_OK;
    for (int s = 0; s < CLN_SET_COUNT && status == CLN_OK; s++) {
        struct cln_engine_data *set = &e->sets[s];
        if (set->count == 0)
            continue;
        set->begun.share = e->exchange.bounds[e->exchange.rank];
        set->begun.most = cln_engine_share(e, set->begun.batch_size);
        const int share[] = {set->begun.share, set->begun.most};
        _Static_assert(offsetof(struct cln_state, most) == offsetof(struct cln_state, share) + sizeof(int),
                       "neighbours");
        status = ocl_buffer_write(set->state, offsetof(struct cln_state, share), sizeof share, share);
    }
    return status;
}
