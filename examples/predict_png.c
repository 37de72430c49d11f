/* Classifies pictures, PNG or IDX files, with a trained model.
 *   cc predict_png.c $(pkg-config --cflags --libs clenet) && ./a.out MODEL IMAGE... */
#include <clenet.h>
#include <stdio.h>
#include <stdlib.h>

/* The most probable class of each image in a file. */
static enum cln_status predict(struct cln_predictor *predictor, const struct cln_predictor_params *params,
                               const char *file) {
    const struct cln_checkpoint *model = params->model;
    const int classes = model->network->classes;
    uint8_t *pixels = NULL;
    float *probabilities = NULL;
    size_t count = 0;

    /* Pictures may be grey or coloured and of any size: they are converted to the shape that the model takes. */
    enum cln_status status = cln_pictures_load(&pixels, &count,
                                               &(struct cln_picture_params){.shape = cln_predictor_image(params),
                                                                            .fit = params->model->fit,
                                                                            .ground = params->model->ground},
                                               file);
    if (status == CLN_OK) {
        probabilities = calloc(count * (size_t)classes + 1, sizeof *probabilities);
        status = probabilities ? cln_predictor_run(predictor, pixels, count, probabilities) : CLN_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < count && status == CLN_OK; i++) {
        const float *p = probabilities + i * (size_t)classes;
        int best = 0;
        for (int k = 1; k < classes; k++)
            best = p[k] > p[best] ? k : best;
        /* Names come from files: cln_text_print escapes what a terminal would interpret. */
        cln_text_print(stdout, "%s: %s (class %d), probability %.4f\n", file,
                       model->class_names ? model->class_names[best] : "?", best, p[best]);
    }
    free(pixels);
    free(probabilities);
    return status;
}

int main(int argc, char **argv) {
    struct cln_checkpoint *model = NULL;
    struct cln_predictor *predictor = NULL;
    if (argc < 3) {
        cln_text_print(stderr, "usage: %s MODEL IMAGE...\n", argv[0]);
        return EXIT_FAILURE;
    }
    enum cln_status status = cln_checkpoint_read(&model, argv[1], NULL);
    const struct cln_predictor_params params = {.model = model, .batch_size = 1};
    if (status == CLN_OK)
        status = cln_predictor_create(&predictor, &params);
    for (int i = 2; i < argc && status == CLN_OK; i++)
        status = predict(predictor, &params, argv[i]);

    if (status != CLN_OK)
        fprintf(stderr, "%s: %s\n", cln_status_name(status), cln_error_message());
    cln_predictor_destroy(&predictor);
    cln_checkpoint_destroy(&model);
    return status == CLN_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
