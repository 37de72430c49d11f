"""Files that cannot be written, and writing that fails halfway."""
import itertools
import os
import shutil
import subprocess
import time
import unittest

from support import Files, PROGRAM, main

NOBODY = 65534
FAILING = os.environ.get("CLENET_TEST_FAILING")
IS_ROOT = os.geteuid() == 0


class Places(Files):
    """Whether a file can be written and replaced is known before the work."""

    def outputs(self, name):
        """Every option that writes a file, with a command that would."""
        yield (*self.train, "--epochs", "1", "--quiet", "--save", name)
        yield (*self.train, "--epochs", "1", "--quiet", "--log", name)
        yield (*self.train, "--epochs", "1", "--quiet", "--trace", name)
        yield (*self.evaluate, "--predictions", name)
        yield ("export", str(self.model), "--network", str(self.network), "--safetensors", name)
        yield ("import", str(self.model), "--network", str(self.network), "--save", name)

    def slow_outputs(self, name):
        yield ("bench", "--network", str(self.network), "--trace", name)
        yield ("tune", "--network", str(self.network), "--output", name)
        yield ("export", str(self.model), "--network", str(self.network), "--onnx", name)

    def refused(self, name, *expected, prepare=None):
        for arguments in itertools.chain(self.outputs(name), self.slow_outputs(name)):
            with self.subTest(arguments=arguments):
                before = self.state()
                begin = time.monotonic()
                result = self.run_in([PROGRAM, *arguments], prepare=prepare)
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertLess(time.monotonic() - begin, 30)  # tune takes 120
                self.assertTrue(any(word in result.stderr for word in expected), result.stderr)
                self.assertEqual(self.state(), before)

    def test_folders_that_are_missing(self):
        self.refused("missing/file", "No such file or directory")
        (self.folder / "link").symlink_to("missing/file")
        self.refused("link", "No such file or directory")

    def test_a_place_for_a_tuned_profile(self):
        result = self.expect(1, "tune", "--network", str(self.network), XDG_CONFIG_HOME=str(self.network))
        self.assertIn("Not a directory", result.stderr)
        self.assertNotIn("candidates", result.stderr)

    def test_names_of_folders_and_files(self):
        self.refused("set", "not a regular file", "Is a directory")
        self.refused("n.json/file", "Not a directory")
        self.refused("n" * 256, "File name too long")
        for options in (("--keep", "2"), ("--save-best",)):
            result = self.run_in([PROGRAM, *self.train, "--save", "n" * 254, *options])
            self.assertEqual(result.returncode, 1)
            self.assertIn("File name too long", result.stderr)
        (self.folder / "s.1.x").mkdir()
        self.assertIn("not a regular file", self.run_in([PROGRAM, *self.train, "--save", "s.x", "--keep", "2"]).stderr)

    def test_links_to_what_is_not_there_yet(self):
        (self.folder / "big").mkdir()
        for arguments in self.outputs("second"):
            with self.subTest(arguments=arguments):
                (self.folder / "first").symlink_to("big/file")
                (self.folder / "second").symlink_to("first")
                result = self.run_in([PROGRAM, *arguments])
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertTrue((self.folder / "first").is_symlink() and (self.folder / "second").is_symlink())
                self.assertGreater((self.folder / "big" / "file").stat().st_size, 0)
                self.assertEqual([path.name for path in (self.folder / "big").iterdir()], ["file"])
                for name in ("first", "second", "big/file"):
                    (self.folder / name).unlink()

    def test_models_behind_a_link_stay_together(self):
        (self.folder / "big").mkdir()
        (self.folder / "s.safetensors").symlink_to("big/s.safetensors")
        self.assertEqual(self.run_in([PROGRAM, *self.train, "--epochs", "2", "--quiet", "--save", "s.safetensors", "--keep", "2",
                                      "--save-best"]).returncode, 0)
        self.assertEqual(sorted(path.name for path in (self.folder / "big").iterdir()),
                         ["s.1.safetensors", "s.best.safetensors", "s.safetensors"])

    def test_an_earlier_trace_outlives_a_start_that_fails(self):
        (self.folder / "kernels").mkdir()  # without a file: a training has its context when this shows
        late = ("--kernels", str(self.folder / "kernels"))
        for command in (("train", "--data", "nowhere"), (*self.train, *late), ("bench", "--device", "nowhere")):
            self.write("old", b"an earlier run's")
            self.expect(1, *command, "--trace", str(self.folder / "old"))
            self.assertEqual((self.folder / "old").read_bytes(), b"an earlier run's")

    @unittest.skipUnless(IS_ROOT, "needs root, to mount")
    def test_mounted_files(self):
        target, source = self.write("mounted", b"x" * 500000), self.write("outside", b"x" * 500000)
        if subprocess.run(["mount", "--bind", source, target], check=False, capture_output=True).returncode != 0:
            self.skipTest("this system lets nobody mount")
        try:
            for arguments in self.outputs("mounted"):
                with self.subTest(arguments=arguments):
                    result = self.run_in([PROGRAM, *arguments])
                    self.assertEqual(result.returncode, 0, result.stderr)
                    self.assertNotIn(b"x" * 1000, source.read_bytes())
                    self.assertGreater(source.stat().st_size, 0)
            result = self.run_in([PROGRAM, *self.train, "--save", "mounted", "--keep", "2"])
            self.assertEqual(result.returncode, 1)
            self.assertIn("cannot be replaced", result.stderr)
            self.assert_nothing_temporary()
        finally:
            subprocess.run(["umount", target], check=True)
        self.assertEqual(target.read_bytes(), b"x" * 500000)

    @unittest.skipUnless(IS_ROOT, "needs root, to mount")
    def test_file_systems_that_cannot_be_written(self):
        place = self.folder / "readonly"
        place.mkdir()
        (place / "old").write_bytes(b"old")
        if subprocess.run(["mount", "--bind", "-o", "ro", place, place], check=False, capture_output=True).returncode != 0:
            self.skipTest("this system lets nobody mount")
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
            for name in ("new", "old"):
                self.refused(f"readonly/{name}", "Read-only file system")
        finally:
            subprocess.run(["umount", place], check=True)

    @unittest.skipUnless(IS_ROOT, "needs root, to be two users")
    def test_files_of_others_in_a_sticky_folder(self):
        sticky = self.folder / "sticky"
        sticky.mkdir()
        sticky.chmod(0o1777)
        for path in (self.folder, self.set, *self.set.iterdir()):
            path.chmod(path.stat().st_mode | 0o555)
        theirs = sticky / "theirs"
        theirs.write_bytes(b"theirs")

        def as_nobody():
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        try:
            runs = self.run_in([PROGRAM, "--version"], prepare=as_nobody).returncode == 0
        except PermissionError:
            runs = False
        if not runs:
            self.skipTest("the program is where other users cannot run it")
        self.refused("sticky/theirs", "Permission denied", prepare=as_nobody)
        theirs.chmod(0o666)
        result = self.run_in([PROGRAM, "import", str(self.model), "--network", str(self.network), "--save", "sticky/theirs"],
                             prepare=as_nobody)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("written in place", result.stderr)
        self.expect(0, "export", str(theirs), "--safetensors", str(self.folder / "again"))
        self.assertEqual((theirs.stat().st_uid, [path.name for path in sticky.iterdir()]), (0, ["theirs"]))

    @unittest.skipUnless(IS_ROOT and shutil.which("chattr"), "needs root and chattr, to mark files")
    def test_files_that_are_marked(self):
        for mark in "ia":
            path = self.write(mark, b"old")
            if subprocess.run(["chattr", f"+{mark}", path], check=False, capture_output=True).returncode != 0:
                self.skipTest("this file system knows no marks")
            try:
                for arguments in itertools.chain(self.outputs(mark), self.slow_outputs(mark)):
                    if mark == "a" and "--log" in arguments:
                        continue  # opened for appending it may be, and it is told then that it cannot be emptied
                    with self.subTest(arguments=arguments):
                        result = self.run_in([PROGRAM, *arguments])
                        self.assertEqual(result.returncode, 1, result.stderr)
                        self.assertIn("Operation not permitted", result.stderr)
                        self.assertEqual(path.read_bytes(), b"old")
            finally:
                subprocess.run(["chattr", f"-{mark}", path], check=True)
        self.assert_nothing_temporary()

    def test_what_a_killed_process_left_is_removed(self):
        left, other = self.write(".clenet-4194999-0.tmp", b"left"), self.write(".clenet-notes.tmp", b"a user's")
        self.expect(0, "import", str(self.model), "--network", str(self.network), "--save", str(self.folder / "new"))
        self.assertFalse(left.exists())
        self.assertTrue(other.exists())


@unittest.skipUnless(FAILING, "CLENET_TEST_FAILING names no library")
class Failing(Files):
    """Every call that changes a file fails, once or from then on: the old files stay whole, and the next run cleans up."""

    def run_failing(self, setting, *arguments):
        return self.run_in([PROGRAM, *arguments], env={
            **os.environ, "LD_PRELOAD": FAILING, "FAILING": setting,
            "ASAN_OPTIONS": os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}).returncode

    def check(self, fewest, arguments, names):
        """Until the number of a call is larger than there are calls."""
        self.assertEqual(self.run_in([PROGRAM, *arguments]).returncode, 0)
        seen = 0
        for number in itertools.count(1):
            statuses = set()
            for more in ("", "+"):
                with self.subTest(number=number, more=more):
                    statuses.add(self.run_failing(f"any:{number}{more}", *arguments))
                    for name in names:
                        self.expect(0, "export", str(self.folder / name), "--network", str(self.network), "--safetensors",
                                    str(self.folder / "checked"))
                    self.assertEqual(self.run_in([PROGRAM, *arguments]).returncode, 0)
                    self.assert_nothing_temporary()
            if statuses == {0}:
                break
            seen += 1
        self.assertGreaterEqual(seen, fewest)

    def test_import(self):
        self.check(4, ("import", str(self.model), "--network", str(self.network), "--save", "out.safetensors"), ["out.safetensors"])

    def test_links_that_fail_leave_no_name(self):
        for call in ("rename", "link", "linkat", "unlink"):
            with self.subTest(call=call):
                train = (*self.train, "--epochs", "3", "--quiet", "--save", "s.safetensors", "--keep", "2", "--save-best")
                self.assertEqual(self.run_in([PROGRAM, *train]).returncode, 0)
                self.run_failing(f"{call}:2+", *train)
                self.expect(0, "evaluate", str(self.folder / "s.safetensors"), "--data", str(self.set))
                self.assertEqual(self.run_in([PROGRAM, *train]).returncode, 0)
                self.assert_nothing_temporary()


if __name__ == "__main__":
    main()
