"""The tree's own rules: who may include whom, where OpenCL is named, who prints. Argument: the source folder."""
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1))

# Folder -> the lower folders whose headers it may include; its own it always may.
MAY_INCLUDE = {
    "host": set(),
    "src/model": {"host"},
    "src/data": {"host", "src/model"},
    "src/format": {"host", "src/model", "src/data"},
    "src/engine": {"host", "src/model", "src/data", "kernels"},  # structs that both sides read
    "src/check": {"host", "src/model", "src/data", "src/engine", "kernels"},
    "src/train": {"host", "src/model", "src/data", "src/format", "src/engine", "src/check"},
    "src/bench": {"host", "src/model", "src/data", "src/format", "src/engine", "src/train"},
    "src/tune": {"host", "src/model", "src/data", "src/engine", "src/check"},
    "src/cli": {"host", "src/model", "src/data", "src/format", "src/engine", "src/check", "src/train", "src/bench", "src/tune"},
    "src": {"host", "src/model", "src/data", "src/format", "src/train"},  # clenet.h, the public face
    "examples": set(),  # <clenet.h> alone
}
# Operations stand alone, but for batch norm: a linear layer through CLBlast has its statistics launched apart, and
# whole channels are normalised where their statistics are worked out.
OPERATION_MAY_INCLUDE = {"linear": {"batchnorm"}, "activate": {"batchnorm"}, "conv2d": {"activate", "batchnorm"}}
OPENCL_NAME = re.compile(r"\b(?:cl_\w+|CL_\w+|cl[A-Z]\w*|CLBlast\w*|clblast\w*)|<(?:CL|OpenCL)/|<clblast")
PRINTING = re.compile(r"\b(?:printf|vprintf|puts|putchar|perror|exit|_exit|abort)\s*\(|\b(?:stdout|stderr)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def sources(folder, *suffixes):
    return sorted(path for path in (ROOT / folder).glob("*") if path.suffix in suffixes)


def code_of(path):
    """The text without comments and strings, so that both may speak of anything."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)
    return re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)


def findings(folders, pattern):
    """Every line of the folders' code that fits the pattern, as "file: what"."""
    return [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for folder in folders
        for path in sources(folder, ".c", ".h")
        for match in pattern.finditer(code_of(path))
    ]


class Tree(unittest.TestCase):
    def test_every_folder_of_sources_has_a_rule(self):
        found = {str(p.parent.relative_to(ROOT)) for top in ("host", "src", "examples") for p in (ROOT / top).rglob("*.[ch]")}
        self.assertTrue(found)
        self.assertLessEqual(found, set(MAY_INCLUDE))

    def test_nobody_includes_upwards(self):
        wrong, seen = [], 0
        for folder, lower in MAY_INCLUDE.items():
            for path in sources(folder, ".c", ".h"):
                for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
                    seen += 1
                    target = str(Path(name).parent)
                    if target != folder and target not in lower:
                        wrong.append(f"{path.relative_to(ROOT)} includes {name}")
        self.assertGreater(seen, 20)
        self.assertEqual(wrong, [])

    def test_includes_are_written_from_the_root(self):
        generated = {"embedded.c", "builtin.c", "onnx.pb-c.h"}
        wrong = [
            f"{path.relative_to(ROOT)} includes {name}"
            for top in ("host", "src", "tests", "examples")
            for path in sorted((ROOT / top).rglob("*.[ch]"))
            for name in INCLUDE.findall(path.read_text(encoding="utf-8"))
            if not (ROOT / name).is_file() and Path(name).name not in generated
        ]
        self.assertEqual(wrong, [])

    def test_stage_operations_do_not_include_each_other(self):
        operations = {path.stem for path in sources("kernels", ".cl")}
        self.assertTrue(operations)
        wrong = [
            f"{path.relative_to(ROOT)} includes {name}"
            for path in sources("src/engine", ".c", ".h")
            if path.stem in operations
            for name in INCLUDE.findall(path.read_text(encoding="utf-8"))
            if Path(name).stem in operations - {path.stem} - OPERATION_MAY_INCLUDE.get(path.stem, set())
        ]
        self.assertEqual(wrong, [])

    def test_opencl_is_named_in_host_only(self):
        self.assertNotEqual(findings(["host"], OPENCL_NAME), [], "the pattern finds what it is for")
        self.assertEqual(findings(set(MAY_INCLUDE) - {"host"}, OPENCL_NAME), [])

    def test_only_programs_print_or_exit(self):
        self.assertNotEqual(findings(["src/cli"], PRINTING), [], "the pattern finds what it is for")
        self.assertEqual(findings(set(MAY_INCLUDE) - {"src/cli", "examples"}, PRINTING), [])

    def test_files_are_written_by_few(self):
        """What writes files of the user goes through src/data/replace.c or src/cli/lines.c, and so cannot forget anything."""
        writes = re.compile(r'\bO_(?:WRONLY|RDWR|CREAT)\b|\b(?:creat|mkstemp|freopen)\s*\(|\bfopen\s*\([^)]*"[wa]')
        may = {"src/data/aside.c", "src/data/place.c", "src/data/replace.c", "src/cli/lines.c", "src/cli/files.c", "src/cli/self.c",
               "host/trace.c", "host/program_cache.c", "host/process.c"}
        found = {str(path.relative_to(ROOT)) for folder in set(MAY_INCLUDE) - {"examples"} for path in sources(folder, ".c", ".h")
                 if writes.search(re.sub(r"/\*.*?\*/", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL))}
        self.assertEqual(found, may)

    def test_every_option_that_names_a_file_says_so(self):
        row = re.compile(r'\{"([\w-]+)",\s*(?:NULL|"([A-Z]+)"),((?:[^{}]|\{[^{}]*\})*)\}')
        wrong, seen = [], 0
        for path in sources("src/cli", ".c"):
            for name, argument, rest in row.findall(path.read_text(encoding="utf-8")):
                if "CLN_OPTION_" in rest and (name.isupper() or name == "data" or argument in ("FILE", "FOLDER", "NETWORK")):
                    seen += 1
                    if ".file = CLN_FILE_" not in rest:
                        wrong.append(f"{path.relative_to(ROOT)}: {name}")
        self.assertGreater(seen, 25)
        self.assertEqual(wrong, [])

    def test_profiles_schema_is_documented(self):
        tuning = (ROOT / "src/engine/tuning.c").read_text(encoding="utf-8")
        readme = (ROOT / "devices/README.md").read_text(encoding="utf-8")
        values = re.search(r"cln_tuning_keys\[\] = \{(.*?)\n\};", tuning, re.DOTALL).group(1)
        operations = re.search(r"cln_operations\[\] = \{(.*?)\};", tuning, re.DOTALL).group(1)
        keys, names = re.findall(r'^ *\{"(\w+)"', values, re.MULTILINE), re.findall(r'"(\w+)"', operations)
        self.assertTrue(keys)
        self.assertEqual(set(names), {path.stem for path in sources("kernels", ".cl")} - {"peak"})
        self.assertEqual([key for key in keys if f"| `{key}` | " not in readme], [])
        self.assertEqual([name for name in names if f"`{name}`" not in readme], [])

    def test_comments_and_strings_are_not_code(self):
        self.assertTrue(OPENCL_NAME.search("cl_mem x;"))
        self.assertTrue(OPENCL_NAME.search("#include <CL/cl.h>"))
        self.assertFalse(OPENCL_NAME.search("cln_fail(clenet, cleanup)"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
