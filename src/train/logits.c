/* Logits of the test images: see logits.h. */
#include "src/train/logits.h"

#include <math.h>

void cln_softmax(float *probabilities, const float *logits, size_t classes) {
    double most = logits[0], sum = 0;
    for (size_t k = 1; k < classes; k++)
        most = fmax(most, logits[k]);
    for (size_t k = 0; k < classes; k++)
        sum += exp(logits[k] - most);
    for (size_t k = 0; k < classes; k++)
        probabilities[k] = (float)(exp(logits[k] - most) / sum);
}

enum cln_status cln_logits_check(const float *logits, size_t count, size_t classes) {
    for (size_t i = 0; i < count * classes; i++)
        if (!isfinite(logits[i]))
            return cln_fail(CLN_NUMERIC, "image %zu: the logit of class %zu is not finite: the model is broken",
                            i / classes, i % classes);
    return CLN_OK;
}

enum cln_status cln_logits_read(float *logits, struct cln_engine *engine, const struct cln_network *network,
                                size_t batch_size, size_t count) {
    const size_t classes = (size_t)network->classes;
    enum cln_status status = count > 0 ? cln_engine_begin_queued(engine, count) : CLN_OK;
    for (size_t done = 0, piece; done < count && status == CLN_OK; done += piece) {
        piece = count - done < batch_size ? count - done : batch_size;
        status = cln_engine_step(engine, CLN_TEST);
        if (status == CLN_OK)
            status = cln_engine_logits(engine, logits + done * classes, piece);
    }
    if (status != CLN_OK && count > 0)
        cln_engine_settle(engine);
    return status;
}
