/* See data_options.h. */
#include "src/cli/data_options.h"

#include <stdio.h>
#include <string.h>

#include "clenet/log.h"
#include "src/cli/progress.h"
#include "src/model/picture_words.h"

void cln_data_options_add(struct cln_option *table, struct cln_data_options *o) {
    const struct cln_option added[] = {
        {"data",
         "NAME",
         "fashion-mnist, mnist, kmnist, emnist-letters, cifar10, cifar100, synthetic[:COUNT], or a folder or a file of "
         "data",
         CLN_OPTION_TEXT,
         {.text = &o->name},
         .file = CLN_FILE_DATA},
        {"size", "HxW", "height and width of pictures (default: the network's)", CLN_OPTION_TEXT, {.text = &o->size}},
        {"fit",
         "HOW",
         "how pictures get their size: stretch, crop or pad",
         CLN_OPTION_CHOICE,
         {.integer = &o->fit},
         .choices = cln_fit_words},
        {"channels",
         "N",
         "1: grey pictures, 3: coloured ones (default: the network's)",
         CLN_OPTION_INT,
         {.integer = &o->channels},
         1,
         3},
        {"ground",
         "COLOUR",
         "below transparent pixels: auto, black, white or #RRGGBB",
         CLN_OPTION_TEXT,
         {.text = &o->ground}},
        {"skip-damaged", NULL, "leave damaged pictures out", CLN_OPTION_FLAG, {.flag = &o->skip_damaged}},
        {"label",
         "COLUMN",
         "CSV: the column of labels, first, last or a name; CIFAR-100: fine or coarse",
         CLN_OPTION_TEXT,
         {.text = &o->label}},
        {"test",
         "X",
         "share of the images to test on, if the set has no test images",
         CLN_OPTION_REAL,
         {.real = &o->test},
         0,
         1},
        {"offline", NULL, "never download data", CLN_OPTION_FLAG, {.flag = &o->offline}, .of_run = true},
    };
    _Static_assert(sizeof added / sizeof *added == CLN_DATA_OPTION_COUNT, "the header says how many");
    while (table->name)
        table++;
    memcpy(table, added, sizeof added);
    o->rows = table;
    table[CLN_DATA_OPTION_COUNT] = (struct cln_option){.name = NULL};
}

static enum cln_status parse_size(struct cln_dataset_params *params, const char *text) {
    enum { MOST = 4096 };
    int height = 0, width = 0, end = 0, end_of_one = 0;
    const int found = sscanf(text, "%5d%nx%5d%n", &height, &end_of_one, &width, &end);
    if (found == 1 && text[end_of_one] == '\0') { /* "28" */
        width = height;
        end = end_of_one;
    }
    if (end == 0 || text[end] != '\0' || height < 1 || width < 1 || height > MOST || width > MOST)
        return cln_fail(CLN_INVALID, "--size '%s': a height and a width from 1 to %d, such as 28x28, or one number",
                        text, MOST);
    params->height = height;
    params->width = width;
    return CLN_OK;
}

static enum cln_status parse_ground(struct cln_dataset_params *params, const char *text) {
    return cln_ground_read(&params->ground, text)
               ? CLN_OK
               : cln_fail(CLN_INVALID, "--ground '%s': auto, black, white or #RRGGBB", text);
}

static unsigned find_asked(const struct cln_data_options *o) {
    static const struct {
        const char *name;
        unsigned asked;
    } names[] = {{"size", CLN_ASKED_SIZE},     {"fit", CLN_ASKED_FIT},     {"channels", CLN_ASKED_CHANNELS},
                 {"ground", CLN_ASKED_GROUND}, {"label", CLN_ASKED_LABEL}, {"skip-damaged", CLN_ASKED_SKIP_DAMAGED}};
    unsigned asked = 0;
    for (const struct cln_option *row = o->rows; row < o->rows + CLN_DATA_OPTION_COUNT; row++)
        for (size_t i = 0; row->typed && i < sizeof names / sizeof *names; i++)
            asked |= strcmp(row->name, names[i].name) == 0 ? names[i].asked : 0;
    return asked;
}

enum cln_status cln_data_options_params(struct cln_dataset_params *params, const struct cln_data_options *o,
                                        uint64_t seed, const struct cln_shape *input) {
    const bool is_picture = input && (input->channels == 1 || input->channels == 3);
    *params = (struct cln_dataset_params){.name = o->name,
                                          .offline = o->offline,
                                          .seed = seed,
                                          .test = o->test,
                                          .height = input ? input->height : 0,
                                          .width = input ? input->width : 0,
                                          .fit = (enum cln_fit)o->fit,
                                          .channels = o->channels != 0 ? o->channels
                                                      : is_picture     ? input->channels
                                                                       : 0,
                                          .skip_damaged = o->skip_damaged,
                                          .label = o->label,
                                          .asked = find_asked(o),
                                          .decoding = cln_progress_decoding};
    if (!(o->test < 1))
        return cln_fail(CLN_INVALID, "--test %g is out of range: a share above 0 and below 1", o->test);
    if (o->channels == 2)
        return cln_fail(CLN_INVALID, "--channels 2: pictures have 1 channel or 3");
    enum cln_status status = o->size != NULL ? parse_size(params, o->size) : CLN_OK;
    return status == CLN_OK && o->ground != NULL ? parse_ground(params, o->ground) : status;
}

/* Whether this is the last name of a path. */
static bool is_called(const char *path, const char *name) {
    size_t length = strlen(path);
    const size_t wanted = strlen(name);
    while (length > 1 && path[length - 1] == '/')
        length--;
    return length >= wanted && strncmp(path + length - wanted, name, wanted) == 0 &&
           (length == wanted || path[length - wanted - 1] == '/');
}

void cln_data_options_resume(struct cln_data_options *o, const struct cln_option *rows,
                             const struct cln_checkpoint *model) {
    if (!cln_options_given(rows, "fit"))
        o->fit = (int)model->fit;
    if (!cln_options_given(rows, "ground") && model->ground != CLN_GROUND_AUTO) {
        cln_ground_write(o->ground_text, model->ground);
        o->ground = o->ground_text;
    }
    if (model->training != NULL && !cln_options_given(rows, "label") && model->training->label[0] != '\0')
        o->label = model->training->label;
    if (model->training == NULL || (cln_options_given(rows, "data") && !is_called(o->name, model->training->data)))
        return;
    if (!cln_options_given(rows, "test"))
        o->test = model->training->test;
    else if (o->test != model->training->test)
        cln_log(CLN_LOG_WARNING,
                "the model was trained with --test %g: with %g there are other test images, and it was trained on some",
                model->training->test, o->test);
}

void cln_data_options_logged(struct cln_data_options *o, const struct cln_option *rows, const json_t *logged) {
    const struct {
        const char *name, **text;
    } texts[] = {{"data", &o->name}, {"size", &o->size}, {"ground", &o->ground}, {"label", &o->label}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *value = json_string_value(json_object_get(logged, texts[i].name));
        if (!cln_options_given(rows, texts[i].name) && value != NULL && value[0] != '\0')
            *texts[i].text = value;
    }
    const json_t *channels = json_object_get(logged, "channels"), *damaged = json_object_get(logged, "skip-damaged");
    if (!cln_options_given(rows, "channels") && json_is_integer(channels))
        o->channels = (int)json_integer_value(channels);
    if (!cln_options_given(rows, "skip-damaged"))
        o->skip_damaged |= json_is_true(damaged);
}
