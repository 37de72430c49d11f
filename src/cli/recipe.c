/* Reads and makes recipes: see recipe.h. Rows of options say what a member means, as on the command line. */
#include "src/cli/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clenet/network.h"
#include "clenet/text.h"
#include "src/base/file.h"
#include "src/base/json_text.h"
#include "src/base/place.h"
#include "src/cli/option_value.h"
#include "src/cli/report.h"

/* ---- Reading the file ---- */

static enum cln_status parse(json_t **out, const char *text, size_t bytes, const char *path) {
    json_error_t error;
    enum cln_status status = cln_json_parse(out, text, bytes, 0, &error);
    if (status == CLN_INVALID)
        return cln_fail(CLN_INVALID, "%s: line %d, column %d: %s", path, error.line, error.column, error.text);
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "%s", path);
}

/* The recipe in the first record of a log. *is_log: the text is one. */
static enum cln_status parse_log(json_t **out, bool *is_log, const char *text, const char *path) {
    json_error_t error;
    json_t *record = NULL;
    *out = NULL;
    enum cln_status status = cln_json_parse(&record, text, strcspn(text, "\n"), 0, &error);
    *is_log = status == CLN_OK && json_is_string(json_object_get(record, "event"));
    if (*is_log && (*out = json_incref(json_object_get(record, "recipe"))) == NULL)
        status = cln_fail(CLN_INVALID,
                          "%s: the first record of this log has no recipe: its training was resumed, or an earlier "
                          "version of clenet wrote it",
                          path);
    json_decref(record);
    if (status == CLN_OUT_OF_MEMORY)
        return cln_fail_within(status, "%s", path);
    return *is_log ? status : CLN_OK;
}

static enum cln_status read_recipe(json_t **out, bool *is_log, const char *path) {
    char *text = NULL;
    struct stat info;
    *out = NULL;
    /* Processes that build kernels and check the driver read it again. */
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
        return cln_fail(CLN_INVALID,
                        "--recipe: %s is a pipe or a device, and has to be read more than once: give a file", path);
    enum cln_status status = cln_file_read(&text, path);
    if (status != CLN_OK)
        return cln_fail_within(status, "--recipe");
    status = parse_log(out, is_log, text, path);
    if (status == CLN_OK && !*is_log)
        status = parse(out, text, strlen(text), path);
    if (status == CLN_OK && !json_is_object(*out))
        status = cln_fail(CLN_INVALID, "%s: a recipe is a JSON object, such as {\"epochs\": 10, \"lr\": 0.01}", path);
    free(text);
    return status;
}

/* ---- Members ---- */

static bool is_built_in(const char *name) {
    for (const char *const *known = cln_network_builtins(); *known != NULL; known++)
        if (strcmp(*known, name) == 0)
            return true;
    return false;
}

/* The path of a file beside the recipe, from malloc; NULL: there is none, or memory has run out. */
static char *find_beside(const char *recipe, const char *name) {
    char *folder = cln_place_folder(recipe), *path = NULL;
    struct stat info;
    if (folder != NULL && asprintf(&path, "%s%s", folder, name) < 0)
        path = NULL;
    free(folder);
    if (path == NULL || (stat(path, &info) == 0 && !S_ISDIR(info.st_mode)))
        return path;
    free(path);
    return NULL;
}

/* Whether a path in a recipe may be one beside the recipe. */
static bool is_relative(const struct cln_option *option, const char *name) {
    return (option->file == CLN_FILE_NETWORK || option->file == CLN_FILE_INPUT) && name[0] != '/' && name[0] != '\0' &&
           !is_built_in(name);
}

/* The text that the value would have on the command line, from malloc; NULL: out of memory, which *fits tells from a
 * value of another type than the option's. */
static char *text_of(const struct cln_option *option, const json_t *value, bool *fits) {
    const bool is_number =
        option->kind == CLN_OPTION_INT || option->kind == CLN_OPTION_NATURAL || option->kind == CLN_OPTION_REAL;
    const bool is_text = option->kind == CLN_OPTION_TEXT || option->kind == CLN_OPTION_CHOICE;
    *fits = is_number ? json_is_number(value) : is_text && json_is_string(value);
    if (!*fits)
        return NULL;
    return is_text ? strdup(json_string_value(value))
                   : cln_json_dump(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(cln_json_digits(value, 1)));
}

static bool fail_type(const struct cln_option *option, const char *label, const json_t *value) {
    char range[160];
    cln_option_write_range(range, sizeof range, option);
    char *shown = cln_json_dump(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
    enum { MOST = 60 };
    const bool is_long = shown != NULL && strlen(shown) > MOST;
    cln_report_error("%s: %s is not %s", label, is_long || shown == NULL ? "the value" : shown, range);
    free(shown);
    return false;
}

static bool give(struct cln_option *option, const char *label, const json_t *value, const char *beside) {
    bool fits = false;
    if (option->kind == CLN_OPTION_FLAG && json_is_boolean(value)) {
        *option->flag = json_is_true(value);
        option->given = true;
        return true;
    }
    char *text = text_of(option, value, &fits);
    if (!fits)
        return fail_type(option, label, value);
    char *path = text != NULL && beside != NULL && is_relative(option, text) ? find_beside(beside, text) : NULL;
    if (path != NULL) {
        free(text);
        text = path;
    }
    return cln_option_assign(option, label, text);
}

static bool fail_unknown(const struct cln_option *options, const struct cln_command *command, const char *path,
                         const char *name) {
    const struct cln_option *near = cln_option_near(options, name);
    cln_report_error("%s: \"%s\" is no option of clenet %s", path, name, command->name);
    if (near != NULL)
        cln_report_error("did you mean \"%s\"?", near->name);
    return false;
}

/* `beside`: the recipe that paths may be beside; NULL: they are as on the command line. */
static bool give_member(struct cln_option *options, const struct cln_command *command, const char *path,
                        const char *name, const json_t *value, const char *beside) {
    struct cln_option *option = cln_option_find(options, name);
    char *label = NULL;
    if (option == NULL)
        return fail_unknown(options, command, path, name);
    if (option->of_run) {
        cln_report_error("%s: \"%s\" is of one run, not of a recipe: give --%s on the command line", path, name, name);
        return false;
    }
    if (asprintf(&label, "%s: \"%s\"", path, name) < 0)
        return cln_option_fail_memory();
    const bool fine = give(option, label, value, beside);
    free(label);
    return fine;
}

bool cln_recipe_apply(struct cln_option *options, const struct cln_command *command, const char *path,
                      int *exit_status) {
    json_t *recipe = NULL, *value;
    const char *name;
    bool is_log = false;
    *exit_status = cln_report_failure(read_recipe(&recipe, &is_log, path));
    if (*exit_status == CLN_EXIT_OK)
        json_object_foreach(recipe, name, value) {
            /* The paths of a log are those of its command line. */
            if (!give_member(options, command, path, name, value, is_log ? NULL : path)) {
                *exit_status = CLN_EXIT_USAGE;
                break;
            }
        }
    json_decref(recipe);
    return *exit_status == CLN_EXIT_OK;
}

/* ---- Making a recipe ---- */

json_t *cln_recipe_value(const struct cln_option *option) {
    switch (option->kind) {
    case CLN_OPTION_FLAG:
        return json_boolean(*option->flag);
    case CLN_OPTION_OFF:
        return json_boolean(option->given && !*option->flag);
    case CLN_OPTION_INT:
        return json_integer(*option->integer);
    case CLN_OPTION_NATURAL:
        return json_integer((json_int_t)*option->natural);
    case CLN_OPTION_REAL:
        return json_real(*option->real);
    case CLN_OPTION_CHOICE:
        return cln_json_text(option->choices[*option->integer]);
    case CLN_OPTION_PRESET:
        return json_boolean(*option->text != NULL && strcmp(*option->text, option->preset) == 0);
    case CLN_OPTION_OPERANDS: /* only in commands without a log */
        return json_null();
    case CLN_OPTION_TEXT:
    case CLN_OPTION_RECIPE:
    case CLN_OPTION_OPERAND:
        break;
    }
    return cln_json_text(*option->text);
}

json_t *cln_recipe_of(const struct cln_option *options) {
    json_t *recipe = json_object();
    int failed = recipe == NULL;
    for (const struct cln_option *o = options; o->name != NULL && !failed; o++)
        if (o->given && !o->of_run)
            failed = json_object_set_new(recipe, o->name, cln_recipe_value(o));
    if (!failed)
        return recipe;
    json_decref(recipe);
    return NULL;
}
