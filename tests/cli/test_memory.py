"""Memory that runs out."""
import os
import sys
import unittest

from support import READS_JPEG, READS_PNG, ROOT, Sets, main, png, silent_driver

sys.path.insert(0, str(ROOT / "tests" / "fuzz"))
import make_corpus  # noqa: E402

FAIL_ALLOC = os.environ.get("CLENET_TEST_FAIL_ALLOC")


@unittest.skipUnless(FAIL_ALLOC, "allocations cannot be made to fail here")
class Memory(Sets):
    MOST = 40  # runs of a command

    def run_failing(self, number, arguments, environment):
        return self.run_program(*arguments, LD_PRELOAD=FAIL_ALLOC, FAIL_ALLOC=str(number),
                                FAIL_ALLOC_COUNT=str(self.folder / "count"), **environment)

    def sweep(self, *arguments, written=(), **environment):
        """Fails one allocation at a time: success means the same output, and failure says why."""
        files = [self.folder / name for name in written]
        good = self.run_failing(0, arguments, environment)
        self.assertEqual(good.returncode, 0, good.stderr)
        contents = [file.read_bytes() for file in files]
        count = int((self.folder / "count").read_text())
        self.assertGreater(count, 0)
        failures = 0
        for number in range(1, count + 1, max(1, count // self.MOST)):
            for file in files:
                file.unlink(missing_ok=True)
            result = self.run_failing(number, arguments, environment)
            told = f"allocation {number} of {count}: {result.returncode}: {result.stdout[-300:]}{result.stderr[-300:]}"
            self.assertIn(result.returncode, (0, 1, 2), told)
            failures += result.returncode != 0
            if result.returncode == 0:
                self.assertEqual(result.stdout, good.stdout, told)
                self.assertEqual([file.read_bytes() for file in files], contents, told)
            else:
                self.assertTrue(result.stderr.strip(), told)
        self.assertGreater(failures, 0, "no allocation failed")

    @unittest.skipUnless(READS_PNG and READS_JPEG, "this clenet was built without libpng or libjpeg")
    def test_pictures_are_not_taken_for_damaged(self):
        for number in range(2):
            for name, content in (("a.png", png(8, 8, bytes(64))), ("b.jpg", make_corpus.jpeg(8, 8, [number]))):
                path = self.folder / "set" / f"class {number}" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        self.MOST = 150
        self.sweep("data", "info", "set", "--skip-damaged", "--size", "4")

    def test_summary(self):
        self.sweep("summary", self.network)

    def test_devices(self):
        environment = silent_driver(self.folder / "vendors", "fine")
        for options in ((), ("--json",), ("--verbose",)):
            self.sweep("devices", *options, **environment)

    def test_plot_and_report(self):
        self.train(0, "--data", "synthetic:64", "--epochs", "2", "--log", "r.jsonl")
        self.sweep("plot", "r.jsonl", "r.jsonl", "-o", "c.svg", written=["c.svg"])
        self.sweep("plot", "r.jsonl", "--terminal")
        self.sweep("report", "r.jsonl", "-o", "r.html", written=["r.html"])

    def test_import_and_export(self):
        self.train(0, "--data", "synthetic:64", "--epochs", "1", "--save", "m.safetensors")
        self.sweep("export", "m.safetensors", "--safetensors", "x.safetensors", "--fold-batchnorm",
                   written=["x.safetensors"])
        self.expect(0, "export", "m.safetensors", "--safetensors", "plain.safetensors")
        self.sweep("import", "plain.safetensors", "--network", self.network, "--save", "y.safetensors",
                   written=["y.safetensors"])


if __name__ == "__main__":
    main()
