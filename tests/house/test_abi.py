"""The binary interface of libclenet against tests/house/abi.txt: what programs were compiled for must stay as it is as long
as the library's name does (docs/api.md, "Versions").
Arguments: the source folder, the build folder; and --write, which makes abi.txt anew."""
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

WRITE = "--write" in sys.argv and not sys.argv.remove("--write")
ROOT, BUILD = Path(sys.argv.pop(1)), Path(sys.argv.pop(1))
FILE = ROOT / "tests" / "house" / "abi.txt"
ADVICE = ("{}\nWhere {} has not been released yet: python3 tests/house/test_abi.py . {} --write\n"
          "Where it has: raise the minor version in meson.build first (RELEASING.md), which renames the library")


def public_headers():
    return sorted((ROOT / "include").rglob("*.h"))


def code_of(path):
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"(?m)^\s*#.*(?:\\\n.*)*$", "", text)


def declarations(text):
    """Functions and handler types, in one spelling; names of parameters are no part of the interface, but harmless."""
    found = re.findall(r"CLN_API ([^;{]*);|(typedef [^;{]*\));", text)
    lines = [re.sub(r"\s+", " ", "".join(groups)).strip() for groups in found]
    return [re.sub(r"(?: CLN_[A-Z_]+(?:\([^()]*\))?)+$", "", line) for line in lines]


def enumerators(text):
    for name, body in re.findall(r"\benum (\w*) ?\{([^}]*)\}", text):
        for item in body.split(","):
            if item.strip():
                yield f"enum {name}".strip(), item.split("=")[0].strip()


def members(body):
    """Names of a struct's members; those of an anonymous union belong to it."""
    body = re.sub(r"\b(?:union|struct)\s*\{", "", body).replace("}", "")
    for declaration in body.split(";"):
        declaration = re.sub(r"\[[^\]]*\]", "", declaration)
        handler = re.search(r"\(\*(\w+)\)", declaration)
        names = [handler.group(1)] if handler else [re.search(r"(\w+)\s*$", part) for part in declaration.split(",")]
        for name in names:
            if name:
                yield name if isinstance(name, str) else name.group(1)


def structs(text):
    for match in re.finditer(r"\bstruct (\w+) \{", text):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        yield match.group(1), list(members(text[match.end():end - 1]))


def describe():
    """The interface, a line each thing."""
    texts = [code_of(path) for path in public_headers()]
    lines = sorted({line for text in texts for line in declarations(text)})
    program = ["#include <stdio.h>", "#include <stddef.h>", '#include <clenet.h>', "int main(void) {"]
    for text in texts:
        for name, item in enumerators(text):
            program.append(f'printf("{name}: {item} = %d\\n", (int){item});')
        for name, names in structs(text):
            program.append(f'printf("struct {name}: %zu bytes\\n", sizeof(struct {name}));')
            for member in names:
                place = f"(struct {name} *)0)->{member}"
                program.append(f'printf("struct {name}: {member} at %zu, %zu bytes\\n", offsetof(struct {name}, {member}), '
                               f"sizeof(({place}));")
    program.append("return 0; }")
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "abi.c", Path(folder) / "abi"
        source.write_text("\n".join(program))
        subprocess.run(["cc", "-std=c11", f"-I{ROOT / 'include'}", f"-I{BUILD / 'include'}", source, "-o", output], check=True)
        layout = subprocess.run([output], capture_output=True, text=True, check=True).stdout.splitlines()
    return [f"library: {soname()}", *lines, *layout]


def soname():
    library = next(iter((BUILD / "src").glob("libclenet.so")))
    dump = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    return re.search(r"SONAME.*\[(.+)\]", dump).group(1)


def is_lp64():
    """Offsets were written on a machine with pointers and longs of 64 bits; on others only names are compared."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "lp64.c"
        source.write_text("_Static_assert(sizeof(void *) == 8 && sizeof(long) == 8, \"\");\n")
        return subprocess.run(["cc", "-fsyntax-only", source], capture_output=True, check=False).returncode == 0


class Abi(unittest.TestCase):
    def test_it_is_as_written_down(self):
        kept, now = FILE.read_text(encoding="utf-8").splitlines(), describe()
        if not is_lp64():
            kept, now = ([line for line in lines if " bytes" not in line] for lines in (kept, now))
        gone, new = [line for line in kept if line not in now], [line for line in now if line not in kept]
        changes = "\n".join([f"- {line}" for line in gone] + [f"+ {line}" for line in new])
        self.assertFalse(gone or new, ADVICE.format(changes, soname(), BUILD))

    def test_every_exported_function_is_declared(self):
        dump = subprocess.run(["nm", "-D", "--defined-only", BUILD / "src" / "libclenet.so"], capture_output=True, text=True,
                              check=True).stdout
        exported = {name for name in re.findall(r" (\w+)(?:@|$)", dump, re.MULTILINE) if name.startswith("cln_")}
        declared = {re.search(r"(\w+)\(", line).group(1) for line in describe() if "(" in line and "typedef" not in line}
        self.assertEqual(exported, declared)

    def test_the_parser_sees_all_kinds(self):
        """So that a change of style in the headers does not silence the comparison."""
        text = "struct a {\n int b, c[2][3];\n const char *const *d;\n union { struct e f; int g; };\n void (*h)(int i, int j);\n};"
        self.assertEqual(list(structs(text)), [("a", ["b", "c", "d", "f", "g", "h"])])
        self.assertEqual(list(enumerators("enum a { B, C = 3, D, };\nenum { E = 64 };")),
                         [("enum a", "B"), ("enum a", "C"), ("enum a", "D"), ("enum", "E")])
        self.assertEqual(declarations("CLN_API int a(void);\nCLN_API int b(int\n c, ...) CLN_PRINTF(1, 2) CLN_MUST_CHECK;\ntypedef bool d(void *e);"),
                         ["int a(void)", "int b(int c, ...)", "typedef bool d(void *e)"])
        for path in public_headers():
            code = code_of(path)
            self.assertEqual(len(re.findall(r"\bCLN_API\b", code)), len(declarations(code)) - code.count("typedef "), path)
            self.assertEqual(len(re.findall(r"\bstruct \w+ \{", code)), len(list(structs(code))), path)


if WRITE:
    FILE.write_text("\n".join(describe()) + "\n", encoding="utf-8")
elif __name__ == "__main__":
    unittest.main(verbosity=2)
