/* The built-in networks' names and JSON texts, both NULL-terminated and in the same order: made at build time by
 * embed.py from examples/. Private to src/model. */
#ifndef SRC_MODEL_BUILTIN_H
#define SRC_MODEL_BUILTIN_H

extern const char *const cln_builtin_names[];
extern const char *const cln_builtin_texts[];

#endif
