/* The options of clenet train with --resume: those that are not given come from the checkpoint. */
#include "clenet/checkpoint.h"
#include "src/cli/model.h"
#include "src/cli/train_options.h"

/* The kind of running variance is fixed when training starts: --running-variance cannot change it. */
static enum cln_status check_variance(const struct cln_train_options *o, const struct cln_network *there) {
    const bool biased = o->variance == CLN_BIASED;
    if (!cln_options_given(o->rows, "running-variance") || cln_options_given(o->rows, "network"))
        return CLN_OK;
    for (size_t i = 0; i < there->layer_count; i++)
        if (there->layers[i].kind == CLN_LAYER_BATCHNORM &&
            there->layers[i].batchnorm.biased_running_variance != biased)
            return cln_fail(CLN_INVALID, "%s: the running variance of layer %s is %s there, and cannot be made %s",
                            o->resume, there->layers[i].path, cln_variances[biased ? CLN_UNBIASED : CLN_BIASED],
                            cln_variances[o->variance]);
    return CLN_OK;
}

enum cln_status cln_train_options_resume(struct cln_train_options *o, const struct cln_checkpoint *c) {
    const struct cln_training_point *t = c->training;
    if (t == NULL)
        return cln_fail(CLN_INVALID, "%s is a model only: it has no state of training to resume from", o->resume);
    const struct {
        const char *name;
        int *integer, integer_there;
    } rows[] = {{"batch-size", .integer = &o->batch_size, .integer_there = t->batch_size},
                {"resize", .integer = &o->resize, .integer_there = c->resize},
                {"optimizer", .integer = &o->kind, .integer_there = (int)t->optimizer.kind}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!cln_options_given(o->rows, rows[i].name))
            *rows[i].integer = rows[i].integer_there;
    }
    enum cln_status status = cln_train_options_settle(o, &t->optimizer);
    if (status != CLN_OK)
        return cln_fail_within(status, "%s", o->resume);
    cln_data_options_resume(&o->data, o->rows, c);
    status = cln_model_data(&o->data.name, &o->seed, o->data_name, c, o->rows);
    if (status == CLN_OK)
        status = check_variance(o, c->network);
    if (status != CLN_OK)
        return status;
    if (!cln_options_given(o->rows, "standardize"))
        o->standardize = c->mean != NULL;
    if (!cln_options_given(o->rows, "network"))
        o->network = c->network->name;
    if (!cln_options_given(o->rows, "strict"))
        o->session.params.strict = t->strict;
    if (!cln_options_given(o->rows, "validation"))
        o->validation = t->validation;
    if (!cln_options_given(o->rows, "freeze"))
        o->freeze = t->freeze;
    return CLN_OK;
}
