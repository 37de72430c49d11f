"""What programs are built with so that they notice their own mistakes. Arguments: the program, the
shared library, the level of optimization.

A sanitizer's build has none of it, and is skipped.
"""
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

FILES, OPTIMIZATION = [Path(sys.argv.pop(1)), Path(sys.argv.pop(1))], sys.argv.pop(1)


def readelf(*arguments):
    return subprocess.run(["readelf", "--wide", *map(str, arguments)], capture_output=True, text=True, check=True).stdout


def imports(path):
    """Names of functions that other libraries have to provide."""
    return re.findall(r" UND (\w+)", readelf("--dyn-syms", path))


@unittest.skipIf(shutil.which("readelf") is None, "no readelf")
@unittest.skipIf(FILES[0].read_bytes()[:4] != b"\x7fELF", "no ELF")
class Hardening(unittest.TestCase):
    def setUp(self):
        if any(name.startswith("__asan") or name.startswith("__ubsan") for name in imports(FILES[0])):
            self.skipTest("a build with sanitizers")

    def check_each(self, check):
        for path in FILES:
            with self.subTest(file=path.name):
                check(path)

    def test_position_independent(self):
        self.check_each(lambda path: self.assertRegex(readelf("--file-header", path), r"Type: *DYN"))

    def test_immediate_binding_and_read_only_relocations(self):
        self.check_each(lambda path: self.assertRegex(readelf("--dynamic", path), r"\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*NOW"))
        self.check_each(lambda path: self.assertIn("GNU_RELRO", readelf("--program-headers", path)))

    def test_no_executable_stack(self):
        self.check_each(lambda path: self.assertRegex(readelf("--program-headers", path), r"GNU_STACK .* RW +0x"))

    def test_stack_protector(self):
        self.check_each(lambda path: self.assertIn("__stack_chk_fail", imports(path)))

    def test_fortified_functions(self):
        """Such as __snprintf_chk; none without optimization, or with a C library that has no such functions."""
        program = "#include <features.h>\n#if !defined __GLIBC__\n#error\n#endif\n"
        glibc = subprocess.run(["cc", "-E", "-"], input=program, capture_output=True, text=True, check=False).returncode == 0
        if not glibc or OPTIMIZATION in ("0", "plain"):
            self.skipTest("nothing to fortify with")
        self.check_each(lambda path: self.assertIn("__snprintf_chk", imports(path)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
