/* clenet data info: what is in a data set. */
#include <stdio.h>
#include <string.h>

#include "src/base/json_text.h"
#include "src/base/table.h"
#include "src/cli/command.h"
#include "src/cli/data_set.h"
#include "src/cli/report.h"
#include "src/data/images.h"
#include "src/data/survey.h"
#include "src/model/picture_words.h"

struct info_options {
    struct cln_data_set set;
    bool json;
};

static const char *const half_words[] = {[CLN_HALF_TRAIN] = "training", [CLN_HALF_TEST] = "test"};
CLN_EVERY(half_words, CLN_HALF_COUNT);

/* How the kinds of repeats are told, and where the images of a pair are. */
static const struct {
    const char *key, *words;
    enum cln_half first, again;
} kinds[] = {
    [CLN_REPEAT_TRAIN] = {"train", "training images repeat another training image", CLN_HALF_TRAIN, CLN_HALF_TRAIN},
    [CLN_REPEAT_TEST] = {"test", "test images repeat another test image", CLN_HALF_TEST, CLN_HALF_TEST},
    [CLN_REPEAT_BETWEEN] = {"between", "test images are among the training images", CLN_HALF_TRAIN, CLN_HALF_TEST},
};
CLN_EVERY(kinds, CLN_REPEAT_KINDS);

static const struct cln_images *half_of(const struct cln_dataset *data, int half) {
    return half == CLN_HALF_TRAIN ? &data->train : &data->test;
}

static const char *name_of(const struct cln_dataset *data, int label) {
    return data->class_names != NULL ? data->class_names[label] : NULL;
}

/* What a network divides stored numbers by. */
static double scale_of(enum cln_pixel_type type) {
    return type == CLN_PIXEL_U8 ? UINT8_MAX : type == CLN_PIXEL_U16 ? UINT16_MAX : 1;
}

static double bytes_of(const struct cln_dataset *data) {
    return (double)(data->train.count + data->test.count) * (double)cln_images_bytes(&data->train);
}

/* ---- As text ---- */

static void print_classes(const struct cln_dataset *data, const struct cln_survey *survey) {
    cln_report_text("\n%5s", "class");
    for (int h = 0; h < CLN_HALF_COUNT; h++)
        cln_report_text(" %10s %7s", half_words[h], "share");
    cln_report_text("\n");
    for (int k = 0; k < data->class_count; k++) {
        cln_report_text("%5d", k);
        for (int h = 0; h < CLN_HALF_COUNT; h++) {
            const size_t count = survey->halves[h].by_class[k], all = half_of(data, h)->count;
            cln_report_text(" %10zu %5.1f %%", count, all > 0 ? 100 * (double)count / (double)all : 0);
        }
        cln_report_text("%s%s\n", name_of(data, k) ? "  " : "", name_of(data, k) ? name_of(data, k) : "");
    }
}

static void print_ranges(const struct cln_dataset *data, const struct cln_survey *survey) {
    const double scale = scale_of(data->train.type);
    cln_report_text("\n%-8s %7s %10s %10s %10s %10s   as a network sees it\n", "pixels", "channel", "least", "most",
                    "mean", "deviation");
    for (int h = 0; h < CLN_HALF_COUNT; h++)
        for (int c = 0; survey->halves[h].channels != NULL && c < data->train.shape.channels; c++) {
            const struct cln_channel_range *r = &survey->halves[h].channels[c];
            cln_report_text("%-8s %7d %10.6g %10.6g %10.6g %10.6g   mean %.4f, deviation %.4f\n", half_words[h], c,
                            r->min, r->max, r->mean, r->deviation, r->mean / scale, r->deviation / scale);
        }
}

/* An image with its label and place. */
static void print_image(const struct cln_dataset *data, int half, size_t index) {
    char place[CLN_PLACE_BYTES];
    const struct cln_images *images = half_of(data, half);
    const bool has_place = cln_images_locate(place, images, index);
    cln_report_text("%s image %zu of class %d%s%s%s", half_words[half], index, images->labels[index],
                    has_place ? " (" : "", has_place ? place : "", has_place ? ")" : "");
}

static void print_rest(size_t count, size_t listed) {
    if (count > listed)
        cln_report_text("  and %zu more\n", count - listed);
}

static void print_constant(const struct cln_dataset *data, const struct cln_half_survey *survey, int half) {
    const size_t listed = survey->constant_count < CLN_SURVEY_LISTED ? survey->constant_count : CLN_SURVEY_LISTED;
    if (half_of(data, half)->count == 0)
        return;
    cln_report_text("%zu %s images have one value everywhere\n", survey->constant_count, half_words[half]);
    for (size_t i = 0; i < listed; i++) {
        cln_report_text("  ");
        print_image(data, half, survey->constant[i]);
        cln_report_text("\n");
    }
    print_rest(survey->constant_count, listed);
}

static void print_repeats(const struct cln_dataset *data, const struct cln_repeats *repeats,
                          enum cln_repeat_kind kind) {
    if (half_of(data, kinds[kind].again)->count == 0)
        return;
    cln_report_text("%zu %s, %zu of them with another label\n", repeats->count, kinds[kind].words,
                    repeats->conflict_count);
    for (size_t i = 0; i < repeats->listed_count; i++) {
        cln_report_text("  ");
        print_image(data, kinds[kind].again, repeats->listed[i].again);
        cln_report_text(" is ");
        print_image(data, kinds[kind].first, repeats->listed[i].first);
        cln_report_text("\n");
    }
    print_rest(repeats->count, repeats->listed_count);
}

static void print_absent(const struct cln_dataset *data, const struct cln_survey *survey) {
    for (int h = 0; h < CLN_HALF_COUNT; h++)
        for (int k = 0; k < data->class_count && half_of(data, h)->count > 0; k++)
            if (survey->halves[h].by_class[k] == 0)
                cln_report_text("class %d%s%s has no %s image\n", k, name_of(data, k) ? " " : "",
                                name_of(data, k) ? name_of(data, k) : "", half_words[h]);
}

static void print_text(const struct cln_dataset *data, const struct cln_survey *survey) {
    const struct cln_shape s = data->train.shape;
    cln_report_text("%s: %zu training and %zu test images of %d classes\n", data->name, data->train.count,
                    data->test.count, data->class_count);
    cln_report_text("images   %d x %d x %d, %s, %.1f MB in all\n", s.channels, s.height, s.width,
                    cln_pixel_type_words[data->train.type], bytes_of(data) / 1e6);
    cln_report_text("SHA-256  %s, of the training images\n", data->digest);
    print_classes(data, survey);
    print_ranges(data, survey);
    cln_report_text("\n");
    print_absent(data, survey);
    for (int h = 0; h < CLN_HALF_COUNT; h++)
        print_constant(data, &survey->halves[h], h);
    for (int kind = 0; kind < CLN_REPEAT_KINDS; kind++)
        print_repeats(data, &survey->repeats[kind], (enum cln_repeat_kind)kind);
}

/* ---- As JSON: each function returns NULL where memory has run out ---- */

static json_t *classes_json(const struct cln_dataset *data, const struct cln_survey *survey) {
    json_t *list = json_array();
    int failed = list == NULL;
    for (int k = 0; k < data->class_count && !failed; k++)
        failed = json_array_append_new(list, json_pack("{s:i, s:o, s:I, s:I}", "class", k, "name",
                                                       cln_json_text(name_of(data, k)), "train",
                                                       (json_int_t)survey->halves[CLN_HALF_TRAIN].by_class[k], "test",
                                                       (json_int_t)survey->halves[CLN_HALF_TEST].by_class[k]));
    if (!failed)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *image_json(const struct cln_dataset *data, int half, size_t index) {
    char place[CLN_PLACE_BYTES];
    const struct cln_images *images = half_of(data, half);
    const bool has_place = cln_images_locate(place, images, index);
    return json_pack("{s:I, s:i, s:o}", "image", (json_int_t)index, "class", images->labels[index], "place",
                     cln_json_text(has_place ? place : NULL));
}

static json_t *half_json(const struct cln_dataset *data, const struct cln_half_survey *survey, int half) {
    const size_t listed = survey->constant_count < CLN_SURVEY_LISTED ? survey->constant_count : CLN_SURVEY_LISTED;
    json_t *channels = json_array(), *constant = json_array();
    int failed = channels == NULL || constant == NULL;
    for (int c = 0; survey->channels != NULL && c < data->train.shape.channels && !failed; c++)
        failed = json_array_append_new(
            channels, json_pack("{s:f, s:f, s:f, s:f}", "min", survey->channels[c].min, "max", survey->channels[c].max,
                                "mean", survey->channels[c].mean, "deviation", survey->channels[c].deviation));
    for (size_t i = 0; i < listed && !failed; i++)
        failed = json_array_append_new(constant, image_json(data, half, survey->constant[i]));
    if (!failed)
        return json_pack("{s:I, s:o, s:{s:I, s:o}}", "images", (json_int_t)half_of(data, half)->count, "channels",
                         channels, "constant", "images", (json_int_t)survey->constant_count, "listed", constant);
    json_decref(channels);
    json_decref(constant);
    return NULL;
}

static json_t *repeats_json(const struct cln_dataset *data, const struct cln_repeats *repeats,
                            enum cln_repeat_kind kind) {
    json_t *listed = json_array();
    int failed = listed == NULL;
    for (size_t i = 0; i < repeats->listed_count && !failed; i++)
        failed = json_array_append_new(
            listed, json_pack("{s:o, s:o}", "again", image_json(data, kinds[kind].again, repeats->listed[i].again),
                              "first", image_json(data, kinds[kind].first, repeats->listed[i].first)));
    if (!failed)
        return json_pack("{s:I, s:I, s:o}", "images", (json_int_t)repeats->count, "other_label",
                         (json_int_t)repeats->conflict_count, "listed", listed);
    json_decref(listed);
    return NULL;
}

static enum cln_status print_json(const struct cln_dataset *data, const struct cln_survey *survey) {
    const struct cln_shape s = data->train.shape;
    json_t *duplicates = json_object();
    int failed = duplicates == NULL;
    for (int kind = 0; kind < CLN_REPEAT_KINDS && !failed; kind++)
        failed = json_object_set_new(duplicates, kinds[kind].key,
                                     repeats_json(data, &survey->repeats[kind], (enum cln_repeat_kind)kind));
    json_t *all = json_pack("{s:o, s:o, s:[i, i, i], s:o, s:f, s:f, s:o, s:o, s:o, s:o}", "name",
                            cln_json_text(data->name), "digest", cln_json_text(data->digest), "shape", s.channels,
                            s.height, s.width, "type", cln_json_text(cln_pixel_type_words[data->train.type]), "scale",
                            scale_of(data->train.type), "bytes", bytes_of(data), "classes", classes_json(data, survey),
                            "train", half_json(data, &survey->halves[CLN_HALF_TRAIN], CLN_HALF_TRAIN), "test",
                            half_json(data, &survey->halves[CLN_HALF_TEST], CLN_HALF_TEST), "duplicates", duplicates);
    const enum cln_status status =
        failed ? cln_fail(CLN_OUT_OF_MEMORY, "no memory for JSON") : cln_report_json(all, JSON_INDENT(2));
    json_decref(all);
    return status;
}

/* ---- The command ---- */

/* Measures the digest. One that a file has kept has to be the same. */
static enum cln_status measure_digest(struct cln_dataset *data) {
    char kept[sizeof data->digest];
    memcpy(kept, data->digest, sizeof kept);
    data->digest[0] = '\0';
    cln_dataset_measure_digest(data);
    if (kept[0] == '\0' || strcmp(kept, data->digest) == 0)
        return CLN_OK;
    return cln_fail(
        CLN_INVALID,
        "%s: the training images and labels have the SHA-256 %s, but the file says %s: it is damaged, or was "
        "changed after it was prepared",
        data->name, data->digest, kept);
}

static enum cln_status show(const struct info_options *o) {
    struct cln_dataset_params params;
    struct cln_dataset *data = NULL;
    struct cln_survey survey = {.repeats = {{.count = 0}}};
    enum cln_status status = cln_data_set_params(&params, &o->set);
    params.skip_damaged = true; /* each is told, and the others are looked at */
    if (status == CLN_OK)
        status = cln_dataset_load(&data, &params);
    if (status == CLN_OK)
        status = measure_digest(data);
    if (status == CLN_OK)
        status = cln_survey_make(&survey, data);
    if (status == CLN_OK && o->json)
        status = print_json(data, &survey);
    else if (status == CLN_OK)
        print_text(data, &survey);
    cln_survey_free(&survey);
    cln_dataset_destroy(&data);
    return status;
}

int cln_command_data_info(const struct cln_command *command, int argc, const char **argv) {
    struct info_options o = {.json = false};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[CLN_MOST_OPTIONS] = {
        {"json", NULL, "print one JSON object instead", CLN_OPTION_FLAG, {.flag = &o.json}},
        {0},
    };
    cln_data_set_add(options, &o.set);
    if (cln_options_parse(options, command, argc, argv, &exit_status))
        exit_status = cln_report_failure(show(&o));
    cln_options_release(options);
    return exit_status;
}
