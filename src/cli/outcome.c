/* Reports epochs, and tests the trained model: see outcome.h. */
#include "src/cli/outcome.h"

#include <stdio.h>
#include <stdlib.h>

#include "clenet/log.h"
#include "src/base/clock.h"
#include "src/base/duration.h"
#include "src/cli/report.h"
#include "src/data/split.h"

static void warn_of_one_class(const struct cln_dataset *data) {
    const struct cln_images *train = &data->train;
    size_t same = 1;
    while (same < train->count && train->labels[same] == train->labels[0])
        same++;
    if (same < train->count)
        return;
    const int class = train->labels[0];
    const char *name = data->class_names != NULL ? data->class_names[class] : "";
    cln_log(CLN_LOG_WARNING,
            "all %zu training images are of class %d%s%s: the network learns to say that of every image", train->count,
            class, name[0] != '\0' ? ", " : "", name);
}

void cln_outcome_tell_start(const struct cln_trainer *trainer, const struct cln_network *network,
                            const struct cln_dataset *data, size_t apart) {
    char validation[48] = "";
    if (apart > 0)
        snprintf(validation, sizeof validation, ", %zu validation", apart);
    cln_report_note("%s", cln_trainer_device(trainer));
    cln_report_note("%s, %zu parameters; %s, %zu training%s and %zu test images", network->name,
                    network->parameter_count, data->name, data->train.count - apart, validation, data->test.count);
    warn_of_one_class(data);
}

void cln_outcome_tell_resumed(const char *path, const struct cln_training_point *there) {
    if (there->position == 0 && there->epochs > 0)
        cln_report_note("resuming %s after epoch %d", path, there->epochs);
    else
        cln_report_note("resuming %s after %zu of %zu images of epoch %d", path, there->position,
                        there->samples - cln_split_count(there->validation, there->samples), there->epochs + 1);
}

void cln_outcome_tell_epoch(const struct cln_epoch *e, size_t images, bool validates) {
    char time[CLN_DURATION_BYTES];
    cln_duration(time, e->train_seconds, 1, "sec");
    const struct cln_metrics *judged = validates ? &e->validation : &e->test;
    if (!e->stopped && judged->samples == 0)
        cln_report_result("epoch %d, loss %.4f, train acc %.3f, time %s", e->epoch, e->train.loss, e->train.accuracy,
                          time);
    else if (!e->stopped)
        cln_report_result("epoch %d, loss %.4f, train acc %.3f, %s acc %.3f, time %s", e->epoch, e->train.loss,
                          e->train.accuracy, validates ? "val" : "test", judged->accuracy, time);
    else
        cln_report_result("epoch %d stopped after %zu of %zu images, loss %.4f, train acc %.3f, time %s", e->epoch,
                          e->train.samples, images, e->train.loss, e->train.accuracy, time);
}

void cln_outcome_tell_patience(const struct cln_trainer *trainer) {
    const struct cln_best best = cln_trainer_best(trainer);
    const int since = cln_trainer_epochs(trainer) - best.epoch;
    cln_report_note("training ends: %d epoch%s without a better val acc than %.3f, of epoch %d", since,
                    since == 1 ? "" : "s", best.accuracy, best.epoch);
}

/* The weights to test: *out gets the epoch. */
static void choose_weights(struct cln_outcome *out, const struct cln_trainer *trainer, bool best, size_t within) {
    const struct cln_best known = cln_trainer_best(trainer);
    out->is_best = best && known.has_weights;
    out->within = out->is_best ? 0 : within;
    out->epoch = out->is_best ? known.epoch : cln_trainer_epochs(trainer) + (within > 0);
    if (best && known.epoch > 0 && !known.has_weights)
        cln_report_note(
            "the best weights, of epoch %d, are in no file beside the one that was resumed: the last ones are "
            "tested",
            known.epoch);
}

enum cln_status cln_outcome_test(struct cln_outcome *out, struct cln_trainer *trainer, bool best, size_t within) {
    const double start = cln_clock_seconds();
    char which[64] = "last";
    choose_weights(out, trainer, best, within);
    enum cln_status status = out->is_best ? cln_trainer_evaluate_best(trainer, &out->test, NULL)
                                          : cln_trainer_evaluate(trainer, &out->test, NULL);
    out->seconds = cln_clock_seconds() - start;
    if (out->is_best)
        snprintf(which, sizeof which, "best, val acc %.3f", cln_trainer_best(trainer).accuracy);
    else if (out->within > 0)
        snprintf(which, sizeof which, "last, after %zu images of it", out->within);
    if (status == CLN_OK)
        cln_report_result("test of epoch %d (%s): loss %.4f, test acc %.3f", out->epoch, which, out->test.loss,
                          out->test.accuracy);
    return status;
}

enum cln_status cln_outcome_tell_timings(struct cln_trainer *trainer) {
    char *table = NULL;
    enum cln_status status = cln_trainer_timings(trainer, &table);
    if (status == CLN_OK)
        cln_report_text("%-s", table);
    free(table);
    return status;
}
