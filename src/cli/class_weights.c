/* Class weights as text, or from the numbers of images: see class_weights.h. */
#include "src/cli/class_weights.h"

#include <stdlib.h>
#include <string.h>

#include "src/data/split.h"

static enum cln_status parse(double *weights, const char *text, int classes) {
    const char *at = text;
    int count = 0;
    for (bool more = true; more; at++) {
        char *end = NULL;
        const double weight = strtod(at, &end);
        if (end == at || (*end != ',' && *end != '\0'))
            return cln_fail(CLN_INVALID,
                            "--class-weights '%s': a number for each of the %d classes, with commas between them, or "
                            "balanced",
                            text, classes);
        if (count < classes)
            weights[count] = weight;
        count++;
        more = *end == ',';
        at = end;
    }
    if (count == classes)
        return CLN_OK;
    return cln_fail(CLN_INVALID, "--class-weights '%s': the network has %d classes, and these are %d weights", text,
                    classes, count);
}

static enum cln_status balance(double *weights, const struct cln_class_weights_params *p) {
    const int known = p->data->class_count;
    size_t *counts = calloc((size_t)known, sizeof *counts);
    struct cln_split split;
    if (!counts)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %d classes", known);
    const enum cln_status status = cln_split_draw(&split, p->data, p->validation, p->seed);
    if (status == CLN_OK)
        for (size_t i = 0; i < split.train_count; i++)
            counts[p->data->train.labels[split.train ? split.train[i] : i]]++;
    for (int k = 0; status == CLN_OK && k < p->classes; k++) {
        const size_t count = k < known ? counts[k] : 0;
        weights[k] = count > 0 ? (double)split.train_count / ((double)p->classes * (double)count) : 0;
    }
    cln_split_free(&split);
    free(counts);
    return status;
}

enum cln_status cln_class_weights_create(double **out, const struct cln_class_weights_params *p) {
    double *weights = *out = calloc((size_t)p->classes, sizeof *weights);
    if (!weights)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the weights of %d classes", p->classes);
    enum cln_status status = CLN_OK;
    if (strcmp(p->text, "balanced") != 0)
        status = parse(weights, p->text, p->classes);
    else if (p->data != NULL)
        status = balance(weights, p);
    if (status != CLN_OK) {
        free(weights);
        *out = NULL;
    }
    return status;
}

const double *cln_class_weights_of(const double *own, const struct cln_checkpoint *resumed) {
    return own == NULL && resumed != NULL && resumed->training != NULL ? resumed->training->class_weights : own;
}
