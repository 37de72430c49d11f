"""What the program makes of its data: labels, batches of one image, devices that are not there, options that were not
given, work without end, memory that runs out, and what the documents say of it.
Arguments: the program, an OpenCL driver without devices (silent_icd.c), and a library that makes allocations fail
(fail_alloc.c) or "no-fail-alloc"."""
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import fcntl
import time
import unittest
from pathlib import Path

PROGRAM, SILENT_ICD, FAIL_ALLOC = (str(Path(sys.argv.pop(1)).absolute()) for _ in range(3))
ROOT = Path(__file__).resolve().parents[2]
CACHE = tempfile.TemporaryDirectory()  # one for all tests, and not the user's
os.environ["CLENET_CACHE_DIR"] = CACHE.name
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
PARTS = (("train-images-idx3-ubyte", "train-labels-idx1-ubyte"), ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"))
# Quick to build kernels for. The second batch norm is behind a linear layer, the first on planes of 7 x 7.
LAYERS = [{"type": "AvgPool2d", "kernel_size": 4}, {"type": "BatchNorm2d"}, {"type": "Flatten"},
          {"type": "Linear", "out_features": 12}, {"type": "BatchNorm1d"}, {"type": "Sigmoid"},
          {"type": "Linear", "out_features": 10}]


class Case(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.network = self.write_network("small.json", LAYERS)

    def run_program(self, *arguments, **environment):
        return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300,
                              stdin=subprocess.DEVNULL, cwd=self.folder, env={**os.environ, **environment})

    def expect(self, status, *arguments, **environment):
        result = self.run_program(*arguments, **environment)
        self.assertEqual(result.returncode, status, f"{arguments}: {result.stdout}{result.stderr}")
        return result

    def train(self, status, *arguments, **environment):
        return self.expect(status, "train", "--network", self.network, "--no-guard", *arguments, **environment)

    def write_network(self, name, layers):
        path = self.folder / name
        path.write_text(json.dumps({"name": path.stem, "input": [1, 28, 28], "layers": layers}))
        return path

    def write_set(self, name, train, test):
        """A folder of images that show their label, with these labels."""
        folder = self.folder / name
        folder.mkdir()
        for (images, labels), numbers in zip(PARTS, (train, test)):
            pixels = b"".join(bytes([20 * (label % 10)]) * 784 for label in numbers)
            (folder / images).write_bytes(struct.pack(">4I", 0x803, len(numbers), 28, 28) + pixels)
            (folder / labels).write_bytes(struct.pack(">2I", 0x801, len(numbers)) + bytes(numbers))
        return folder

    @staticmethod
    def labels(count, classes=10):
        return [i % classes for i in range(count)]


class Labels(Case):
    def test_an_odd_one_is_named_with_its_place(self):
        for half, (_, file), word in ((0, PARTS[0], "training"), (1, PARTS[1], "test")):
            for at, label in ((5, 255), (39, 10)):
                with self.subTest(half=half, label=label):
                    halves = [self.labels(40), self.labels(40)]
                    halves[half][at] = label
                    folder = self.write_set(f"odd-{half}-{label}", *halves)
                    result = self.train(1, "--data", folder, "--epochs", "1")
                    self.assertIn(f"{folder}/{file}: byte {8 + at}: {word} image {at} (counted from 0) has label "
                                  f"{label}, but network small has 10 classes, 0 to 9", result.stderr)

    def test_classes_that_only_some_images_have(self):
        for name, train, test in (("unseen", self.labels(40, 9), self.labels(40)),
                                  ("untested", self.labels(40), self.labels(40, 3)),
                                  ("fewer", self.labels(40, 3), self.labels(40, 3)),
                                  ("one", [4] * 40, [4] * 40)):
            with self.subTest(name=name):
                folder = self.write_set(name, train, test)
                self.train(0, "--data", folder, "--epochs", "1", "--save", f"{name}.safetensors")
                result = self.expect(0, "evaluate", f"{name}.safetensors", "--data", folder, "--confusion")
                self.assertIn(f"{name}, 40 test images", result.stdout)

    def test_evaluating_judges_the_test_labels_only(self):
        good = self.write_set("good", self.labels(40), self.labels(40))
        self.train(0, "--data", good, "--epochs", "1", "--save", "m.safetensors")
        odd = self.labels(40)
        odd[7] = 77
        result = self.expect(0, "evaluate", "m.safetensors", "--data", self.write_set("train-odd", odd, self.labels(40)),
                             "--confusion", "--predictions", "p.csv")
        self.assertEqual(len(re.findall(r"(?m)^ *9 ", result.stdout)), 2, result.stdout)
        result = self.expect(1, "evaluate", "m.safetensors", "--data", self.write_set("test-odd", self.labels(40), odd))
        self.assertIn("t10k-labels-idx1-ubyte: byte 15: test image 7 (counted from 0) has label 77", result.stderr)
        result = self.train(1, "--data", self.folder / "train-odd", "--resume", "m.safetensors", "--override")
        self.assertIn("byte 15: training image 7", result.stderr)

    def test_labels_that_are_no_bytes(self):
        folder = self.write_set("signed", self.labels(40), self.labels(40))
        (folder / PARTS[0][1]).write_bytes(struct.pack(">2I40b", 0x901, 40, *[-1] * 40))
        self.assertIn("byte 0: magic number", self.train(1, "--data", folder).stderr)


class BatchesOfOne(Case):
    def test_refused_where_every_batch_is_so(self):
        for count, arguments in ((40, ("--batch-size", "1")), (1, ())):
            with self.subTest(count=count):
                folder = self.write_set(f"set{count}", self.labels(count), self.labels(10))
                result = self.train(1, "--data", folder, "--epochs", "1", *arguments)
                self.assertIn("layer 4 (BatchNorm1d) of network small needs more than one value per channel",
                              result.stderr)
        for command in ("bench", "tune"):
            result = self.run_program(command, "--network", self.network, "--batch-size", "1")
            self.assertIn(result.returncode, (1, 2), result.stdout)

    def test_told_once_where_the_last_batch_is_so(self):
        folder = self.write_set("set", self.labels(33), self.labels(10))
        result = self.train(0, "--data", folder, "--epochs", "3", "--batch-size", "16", "--save", "m.safetensors")
        self.assertEqual(len(re.findall(r"warning: .*\(33 images at batch size 16\).*layer 4 \(BatchNorm1d\)",
                                        result.stderr)), 1, result.stderr)
        result = self.train(0, "--data", folder, "--resume", "m.safetensors", "--epochs", "4")
        self.assertEqual(result.stderr.count("layer 4 (BatchNorm1d)"), 1, result.stderr)
        self.assertNotIn("BatchNorm", self.train(0, "--data", folder, "--epochs", "1", "--batch-size", "11").stderr)

    def test_fine_without_such_a_batch_norm(self):
        self.network = self.write_network("planes.json", LAYERS[:4] + LAYERS[5:])
        folder = self.write_set("set", self.labels(33), self.labels(10))
        for size in ("1", "16"):
            self.assertNotIn("BatchNorm",
                             self.train(0, "--data", folder, "--epochs", "1", "--batch-size", size).stderr)


class Devices(Case):
    def silent(self, mode):
        folder = self.folder / "vendors"
        folder.mkdir(exist_ok=True)
        (folder / "silent.icd").write_text(SILENT_ICD + "\n")
        return {"OCL_ICD_VENDORS": str(folder), "SILENT_ICD": mode, "CLENET_DEVICE": ""}

    def test_a_platform_without_a_device(self):
        for mode, words in (("none", "platform 0, Silent, shows no device (clGetDeviceIDs: CL_DEVICE_NOT_FOUND"),
                            ("zero", "platform 0, Silent, shows no device (it says it has 0)"),
                            ("error", "platform 0, Silent, shows no device (clGetDeviceIDs: CL_OUT_OF_HOST_MEMORY"),
                            ("answerless", "device 0:0 of Silent is left out: clGetDeviceInfo: CL_OUT_OF_RESOURCES"),
                            ("pocl", "Portable Computing Language, shows no device (clGetDeviceIDs: CL_DEVICE_NOT_FOUND "
                                     "(-1)): PoCL keeps what it compiles in $POCL_CACHE_DIR")):
            for command in (("devices",), ("train", "--data", "synthetic:20"), ("check",)):
                with self.subTest(mode=mode, command=command):
                    result = self.expect(1, *command, **self.silent(mode))
                    self.assertIn(words, result.stderr)
                    self.assertNotIn("install", result.stderr)

    def test_a_device_that_cannot_be_used(self):
        for mode, words in (("unavailable", "its driver says that it is not available"),
                            ("compiler", "its driver has no compiler"), ("old", "it has no OpenCL 1.2")):
            with self.subTest(mode=mode):
                result = self.expect(1, "devices", **self.silent(mode))
                self.assertRegex(result.stdout, rf"(?m)^0:0 .* \(not usable: {words}\)$")
                self.assertIn(words, result.stderr)
                self.assertIn(words, self.expect(1, "train", "--data", "synthetic:20", **self.silent(mode)).stderr)
                device, = json.loads(self.run_program("devices", "--json", **self.silent(mode)).stdout)
                self.assertEqual(device["problem"], words)

    def test_drivers_that_are_not_there(self):
        empty, broken, blank = (self.folder / name for name in ("empty", "broken", "blank"))
        for folder in (empty, broken, blank):
            folder.mkdir()
        (broken / "a.icd").write_text("/nowhere/libdriver.so\n")
        (blank / "b.icd").write_text("\n")
        for place, words in ((empty, f"no driver is installed: {empty} (as $OCL_ICD_VENDORS says) has no .icd file"),
                             (broken, f"the driver that {broken}/a.icd names cannot be loaded: /nowhere/libdriver.so"),
                             (broken / "a.icd", "names cannot be loaded: /nowhere/libdriver.so"),
                             (blank, "it names no library"), ("/nowhere/x.so", "/nowhere/x.so")):
            with self.subTest(place=place):
                result = self.expect(1, "devices", OCL_ICD_VENDORS=str(place))
                self.assertIn(words, result.stderr)
                self.assertIn("Unset OCL_ICD_VENDORS, or install a driver", result.stderr)
        result = self.expect(1, "devices", **self.silent("no-platform"))
        self.assertIn("drivers are installed in", result.stderr)

    def test_what_could_not_be_asked_is_listed(self):
        environment = self.silent("fine")
        (self.folder / "vendors" / "gone.icd").write_text("libgone.so.1\n")
        result = self.expect(0, "devices", **environment)
        self.assertIn("gone.icd names cannot be loaded: libgone.so.1", result.stdout)
        result = self.expect(0, "devices", "--json", **environment)
        self.assertEqual(len(json.loads(result.stdout)), 1)
        self.assertIn("gone.icd", result.stderr)

    def test_long_names_leave_the_columns_where_they_are(self):
        head, row = self.expect(0, "devices", **self.silent("fine")).stdout.splitlines()[:2]
        for title, cell in (("platform", "Silent"), ("type", "GPU"), ("OpenCL", "1.2"), ("profile", "gpu")):
            self.assertEqual(head.index(title), row.index(cell, 90), f"{head}\n{row}")


class OptionsNotGiven(Case):
    def test_a_network_with_both_running_variances_is_resumed(self):
        layers = [dict(layer) for layer in LAYERS]
        layers[1]["biased_running_variance"] = True
        self.network = self.write_network("mixed.json", layers)
        self.train(0, "--data", "synthetic:64", "--seed", "5", "--batch-size", "16", "--epochs", "1",
                   "--save", "m.safetensors")
        result = self.expect(0, "train", "--resume", "m.safetensors", "--epochs", "2", "--save", "n.safetensors")
        self.assertIn("after epoch 1", result.stderr)
        self.train(0, "--data", "synthetic:64", "--seed", "5", "--batch-size", "16", "--epochs", "2",
                   "--save", "whole.safetensors")
        self.assertEqual((self.folder / "n.safetensors").read_bytes(), (self.folder / "whole.safetensors").read_bytes())
        for kind in ("biased", "unbiased"):
            self.assertIn("cannot be made " + kind, self.expect(1, "train", "--resume", "m.safetensors",
                                                                "--running-variance", kind).stderr)

    def test_given_it_is_taken(self):
        layers = [dict(layer) for layer in LAYERS]
        layers[1]["biased_running_variance"] = True
        self.network = self.write_network("mixed.json", layers)
        for kind, expected in (("biased", [True, True]), ("unbiased", [False, False])):
            self.train(0, "--data", "synthetic:64", "--epochs", "1", "--running-variance", kind, "--save", "m.safetensors")
            content = (self.folder / "m.safetensors").read_bytes()
            header = json.loads(content[8:8 + struct.unpack("<Q", content[:8])[0]])
            network = json.loads(header["__metadata__"]["network"])
            self.assertEqual([layer.get("biased_running_variance", False) for layer in network["layers"]
                              if layer["type"].startswith("BatchNorm")], expected)

    def test_data_and_seed_are_the_models(self):
        self.train(0, "--data", "synthetic:66", "--seed", "9", "--epochs", "1", "--save", "m.safetensors")
        said = self.expect(0, "evaluate", "m.safetensors").stdout
        self.assertEqual(said, self.expect(0, "evaluate", "m.safetensors", "--data", "synthetic:66", "--seed", "9").stdout)
        self.assertIn("synthetic, 11 test images", said)
        folder = self.write_set("mine", self.labels(40), self.labels(10))
        self.train(0, "--data", folder, "--epochs", "1", "--save", "f.safetensors")
        for command in (("train", "--resume"), ("evaluate",)):
            self.assertIn("a folder named 'mine': give its path with --data", self.expect(1, *command, "f.safetensors").stderr)


class Work(Case):
    def test_a_file_cannot_ask_for_endless_work(self):
        layers = [{"type": "Conv2d", "out_channels": 1, "kernel_size": [1, 65535]},
                  {"type": "AvgPool2d", "kernel_size": [1, 32769]}, {"type": "Flatten"}]
        network = json.dumps({"name": "wide", "input": [1, 1, 131072], "layers": layers})
        tensors, content = {}, b""
        for name, shape, count in (("0.weight", [1, 1, 1, 65535], 65535), ("0.bias", [1], 1)):
            tensors[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(content), len(content) + 4 * count]}
            content += bytes(4 * count)
        header = json.dumps({"__metadata__": {"clenet": "0.1.0", "network": network}, **tensors}).encode()
        (self.folder / "wide.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + content)
        (self.folder / "wide.json").write_text(network)
        start = time.monotonic()
        for command in (("predict", "wide.safetensors", "none.png"), ("export", "wide.safetensors", "--safetensors", "x"),
                        ("summary", "wide.json"), ("bench", "--network", "wide.json")):
            self.assertIn("clenet takes at most 1073741824", self.expect(1, *command).stderr)
        self.assertLess(time.monotonic() - start, 60)

    def test_planning_can_be_interrupted(self):
        """A network that takes long to build for: 300 layers, all different."""
        layers = [{"type": "Flatten"}] + [{"type": "Linear", "out_features": 700 + i} for i in range(300)]
        path = self.write_network("long.json", layers + [{"type": "Linear", "out_features": 10}])
        process = subprocess.Popen([PROGRAM, "train", "--network", str(path), "--data", "synthetic:64", "--no-guard"],
                                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        self.assertNotEqual(process.wait(timeout=60), 0)


class Progress(Case):
    SLOW = ("--data", "synthetic:40000", "--batch-size", "8", "--epochs", "1")

    def test_told_without_a_terminal_and_in_the_log(self):
        result = self.train(0, *self.SLOW, "--log", "run.jsonl", CLENET_PROGRESS_SECONDS="0.3")
        lines = re.findall(r"(?m)^epoch 1: (\d+) of 40000 images, loss [\d.]+, train acc [\d.]+, \d+ images/s, \d+ sec$",
                           result.stderr)
        self.assertTrue(lines, result.stderr)
        self.assertEqual(len(result.stdout.splitlines()), 1)
        records = [json.loads(line) for line in (self.folder / "run.jsonl").read_text().splitlines()]
        progress = [record for record in records if record["event"] == "progress"]
        self.assertEqual([record["train_images"] for record in progress], [int(line) for line in lines])
        self.assertEqual([r["event"] for r in records], ["start"] + ["progress"] * len(progress) + ["epoch", "end"])
        for record in progress:
            self.assertEqual(sorted(record), sorted(("event", "epoch", "train_images", "images_before", "loss",
                                                     "train_accuracy", "train_seconds", "images_per_second")))

    def test_short_epochs_tell_nothing(self):
        result = self.train(0, "--data", "synthetic:64", "--epochs", "2", "--log", "run.jsonl")
        self.assertNotIn(" of 64 images", result.stderr)
        self.assertNotIn("progress", (self.folder / "run.jsonl").read_text())

    def on_terminal(self, columns):
        process, terminal = pty.fork()
        if process == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
            os.environ["TERM"] = "xterm"
            os.execv(PROGRAM, [PROGRAM, "train", "--network", str(self.network), "--no-guard", *self.SLOW])
        text = b""
        while True:
            try:
                piece = os.read(terminal, 4096)
            except OSError:
                break
            if not piece:
                break
            text += piece
        os.waitpid(process, 0)
        os.close(terminal)
        return text.decode()

    def test_a_narrow_terminal_cuts_no_number(self):
        for columns in (20, 40, 60, 80, 120):
            text = self.on_terminal(columns)
            lines = [line.replace("\033[K", "") for line in re.split("[\r\n]+", text) if re.search(r"^epoch 1 .* %", line)]
            self.assertTrue(lines, text)
            for line in lines:
                self.assertLessEqual(len(line), columns - 3)
                self.assertRegex(line, r"^epoch 1( \[=*>? *\])? +\d+ %(  \d+ images/s)?(  loss \d+\.\d{4})?"
                                       r"(  acc \d\.\d{3})?(  [\d:]+ left)?$")


class Documents(Case):
    def test_the_list_of_layers_is_the_programs(self):
        listed = self.expect(0, "summary", "--layers").stdout
        self.assertIn(f"```\n{listed}```\n", (ROOT / "docs" / "networks.md").read_text())

    def test_the_manual_shows_the_readmes_sample(self):
        line = re.search(r"(?m)^epoch 1, loss .*$", (ROOT / "README.md").read_text())[0]
        self.assertIn(line, (ROOT / "docs" / "clenet.1").read_text())

    def test_the_listing_is_python(self):
        text = self.expect(0, "summary", self.network, "--python").stdout
        compile(text, "net.py", "exec")
        self.assertEqual(re.findall(r"nn\.(\w+)\(", text.partition("nn.Sequential(")[2]),
                         [layer["type"] for layer in LAYERS])
        self.assertIn("nn.Linear(in_features=49, out_features=12)", text)
        try:
            import torch
        except ImportError:
            return
        names = {}
        exec(text, names)  # pylint: disable=exec-used
        self.train(0, "--data", "synthetic:64", "--epochs", "1", "--save", "m.safetensors")
        self.expect(0, "export", "m.safetensors", "--safetensors", "plain.safetensors")
        content = (self.folder / "plain.safetensors").read_bytes()
        size = struct.unpack("<Q", content[:8])[0]
        header = {name: entry for name, entry in json.loads(content[8:8 + size]).items() if name != "__metadata__"}
        names["net"].load_state_dict({name: torch.zeros(entry["shape"], dtype={"F32": torch.float32,
                                                                                "I64": torch.int64}[entry["dtype"]])
                                      for name, entry in header.items()}, strict=True)

    def test_the_recipe_for_images_of_ones_own(self):
        """The folder's names and headers, as the document's Python writes them."""
        text = (ROOT / "docs" / "data.md").read_text()
        for images, labels in PARTS:
            self.assertIn(f"`{images}`", text)
            self.assertIn(f"`{labels}`", text)
        for code in re.findall(r"```python\n(.*?)```", text, re.S):
            compile(code, "data.md", "exec")


@unittest.skipIf(FAIL_ALLOC.endswith("no-fail-alloc"), "allocations cannot be made to fail here")
class Memory(Case):
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

    def test_summary(self):
        self.sweep("summary", self.network)

    def test_devices(self):
        folder = self.folder / "vendors"
        folder.mkdir()
        (folder / "silent.icd").write_text(SILENT_ICD)
        environment = {"OCL_ICD_VENDORS": str(folder), "SILENT_ICD": "fine", "CLENET_DEVICE": ""}
        for options in ((), ("--json",), ("--verbose",)):
            self.sweep("devices", *options, **environment)

    def test_import_and_export(self):
        self.train(0, "--data", "synthetic:64", "--epochs", "1", "--save", "m.safetensors")
        self.sweep("export", "m.safetensors", "--safetensors", "x.safetensors", "--fold-batchnorm",
                   written=["x.safetensors"])
        self.expect(0, "export", "m.safetensors", "--safetensors", "plain.safetensors")
        self.sweep("import", "plain.safetensors", "--network", self.network, "--save", "y.safetensors",
                   written=["y.safetensors"])


def load_tests(loader, _tests, _pattern):
    """None of the classes that $CLENET_TEST_WITHOUT names."""
    without = os.environ.get("CLENET_TEST_WITHOUT", "").split()
    classes = [value for name, value in globals().items()
               if isinstance(value, type) and issubclass(value, unittest.TestCase) and name not in without]
    return unittest.TestSuite(map(loader.loadTestsFromTestCase, classes))


if __name__ == "__main__":
    unittest.main()
