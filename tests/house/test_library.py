"""What others build against: the public header, the exported names, the installed files.
Arguments: the source folder, the build folder."""
import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

ROOT, BUILD = Path(sys.argv.pop(1)), Path(sys.argv.pop(1))


def run(*command, **kwargs):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **kwargs)


def grey_png(width, height):
    """A gradient from left to right."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    rows = b"".join(b"\0" + bytes(255 * x // width for x in range(width)) for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


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
        declared = "".join(path.read_text() for path in (self.prefix / "include").rglob("*.h"))
        page = (ROOT / "docs" / "api.md").read_text()
        for name in names:
            with self.subTest(name=name):
                self.assertRegex(declared, rf"CLN_API [^;]*\b{name}\(")
                self.assertIn(f"`{name}", page)

    def build_example(self, name):
        program = self.destination / name
        self.compile("cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", ROOT / "examples" / f"{name}.c",
                     *self.pkg_config("--cflags", "--libs"), "-o", program)
        return program

    def run_example(self, program, *arguments):
        environment = dict(os.environ, CLENET_CACHE_DIR=self.folder.name + "/cache")
        environment.pop("LD_LIBRARY_PATH", None)  # the program itself says where its library lies ...
        if self.prefix == self.destination / "usr":  # ... but below the system's own prefix
            environment["LD_LIBRARY_PATH"] = str(self.library.parent)
        result = run(program, *arguments, env=environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_examples_are_short(self):
        for path in (ROOT / "examples").glob("*.c"):
            self.assertLess(len(path.read_text().splitlines()), 100, path)

    def test_versions_agree(self):
        source, program = self.destination / "version.c", self.destination / "version"
        source.write_text("""#include <clenet.h>
#include <stdio.h>
#if CLENET_VERSION_NUMBER < CLENET_MAKE_VERSION(0, 0, 1) || CLENET_VERSION_NUMBER >= CLENET_MAKE_VERSION(100, 0, 0)
#error "out of order"
#endif
int main(void) {
    return printf("%s %d.%d.%d %s\\n", CLENET_VERSION, CLENET_VERSION_MAJOR, CLENET_VERSION_MINOR, CLENET_VERSION_PATCH,
                  cln_version()) < 0;
}
""")
        self.compile("cc", source, *self.pkg_config("--cflags", "--libs"), "-o", program)
        (version,) = self.pkg_config("--modversion")
        self.assertEqual(self.run_example(program).split(), [version] * 3)

    def test_bn_lenet_builds_against_either_library_and_trains(self):
        shared, static = self.build_example("bn_lenet"), self.destination / "static"
        # Its own code static, the libraries below it shared: not all of them come as static ones.
        needed = self.pkg_config("--print-requires-private")
        self.compile("cc", ROOT / "examples" / "bn_lenet.c", *self.pkg_config("--cflags"), self.library.with_suffix(".a"),
                     *shlex.split(run("pkg-config", "--libs", *needed).stdout), "-lm", "-pthread", "-o", static)
        outputs = [re.sub(r", time .* sec", "", self.run_example(program, "synthetic:60", 2)) for program in (shared, static)]
        self.assertRegex(outputs[0], r"(?s)Conv2d.*44,?878.*\nepoch 1, loss \d\.\d{4}, train acc [01]\.\d{3}, test acc [01]\.\d{3}\nepoch 2, ")
        self.assertEqual(outputs[0], outputs[1])

    def test_custom_network_goes_on_where_it_was(self):
        program, model = self.build_example("custom_network"), self.destination / "custom.safetensors"
        first = self.run_example(program, model, "synthetic:300", 1)
        self.assertRegex(first, r"^epoch 1, loss .*, test acc [01]\.\d{3}\n$")
        self.assertRegex(self.run_example(program, model, "synthetic:300", 2), r"^epoch 2, loss .*\n$")
        self.assertTrue(model.with_name("custom.best.safetensors").exists())

    def test_predict_png_says_what_is_in_a_picture(self):
        if not shutil.which("pkg-config") or run("pkg-config", "--exists", "libpng").returncode != 0:
            self.skipTest("no libpng")
        model, picture = self.destination / "model.safetensors", self.destination / "picture.png"
        self.run_example(self.build_example("custom_network"), model, "synthetic:300", 1)
        picture.write_bytes(grey_png(40, 30))
        output = self.run_example(self.build_example("predict_png"), model, picture, picture)
        line = re.escape(str(picture)) + r": \S.* \(class \d\), probability [01]\.\d{4}\n"
        self.assertRegex(output, f"^{line}{line}$")

    def test_everything_is_installed_where_the_page_says(self):
        page = (ROOT / "docs" / "install.md").read_text()
        rows = re.findall(r"(?m)^\| `PREFIX/([^`]*)`", page)
        self.assertGreaterEqual(len(rows), 8)
        if not list(BUILD.glob("src/ranks/mpi-*.so")):  # built without an MPI
            rows.remove("lib/clenet")
        for name in rows:
            with self.subTest(file=name):
                self.assertTrue(list(self.prefix.glob(name)), f"{name} is not below the prefix")
        self.assertTrue(list(self.prefix.glob("share/clenet/devices/*.json")))
        # Nothing else: every file lies at, or below, something that the page names.
        named = [path for name in rows for path in self.prefix.glob(name)]
        found = [path for path in self.prefix.rglob("*") if not path.is_dir() and path != self.destination]
        made = {"alone.c", "alone.cpp"}
        self.assertEqual([str(path) for path in found
                          if path.name not in made and not any(n == path or n in path.parents for n in named)], [])


class WithoutDpkgDev(unittest.TestCase):
    """Meson asks dpkg-architecture for the folder of libraries, and takes lib64 where there is none."""

    def test_the_library_goes_where_pkg_config_and_the_loader_look(self):
        with tempfile.TemporaryDirectory() as folder:
            missing = Path(folder) / "bin" / "dpkg-architecture"
            missing.parent.mkdir()
            missing.write_text("#!/bin/sh\nexit 127\n")
            missing.chmod(0o755)
            environment = dict(os.environ, PATH=f"{missing.parent}:{os.environ['PATH']}")
            result = run("meson", "setup", f"{folder}/build", ROOT, "-Dtests=disabled", env=environment)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            installed = json.loads(run("meson", "introspect", "--installed", f"{folder}/build").stdout)
        places = {Path(path).name: str(Path(path).parent) for path in installed.values()}
        self.assertEqual(places["clenet.pc"], "/usr/local/lib/pkgconfig")
        self.assertEqual(places["libclenet.a"], "/usr/local/lib")


if __name__ == "__main__":
    unittest.main(verbosity=2)
