/* A predictor is a session and an engine whose test images are one batch, which is overwritten again and again. */
#include "clenet/predictor.h"

#include <stdlib.h>

#include "src/model/picture_words.h"
#include "src/train/build.h"
#include "src/train/logits.h"
#include "src/train/params.h"

enum { DEFAULT_BATCH = 256 };
static const double work_of_a_batch = 17179869184.0; /* products, 2^34: some seconds on two cores */

int cln_predictor_batch_size(const struct cln_network *network) {
    const double most = work_of_a_batch / (cln_network_work(network) + 1);
    return most >= DEFAULT_BATCH ? DEFAULT_BATCH : most >= 1 ? (int)most : 1;
}

struct cln_predictor {
    struct cln_workload workload;
    struct cln_session *session;
    struct cln_engine *engine; /* its test images are one batch, which is overwritten again and again */
    size_t image_bytes;
};

struct cln_shape cln_predictor_image(const struct cln_predictor_params *p) {
    return p->image.channels > 0 ? p->image : p->model->image.channels > 0 ? p->model->image : p->model->network->input;
}

static struct cln_workload workload_of(const struct cln_predictor_params *p) {
    const struct cln_network *network = p->model->network;
    return (struct cln_workload){.network = network,
                                 .image = cln_predictor_image(p),
                                 .pixels = p->pixels,
                                 .batch_size = p->batch_size > 0 ? p->batch_size : cln_predictor_batch_size(network),
                                 .standardize = p->model->mean != NULL,
                                 .predict_only = true};
}

static enum cln_status create_engine(struct cln_predictor *p, const struct cln_checkpoint *model) {
    const struct cln_workload *w = &p->workload;
    enum cln_status status =
        cln_engine_create(&p->engine, p->session->context,
                          &(struct cln_engine_params){.network = w->network,
                                                      .tuning = &p->session->tuning,
                                                      .batch_size = w->batch_size,
                                                      .image = w->image,
                                                      .pixels = w->pixels,
                                                      .test.count = (size_t)w->batch_size,
                                                      .mean = model->mean,
                                                      .inverse_deviation = model->inverse_deviation});
    if (status == CLN_OK)
        status = cln_engine_write(p->engine, CLN_PARAMETERS, model->parameters);
    return status == CLN_OK ? cln_engine_write(p->engine, CLN_RUNNING, model->running) : status;
}

enum cln_status cln_predictor_create(struct cln_predictor **out, const struct cln_predictor_params *params) {
    const struct cln_checkpoint *model = params->model;
    const struct cln_shape image = cln_predictor_image(params);
    *out = NULL;
    if (image.height < 1 || image.width < 1)
        return cln_fail(CLN_INVALID, "images of %d×%d×%d pixels", image.channels, image.height, image.width);
    if ((model->pixels == CLN_PIXEL_F32) != (params->pixels == CLN_PIXEL_F32))
        return cln_fail(CLN_INVALID,
                        "the model was trained on images of type %s, and those to predict are of type %s: the network "
                        "sees floats as they are, and whole numbers divided by their largest value",
                        cln_pixel_type_words[model->pixels], cln_pixel_type_words[params->pixels]);
    enum cln_status status = cln_params_check_image(model->network, image, model->resize, "a prediction");
    if (status != CLN_OK)
        return status;
    struct cln_predictor *p = *out = calloc(1, sizeof *p);
    if (!p)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a predictor");
    p->workload = workload_of(params);
    p->image_bytes = cln_shape_count(image) * cln_pixel_bytes(params->pixels);
    status = cln_session_create(&p->session, &params->session);
    if (status == CLN_OK)
        status = cln_session_open(p->session, &p->workload);
    if (status == CLN_OK)
        status = create_engine(p, model);
    if (status != CLN_OK)
        cln_predictor_destroy(out);
    else if (params->session.trace)
        cln_trace_begin(params->session.trace);
    return status;
}

enum cln_status cln_predictor_build(const struct cln_predictor_params *params) {
    struct cln_workload workload = workload_of(params);
    return cln_build(&params->session, &workload);
}

void cln_predictor_destroy(struct cln_predictor **predictor) {
    struct cln_predictor *p = *predictor;
    if (!p)
        return;
    *predictor = NULL;
    cln_engine_destroy(&p->engine);
    cln_session_destroy(&p->session);
    free(p);
}

const char *cln_predictor_device(const struct cln_predictor *predictor) {
    return predictor->session->description;
}

enum cln_status cln_predictor_logits(struct cln_predictor *p, const void *pixels, size_t count, float *logits) {
    const uint8_t *bytes = pixels;
    const size_t batch_size = (size_t)p->workload.batch_size, classes = (size_t)p->workload.network->classes;
    enum cln_status status = CLN_OK;
    for (size_t done = 0, piece; done < count && status == CLN_OK; done += piece) {
        piece = count - done < batch_size ? count - done : batch_size;
        status = cln_engine_upload_queued(p->engine, CLN_TEST, 0, piece, bytes + done * p->image_bytes);
        if (status != CLN_OK)
            cln_engine_settle(p->engine); /* the pixels are the caller's again */
        else
            status = cln_logits_read(logits + done * classes, p->engine, p->workload.network, batch_size, piece);
    }
    return status == CLN_OK ? cln_logits_check(logits, count, classes) : status;
}

enum cln_status cln_predictor_run(struct cln_predictor *p, const void *pixels, size_t count, float *probabilities) {
    const size_t classes = (size_t)p->workload.network->classes;
    enum cln_status status = cln_predictor_logits(p, pixels, count, probabilities);
    for (size_t n = 0; n < count && status == CLN_OK; n++)
        cln_softmax(probabilities + n * classes, probabilities + n * classes, classes);
    return status;
}
