/* Reports epochs, and tests the trained model: see outcome.h. */
#include "src/cli/outcome.h"

#include "src/base/clock.h"
#include "src/cli/report.h"

void cln_outcome_tell_epoch(const struct cln_epoch *e, size_t images, bool validates) {
    if (!e->stopped)
        cln_report_result("epoch %d, loss %.4f, train acc %.3f, %s acc %.3f, time %.1f sec", e->epoch, e->train.loss,
                          e->train.accuracy, validates ? "val" : "test",
                          validates ? e->validation.accuracy : e->test.accuracy, e->train_seconds);
    else
        cln_report_result("epoch %d stopped after %zu of %zu images, loss %.4f, train acc %.3f, time %.1f sec",
                          e->epoch, e->train.samples, images, e->train.loss, e->train.accuracy, e->train_seconds);
}

void cln_outcome_tell_patience(const struct cln_trainer *trainer) {
    const struct cln_best best = cln_trainer_best(trainer);
    const int since = cln_trainer_epochs(trainer) - best.epoch;
    cln_report_note("training ends: %d epoch%s without a better val acc than %.3f, of epoch %d", since,
                    since == 1 ? "" : "s", best.accuracy, best.epoch);
}

/* The weights to test: *out gets the epoch. */
static void choose_weights(struct cln_outcome *out, const struct cln_trainer *trainer, bool best) {
    const struct cln_best known = cln_trainer_best(trainer);
    out->is_best = best && known.has_weights;
    out->epoch = out->is_best ? known.epoch : cln_trainer_epochs(trainer);
    if (best && known.epoch > 0 && !known.has_weights)
        cln_report_note(
            "the best weights, of epoch %d, are in no file beside the one that was resumed: the last ones are "
            "tested",
            known.epoch);
}

enum cln_status cln_outcome_test(struct cln_outcome *out, struct cln_trainer *trainer, bool best) {
    const double start = cln_clock_seconds();
    choose_weights(out, trainer, best);
    enum cln_status status = out->is_best ? cln_trainer_evaluate_best(trainer, &out->test, NULL)
                                          : cln_trainer_evaluate(trainer, &out->test, NULL);
    out->seconds = cln_clock_seconds() - start;
    if (status == CLN_OK && out->is_best)
        cln_report_result("test of epoch %d (best, val acc %.3f): loss %.4f, test acc %.3f", out->epoch,
                          cln_trainer_best(trainer).accuracy, out->test.loss, out->test.accuracy);
    else if (status == CLN_OK)
        cln_report_result("test of epoch %d (last): loss %.4f, test acc %.3f", out->epoch, out->test.loss,
                          out->test.accuracy);
    return status;
}
