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
DECLARATIONS = ROOT / "host" / "declarations.clh"
CLANG = shutil.which("clang")


class Activations(unittest.TestCase):
    def test_each_has_kernel_code_and_a_case(self):
        header = (ROOT / "include/clenet/geometry.h").read_text(encoding="utf-8")
        header = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
        names = re.search(r"enum cln_activation_kind \{(.*?)\}", header, re.DOTALL).group(1).replace(",", " ").split()
        self.assertEqual(names.pop(), "CLN_ACTIVATION_COUNT")
        code = (KERNELS / "activation.clh").read_text(encoding="utf-8")
        cases = (ROOT / "src/check/activate.c").read_text(encoding="utf-8")
        missing = [f"kernels/activation.clh: no branch for {name}" for number, name in enumerate(names)
                   if not re.search(rf"(?m)^#(el)?if ACTIVATION == {number}$", code)]
        missing += [f"src/check/activate.c: no case of {name}" for name in names if not re.search(rf"\{{{name}\b", cases)]
        self.assertEqual(missing, [])


class Joined(unittest.TestCase):
    """What lets a kernel be joined with others in one launch: kernels/lanes.clh, host/join.c."""

    def test_each_kernel_asks_for_its_place_in_one_way(self):
        wrong = []
        for path in sorted(KERNELS.glob("*.cl")):
            code = path.read_text(encoding="utf-8")
            if path.name == "peak.cl":  # no training launches it
                continue
            wrong += [f"{path.name}: {name}" for name in re.findall(r"get_(?:group_id|num_groups|global_id|global_size)", code)]
            heads = re.findall(r"__kernel void (\w+)\(([^{]*)\{", code)
            self.assertTrue(heads, path.name)
            wrong += [f"{path.name}: {name} has no PLACE" for name, rest in heads if not rest.rstrip().endswith(" PLACE)")]
        self.assertEqual(wrong, [])

    def test_each_declaration_is_of_a_known_form(self):
        known = re.compile(r"static inline \w+ (?:OVERLOADED )?\w+\(|static inline \w+ \*\w+\(|__kernel void \w+\(|struct \w+ \{|__constant \w+ \w+\[|"
                           r"typedef [^;]* \w+;|GROUP_OF\(|#|/\*|\}|OVERLAP_LOADS")
        wrong = []
        for path in sorted(KERNELS.glob("*.cl")) + sorted(KERNELS.glob("*.clh")):
            code = re.sub(r"\\\n", "", path.read_text(encoding="utf-8"))
            code = re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL)
            wrong += [f"{path.name}: {line}" for line in code.splitlines()
                      if line and not line[0].isspace() and not known.match(line)]
        self.assertEqual(wrong, [])


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

    def test_declarations(self):
        """They are enough for every kernel without the header of functions, and agree with that header."""
        folder = subprocess.run([CLANG, "-print-resource-dir"], capture_output=True, text=True, check=True).stdout.strip() + "/include"
        common = [CLANG, "-x", "cl", "-cl-std=CL1.2", "-cl-no-stdinc", "-Wall", "-Wno-constant-logical-operand", "-Werror",
                  "-fsyntax-only", f"-I{KERNELS}", "-include"]
        checks = [(f"{path.name}, vectors of {vector}", [f"{folder}/opencl-c-base.h", "-DMULTIPLY_ADD=fma", f"-DVECTOR={vector}",
                                                         f"-DLANES={vector * 2}", "-include", str(DECLARATIONS), str(path)])
                  for path in sorted(KERNELS.glob("*.cl")) for vector in (1, 2, 4, 8, 16)]
        for name, arguments in [*checks, ("beside the header", [f"{folder}/opencl-c.h", str(DECLARATIONS)])]:
            with self.subTest(name):
                result = subprocess.run([*common, *arguments], capture_output=True, text=True, check=False)
                self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
