"""The tree's own rules: who may include whom, where OpenCL is named, who prints. Argument: the source folder."""
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1))



def rooms():
    """Room -> those whose headers it may include beside its own, as docs/architecture.md lists them."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text[text.index("## Rooms"):text.index("This table is the only place")]
    rows = re.findall(r"^\| `([\w/]+)` \| [^|]+ \| ([^|]*)\|$", section, re.MULTILINE)
    return {room: set(re.findall(r"`([\w/]+)`", lower)) for room, lower in rows}


MAY_INCLUDE = rooms()
# Operations stand alone, but for batch norm: a linear layer through CLBlast has its statistics launched apart, and
# whole channels are normalised where their statistics are worked out; and a convolution chooses how it is computed.
OPERATION_MAY_INCLUDE = {"linear": {"batchnorm"}, "activate": {"batchnorm"}, "winograd": {"activate", "batchnorm"},
                         "conv2d": {"activate", "batchnorm", "winograd"}}
OPENCL_NAME = re.compile(r"\b(?:cl_\w+|CL_\w+|cl[A-Z]\w*|CLBlast\w*|clblast\w*)|<(?:CL|OpenCL)/|<clblast")
PRINTING = re.compile(r"\b(?:printf|vprintf|puts|putchar|perror|exit|_exit|abort)\s*\(|\b(?:stdout|stderr)\b")
# Whatever writes text past include/clenet/text.h, in code that speaks to people, and past src/base/json_text.h.
RAW_PRINTING = re.compile(r"\b(?:f|v|vf|d)?printf\s*\(|\bf?puts\s*\(|\b(?:fputc|putc|putchar|perror|psignal|fwrite|write)\s*\(")
RAW_JSON = re.compile(r"\bjson_(?:stringn?(?:_nocheck)?|v?sprintf|loads|loadb|loadf|load_\w+|dumps|dumpb|dumpf|dumpfd|dump_\w+)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def sources(folder, *suffixes):
    pattern = "**/*" if folder == "include" else "*"
    return sorted(path for path in (ROOT / folder).glob(pattern) if path.suffix in suffixes)


def room_of(name):
    """Of a header as it is included."""
    return "include" if name.startswith("clenet") else str(Path(name).parent)


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
        self.assertEqual(found - {"src"}, set(MAY_INCLUDE) - {"include"})  # src/clenet.c has no room
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        self.assertEqual([room for room in MAY_INCLUDE if f"| `{room}/` |" not in readme], [])

    def test_rooms_stand_in_order(self):
        """Each may include only rooms that stand above it in the table: so there is no circle of rooms."""
        above = {"kernels"}
        for room, lower in MAY_INCLUDE.items():
            self.assertLessEqual(lower, above, room)
            above.add(room)

    def test_nobody_includes_upwards(self):
        wrong, seen = [], 0
        for folder, lower in MAY_INCLUDE.items():
            for path in sources(folder, ".c", ".h"):
                for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
                    seen += 1
                    target = room_of(name)
                    if target != folder and target not in lower:
                        wrong.append(f"{path.relative_to(ROOT)} includes {name}")
        self.assertGreater(seen, 20)
        self.assertEqual(wrong, [])

    def test_includes_are_written_from_the_root(self):
        generated = {"embedded.c", "builtin.c", "onnx.pb-c.h", "event_file.pb-c.h", "version.h"}
        wrong = [
            f"{path.relative_to(ROOT)} includes {name}"
            for top in ("include", "host", "src", "tests", "examples")
            for path in sorted((ROOT / top).rglob("*.[ch]"))
            for name in INCLUDE.findall(path.read_text(encoding="utf-8"))
            if not (ROOT / name).is_file() and not (ROOT / "include" / name).is_file() and Path(name).name not in generated
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

    def test_all_text_for_people_is_made_visible(self):
        """The program prints in report.c alone; what the library prints to a stream goes through include/clenet/text.h."""
        own = findings(["src/cli"], RAW_PRINTING)
        self.assertIn("src/cli/report.c: fputs(", own, "the pattern finds what it is for")
        library = findings(["src/model", "src/engine", "src/check", "src/session", "src/checkup", "src/train", "src/bench", "src/tune", "src/report"], RAW_PRINTING)
        # guard.c writes the key of a verdict, crash.c fixed words in a signal's handler, launch_record.c numbers for its parent
        allowed = {"src/cli/report.c", "src/session/guard.c", "src/cli/crash.c", "src/cli/launch_record.c"}
        self.assertEqual([line for line in own + library if line.split(":")[0] not in allowed], [])
        streams = findings(["src/cli"], re.compile(r"(?<!fflush\()(?<!ferror\()\b(?:stdout|stderr)\b"))
        printed = {line for line in streams if not line.startswith("src/cli/report.c")}
        self.assertLessEqual(printed, {"src/cli/bench.c: stdout", "src/cli/bench_ranks.c: stdout", "src/cli/plot.c: stdout", "src/cli/summary.c: stdout"})  # given to the library

    def test_messages_are_formatted_as_text(self):
        """vsnprintf lets bytes of files through: it makes no messages."""
        for path in ("src/base/status.c", "src/base/log.c", "src/train/resume.c", "src/format/checkpoint.c"):
            self.assertNotIn("vsnprintf", code_of(ROOT / path), path)

    def test_formats_have_conversions_that_text_knows(self):
        known = re.compile(r"%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j|t)?[diuoxXeEfFgGcsp%]|%$")
        call = re.compile(r"\b(?:cln_fail|cln_fail_within|cln_log|cln_report_\w+|cln_text_\w*(?:print|format)\w*)\s*\((?:[^;]*?);", re.DOTALL)
        wrong, seen = [], 0
        for folder in MAY_INCLUDE:
            for path in sources(folder, ".c"):
                for statement in call.findall(re.sub(r"/\*.*?\*/", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)):
                    for string in re.findall(r'"((?:\\.|[^"\\\n])*)"', statement):
                        for match in re.finditer("%", re.sub("%%", "", string)):
                            seen += 1
                            if not known.match(re.sub("%%", "", string), match.start()):
                                wrong.append(f"{path.relative_to(ROOT)}: {string}")
        self.assertGreater(seen, 500)
        self.assertEqual(wrong, [])

    def test_json_is_read_and_written_in_one_place(self):
        self.assertNotEqual(findings(["src/base"], RAW_JSON), [], "the pattern finds what it is for")
        wrong = [line for line in findings(set(MAY_INCLUDE), RAW_JSON) if not line.startswith("src/base/json_text.c")]
        self.assertEqual(wrong, [])

    def test_formats_are_known_to_their_tables_only(self):
        """A format of data sets or pictures is a file and a row: the rest of the code names no format."""
        tables = ["src/data/format.h", "src/data/picture_format.h"]
        rows = [row for table in tables for row in re.findall(r"ROW\(cln_(\w+)_(?:format|pictures)\)", code_of(ROOT / table))]
        self.assertGreaterEqual(set(rows), {"idx", "png"})
        # A known set's row says in which format its files are.
        # The program writes CSV, too: tables of epochs and predictions.
        own = re.compile(rf"src/data/(?:(?:{'|'.join(rows)})\w*\.[ch]|format\.h|picture_format\.h|known_sets\.c): "
                         r"|src/cli/(?:csv|sink|sink_lines|predictions)\.[ch]: \w*csv\w*$", re.IGNORECASE)
        named = findings(set(MAY_INCLUDE), re.compile(rf"\b\w*(?:{'|'.join(rows)})\w*", re.IGNORECASE))
        self.assertIn("src/data/idx.c: cln_idx", named, "the pattern finds what it is for")
        self.assertEqual([line for line in named if not own.match(line)], [])

    def test_strings_enter_json_as_text(self):
        """json_pack refuses a string that is not UTF-8, and the whole record with it: cln_json_text takes any."""
        pack = re.compile(r'\bjson_pack\w*\s*\(\s*((?:"[^"]*"\s*)+)')
        formats = [
            (path.relative_to(ROOT), format)
            for folder in MAY_INCLUDE
            for path in sources(folder, ".c")
            for format in pack.findall(path.read_text(encoding="utf-8"))
        ]
        self.assertGreater(len(formats), 15)
        self.assertEqual([entry for entry in formats if re.search(r":\s*s|\[[^{\]]*s", entry[1])], [])

    def test_no_member_of_json_is_lost(self):
        """Where memory runs out these calls say so, and a record without the member would look whole."""
        ignored = re.compile(r"[;{})]\s*(json_(?:object_set|object_update|array_append|array_insert)\w*)\s*\(")
        self.assertTrue(ignored.search("{\n    json_object_set_new(a, b, c);"))
        self.assertFalse(ignored.search(";\n    failed |= json_object_set_new(a, b, c);"))
        wrong = [f"{path.relative_to(ROOT)}: {call}" for folder in MAY_INCLUDE for path in sources(folder, ".c")
                 for call in ignored.findall(path.read_text(encoding="utf-8"))]
        self.assertEqual(wrong, [])

    def test_files_are_written_by_few(self):
        """What writes files of the user goes through src/base/replace.c or src/cli/lines.c, and so cannot forget anything."""
        writes = re.compile(r'\bO_(?:WRONLY|RDWR|CREAT)\b|\b(?:creat|mkstemp|freopen)\s*\(|\bfopen\s*\([^)]*"[wa]')
        may = {"src/base/aside.c", "src/base/place.c", "src/base/replace.c", "src/base/trace.c", "src/base/process.c", "src/cli/lines.c", "src/cli/file_check.c", "src/cli/files.c", "src/cli/self.c",
               "src/cli/launch_record.c", "host/program_cache.c"}
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
        tuning = "".join((ROOT / "src/engine" / name).read_text(encoding="utf-8") for name in ("tuning_keys.c", "tuning.c"))
        readme = (ROOT / "devices/README.md").read_text(encoding="utf-8")
        values = re.search(r"cln_tuning_keys\[\] = \{(.*?)\n\};", tuning, re.DOTALL).group(1)
        optimizers = (ROOT / "include/clenet/optimizer.h").read_text(encoding="utf-8")
        operations = re.search(r"cln_operations\[\] = \{(.*?)\};", tuning, re.DOTALL).group(1)
        operations += re.search(r"CLN_OPTIMIZER_NAMES (.*)", optimizers).group(1)
        keys, names = re.findall(r'^ *\{"(\w+)"', values, re.MULTILINE), re.findall(r'"(\w+)"', operations)
        self.assertTrue(keys)
        self.assertEqual(set(names), {path.stem for path in sources("kernels", ".cl")} - {"peak"})
        self.assertEqual([key for key in keys if f"| `{key}` | " not in readme], [])
        self.assertEqual([name for name in names if f"`{name}`" not in readme], [])
        old = set(re.findall(r'\.was = "(\w+)"', values)) - {"cache"}  # $CLENET_LIMITS has a key of that name
        word = re.compile(r"(?<!\w)(" + "|".join(name if "_" in name else rf"(?:`|\.IR |\" and \"){name}(?=`|\"| )" for name in old) + r")\b")
        paths = [path for pattern in ("*.md", "docs/*.*", "bench/*.md", ".github/**/*.*") for path in ROOT.glob(pattern)]
        texts = {path: path.read_text(encoding="utf-8") for path in paths if path.name not in ("CHANGELOG.md", "conformance.md")}
        self.assertEqual([f"{path.name}: {found}" for path, text in texts.items() for found in word.findall(text)], [])

    def test_tables_have_a_row_for_every_value_of_their_enum(self):
        """So that a value that is added does not compile until it is handled: see src/base/table.h."""
        unbounded, seen = [], 0
        for folder in MAY_INCLUDE:
            for path in sources(folder, ".c"):
                code = code_of(path)
                for table in re.finditer(r"(\w+)((?:\[\w*\])+)\)?(?:\([^()]*\))? = \{([^;]*)\}", code):
                    name, _, rows = table.groups()
                    if not re.search(r"\[(?:CLN|OCL)_[A-Z0-9_]+\] =", rows):
                        continue
                    seen += 1
                    if not re.search(rf"\bCLN_EVERY\({name}, \w+\)", code):
                        unbounded.append(f"{path.relative_to(ROOT)}: {name}")
        self.assertGreater(seen, 12)
        self.assertEqual(unbounded, [])

    def test_a_status_is_compared_in_one_form(self):
        """status == CLN_OK, status != CLN_OK."""
        short = re.compile(r"!status\b|\b(?:if|while) \(status\)|\bstatus \?|\bstatus (?:&&|\|\|)|(?:&&|\|\|) status\b(?! [!=]=)")
        self.assertTrue(short.search("if (!status)"))
        self.assertFalse(short.search("if (status == CLN_OK && other)"))
        self.assertEqual(findings(MAY_INCLUDE, short), [])

    def test_files_are_short(self):
        """At most 400 lines, but for these."""
        reasons = {"kernels/conv2d.cl": "a kernel file holds the whole of its operation: four kernels that share their tiles",
                   "tests/fuzz/make_corpus.py": "a table of cases: the inputs that fuzzing begins with, one by one"}
        tests = [path for path in (ROOT / "tests").rglob("*.*") if path.suffix in (".c", ".h", ".py")]
        self.assertGreater(len(tests), 100)
        checked = [path for folder in (*MAY_INCLUDE, "kernels") for path in sources(folder, ".c", ".h", ".cl", ".clh")]
        long = {str(path.relative_to(ROOT)) for path in (*checked, *tests) if len(path.read_text(encoding="utf-8").splitlines()) > 400}
        self.assertEqual(long, set(reasons))

    def test_every_file_of_tests_of_the_program_runs(self):
        """Each has its line in the list of tests/cli/meson.build."""
        folder = ROOT / "tests" / "cli"
        listed = re.findall(r"(?m)^  '(\w+)': \d+,$", (folder / "meson.build").read_text(encoding="utf-8"))
        self.assertEqual(sorted(path.stem for path in folder.glob("test_*.py")), sorted(f"test_{name}" for name in listed))

    def test_comments_and_strings_are_not_code(self):
        self.assertTrue(OPENCL_NAME.search("cl_mem x;"))
        self.assertTrue(OPENCL_NAME.search("#include <CL/cl.h>"))
        self.assertFalse(OPENCL_NAME.search("cln_fail(clenet, cleanup)"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
