"""Every kernel file compiles alone as OpenCL C 1.2 without any extension, and every activation has kernel code and a case
that checks it. Argument: the source folder."""
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1))
KERNELS = ROOT / "kernels"
CLANG = shutil.which("clang")


class Activations(unittest.TestCase):
    def test_each_has_kernel_code_and_a_case(self):
        header = (ROOT / "include/clenet/geometry.h").read_text(encoding="utf-8")
        names = re.search(r"enum cln_activation_kind \{(.*?)\}", header, re.DOTALL).group(1).replace(",", " ").split()
        self.assertEqual(names.pop(), "CLN_ACTIVATION_COUNT")
        code = (KERNELS / "activation.clh").read_text(encoding="utf-8")
        cases = (ROOT / "src/check/activate.c").read_text(encoding="utf-8")
        missing = [f"kernels/activation.clh: no branch for {name}" for number, name in enumerate(names)
                   if not re.search(rf"(?m)^#(el)?if ACTIVATION == {number}$", code)]
        missing += [f"src/check/activate.c: no case of {name}" for name in names if not re.search(rf"\{{{name}\b", cases)]
        self.assertEqual(missing, [])


@unittest.skipIf(CLANG is None, "clang is not installed")
class Kernels(unittest.TestCase):
    def test_each_compiles_alone(self):
        files = sorted(KERNELS.glob("*.cl"))
        self.assertTrue(files)
        for path in files:
            with self.subTest(kernel=path.name):
                command = [CLANG, "-x", "cl", "-cl-std=CL1.2", "-Xclang", "-cl-ext=-all", "-Xclang", "-finclude-default-header", "-Wall",
                           "-Wno-constant-logical-operand", "-Werror", "-fsyntax-only", f"-I{KERNELS}", str(path)]
                result = subprocess.run(command, capture_output=True, text=True, check=False)
                self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
