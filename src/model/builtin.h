/* The names and JSON texts of the built-in networks, both NULL-terminated and in the same order. embed.py generates
 * them from examples/networks at build time. For src/model alone. */
#ifndef SRC_MODEL_BUILTIN_H
#define SRC_MODEL_BUILTIN_H

extern const char *const cln_builtin_names[];
extern const char *const cln_builtin_texts[];

#endif
