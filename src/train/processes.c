/* Compares the trainers of several processes: see processes.h. */
#include "src/train/processes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "clenet/version.h"
#include "src/model/augmentation_table.h"
#include "src/model/optimizer_table.h"
#include "src/ranks/ranks.h"
#include "src/train/trainer_private.h"

enum { FEW_BYTES = 480 };

/* FNV-1a, for comparing what is too long for a message. */
static void digest(char out[17], const void *bytes, size_t count) {
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3;
    snprintf(out, 17, "%016" PRIx64, hash);
}

static enum cln_status compare_number(struct cln_ranks *ranks, const char *name, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.10g", value);
    return cln_ranks_compare(ranks, name, text);
}

/* What has a row in a table. */
static enum cln_status compare_rows(const struct cln_trainer_params *p) {
    const struct cln_optimizer_params optimizer = cln_optimizer_resolve(p->optimizer);
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < CLN_HYPERPARAMETER_COUNT && status == CLN_OK; i++)
        status = compare_number(p->ranks, cln_hyperparameters[i].title,
                                cln_hyperparameter_get(&optimizer, &cln_hyperparameters[i]));
    for (size_t i = 0; i < CLN_MOST_MILESTONES && status == CLN_OK; i++)
        status = compare_number(p->ranks, "milestone", optimizer.milestones[i]);
    for (size_t i = 0; i < CLN_AUGMENTATION_COUNT && status == CLN_OK; i++)
        status = compare_number(p->ranks, cln_augmentation_rows[i].title,
                                cln_augmentation_get(&p->augmentation, &cln_augmentation_rows[i]));
    return status;
}

static enum cln_status compare_class_weights(const struct cln_trainer_params *p) {
    char text[17] = "none";
    if (p->class_weights)
        digest(text, p->class_weights, (size_t)p->network->classes * sizeof *p->class_weights);
    return cln_ranks_compare(p->ranks, "digest of class weights", text);
}

/* Layers, and the parameters that training begins with. */
static enum cln_status compare_models(struct cln_trainer *t) {
    const struct cln_network *network = t->params.network;
    char *layers = NULL, texts[2][17] = {"", ""};
    float *values = malloc((network->parameter_floats + 1) * sizeof *values);
    enum cln_status status = cln_network_text(&layers, network);
    if (status == CLN_OK && !values)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu parameters", network->parameter_floats);
    if (status == CLN_OK)
        status = cln_engine_read(t->engine, CLN_PARAMETERS, values);
    if (status == CLN_OK) {
        digest(texts[0], layers, strlen(layers));
        digest(texts[1], values, network->parameter_floats * sizeof *values);
    }
    free(layers);
    free(values);
    status = cln_ranks_agree(t->params.ranks, status);
    if (status == CLN_OK)
        status = cln_ranks_compare(t->params.ranks, "digest of the network", texts[0]);
    return status == CLN_OK ? cln_ranks_compare(t->params.ranks, "digest of parameters", texts[1]) : status;
}

enum cln_status cln_processes_compare(struct cln_trainer *t) {
    const struct cln_trainer_params *p = &t->params;
    char training[FEW_BYTES];
    snprintf(training, sizeof training,
             "clenet %s, %s arithmetic, network %s of %zu floats, batches of %d, seed %llu, optimizer %d, schedule %d, "
             "learning rate %g, validation %g, patience %d, at most %zu steps, batch norm %s, standardize %d, "
             "%zu test images, from step %llu",
             CLENET_VERSION, p->session.strict ? "strict" : "default", p->network->name, p->network->parameter_floats,
             p->batch_size, (unsigned long long)p->seed, (int)p->optimizer.kind, (int)p->optimizer.schedule,
             p->optimizer.lr, p->validation, p->patience, p->max_steps, p->local_batchnorm ? "local" : "whole",
             p->standardize + 2 * p->standardize_channels, p->data->test.count,
             p->resume ? (unsigned long long)p->resume->training->steps : 0ULL);
    enum cln_status status = cln_ranks_compare(p->ranks, "training", training);
    if (status == CLN_OK)
        status = cln_ranks_compare(p->ranks, "data set", p->data->digest);
    if (status == CLN_OK)
        status = compare_rows(p);
    if (status == CLN_OK)
        status = compare_class_weights(p);
    if (status == CLN_OK)
        status = cln_ranks_compare(p->ranks, "choice of frozen parameters", p->freeze ? p->freeze : "");
    return status == CLN_OK ? compare_models(t) : status;
}

void cln_processes_warn(const struct cln_trainer *t) {
    const struct cln_rank here = cln_ranks_here(t->params.ranks);
    const int shards = (t->params.batch_size + SHARD_SAMPLES - 1) / SHARD_SAMPLES;
    if (here.rank == 0 && shards < here.count)
        cln_log(
            CLN_LOG_WARNING,
            "a batch of %d samples is %d shard%s of %d, so %d of %d processes get none: take a batch of %d or more, "
            "or fewer processes",
            t->params.batch_size, shards, shards == 1 ? "" : "s", SHARD_SAMPLES, here.count - shards, here.count,
            SHARD_SAMPLES * here.count);
}
