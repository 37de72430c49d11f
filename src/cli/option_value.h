/* Gives values to options, from the words of a command line or from a recipe. For options.c and recipe.c. */
#ifndef SRC_CLI_OPTION_VALUE_H
#define SRC_CLI_OPTION_VALUE_H

#include "src/cli/options.h"

/* Assigns an argument, and notes that the option was given. Takes over `text`, from malloc; NULL for an option that
 * needs an argument: out of memory. `label` names the option in messages, such as "--lr". False: an error has been
 * printed. */
bool cln_option_assign(struct cln_option *option, const char *label, char *text);
/* Lets *text be `text`, from malloc, which the option takes over. */
void cln_option_keep_text(struct cln_option *option, char *text);
/* Writes what the option takes, such as "a number from 0 to 1". */
void cln_option_write_range(char *out, size_t bytes, const struct cln_option *option);

/* Whether the option's argument may be left out. */
bool cln_option_is_optional(const struct cln_option *option);
/* Whether the row is an argument without dashes. */
bool cln_option_is_operand(const struct cln_option *option);
/* The option whose name `word` is, or is close to; dashes in front do not count. NULL: there is none. */
struct cln_option *cln_option_find(struct cln_option *options, const char *word);
const struct cln_option *cln_option_near(const struct cln_option *options, const char *word);

/* Prints that memory has run out. Returns false. */
bool cln_option_fail_memory(void);

#endif
