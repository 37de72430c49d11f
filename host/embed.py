#!/usr/bin/env python3
"""Writes the files of folders as C tables (host/embedded.h), and what they depend on for the build system.

embed.py OUTPUT.c DEPFILE TABLE=FOLDER:SUFFIX,SUFFIX …
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
    return lines + ["    {0}", "};", ""], paths


def main(output, depfile, *tables):
    lines, paths = ['#include "host/embedded.h"', ""], []
    for argument in tables:
        name, source = argument.split("=", 1)
        folder, suffixes = source.rsplit(":", 1)
        some_lines, some_paths = table(name, folder, tuple(suffixes.split(",")))
        lines += some_lines
        paths += some_paths
    with open(output, "w", encoding="ascii") as file:
        file.write("\n".join(lines))
    with open(depfile, "w", encoding="utf-8") as file:
        file.write(f"{output}: {' '.join(path.replace(' ', chr(92) + ' ') for path in paths)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
