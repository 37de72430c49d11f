#!/usr/bin/env python3
"""Writes files as C, and what they depend on for the build system.

embed.py OUTPUT.c DEPFILE TABLE=FOLDER:SUFFIX,SUFFIX … NAME=FILE …

A folder's files become a table of texts (host/embedded.h); a single file becomes NAME[] and NAME_bytes.
"""
import os
import sys


def table(name, folder, suffixes):
    """One C table, and the paths it was made from; the folder itself counts, so that a new file is seen."""
    lines, paths = [f"const struct ocl_embedded {name}[] = {{"], [folder]
    for file in sorted(os.listdir(folder)):
        if file.endswith(suffixes) and not file.startswith("."):
            path = os.path.join(folder, file)
            paths.append(path)
            with open(path, "rb") as source:
                data = source.read()
            if 0 in data:
                sys.exit(f"{path}: a zero byte in a text file")
            # Numbers and not a string: compilers need not take strings beyond 4095 characters.
            lines.append(f'    {{"{file}", (const char[]){{{",".join(str(b if b < 128 else b - 256) for b in data + bytes(1))}}}}},')
    return lines + ["    {0}", "};"], paths


def single(name, path):
    """One file as bytes."""
    with open(path, "rb") as source:
        data = source.read()
    lines = [
        f"extern const unsigned char {name}[];",
        f"extern const size_t {name}_bytes;",
        f"const unsigned char {name}[] = {{{','.join(map(str, data))}}};",
        f"const size_t {name}_bytes = {len(data)};",
    ]
    return lines, [path]


def main(output, depfile, *arguments):
    lines, paths = ["#include <stddef.h>", "", '#include "host/embedded.h"', ""], []
    for argument in arguments:
        name, source = argument.split("=", 1)
        if os.path.isfile(source):
            some_lines, some_paths = single(name, source)
        else:
            folder, suffixes = source.rsplit(":", 1)
            some_lines, some_paths = table(name, folder, tuple(suffixes.split(",")))
        lines += some_lines
        paths += some_paths
    with open(output, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
    with open(depfile, "w", encoding="utf-8") as file:
        file.write(f"{output}: {' '.join(path.replace(' ', chr(92) + ' ') for path in paths)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
