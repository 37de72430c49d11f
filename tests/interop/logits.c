/* The logits that a saved model gives for the first test images, as raw float32 [image][class]: for tests/interop/run.
 *     logits MODEL DATA COUNT FILE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/checkpoint.h"
#include "clenet/dataset.h"
#include "host/context.h"
#include "host/select.h"
#include "src/engine/engine.h"

enum { BATCH = 128 }; /* so that 1,000 images end with a short batch */

struct run {
    struct cln_checkpoint *model;
    struct cln_dataset *data;
    struct ocl_profile *profile;
    struct cln_tuning tuning;
    struct ocl_context *context;
    struct cln_engine *engine;
    float *logits;
};

static enum cln_status open_engine(struct run *run, size_t count) {
    struct ocl_device device;
    enum cln_status status = ocl_device_find(&device, NULL);
    if (status == CLN_OK)
        status = cln_tuning_profile(&run->profile, &device, NULL);
    if (status == CLN_OK)
        status = cln_tuning_create(&run->tuning, run->profile, &device);
    if (status == CLN_OK)
        status = ocl_context_create(&run->context, &device, &(struct ocl_context_params){0});
    if (status == CLN_OK)
        status = cln_engine_create(&run->engine, run->context,
                                   &(struct cln_engine_params){
                                       .network = run->model->network,
                                       .tuning = &run->tuning,
                                       .batch_size = BATCH,
                                       .image = run->data->test.shape,
                                       .test = {run->data->test.pixels, run->data->test.labels, count},
                                       .mean = run->model->mean,
                                       .inverse_deviation = run->model->inverse_deviation,
                                   });
    if (status == CLN_OK)
        status = cln_engine_write(run->engine, CLN_PARAMETERS, run->model->parameters);
    if (status == CLN_OK && run->model->network->running_floats > 0)
        status = cln_engine_write(run->engine, CLN_RUNNING, run->model->running);
    return status;
}

static enum cln_status predict(struct run *run, size_t count) {
    const size_t classes = (size_t)run->model->network->classes;
    enum cln_status status = cln_engine_begin(run->engine, CLN_TEST, NULL, count);
    for (size_t done = 0, batch; done < count && status == CLN_OK; done += batch) {
        batch = count - done < BATCH ? count - done : BATCH;
        status = cln_engine_step(run->engine, CLN_TEST);
        if (status == CLN_OK)
            status = cln_engine_logits(run->engine, run->logits + done * classes, batch);
    }
    return status;
}

static enum cln_status write_logits(const struct run *run, size_t count, const char *path) {
    const size_t numbers = count * (size_t)run->model->network->classes;
    FILE *stream = fopen(path, "wb");
    bool fine = stream && fwrite(run->logits, sizeof(float), numbers, stream) == numbers;
    if (stream)
        fine = fclose(stream) == 0 && fine;
    return fine ? CLN_OK : cln_fail(CLN_IO, "cannot write %s", path);
}

int main(int argc, char **argv) {
    struct run run = {0};
    if (argc != 5) {
        fprintf(stderr, "usage: logits MODEL DATA COUNT FILE\n");
        return 2;
    }
    const size_t count = strtoul(argv[3], NULL, 10);
    enum cln_status status = cln_checkpoint_read(&run.model, argv[1], NULL);
    if (status == CLN_OK)
        status = cln_dataset_load(&run.data, &(struct cln_dataset_params){.name = argv[2], .offline = true});
    if (status == CLN_OK && (count == 0 || count > run.data->test.count))
        status = cln_fail(CLN_INVALID, "COUNT is from 1 to %zu", run.data->test.count);
    if (status == CLN_OK) {
        run.logits = calloc(count * (size_t)run.model->network->classes, sizeof *run.logits);
        status = run.logits ? open_engine(&run, count) : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the logits");
    }
    if (status == CLN_OK)
        status = predict(&run, count);
    if (status == CLN_OK)
        status = write_logits(&run, count, argv[4]);
    if (status != CLN_OK)
        fprintf(stderr, "logits: %s\n", cln_error_message());
    cln_engine_destroy(&run.engine);
    ocl_context_destroy(&run.context);
    ocl_profile_destroy(&run.profile);
    cln_dataset_destroy(&run.data);
    cln_checkpoint_destroy(&run.model);
    free(run.logits);
    return status == CLN_OK ? 0 : 1;
}
