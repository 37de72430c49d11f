/* Options of augmentation: see augmentation_options.h. */
#include "src/cli/augmentation_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "src/data/sheet.h"

enum { USUALLY_SHOWN = 64, MOST_SHOWN = 10000 };

size_t cln_augmentation_options_add(struct cln_option *rows, struct cln_augmentation_options *o) {
    size_t count = 0;
    *o = (struct cln_augmentation_options){.shown = USUALLY_SHOWN};
    for (size_t i = 0; i < CLN_AUGMENTATION_COUNT; i++) {
        const struct cln_augmentation_row *row = &cln_augmentation_rows[i];
        char *name = o->names[i];
        snprintf(name, sizeof o->names[i], "%s", row->name);
        for (char *at = name; (at = strchr(at, '_')) != NULL;)
            *at = '-';
        struct cln_option *option = &rows[count++];
        *option = (struct cln_option){.name = name, .argument = row->argument, .help = row->help, .max = row->most};
        option->kind = row->argument != NULL ? CLN_OPTION_REAL : CLN_OPTION_FLAG;
        if (row->argument != NULL) {
            option->real = cln_augmentation_value(&o->values, row);
            continue;
        }
        option->flag = &o->flags[i];
        snprintf(o->offs[i].name, sizeof o->offs[i].name, "no-%s", name);
        snprintf(o->offs[i].help, sizeof o->offs[i].help, "not --%s", name);
        rows[count++] = (struct cln_option){.name = o->offs[i].name,
                                            .help = o->offs[i].help,
                                            .kind = CLN_OPTION_OFF,
                                            .flag = &o->flags[i],
                                            .of_run = true};
    }
    const struct cln_option behind[] = {
        {"standardize-channels",
         NULL,
         "scale every channel to mean 0, deviation 1",
         CLN_OPTION_FLAG,
         {.flag = &o->standardize_channels}},
        {"show-augmented",
         "FILE",
         "write the first pictures, as the network sees them, as a PNG",
         CLN_OPTION_TEXT,
         {.text = &o->sheet},
         .file = CLN_FILE_OUTPUT,
         .endings = ".png",
         .of_run = true},
        {"show-count",
         "N",
         "number of pictures that --show-augmented writes",
         CLN_OPTION_INT,
         {.integer = &o->shown},
         1,
         MOST_SHOWN,
         .of_run = true},
    };
    _Static_assert(2 * CLN_AUGMENTATION_COUNT + sizeof behind / sizeof *behind == CLN_AUGMENTATION_OPTION_COUNT,
                   "the number of rows");
    memcpy(rows + count, behind, sizeof behind);
    return count + sizeof behind / sizeof *behind;
}

enum cln_status cln_augmentation_options_check(const struct cln_augmentation_options *o) {
    struct cln_augmentation values = o->values;
    for (size_t i = 0; i < CLN_AUGMENTATION_COUNT; i++)
        if (cln_augmentation_rows[i].argument == NULL)
            *cln_augmentation_value(&values, &cln_augmentation_rows[i]) = o->flags[i];
    return cln_augmentation_check_values(&values);
}

void cln_augmentation_options_apply(struct cln_augmentation_options *o, const struct cln_option *rows,
                                    const struct cln_checkpoint *resumed, struct cln_trainer_params *params) {
    for (size_t i = 0; i < CLN_AUGMENTATION_COUNT; i++) {
        const struct cln_augmentation_row *row = &cln_augmentation_rows[i];
        double *value = cln_augmentation_value(&o->values, row);
        const bool is_given =
            cln_options_given(rows, o->names[i]) || (row->argument == NULL && cln_options_given(rows, o->offs[i].name));
        if (!is_given && resumed != NULL && resumed->training != NULL)
            *value = cln_augmentation_get(&resumed->training->augmentation, row);
        else if (is_given && row->argument == NULL)
            *value = o->flags[i];
        o->flags[i] = row->argument == NULL && *value > 0; /* for the log */
    }
    const bool is_given = cln_options_given(rows, "standardize-channels");
    if (is_given)
        params->standardize |= o->standardize_channels;
    else if (resumed != NULL && resumed->training != NULL)
        o->standardize_channels = params->standardize && resumed->training->standardize_channels;
    params->augmentation = o->values;
    params->standardize_channels = o->standardize_channels;
}

enum cln_status cln_augmentation_options_show(const struct cln_augmentation_options *o, struct cln_trainer *trainer,
                                              struct cln_shape shape) {
    size_t count = (size_t)o->shown;
    if (o->sheet == NULL)
        return CLN_OK;
    uint8_t *pixels = malloc(count * cln_shape_count(shape));
    enum cln_status status = pixels ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu pictures", count);
    if (status == CLN_OK)
        status = cln_trainer_pictures(trainer, &count, pixels);
    if (status == CLN_OK && count == 0)
        cln_log(CLN_LOG_WARNING, "the epoch has no pictures left: %s is not written", o->sheet);
    else if (status == CLN_OK)
        status = cln_sheet_write(o->sheet, pixels, shape, count, 0);
    free(pixels);
    return status;
}
