"""The conformance script on pretended implementations: one is right, others crash, hang, compute wrongly or drift.

The pretended clenet is a script that does what the name of the implementation's .icd file says.
"""
import contextlib
import importlib.machinery
import importlib.util
import io
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

PRETENDED = '''#!/usr/bin/env python3
import json, os, pathlib, signal, sys, time
kind = next(pathlib.Path(os.environ["OCL_ICD_VENDORS"]).iterdir()).stem
command = sys.argv[1]
if command == "--version":
    print("clenet 0")
elif command == "devices":
    print("[]" if kind == "empty" else json.dumps([{"device": "0:0", "name": kind, "platform": "Pretended",
          "platform_version": "1", "driver_version": "2.0", "available": True}]))
elif kind == "crashes":
    os.kill(os.getpid(), signal.SIGSEGV)
elif kind == "hangs":
    os.fork()
    time.sleep(60)
elif command == "check":
    print("## device\\n| conv2d | profile | 1 | 0.1 | 0.1 | ok |")
    print("| linear | profile | 1 | 9.0 | 0.1 | " + ("WRONG" if kind == "wrong" else "ok") + " |")
    sys.exit(kind == "wrong")
else:
    with open(sys.argv[sys.argv.index("--log") + 1], "w") as log:
        for step in range(50):
            loss = 2.0 * (1.01 if kind == "drifts" and step == 30 else 1)
            loss = None if kind == "blank" and step == 30 else loss
            log.write(json.dumps({"event": "epoch", "loss": loss, "test_loss": 2.0}) + "\\n")
'''


def load():
    loader = importlib.machinery.SourceFileLoader("conformance", str(Path(__file__).with_name("run")))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("conformance", loader))
    loader.exec_module(module)
    return module


class Conformance(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.clenet = self.folder / "clenet"
        self.clenet.write_text(PRETENDED, encoding="utf-8")
        self.clenet.chmod(0o755)
        self.module = load()

    def run_on(self, *kinds, arguments=()):
        """(exit status, page, what was said)."""
        for kind in kinds:
            (self.folder / f"lib{kind}.so").touch()
        implementations = {kind: self.module.Implementation(kind, "Pretended", library=f"lib{kind}.so")
                           for kind in kinds}
        command = ["run", "--clenet", str(self.clenet), "--venv", str(self.folder), "--offline", *arguments]
        page, said = io.StringIO(), io.StringIO()
        with mock.patch.object(self.module, "IMPLEMENTATIONS", implementations), \
                mock.patch.object(sys, "argv", command), contextlib.redirect_stdout(page), \
                contextlib.redirect_stderr(said):
            return self.module.main(), page.getvalue(), said.getvalue()

    def test_agreement_passes(self):
        status, page, _ = self.run_on("first", "second")
        self.assertEqual(status, 0)
        self.assertIn("| second | Pretended, 1 | 2.0 | second | 2 of 2 hold |", page)
        self.assertIn("kept.", page)

    def test_what_crashes_or_hangs_fails_alone(self):
        status, page, said = self.run_on("crashes", "hangs", "first", "second", arguments=("--limit", "15"))
        self.assertEqual(status, 1)
        self.assertIn("FAILED: crashes: check: crashed: SIGSEGV", said)
        self.assertIn("FAILED: hangs: check: ran out of time", said)
        self.assertIn("| second | Pretended, 1 | 2.0 | second | 2 of 2 hold |", page)

    def test_a_wrong_operation_fails(self):
        status, _, said = self.run_on("first", "wrong")
        self.assertEqual(status, 1)
        self.assertIn("FAILED: wrong: check: 1 of 2 hold, exit status 1", said)

    def test_losses_out_of_the_band_fail(self):
        for kind in ("drifts", "blank"):
            with self.subTest(kind):
                status, page, said = self.run_on("first", kind)
                self.assertEqual(status, 1)
                self.assertIn(f"FAILED: bn-lenet, loss: first and {kind} are", said)
                self.assertIn("at step 31", page)
                self.assertIn("NOT kept", page)

    def test_what_is_missing_fails_only_where_it_was_asked_for(self):
        status, page, _ = self.run_on("first", "second", "empty")
        self.assertEqual(status, 0)
        self.assertIn("not tried: it offers no device on this machine", page)
        self.assertEqual(self.run_on("first", "empty", arguments=("--only", "first", "--only", "empty"))[0], 1)

    def test_a_run_takes_over_results(self):
        self.assertEqual(self.run_on("first", "wrong", arguments=("--parts", "check"))[0], 1)
        status, page, said = self.run_on("first", "wrong", arguments=("--resume",))
        self.assertEqual(status, 1)
        self.assertNotIn("first: check", said)
        self.assertIn("first: 50 steps", said)
        self.assertIn("1 of 2 hold", page)

    def test_the_head_of_the_page_is_kept(self):
        page = self.folder / "page.md"
        page.write_text(f"# Mine\n\n{self.module.MARKER}\n\nof last time\n", encoding="utf-8")
        self.run_on("first", "second", arguments=("--write", str(page)))
        text = page.read_text(encoding="utf-8")
        self.assertTrue(text.startswith("# Mine\n"))
        self.assertIn("| second |", text)
        self.assertNotIn("of last time", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
