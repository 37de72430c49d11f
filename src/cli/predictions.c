/* Writes predictions as CSV: see predictions.h. */
#include "src/cli/predictions.h"

#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/train/logits.h"

/* Writes a cell, in UTF-8 and on one line. A cell that a spreadsheet could read as a formula gets a ' before it, as
 * OWASP advises ("CSV Injection"): one that begins with =, +, -, @ or their full-width forms. A tab or carriage return
 * never begins a cell, because control characters are written as \t and \r. */
static void put_field(FILE *stream, const char *text) {
    static const char *const begins[] = {"=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"};
    bool is_formula = false;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        is_formula |= strncmp(text, begins[i], strlen(begins[i])) == 0;
    const char *const quote = strpbrk(text, ",;\"") ? "\"" : "";
    cln_text_print(stream, "%s%s", quote, is_formula ? "'" : "");
    for (size_t length; *text != '\0'; text += length) {
        length = strcspn(text, "\"");
        length += text[length] == '"';
        cln_text_print(stream, "%.*s%s", (int)length, text, text[length - 1] == '"' ? "\"" : "");
    }
    cln_text_print(stream, "%s", quote);
}

static void put_class(FILE *stream, const char *const *names, size_t class) {
    cln_text_print(stream, ",%zu,", class);
    put_field(stream, names[class]);
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
