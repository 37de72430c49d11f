"""The parts of tests/machines/run that need neither root nor a network: reading counts, writing sections, removing folders."""
import argparse
import importlib.machinery
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

COUNTS = """
pocl                554 passed, 1 failed, 1 skipped, 731.5 s
  failed: host device limits
  skipped: data safetensors test_x
rusticl             212 passed, 0 failed, 0 skipped, 350.0 s
766 passed, 1 failed, 1 skipped
"""


def sleepers(marker):
    """Processes `sleep MARKER`."""
    def command(process):
        try:
            return (process / "cmdline").read_bytes()
        except OSError:  # it ended meanwhile
            return b""
    return [p.name for p in Path("/proc").glob("[0-9]*") if command(p) == b"sleep\0" + marker.encode() + b"\0"]


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


def load():
    loader = importlib.machinery.SourceFileLoader("machines", str(Path(__file__).with_name("run")))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("machines", loader))
    loader.exec_module(module)
    return module


class Machines(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name).resolve()
        self.module = load()

    def results(self, failed=0):
        output = COUNTS.replace("1 failed, 1 skipped, 731.5", f"{failed} failed, 1 skipped, 731.5")
        tested = self.module.tested(self.module.Result(1 if failed else 0, 1100.0, output))
        return {"root": {"fresh": True, "test": tested, "train": {"seconds": 120.4, "epoch": "epoch 5, loss 0.3"},
                         "versions": {"gcc": "14.2.0", "meson": "1.7.0", "pocl": "6.0-6", "mesa": "25.0.7-2",
                                      "system": "Debian 13"}}}

    def test_counts_are_those_of_each_run(self):
        runs, remarks = self.module.counts(COUNTS)
        self.assertEqual(runs, {"pocl": (554, 1, 1, 731.5), "rusticl": (212, 0, 0, 350.0)})
        self.assertEqual(remarks, ["failed: host device limits", "skipped: data safetensors test_x"])

    def test_a_run_without_counts_or_epochs_fails(self):
        for call in (self.module.tested, self.module.trained):
            with self.assertRaises(self.module.Failed):
                call(self.module.Result(0, 1.0, "epoch 1, loss 0.3\n"))

    def test_a_failed_test_fails_the_run(self):
        self.assertEqual(list(self.module.failures(self.results())), [])
        self.assertEqual(list(self.module.failures(self.results(failed=1))), ["./bootstrap test as root: exit status 1"])

    def test_the_report_has_a_row_for_each_implementation(self):
        lines = list(self.module.page(argparse.Namespace(name="trixie"), "abc", self.results()))
        self.assertIn("| `./bootstrap test` | root | PoCL 6.0-6 | 554 passed, 0 failed, 1 skipped | 732 |", lines)
        self.assertIn("| `./bootstrap test` | root | rusticl on llvmpipe, Mesa 25.0.7-2 | 212 passed, 0 failed, 0 skipped | 350 |", lines)
        self.assertIn("| `./bootstrap train` with all packages | root | PoCL 6.0-6 | epoch 5, loss 0.3 | 120 |", lines)

    def test_a_section_is_replaced_and_all_others_stay(self):
        page, other = self.folder / "page.md", "<!-- tests/conformance/run --write replaces what follows -->"
        page.write_text(f"# Mine\n\n{other}\n\nlosses\n", encoding="utf-8")
        for name, line in (("trixie", "old"), ("bookworm", "twelve"), ("trixie", "new")):
            self.module.write(page, name, [line])
        mark = self.module.MARKER
        self.assertEqual(page.read_text(encoding="utf-8"),
                         f"# Mine\n\n{mark.format('trixie')}\n\nnew\n\n{mark.format('bookworm')}\n\ntwelve\n\n{other}\n\nlosses\n")

    def test_nothing_is_removed_while_something_is_mounted_below(self):
        machine = self.folder / "machine with a blank"
        (machine / "dev").mkdir(parents=True)
        mountinfo = self.folder / "mountinfo"
        place = str(machine / "dev").replace(" ", "\\040")
        mountinfo.write_text(f"22 1 0:21 / {place} rw - devtmpfs devtmpfs rw\n", encoding="utf-8")
        with self.assertRaisesRegex(self.module.Failed, "something is mounted on .*dev"):
            self.module.remove(machine, mountinfo)
        self.assertTrue((machine / "dev").exists())
        mountinfo.write_text("22 1 0:21 / /elsewhere rw - tmpfs tmpfs rw\n", encoding="utf-8")
        self.module.remove(machine, mountinfo)
        self.assertFalse(machine.exists())

    def test_a_command_ends_with_all_that_it_started(self):
        log = self.folder / "log"
        result = self.module.execute(["sh", "-c", "echo said; sleep 300 & wait"], log, limit=1)
        self.assertNotEqual(result.status, 0)
        self.assertLess(result.seconds, 60)
        self.assertIn("said", result.output)
        self.assertIn("ended after 1 seconds", result.output)

    def test_a_killed_script_leaves_neither_processes_nor_mounts(self):
        """This machine itself is the pretended one, which has its /sys; the user nobody sleeps in it."""
        probe = ["unshare", "--mount", "--pid", "--fork", "mount", "-t", "proc", "proc", "/proc"]
        if not shutil.which("unshare") or subprocess.run(probe, capture_output=True, check=False).returncode != 0:
            return  # without root, or in a container, there are no namespaces and the script does not run either
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        marker = f"{314159}.{os.getpid()}"
        code = ("import argparse, importlib.machinery, pathlib, sys\n"
                "m = importlib.machinery.SourceFileLoader('machines', sys.argv[1]).load_module()\n"
                "m.ENTER = m.ENTER.replace('mount -t sysfs', ': ')\n"
                "machine = m.Machine.__new__(m.Machine)\n"
                "machine.args = argparse.Namespace(name='this', folder=pathlib.Path(sys.argv[2]))\n"
                "machine.name, machine.folder = 'pretended', pathlib.Path('/')\n"
                "machine.run('sleep', 'nobody', 'sleep', sys.argv[3])\n")
        with subprocess.Popen([sys.executable, "-c", code, str(Path(__file__).with_name("run")), str(self.folder), marker],
                              stderr=subprocess.DEVNULL, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1",
                                                                  PYTHONWARNINGS="ignore")) as script:
            self.addCleanup(script.kill)
            self.assertTrue(wait_for(lambda: sleepers(marker)), (self.folder / "pretended-sleep.log").read_text())
            script.send_signal(signal.SIGKILL)
        self.assertTrue(wait_for(lambda: not sleepers(marker)))
        self.assertEqual(Path("/proc/self/mountinfo").read_text(encoding="utf-8"), mounts)

    def test_a_user_without_root_is_told_exactly_one_command(self):
        for output, fine in (("apt-get install gcc\n", True), ("nothing\n", False), ("apt-get a\napt-get b\n", False)):
            machine = mock.Mock()
            machine.run.return_value = self.module.Result(1, 1.0, output)
            if fine:
                self.module.with_roots_help(machine, "train")
                machine.must.assert_called_once_with("packages for train", "root", "sh", "-c", "apt-get install gcc")
            else:
                with self.assertRaises(self.module.Failed):
                    self.module.with_roots_help(machine, "train")


if __name__ == "__main__":
    unittest.main(verbosity=2)
