/* Writes predictions as CSV: see predictions.h. */
#include "src/cli/predictions.h"

#include <stdlib.h>

#include "clenet/text.h"
#include "src/cli/csv.h"
#include "src/train/logits.h"

static void put_class(FILE *stream, const char *const *names, size_t class) {
    cln_text_print(stream, ",%zu,", class);
    cln_csv_text(stream, names[class]);
}

enum cln_status cln_predictions_write(FILE *stream, struct cln_trainer *trainer, const struct cln_images *test,
                                      const char *const *names, size_t classes) {
    const size_t count = test->count;
    float *values = malloc(count * classes * sizeof *values);
    enum cln_status status = values != NULL ? cln_trainer_logits(trainer, count, values)
                                            : cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu predictions", count);
    if (status == CLN_OK)
        status = cln_logits_check(values, count, classes);
    if (status == CLN_OK)
        cln_text_print(stream, "index,label,label_name,predicted,predicted_name,probability,label_probability\n");
    for (size_t n = 0; n < count && status == CLN_OK; n++) {
        float *p = values + n * classes;
        size_t best = 0;
        cln_softmax(p, p, classes);
        for (size_t k = 1; k < classes; k++)
            best = p[k] > p[best] ? k : best;
        cln_text_print(stream, "%zu", n);
        put_class(stream, names, test->labels[n]);
        put_class(stream, names, best);
        cln_text_print(stream, ",%.9g,%.9g\n", p[best], p[test->labels[n]]);
    }
    free(values);
    return status;
}
