"""Every kernel file compiles alone as OpenCL C 1.2 without any extension. Argument: the source folder."""
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

KERNELS = Path(sys.argv.pop(1)) / "kernels"
CLANG = shutil.which("clang")


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
