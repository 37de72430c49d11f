/* Recipes: options of a command from a JSON file. */
#ifndef SRC_CLI_RECIPE_H
#define SRC_CLI_RECIPE_H

#include <jansson.h>

#include "src/cli/options.h"

/* Gives options the values that the file's members have. The file is a JSON object, or a log, whose first record has
 * the object as "recipe". False: an error has been printed, and the command ends with *exit_status. */
bool cln_recipe_apply(struct cln_option *options, const struct cln_command *command, const char *path,
                      int *exit_status);

/* The recipe that repeats a run: every option that was given and that a recipe may hold. The caller's: json_decref().
 * NULL: out of memory. */
json_t *cln_recipe_of(const struct cln_option *options);

/* The value of an option in JSON. The caller's: json_decref(). NULL: out of memory. */
json_t *cln_recipe_value(const struct cln_option *option);

#endif
