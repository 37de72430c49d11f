/* See data_set.h. */
#include "src/cli/data_set.h"

#include <string.h>

void cln_data_set_add(struct cln_option *table, struct cln_data_set *set) {
    while (table->name != NULL)
        table++;
    struct cln_option *row = table;
    cln_data_options_add(table, &set->options);
    for (; row->name != NULL; row++)
        if (strcmp(row->name, "data") == 0) { /* the same, without a name and always given */
            row->name = "SET";
            row->argument = NULL;
            row->kind = CLN_OPTION_OPERAND;
        }
    cln_options_describe(table, "size", "height and width of pictures (default: their own)");
    cln_options_describe(table, "channels", "1: grey pictures, 3: coloured ones (default: 3 if any has colours)");
    row[0] = (struct cln_option){
        "seed", "N", "seed of random choices", CLN_OPTION_NATURAL, {.natural = &set->seed}, 0, 9007199254740992.0};
    row[1] = (struct cln_option){.name = NULL};
}

enum cln_status cln_data_set_params(struct cln_dataset_params *params, const struct cln_data_set *set) {
    return cln_data_options_params(params, &set->options, set->seed, NULL);
}
