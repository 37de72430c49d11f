"""What bootstrap says and does about packages, on a pretended Debian. Argument: the source folder.

dpkg-query, apt-cache, apt-get, sudo and id are scripts here; apt-get notes what it was given and installs it.
"""
import os
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1)).resolve()
BOOTSTRAP = ROOT / "bootstrap"
TOOLS = {
    "dpkg-query": 'grep -qx "$4" "$STATE/installed" && printf installed',
    "apt-cache": 'echo x >>"$STATE/asked"; shift; status=0; for name; do\n'
                 'if grep -qx "$name" "$STATE/known"; then printf "Package: %s\\nVersion: 1\\n\\n" "$name"\n'
                 'else status=100; fi; done; exit $status',
    "apt-get": '''echo "apt-get $*" >>"$STATE/done"
case " $* " in
*" update "*) [ ! -f "$STATE/release" ] || cp "$STATE/release" "$STATE/known" ;;
*" install "*)
    [ ! -f "$STATE/broken" ] || exit 100
    for word; do
        case $word in -* | install) continue ;; esac
        grep -qx "$word" "$STATE/known" || { echo "E: Unable to locate package $word" >&2; exit 100; }
        echo "$word" >>"$STATE/installed"
    done ;;
esac''',
    "id": 'cat "$STATE/user"',
}


class Pretended(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.state = Path(holder.name)
        (self.state / "bin").mkdir()
        for name, text in TOOLS.items():
            self.tool(name, text)
        # Of the machine's own tools those that bootstrap calls, so that it has no sudo unless the test gives it one.
        for name in ("sh", "sed", "grep", "cut", "tr", "cat", "awk", "dirname", "env", "cp", "uname"):
            for folder in os.environ["PATH"].split(":") + ["/usr/bin", "/bin"]:
                if os.access(f"{folder}/{name}", os.X_OK):
                    (self.state / "bin" / name).symlink_to(f"{folder}/{name}")
                    break
        self.put("user", "0")
        self.put("installed")
        self.put("done")
        self.put("asked")
        self.names = self.packages("ci")
        self.put("known", *self.names)

    def tool(self, name, text):
        path = self.state / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def put(self, name, *lines):
        (self.state / name).write_text("".join(f"{line}\n" for line in lines))

    def lines(self, name):
        return (self.state / name).read_text().splitlines()

    def bootstrap(self, *arguments):
        environment = {"PATH": str(self.state / "bin"), "STATE": str(self.state), "HOME": str(self.state)}
        return subprocess.run([BOOTSTRAP, *arguments], env=environment, capture_output=True, text=True, check=False)

    def packages(self, level):
        return self.bootstrap("packages", level).stdout.split()

    def test_everything_is_installed_once(self):
        first = self.bootstrap("install", "test")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertEqual(sorted(self.lines("installed")), sorted(self.packages("test")))
        self.assertNotIn("no package", first.stderr)
        self.put("done")
        second = self.bootstrap("install", "test")
        self.assertEqual((second.returncode, second.stderr, self.lines("done")), (0, "", []))

    def test_what_the_release_lacks_is_told_in_one_line_and_not_named_as_installed(self):
        self.put("known", *(name for name in self.names if name != "oclgrind"))
        first = self.bootstrap("install", "test")
        self.assertEqual(first.returncode, 0, first.stderr)
        told = [line for line in first.stderr.splitlines() if "oclgrind" in line]
        self.assertEqual(told, ["bootstrap: this system has no package oclgrind; going on, but .ci/run and "
                                "tests/conformance/run cannot look for data races"])
        self.assertEqual(sorted(self.lines("installed")), sorted(set(self.packages("test")) - {"oclgrind"}))
        # The next start says it again and asks for no lists.
        self.put("done")
        second = self.bootstrap("install", "test")
        self.assertEqual((second.returncode, second.stderr.splitlines(), self.lines("done")), (0, told, []))

    def test_every_optional_package_has_a_reason(self):
        required = {"gcc"}
        self.put("known", *required)
        self.tool("apt-get", 'echo "apt-get $*" >>"$STATE/done"')
        result = self.bootstrap("install", "ci")
        told = [line for line in result.stderr.splitlines() if "no package" in line]
        self.assertGreater(len(told), 10)
        for line in told:
            self.assertRegex(line, r"^bootstrap: this system has no package \S+; going on, but \S.* \S.*$")

    def test_without_root_the_command_that_is_printed_works(self):
        self.put("user", "1000")
        self.put("known", *(name for name in self.names if name != "oclgrind"))
        result = self.bootstrap("install", "test")
        self.assertEqual(result.returncode, 1)
        command, = [line for line in result.stderr.splitlines() if line.startswith("apt-get ")]
        self.assertEqual(self.lines("done"), [], "nothing was tried without root")
        environment = {"PATH": str(self.state / "bin"), "STATE": str(self.state)}
        subprocess.run(["sh", "-c", command], env=environment, check=True)
        again = self.bootstrap("install", "test")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(sorted(self.lines("installed")), sorted(set(self.packages("test")) - {"oclgrind"}))

    def test_without_root_and_without_lists_the_command_works_too(self):
        self.put("user", "1000")
        self.put("known")
        self.put("release", *self.names)
        result = self.bootstrap("install", "test")
        self.assertEqual(result.returncode, 1)
        command, = [line for line in result.stderr.splitlines() if line.startswith("apt-get ")]
        self.put("user", "0")
        environment = {"PATH": str(self.state / "bin"), "STATE": str(self.state)}
        subprocess.run(["sh", "-c", command], env=environment, check=True)
        self.assertEqual(sorted(self.lines("installed")), sorted(self.packages("test")))

    def test_sudo_is_used_where_it_is(self):
        self.put("user", "1000")
        self.tool("sudo", 'echo "sudo" >>"$STATE/done"; exec "$@"')
        result = self.bootstrap("install")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.lines("done").count("sudo"), 2)
        self.assertEqual(sorted(self.lines("installed")), sorted(self.packages("build")))

    def test_optional_packages_that_cannot_be_installed_stop_nothing(self):
        self.put("installed", *(name for name in self.names if name not in ("libpng-dev", "gcc")))
        self.put("broken")
        self.assertEqual(self.bootstrap("install").returncode, 1, "gcc is needed")
        self.put("installed", *(name for name in self.names if name != "libpng-dev"))
        result = self.bootstrap("install")
        self.assertEqual(result.returncode, 0)
        self.assertIn("bootstrap: clenet works without these: going on", result.stderr)

    def test_apt_cache_is_asked_a_few_times_and_not_for_each_package(self):
        self.bootstrap("install", "ci")
        self.assertLessEqual(len(self.lines("asked")), 5)


class Commands(unittest.TestCase):
    def bootstrap(self, *arguments):
        return subprocess.run([BOOTSTRAP, *arguments], capture_output=True, text=True, check=False)

    def test_help(self):
        for word in ("--help", "-h", "help"):
            result = self.bootstrap(word)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            for command in ("train", "test", "build", "install-to", "install", "packages"):
                self.assertIn(f"./bootstrap {command} ", result.stdout)

    def test_wrong_use(self):
        result = self.bootstrap()
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("./bootstrap train", result.stderr)
        for word, meant in (("tset", "test"), ("trian", "train"), ("biuld", "build"), ("instal", "install")):
            result = self.bootstrap(word)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn(f"unknown command '{word}'\nbootstrap: did you mean '{meant}'?\n", result.stderr)
        self.assertNotIn("did you mean", self.bootstrap("elephant").stderr)
        for arguments in (("install", "tset"), ("packages", "tset"), ("install-to",)):
            self.assertEqual(self.bootstrap(*arguments).returncode, 2, shlex.join(arguments))


if __name__ == "__main__":
    unittest.main(verbosity=2)
