"""Writes a C file with network files as strings, named after the files; see builtin.h.

usage: embed.py OUTPUT.c NETWORK.json ...
"""
import json
import pathlib
import sys

TEMPLATE = """/* Made by embed.py. */
#include "src/model/builtin.h"

const char *const cln_builtin_names[] = {
%s,
    0,
};

const char *const cln_builtin_texts[] = {
%s,
    0,
};
"""


def c_string(text):
    """Every line a literal of its own; JSON's escapes of ASCII text are C's."""
    return "\n".join("    " + json.dumps(line) for line in text.splitlines(keepends=True))


output, *networks = map(pathlib.Path, sys.argv[1:])
names = ",\n".join(c_string(path.stem) for path in networks)
texts = ",\n".join(c_string(path.read_text("ascii")) for path in networks)
output.write_text(TEMPLATE % (names, texts))
