/* Converts a checkpoint's metadata to strings and back: see metadata.h. */
#include "src/format/metadata.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "clenet/version.h"
#include "src/base/json_text.h"
#include "src/format/metadata_augmentation.h"
#include "src/format/metadata_pictures.h"
#include "src/format/metadata_validation.h"
#include "src/format/metadata_weights.h"
#include "src/format/optimizer_json.h"
#include "src/model/optimizer_table.h"

static const char version_key[] = "clenet", network_key[] = "network", resize_key[] = "resize", image_key[] = "image",
                  mean_key[] = "mean", deviation_key[] = "inverse_deviation", classes_key[] = "classes",
                  training_key[] = "training", pictures_key[] = "pictures", freeze_key[] = "freeze",
                  strict_key[] = "strict";

/* ---- Writing ---- */

/* Adds a string and takes over `text`. `text` NULL: it could not be made. */
static enum cln_status add(struct cln_metadata *m, const char *key, char *text) {
    if (!text)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for metadata \"%s\"", key);
    m->items[m->count] = (struct cln_safetensors_metadata){key, text};
    m->texts[m->count++] = text;
    return CLN_OK;
}

/* Adds JSON text and takes over `value`. Seventeen digits give the same double back, nine the same float32. */
static enum cln_status add_json(struct cln_metadata *m, const char *key, json_t *value, int digits) {
    char *text = cln_json_dump(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
    json_decref(value);
    return add(m, key, text);
}

static json_t *numbers(const float *values, size_t count) {
    json_t *list = json_array();
    int failed = !list;
    for (size_t i = 0; !failed && i < count; i++)
        failed = json_array_append_new(list, json_real((double)values[i]));
    if (failed) {
        json_decref(list);
        list = NULL;
    }
    return list;
}

static json_t *strings(char *const *values, int count) {
    json_t *list = json_array();
    int failed = !list;
    for (int i = 0; !failed && i < count; i++)
        failed = json_array_append_new(list, cln_json_text(values[i]));
    if (failed) {
        json_decref(list);
        list = NULL;
    }
    return list;
}

/* A natural number as JSON, whose integers end at 2^63. */
static json_t *natural(uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return cln_json_text(text);
}

/* Adds the patterns of frozen parameters, and whether arithmetic is strict, if so. Returns `training`; NULL after a
 * failure. */
static json_t *add_manner(json_t *training, const struct cln_training_point *t) {
    int failed = 0;
    if (training && t->freeze[0])
        failed |= json_object_set_new(training, freeze_key, cln_json_text(t->freeze));
    if (training && t->strict)
        failed |= json_object_set_new(training, strict_key, json_true());
    if (!failed)
        return training;
    json_decref(training);
    return NULL;
}

/* Returns what is wrong; NULL: nothing. */
static const char *read_manner(struct cln_training_point *t, const json_t *training) {
    const json_t *value = json_object_get(training, freeze_key), *strict = json_object_get(training, strict_key);
    if (strict && !json_is_boolean(strict))
        return "\"strict\" is not true or false";
    t->strict = json_is_true(strict);
    if (value && !(json_is_string(value) && json_string_length(value) < sizeof t->freeze))
        return "\"freeze\" is not a text of at most 255 bytes, clenet's limit";
    snprintf(t->freeze, sizeof t->freeze, "%s", value ? json_string_value(value) : "");
    return NULL;
}

static json_t *training(const struct cln_training_point *t) {
    return json_pack("{s:o, s:i, s:o, s:{s:o, s:o, s:I}, s:i, s:o, s:I, s:i, s:i, s:f, s:f, s:[o, o], s:[o, o], s:f}",
                     "optimizer", cln_optimizer_json(&t->optimizer), "batch_size", t->batch_size, "seed",
                     natural(t->seed), "data", "name", cln_json_text(t->data), "digest", cln_json_text(t->digest),
                     "images", (json_int_t)t->samples, "epochs", t->epochs, "steps", natural(t->steps), "position",
                     (json_int_t)t->position, "batches", t->batches, "hits", t->hits, "loss_sum", (double)t->loss_sum,
                     "loss_carry", (double)t->loss_carry, "shuffle", natural(t->shuffle[0]), natural(t->shuffle[1]),
                     "init", natural(t->init[0]), natural(t->init[1]), "best_accuracy", t->best_accuracy);
}

enum cln_status cln_metadata_make(struct cln_metadata *m, const struct cln_checkpoint *c) {
    *m = (struct cln_metadata){.items = {{version_key, CLENET_VERSION}}, .count = 1};
    const size_t features = cln_shape_count(c->network->input);
    const struct cln_shape image = c->image;
    char *network = NULL;
    if (c->training && (unsigned)c->training->optimizer.kind >= CLN_OPTIMIZER_COUNT)
        return cln_fail(CLN_INVALID, "optimizer: there is no kind %d", (int)c->training->optimizer.kind);
    enum cln_status status = cln_network_text(&network, c->network);
    if (status == CLN_OK)
        status = add(m, network_key, network);
    if (status == CLN_OK && c->resize)
        status = add_json(m, resize_key, json_integer(c->resize), 1);
    bool failed = false;
    json_t *pictures = cln_metadata_pictures(c, &failed);
    if (status == CLN_OK && (pictures || failed))
        status = add_json(m, pictures_key, failed ? NULL : json_incref(pictures), 1);
    json_decref(pictures);
    if (status == CLN_OK && image.channels)
        status = add_json(m, image_key, json_pack("[i, i, i]", image.channels, image.height, image.width), 1);
    if (status == CLN_OK && c->mean)
        status = add_json(m, mean_key, numbers(c->mean, features), 9);
    if (status == CLN_OK && c->mean)
        status = add_json(m, deviation_key, numbers(c->inverse_deviation, features), 9);
    if (status == CLN_OK && c->class_names)
        status = add_json(m, classes_key, strings(c->class_names, c->network->classes), 1);
    if (status == CLN_OK && c->training) {
        json_t *point = cln_metadata_add_validation(training(c->training), c->training);
        point = cln_metadata_add_weights(add_manner(point, c->training), c);
        point = cln_metadata_add_choices(cln_metadata_add_augmentation(point, c->training), c->training);
        status = add_json(m, training_key, point, 17);
    }
    return status;
}

void cln_metadata_free(struct cln_metadata *m) {
    for (size_t i = 0; i < m->count; i++)
        free(m->texts[i]);
    m->count = 0;
}

/* ---- Reading ---- */

static enum cln_status read_numbers(float **out, const char *key, const json_t *list, size_t count) {
    if (!json_is_array(list) || json_array_size(list) != count)
        return cln_fail(CLN_INVALID, "metadata \"%s\" is not a list of %zu numbers", key, count);
    *out = malloc(count * sizeof **out);
    if (!*out)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for metadata \"%s\"", key);
    for (size_t i = 0; i < count; i++) {
        (*out)[i] = (float)json_number_value(json_array_get(list, i));
        if (!json_is_number(json_array_get(list, i)) || !isfinite((*out)[i]))
            return cln_fail(CLN_INVALID, "metadata \"%s\": value %zu is not a finite number", key, i);
    }
    return CLN_OK;
}

static enum cln_status read_mean(struct cln_checkpoint *c, const json_t *value) {
    return read_numbers(&c->mean, mean_key, value, cln_shape_count(c->network->input));
}

static enum cln_status read_deviation(struct cln_checkpoint *c, const json_t *value) {
    return read_numbers(&c->inverse_deviation, deviation_key, value, cln_shape_count(c->network->input));
}

static enum cln_status read_resize(struct cln_checkpoint *c, const json_t *value) {
    const struct cln_shape input = c->network->input;
    if (json_integer_value(value) != input.height || json_integer_value(value) != input.width)
        return cln_fail(CLN_INVALID, "metadata \"resize\" is not the side length of the network's input, %d×%d pixels",
                        input.height, input.width);
    c->resize = input.height;
    return CLN_OK;
}

static enum cln_status read_image(struct cln_checkpoint *c, const json_t *value) {
    const struct cln_shape input = c->network->input;
    enum { SIDE_LIMIT = 1 << 14 };
    json_int_t channels, side[2];
    if (json_unpack((json_t *)value, "[I, I, I!]", &channels, &side[0], &side[1]) || channels != input.channels ||
        side[0] < 1 || side[1] < 1 || side[0] > SIDE_LIMIT || side[1] > SIDE_LIMIT)
        return cln_fail(CLN_INVALID,
                        "metadata \"image\" is not [%d, height, width], with sides from 1 to %d, clenet's limit",
                        input.channels, SIDE_LIMIT);
    c->image = (struct cln_shape){input.channels, (int)side[0], (int)side[1]};
    if (!c->resize && (c->image.height != input.height || c->image.width != input.width))
        return cln_fail(CLN_INVALID,
                        "metadata \"image\" is of %d×%d pixels, but the network takes %d×%d, and there is "
                        "no \"resize\"",
                        c->image.height, c->image.width, input.height, input.width);
    return CLN_OK;
}

static enum cln_status read_classes(struct cln_checkpoint *c, const json_t *list) {
    const size_t count = (size_t)c->network->classes;
    if (!json_is_array(list) || json_array_size(list) != count)
        return cln_fail(CLN_INVALID, "metadata \"classes\" is not a list of %zu names", count);
    c->class_names = calloc(count, sizeof *c->class_names);
    for (size_t i = 0; c->class_names && i < count; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name)
            return cln_fail(CLN_INVALID, "metadata \"classes\": name %zu is not a string", i);
        c->class_names[i] = strdup(name);
        if (!c->class_names[i])
            return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the names of classes");
    }
    return c->class_names ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the names of classes");
}

static bool read_natural(uint64_t *out, const char *text) {
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && !*end && errno == 0;
}

enum { EPOCHS_LIMIT = 1000000, STEPS_LIMIT = 1 << 30 }; /* training counts these as int */
enum { MOST_PER_STEP = 1000 }; /* batches: the limit of optimizer.accumulate, which may have changed within the epoch */

/* The first value outside the trainer's limits; a file may not ask for what a user could not. */
static const char *wrong_in(const struct cln_training_point *t, bool naturals) {
    if (!naturals)
        return "\"seed\", \"steps\", \"shuffle\" or \"init\" is not a number in quotes";
    if (t->batch_size < 1 || t->batch_size > 65536)
        return "\"batch_size\" is not from 1 to 65536, clenet's limit";
    if (t->samples < 1 || t->position > t->samples)
        return "\"position\" lies outside of the \"images\"";
    if (t->steps > INT32_MAX)
        return "\"steps\" is beyond clenet's limit of 2147483647";
    if ((size_t)t->hits > t->position || (size_t)t->batches > t->position || (t->batches == 0) != (t->position == 0) ||
        (uint64_t)t->batches > t->steps * MOST_PER_STEP)
        return "\"epochs\", \"steps\", \"batches\", \"hits\" and \"position\" contradict each other";
    if (!isfinite(t->loss_sum) || !isfinite(t->loss_carry) || !(t->best_accuracy <= 1))
        return "a sum is out of range";
    if (!(t->shuffle[1] & 1) || !(t->init[1] & 1))
        return "an even increment is none of a generator";
    return NULL;
}

static enum cln_status read_training(struct cln_checkpoint *c, const json_t *value) {
    struct cln_training_point *t = c->training = calloc(1, sizeof *t);
    if (!t)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a training point");
    json_t *optimizer;
    const char *seed, *data, *digest, *steps, *shuffle[2], *init[2];
    json_int_t batch_size, samples, epochs, position, batches, hits;
    double loss_sum, loss_carry;
    json_error_t error;
    if (json_unpack_ex((json_t *)value, &error, 0,
                       "{s:o, s:I, s:s, s:{s:s, s:s, s:I}, s:I, s:s, s:I, s:I, s:I, "
                       "s:F, s:F, s:[s, s!], s:[s, s!], s:F}",
                       "optimizer", &optimizer, "batch_size", &batch_size, "seed", &seed, "data", "name", &data,
                       "digest", &digest, "images", &samples, "epochs", &epochs, "steps", &steps, "position", &position,
                       "batches", &batches, "hits", &hits, "loss_sum", &loss_sum, "loss_carry", &loss_carry, "shuffle",
                       &shuffle[0], &shuffle[1], "init", &init[0], &init[1], "best_accuracy", &t->best_accuracy))
        return cln_fail(CLN_INVALID, "metadata \"training\": %s", error.text);
    const enum cln_status status = cln_optimizer_read_json(&t->optimizer, optimizer);
    if (status != CLN_OK)
        return status;
    const json_int_t integers[] = {batch_size, samples, epochs, position, batches, hits};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        if (integers[i] < 0 || integers[i] > INT32_MAX)
            return cln_fail(CLN_INVALID, "metadata \"training\": a count of %lld; clenet's limit is %d",
                            (long long)integers[i], INT32_MAX);
    if (strlen(data) >= sizeof t->data || strlen(digest) >= sizeof t->digest)
        return cln_fail(
            CLN_INVALID,
            "metadata \"training\": \"name\" or \"digest\" of \"data\" is longer than clenet's limits, %zu and "
            "%zu bytes",
            sizeof t->data - 1, sizeof t->digest - 1);
    strcpy(t->data, data);
    strcpy(t->digest, digest);
    t->batch_size = (int)batch_size;
    t->epochs = (int)epochs;
    t->batches = (int)batches;
    t->hits = (int)hits;
    t->samples = (size_t)samples;
    t->position = (size_t)position;
    t->loss_sum = (float)loss_sum;
    t->loss_carry = (float)loss_carry;
    bool naturals = read_natural(&t->seed, seed) && read_natural(&t->steps, steps);
    for (int i = 0; i < 2; i++)
        naturals = read_natural(&t->shuffle[i], shuffle[i]) && read_natural(&t->init[i], init[i]) && naturals;
    const char *wrong = wrong_in(t, naturals);
    if (!wrong)
        wrong = cln_metadata_read_validation(t, value);
    if (!wrong)
        wrong = read_manner(t, value);
    if (!wrong)
        wrong = cln_metadata_read_choices(t, value);
    if (wrong)
        return cln_fail(CLN_INVALID, "metadata \"training\": %s", wrong);
    const enum cln_status weighs = cln_metadata_read_weights(c, value);
    return weighs == CLN_OK ? cln_metadata_read_augmentation(c, value) : weighs;
}

/* Reads a version such as "0.1.0" as three numbers. Returns its length in characters; 0: it is no version. */
static size_t read_version(int numbers[3], const char *text) {
    int length[3] = {0};
    numbers[0] = numbers[1] = numbers[2] = 0;
    sscanf(text, "%6d.%6d%n.%6d%n", &numbers[0], &numbers[1], &length[0], &numbers[2], &length[1]);
    const size_t used = (size_t)(length[1] ? length[1] : length[0]);
    const bool is_version = text[0] >= '0' && text[0] <= '9' && strchr("-+", text[used]) && !strpbrk(text, " \t\n");
    return is_version ? used : 0;
}

const char *cln_metadata_version(const struct cln_safetensors *file) {
    int numbers[3];
    const char *version = cln_safetensors_metadata(file, version_key);
    return version && read_version(numbers, version) ? version : NULL;
}

bool cln_metadata_is_newer(const char *version) {
    int there[3], here[3];
    if (!version || !read_version(there, version) || !read_version(here, CLENET_VERSION))
        return false;
    for (int i = 0; i < 2; i++)
        if (there[i] != here[i])
            return there[i] > here[i];
    return there[2] > here[2];
}

enum cln_status cln_metadata_tell_newer(enum cln_status status, const char *path, const char *version) {
    if (!cln_metadata_is_newer(version))
        return status;
    if (status != CLN_OK)
        return cln_fail_within(status, "written by clenet %.32s, which is newer than this one (%s)", version,
                               CLENET_VERSION);
    cln_log(CLN_LOG_WARNING,
            "%s: written by clenet %.32s, which is newer than this one (%s): its new features are "
            "ignored",
            path, version, CLENET_VERSION);
    return CLN_OK;
}

/* Makes the checkpoint's own network, from the file's text or from the text of the caller's network. A text of another
 * program is tried only if the caller gives no network. */
static enum cln_status read_network(struct cln_network **out, const struct cln_safetensors *file,
                                    const struct cln_network *network) {
    char *own = NULL;
    const char *text = cln_safetensors_metadata(file, network_key);
    if (network) {
        enum cln_status status = cln_network_text(&own, network);
        if (status != CLN_OK)
            return status;
        text = own;
    }
    enum cln_status status =
        text ? cln_network_parse(out, text, strlen(text), "metadata \"network\"", NULL) : CLN_INVALID;
    free(own);
    if (!text || (status == CLN_INVALID && !network && !cln_metadata_version(file)))
        return cln_fail(CLN_INVALID, "the file does not contain its network: name the network");
    return status;
}

enum cln_status cln_metadata_read(struct cln_checkpoint *c, const struct cln_safetensors *file,
                                  const struct cln_network *network) {
    static const struct {
        const char *key;
        enum cln_status (*read)(struct cln_checkpoint *checkpoint, const json_t *value);
    } readers[] = {{resize_key, read_resize},
                   {image_key, read_image},
                   {mean_key, read_mean},
                   {deviation_key, read_deviation},
                   {pictures_key, cln_metadata_read_pictures},
                   {classes_key, read_classes},
                   {training_key, read_training}};
    const char *said = cln_safetensors_metadata(file, version_key);
    const bool ours = cln_metadata_version(file) != NULL;
    if (said && !ours)
        cln_log(CLN_LOG_WARNING,
                "metadata \"clenet\" is \"%.32s\", not a version of clenet: the metadata is treated as "
                "another program's",
                said);
    enum cln_status status = read_network(&c->network, file, network);
    for (size_t i = 0; ours && i < sizeof readers / sizeof *readers && status == CLN_OK; i++) {
        const char *text = cln_safetensors_metadata(file, readers[i].key);
        if (!text)
            continue;
        json_error_t error;
        json_t *value;
        status = cln_json_parse(&value, text, strlen(text), JSON_DECODE_ANY, &error);
        if (status == CLN_OK)
            status = readers[i].read(c, value);
        else if (status == CLN_INVALID)
            status = cln_fail(status, "metadata \"%s\" is not JSON: %s", readers[i].key, error.text);
        json_decref(value);
    }
    if (status == CLN_OK && !c->mean != !c->inverse_deviation)
        status = cln_fail(CLN_INVALID, "metadata has \"mean\" or \"inverse_deviation\" without the other");
    return status;
}
