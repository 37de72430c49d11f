/* A predictor is a trainer that only evaluates, whose test images are one batch that is overwritten again and again. */
#include "clenet/predictor.h"

#include <stdlib.h>

#include "src/train/logits.h"
#include "src/train/trainer_private.h"

enum { DEFAULT_BATCH = 256 };
static const double work_of_a_batch = 17179869184.0; /* products, 2^34: some seconds on two cores */

int cln_predictor_batch_size(const struct cln_network *network) {
    const double most = work_of_a_batch / (cln_network_work(network) + 1);
    return most >= DEFAULT_BATCH ? DEFAULT_BATCH : most >= 1 ? (int)most : 1;
}

struct cln_predictor {
    struct cln_trainer *trainer;
    struct cln_dataset data;
    size_t batch_size, image_bytes, classes;
};

struct cln_shape cln_predictor_image(const struct cln_predictor_params *p) {
    return p->image.channels > 0 ? p->image : p->model->image.channels > 0 ? p->model->image : p->model->network->input;
}

static struct cln_trainer_params trainer_params(const struct cln_predictor_params *p) {
    return (struct cln_trainer_params){
        .network = p->model->network,
        .release_pixels = true,
        .device = p->device,
        .profile_file = p->profile_file,
        .kernel_folder = p->kernel_folder,
        .no_cache = p->no_cache,
        .replay = p->replay,
        .builder = p->builder,
        .batch_size = p->batch_size > 0 ? p->batch_size : cln_predictor_batch_size(p->model->network),
        .resize = p->model->resize,
        .standardize = p->model->mean != NULL,
        .evaluate_only = true,
    };
}

/* The batch's place on the device, with images and labels of zeros. No label matters here: the loss is not looked at.
 */
static enum cln_status create_images(struct cln_images *images, size_t count, struct cln_shape shape) {
    *images = (struct cln_images){
        .count = count, .shape = shape, .pixels = calloc(count, cln_shape_count(shape)), .labels = calloc(count, 1)};
    return images->pixels && images->labels ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu images", count);
}

enum cln_status cln_predictor_create(struct cln_predictor **out, const struct cln_predictor_params *params) {
    struct cln_trainer_params p = trainer_params(params);
    const struct cln_shape image = cln_predictor_image(params);
    *out = NULL;
    if (image.height < 1 || image.width < 1)
        return cln_fail(CLN_INVALID, "images of %d×%d×%d pixels", image.channels, image.height, image.width);
    struct cln_predictor *predictor = *out = calloc(1, sizeof *predictor);
    if (!predictor)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a predictor");
    predictor->batch_size = (size_t)p.batch_size;
    predictor->image_bytes = cln_shape_count(image);
    predictor->classes = (size_t)p.network->classes;
    predictor->data = (struct cln_dataset){
        .name = "a prediction", .train = {.count = 1, .shape = image}, .class_count = p.network->classes};
    p.data = &predictor->data;
    enum cln_status status = create_images(&predictor->data.test, predictor->batch_size, image);
    if (status == CLN_OK)
        status = cln_trainer_create(&predictor->trainer, &p);
    if (status == CLN_OK)
        status = cln_trainer_set_model(predictor->trainer, params->model);
    if (status != CLN_OK)
        cln_predictor_destroy(out);
    return status;
}

enum cln_status cln_predictor_build(const struct cln_predictor_params *params) {
    const struct cln_trainer_params p = trainer_params(params);
    return cln_trainer_build(&p);
}

void cln_predictor_destroy(struct cln_predictor **predictor) {
    struct cln_predictor *p = *predictor;
    if (!p)
        return;
    *predictor = NULL;
    cln_trainer_destroy(&p->trainer);
    free(p->data.test.pixels);
    free(p->data.test.labels);
    free(p);
}

const char *cln_predictor_device(const struct cln_predictor *predictor) {
    return cln_trainer_device(predictor->trainer);
}

enum cln_status cln_predictor_logits(struct cln_predictor *p, const uint8_t *pixels, size_t count, float *logits) {
    enum cln_status status = CLN_OK;
    for (size_t done = 0, piece; done < count && status == CLN_OK; done += piece) {
        piece = count - done < p->batch_size ? count - done : p->batch_size;
        status = cln_engine_upload(p->trainer->engine, CLN_TEST, 0, piece, pixels + done * p->image_bytes);
        if (status == CLN_OK)
            status = cln_trainer_logits(p->trainer, piece, logits + done * p->classes);
    }
    return status == CLN_OK ? cln_logits_check(logits, count, p->classes) : status;
}

enum cln_status cln_predictor_run(struct cln_predictor *p, const uint8_t *pixels, size_t count, float *probabilities) {
    enum cln_status status = cln_predictor_logits(p, pixels, count, probabilities);
    for (size_t n = 0; n < count && status == CLN_OK; n++)
        cln_softmax(probabilities + n * p->classes, probabilities + n * p->classes, p->classes);
    return status;
}
