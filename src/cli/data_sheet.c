/* clenet data sheet: draws images of every class. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/command.h"
#include "src/cli/data_set.h"
#include "src/cli/report.h"
#include "src/data/images.h"
#include "src/data/random.h"
#include "src/data/sheet.h"

struct sheet_options {
    struct cln_data_set set;
    const char *output;
    int count;
};

/* The images on the sheet: a row of `columns` for every class. */
struct choice {
    size_t *images;    /* [class_count][columns] */
    size_t *available; /* [class_count]: the class's images */
    size_t columns;
};

static size_t shown_of(const struct choice *choice, size_t label) {
    return choice->available[label] < choice->columns ? choice->available[label] : choice->columns;
}

/* Draws each row by reservoir sampling: every image of a class is as likely as any other. */
static enum cln_status choose(struct choice *choice, const struct cln_dataset *data, uint64_t seed) {
    const size_t classes = (size_t)data->class_count;
    struct cln_random random;
    choice->images = calloc(classes * choice->columns, sizeof *choice->images);
    choice->available = calloc(classes, sizeof *choice->available);
    if (!choice->images || !choice->available)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a sheet of %zu classes", classes);
    cln_random_seed(&random, seed, CLN_STREAM_SHEET);
    for (size_t i = 0; i < data->train.count; i++) {
        const size_t label = (size_t)data->train.labels[i], seen = choice->available[label]++;
        const size_t place = seen < choice->columns ? seen : cln_random_below(&random, (uint32_t)seen + 1);
        if (place < choice->columns)
            choice->images[label * choice->columns + place] = i;
    }
    return CLN_OK;
}

/* What lies between black and white. */
struct range {
    double black, white;
};

/* Of numbers of any size: the range of those that are shown. */
static struct range find_range(const struct choice *choice, const struct cln_dataset *data) {
    const struct cln_images *images = &data->train;
    const size_t each = cln_shape_count(images->shape);
    struct range range = {HUGE_VAL, -HUGE_VAL};
    if (images->type != CLN_PIXEL_F32)
        return (struct range){0, images->type == CLN_PIXEL_U8 ? UINT8_MAX : UINT16_MAX};
    for (size_t label = 0; label < (size_t)data->class_count; label++)
        for (size_t k = 0; k < shown_of(choice, label); k++)
            for (size_t i = 0; i < each; i++) {
                const double v = cln_images_value(images, choice->images[label * choice->columns + k] * each + i);
                range.black = fmin(range.black, v);
                range.white = fmax(range.white, v);
            }
    return range;
}

/* The pictures of the sheet as bytes; *pixels is the caller's: free(). Where a class has too few, it stays grey. */
static enum cln_status draw(uint8_t **pixels, const struct choice *choice, const struct cln_dataset *data) {
    const struct cln_images *images = &data->train;
    const size_t each = cln_shape_count(images->shape), count = (size_t)data->class_count * choice->columns;
    const struct range range = find_range(choice, data);
    const double scale = range.white > range.black ? UINT8_MAX / (range.white - range.black) : 0;
    *pixels = malloc(count * each);
    if (!*pixels)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a sheet of %zu pictures", count);
    memset(*pixels, CLN_SHEET_GREY, count * each);
    for (size_t n = 0; n < count; n++)
        for (size_t i = 0; n % choice->columns < shown_of(choice, n / choice->columns) && i < each; i++)
            (*pixels)[n * each + i] =
                (uint8_t)lround((cln_images_value(images, choice->images[n] * each + i) - range.black) * scale);
    return CLN_OK;
}

static void print_legend(const struct choice *choice, const struct cln_dataset *data) {
    for (size_t label = 0; label < (size_t)data->class_count; label++)
        cln_report_result("row %zu: class %zu%s%s, %zu of %zu training images", label + 1, label,
                          data->class_names != NULL ? " " : "",
                          data->class_names != NULL ? data->class_names[label] : "", shown_of(choice, label),
                          choice->available[label]);
}

static enum cln_status make_sheet(const struct sheet_options *o) {
    struct cln_dataset_params params;
    struct cln_dataset *data = NULL;
    struct choice choice = {.columns = (size_t)o->count};
    uint8_t *pixels = NULL;
    enum cln_status status = cln_data_set_params(&params, &o->set);
    if (status == CLN_OK)
        status = cln_dataset_load(&data, &params);
    if (status == CLN_OK)
        status = choose(&choice, data, o->set.seed);
    if (status == CLN_OK)
        status = draw(&pixels, &choice, data);
    if (status == CLN_OK)
        status = cln_sheet_write(o->output, pixels, data->train.shape, (size_t)data->class_count * choice.columns,
                                 choice.columns);
    if (status == CLN_OK)
        print_legend(&choice, data);
    free(pixels);
    free(choice.images);
    free(choice.available);
    cln_dataset_destroy(&data);
    return status;
}

int cln_command_data_sheet(const struct cln_command *command, int argc, const char **argv) {
    struct sheet_options o = {.count = 10};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[CLN_MOST_OPTIONS] = {
        {"output",
         "FILE",
         "write the sheet to FILE, a PNG picture",
         CLN_OPTION_TEXT,
         {.text = &o.output},
         .file = CLN_FILE_OUTPUT,
         .endings = ".png",
         .letter = 'o'},
        {"count", "N", "images of each class, drawn by --seed", CLN_OPTION_INT, {.integer = &o.count}, 1, 1000},
        {0},
    };
    cln_data_set_add(options, &o.set);
    if (cln_options_parse(options, command, argc, argv, &exit_status)) {
        exit_status = CLN_EXIT_USAGE;
        if (o.output == NULL)
            cln_report_error("--output FILE is missing: the PNG file to write the sheet to");
        else
            exit_status = cln_report_failure(make_sheet(&o));
    }
    cln_options_release(options);
    return exit_status;
}
