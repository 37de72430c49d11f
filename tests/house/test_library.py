"""What others build against: the public header, the exported names, the installed files.
Arguments: the source folder, the build folder."""
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT, BUILD = Path(sys.argv.pop(1)), Path(sys.argv.pop(1))


def run(*command, **kwargs):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **kwargs)


class Installed(unittest.TestCase):
    """Installs into a folder of its own and uses nothing but that."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.destination = Path(cls.folder.name)
        result = run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.destination)
        if result.returncode != 0:
            raise RuntimeError(result.stdout + result.stderr)
        (pkg_config,) = cls.destination.rglob("clenet.pc")
        prefix = next(line.split("=", 1)[1] for line in pkg_config.read_text().splitlines() if line.startswith("prefix="))
        cls.prefix = cls.destination / prefix.lstrip("/")
        cls.environment = dict(os.environ, PKG_CONFIG_PATH=str(pkg_config.parent))
        cls.library = next(cls.destination.rglob("libclenet.so"))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def pkg_config(self, *arguments):
        result = run("pkg-config", f"--define-variable=prefix={self.prefix}", *arguments, "clenet", env=self.environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return shlex.split(result.stdout)

    def compile(self, *command):
        result = run(*command, cwd=self.folder.name)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_header_compiles_alone_in_c11(self):
        source = self.destination / "alone.c"
        source.write_text("#include <clenet.h>\nint main(void) { return cln_error_message() == 0; }\n")
        self.compile("cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                     *self.pkg_config("--cflags"), source)

    @unittest.skipIf(shutil.which("c++") is None, "no C++ compiler")
    def test_header_compiles_alone_in_cpp17(self):
        source = self.destination / "alone.cpp"
        source.write_text("#include <clenet.h>\nint main() { return cln_error_message() == nullptr; }\n")
        self.compile("c++", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *self.pkg_config("--cflags"),
                     source, *self.pkg_config("--libs"), "-o", self.destination / "alone")

    def test_only_public_names_are_exported(self):
        result = run("nm", "-D", "--defined-only", self.library)
        names = [line.split()[-1] for line in result.stdout.splitlines()]
        self.assertIn("cln_trainer_create", names)
        self.assertEqual([name for name in names if not name.startswith("cln_")], [])

    def test_example_builds_against_either_library_and_trains(self):
        example = ROOT / "examples" / "train.c"
        shared, static = self.destination / "shared", self.destination / "static"
        self.compile("cc", example, *self.pkg_config("--cflags", "--libs"), "-o", shared)
        # Its own code static, the libraries below it shared: not all of them come as static ones.
        needed = self.pkg_config("--print-requires-private")
        self.compile("cc", example, *self.pkg_config("--cflags"), self.library.with_suffix(".a"),
                     *shlex.split(run("pkg-config", "--libs", *needed).stdout), "-lm", "-pthread", "-o", static)
        environment = dict(os.environ, LD_LIBRARY_PATH=str(self.library.parent), CLENET_CACHE_DIR=self.folder.name + "/cache")
        outputs = []
        for program in (shared, static):
            result = run(program, "synthetic:60", env=environment)
            self.assertEqual(result.returncode, 0, result.stderr)
            outputs.append(result.stdout)
        self.assertRegex(outputs[0], r"^epoch 1, loss \d\.\d{4}, test acc [01]\.\d{3}\nepoch 2, ")
        self.assertEqual(outputs[0], outputs[1])

    def test_everything_is_installed(self):
        for name in ("bin/clenet", "share/man/man1/clenet.1", "include/clenet/clenet.h",
                     "share/clenet/examples/bn-lenet.json"):
            with self.subTest(file=name):
                self.assertTrue(list(self.prefix.glob(name + "*")), f"{name} is not below the prefix")
        self.assertTrue(list(self.prefix.glob("share/clenet/devices/*.json")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
