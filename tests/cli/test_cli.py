"""The program as its users see it: help, errors, results, files, signals, terminal.
Arguments: the program, its version, and "png" where it reads these."""
import csv
import gzip
import json
import math
import os
import pty
import random
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib
from pathlib import Path
from random import Random

from support import Case, LEAKS_TOLD, PROGRAM, READS_PNG, ROOT, VERSION, clenet, idx, safetensors, settled

COMMANDS = ("train", "evaluate", "predict", "export", "import", "bench", "check", "tune", "devices", "summary", "cache")
EPOCH = r"epoch {}, loss \d+\.\d{{4}}, train acc [01]\.\d{{3}}, test acc [01]\.\d{{3}}, time \d+\.\d sec"
SMALL = ("--data", "synthetic:120", "--batch-size", "32", "--offline")


def png(width, height, samples, colour=0):
    """A PNG file of 8 bits per sample: colour 0 is grey, 2 is RGB."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    row = len(samples) // height
    rows = b"".join(b"\0" + bytes(samples[y * row:(y + 1) * row]) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def rewrite(source, target, **metadata):
    """A safetensors file with other metadata."""
    content = Path(source).read_bytes()
    size, = struct.unpack("<Q", content[:8])
    header = json.loads(content[8:8 + size])
    header["__metadata__"].update(metadata)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(target).write_bytes(struct.pack("<Q", len(text)) + text + content[8 + size:])


class Usage(Case):
    def test_help_lists_the_commands(self):
        result = self.expect(0, "--help")
        for command in COMMANDS:
            self.assertRegex(result.stdout, rf"(?m)^  {command} ")
        self.assertEqual(result.stderr, "")

    def test_version(self):
        self.assertEqual(self.expect(0, "--version").stdout, f"clenet {VERSION}\n")

    def test_no_command_is_a_usage_error(self):
        self.assertIn("Usage:", self.expect(2).stderr)

    def test_every_command_has_help(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                result = self.expect(0, command, "--help")
                self.assertTrue(result.stdout.startswith(f"Usage: clenet {command} [OPTION...]"))
                self.assertEqual(result.stderr, "")

    def test_the_manual_has_every_command_and_option(self):
        manual = (ROOT / "docs" / "clenet.1").read_text()
        for command in COMMANDS:
            section = manual.split(f"\n.SH {command.upper()}\n")
            self.assertEqual(len(section), 2, command)
            section = section[1].split("\n.SH ")[0].replace("\\-", "-")
            for option in re.findall(r"(?m)^  --([a-z-]+)", self.expect(0, command, "--help").stdout):
                if option != "help":
                    self.assertRegex(section, rf"--{option}\b(?!-)", f"{command} --{option}")

    def test_help_of_train_shows_every_option_and_default(self):
        text = self.expect(0, "train", "--help").stdout
        for option in ("network data device epochs batch-size optimizer lr momentum weight-decay seed standardize "
                       "resize running-variance save save-every keep save-best resume override require-accuracy log timings trace max-steps quiet offline profile-file "
                       "safe kernels no-cache no-command-buffer").split():
            self.assertRegex(text, rf"(?m)^  --{option} ")
        for default in ("bn-lenet", "fashion-mnist", "5", "256", "0.001", "adam", "unbiased"):
            self.assertIn(f"(default {default})", text)

    def test_unknown_words_get_a_hint(self):
        for arguments, hint in ((("trian",), "did you mean 'train'?"), (("train", "--epoch", "1"), "--epochs?"),
                                (("evaluate", "m", "--confuson"), "--confusion?")):
            with self.subTest(arguments=arguments):
                result = self.expect(2, *arguments)
                self.assertIn(hint, result.stderr)
                self.assertEqual(result.stdout, "")

    def test_wrong_values_are_named(self):
        wrong = (("--epochs", "0", "out of range"), ("--epochs", "five", "whole number"), ("--epochs", "-1", "-1"),
                 ("--epochs", "1.5", "whole number"), ("--epochs", "99999999999999999999", "out of range"),
                 ("--batch-size", "0", "out of range"), ("--batch-size", "", "whole number"), ("--lr", "0", "out of range"),
                 ("--lr", "nan", "not a number"), ("--lr", "0.1x", "not a number"), ("--lr", "-1", "out of range"),
                 ("--optimizer", "adagrad", "adam, sgd"), ("--running-variance", "x", "unbiased, biased"),
                 ("--momentum", "0.9", "--optimizer sgd"), ("--resize", "100000", "out of range"),
                 ("--seed", "-3", "whole number"), ("--max-steps", "0", "out of range"),
                 ("--require-accuracy", "1.1", "out of range"), ("--require-accuracy", "-0.1", "out of range"),
                 ("--require-accuracy", "75%", "not a number"))
        for option, value, expected in wrong:
            with self.subTest(option=option, value=value):
                result = self.expect(2, "train", option, value)
                self.assertIn(option, result.stderr)
                self.assertIn(expected, result.stderr)
                self.assertEqual(result.stdout, "")

    def test_options_that_exclude_each_other(self):
        result = self.expect(2, "train", "--require-accuracy", "0.5", "--max-steps", "10")
        self.assertIn("--max-steps", result.stderr)
        self.assertIn("choose one", result.stderr)
        self.assertEqual(result.stdout, "")

    def test_operands_are_counted(self):
        self.assertIn("MODEL is missing", self.expect(2, "evaluate").stderr)
        self.assertIn("MODEL is missing", self.expect(2, "predict").stderr)
        self.assertIn("IMAGE is missing", self.expect(2, "predict", "a").stderr)
        self.assertIn(" MODEL IMAGE...\n", self.expect(0, "predict", "--help").stdout)
        self.assertIn("'more'", self.expect(2, "evaluate", "a", "more").stderr)
        self.assertIn("'more'", self.expect(2, "train", "more").stderr)
        self.assertIn("missing argument", self.expect(2, "train", "--epochs").stderr)


class EarlyErrors(Case):
    """What can be known before training is told before training, as a failure."""

    def check(self, expected, *arguments):
        result = self.expect(1, "train", *SMALL, *arguments)
        self.assertIn(expected, result.stderr)
        self.assertNotIn("epoch", result.stdout)

    def test_save_into_a_missing_folder(self):
        self.check("missing-folder", "--save", str(self.folder / "missing-folder" / "m.safetensors"))

    def test_save_over_a_folder(self):
        self.check("not a regular file", "--save", str(self.folder))

    def test_log_that_cannot_be_opened(self):
        self.check("cannot open the log", "--log", str(self.folder))

    def test_trace_that_cannot_be_written(self):
        self.check("cannot write the trace", "--trace", str(self.folder))

    def test_unknown_network(self):
        self.check("bn-lenet", "--network", "no-such-network")

    def test_unknown_data(self):
        result = self.expect(1, "train", "--offline", "--data", str(self.folder / "nothing"))
        self.assertIn("nothing", result.stderr)

    def test_unknown_device(self):
        self.check("no-such-device", "--device", "no-such-device")

    def test_evaluate_without_the_file(self):
        self.assertIn("no-such-model", self.expect(1, "evaluate", "no-such-model", *SMALL).stderr)


class Listings(Case):
    def test_summary(self):
        text = self.expect(0, "summary").stdout
        for word in ("Conv2d", "BatchNorm", "Sigmoid", "MaxPool2d", "Linear"):
            self.assertIn(word, text)
        self.assertRegex(text, r"44[, ]?878")
        self.assertNotEqual(text, self.expect(0, "summary", "lenet").stdout)
        self.assertNotEqual(text, self.expect(0, "summary", "--batch-size", "16").stdout)

    def test_summary_of_nothing(self):
        self.assertIn("nothing.json", self.expect(1, "summary", "nothing.json").stderr)

    def test_devices(self):
        lines = self.expect(0, "devices").stdout.splitlines()
        self.assertRegex(lines[0], r"^device +name +platform +type +memory +units +OpenCL +profile$")
        rows = [line for line in lines if re.match(r"\d+:\d+ ", line)]
        self.assertTrue(rows)
        self.assertEqual(sum(" * " in row for row in rows), 1)
        for row in rows:
            self.assertRegex(row, r"^\d+:\d+ .+ (GPU|CPU|accelerator|other) +\d+\.\d GiB +\d+ +\d\.\d +\S")

    def test_devices_says_what_was_not_measured(self):
        rows = re.findall(r"(?m)^\d+:\d+ .*", self.expect(0, "devices", "--profile-file", "gpu").stdout)
        self.assertTrue(rows)
        for row in rows:
            self.assertTrue(row.endswith(" gpu (not measured)"), row)

    def profile(self, text):
        path = self.folder / "mine.json"
        path.write_text(text)
        return str(path)

    def test_devices_in_full(self):
        path = self.profile('{"name": "mine", "match": null, "note": "for a test", "values": {\n'
                            '"vector": 0,\n"min_groups": 7}, "quirks": [\n'
                            '{"operation": "linear", "reason": "is wrong", "link": "https://example.org/1"},\n'
                            '{"operation": "adam", "driver": {"below": "0.0.1"}, "reason": "was wrong once"}]}')
        text = self.expect(0, "devices", "--verbose", "--profile-file", path).stdout
        devices = json.loads(self.expect(0, "devices", "--json", "--profile-file", path).stdout)
        self.assertEqual(sum(device["used"] for device in devices), 1)
        for device in devices:
            for word in (device["name"], device["driver_version"], device["vendor"]):
                self.assertIn(word, text)
            self.assertEqual((device["profile"], device["measured"], device["note"]), ("mine", None, "for a test"))
            self.assertGreater(device["max_work_group_size"], 0)
            values = device["values"]
            self.assertEqual(values["min_groups"], {"profile": 7, "used": 7, "from": f"{path}:3"})
            self.assertEqual((values["vector"]["profile"], values["vector"]["from"]), (0, f"{path}:2"))
            self.assertIn(values["vector"]["used"], (1, 2, 4, 8, 16))
            self.assertRegex(values["min_clblast_weights"]["from"], r"^(built-in|.*devices/\w+\.json:\d+)$")
            mine = [quirk for quirk in device["quirks"] if quirk["from"].startswith(path)]  # shipped ones stand beside
            self.assertEqual(mine, [{"operation": "linear", "reason": "is wrong",
                                     "link": "https://example.org/1", "from": f"{path}:4"}])
        self.assertEqual(text.count("\n  profile                        mine\n"), len(devices))
        self.assertRegex(text, r"(?m)^  measured +not measured$")
        self.assertRegex(text, rf"(?m)^  min_groups +7 +7  {re.escape(path)}:3$")
        self.assertIn(f"linear runs in its safe variant: is wrong, https://example.org/1\n  {path}:4", text)

    def test_old_names_of_values_are_told_and_never_written(self):
        path = self.profile('{"name": "mine", "match": null, "values": {"groups": 9, "team": 2, "linear_gemm": 3}}')
        result = self.expect(0, "devices", "--json", "--profile-file", path)
        self.assertIn(f'{path}:1: "groups" is now called "min_groups"', result.stderr)
        values = json.loads(result.stdout)[0]["values"]
        self.assertEqual([values[name]["profile"] for name in ("min_groups", "max_team", "min_clblast_weights")], [9, 2, 3])
        documented = re.findall(r"(?m)^\| `(\w+)` \| \d+ \| \d+ \|", (ROOT / "devices/README.md").read_text(encoding="utf-8"))
        self.assertEqual(list(values), documented)
        verbose = self.expect(0, "devices", "--verbose", "--profile-file", path).stdout
        self.assertEqual([re.search(rf"(?m)^  {name} ", verbose) is not None for name in documented], [True] * len(documented))
        self.assertNotRegex(verbose, r"(?m)^  (groups|team|linear_gemm) ")

    def test_devices_where_a_profile_is_broken(self):
        path = self.profile('{"name": "mine", "match": null, "values": {\n"vector": 99}}')
        result = self.expect(1, "devices", "--profile-file", path)
        self.assertRegex(result.stdout, r"(?m) \(broken\)$")
        self.assertIn(f"{path}:2: vector: has to be an integer from 0 to 16", result.stderr)
        self.assertIn(None, [d["profile"] for d in json.loads(
            self.expect(1, "devices", "--json", "--profile-file", path).stdout)])

    def test_devices_where_the_variable_fits_none(self):
        result = self.expect(0, "devices", CLENET_DEVICE="no-such-device")
        self.assertRegex(result.stdout, r"(?m)^\d+:\d+ ")
        self.assertIn("no-such-device", result.stderr)


class Training(Case):
    def test_prints_the_epoch_lines_and_nothing_else(self):
        result = self.expect(0, "train", *SMALL, "--epochs", "2")
        lines = result.stdout.splitlines()
        self.assertEqual(len(lines), 2)
        for number, line in enumerate(lines, 1):
            self.assertRegex(line, "^" + EPOCH.format(number) + "$")
        self.assertNotRegex(result.stderr, "[\r\033]")
        self.assertRegex(result.stderr, "bn-lenet, 44878 parameters; .*120 training and 20 test images")

    def test_safe_and_quirks(self):
        path = self.folder / "quirk.json"
        path.write_text('{"name": "quirky", "match": {}, "values": {}, "quirks": [\n'
                        '{"operation": "copy", "reason": "is wrong"}]}')
        result = self.expect(0, "train", *SMALL, "--max-steps", "1", "--profile-file", str(path))
        self.assertIn(f"copy runs in its safe variant: is wrong ({path}:2)\n", result.stderr)
        self.assertRegex(result.stderr, r"(?m), profile quirky; safe: copy$")
        log = self.folder / "log"
        result = self.expect(0, "train", *SMALL, "--max-steps", "1", "--safe", "--log", str(log))
        self.assertIn("profile safe", result.stderr)
        options = json.loads(log.read_text().splitlines()[0])["options"]
        self.assertEqual((options["safe"], options["profile-file"]), (True, "safe"))

    def test_quiet_prints_nothing(self):
        result = self.expect(0, "train", *SMALL, "--epochs", "1", "--quiet")
        self.assertEqual((result.stdout, result.stderr), ("", ""))

    def test_max_steps(self):
        result = self.expect(0, "train", *SMALL, "--max-steps", "2")
        self.assertRegex(result.stdout, r"^epoch 1 stopped after 64 of 120 images, loss \d+\.\d{4}, .* sec\n$")
        result = self.expect(0, "train", *SMALL, "--max-steps", "4")  # just the first epoch
        self.assertRegex(result.stdout, "^" + EPOCH.format(1) + "\n$")

    def test_options_reach_the_trainer(self):
        def first_loss(*options):
            result = self.expect(0, "train", *SMALL, "--epochs", "1", *options)
            return re.search(r"loss (\S+), train acc \S+, test acc (\S+),", result.stdout).groups()

        plain = first_loss()
        self.assertEqual(plain, first_loss("--optimizer", "adam", "--lr", "0.001", "--seed", "0"))
        for options in (("--seed", "1"), ("--lr", "0.01"), ("--optimizer", "sgd", "--lr", "0.1", "--momentum", "0.9"),
                        ("--weight-decay", "0.5"), ("--standardize",), ("--network", "lenet")):
            with self.subTest(options=options):
                self.assertNotEqual(plain, first_loss(*options))

    def test_timings(self):
        result = self.expect(0, "train", *SMALL, "--epochs", "1", "--timings")
        lines = result.stdout.splitlines()
        self.assertRegex(lines[0], "^" + EPOCH.format(1) + "$")
        self.assertGreater(len(lines), 10)
        self.assertIn("conv2d", result.stdout)

    def test_log(self):
        log = self.folder / "log.jsonl"
        result = self.expect(0, "train", *SMALL, "--epochs", "2", "--seed", "7", "--log", str(log))
        start, *epochs, end = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertEqual((start["event"], start["version"], start["network"]), ("start", VERSION, "bn-lenet"))
        self.assertEqual((start["parameters"], start["train_images"], start["test_images"]), (44878, 120, 20))
        self.assertTrue(start["device"])
        options = {"epochs": 2, "batch-size": 32, "seed": 7, "lr": 0.001, "optimizer": "adam", "standardize": False,
                   "save": None, "data": "synthetic:120"}
        self.assertEqual({name: start["options"][name] for name in options}, options)
        self.assertEqual([(e["event"], e["epoch"], e["stopped"]) for e in epochs],
                         [("epoch", 1, False), ("epoch", 2, False)])
        for epoch, line in zip(epochs, result.stdout.splitlines()):
            self.assertTrue(line.startswith("epoch {epoch}, loss {loss:.4f}, train acc {train_accuracy:.3f}, "
                                            "test acc {test_accuracy:.3f}, ".format(**epoch)), (epoch, line))
        self.assertEqual((end["event"], end["result"], end["saved"]), ("end", "ok", None))

    def test_required_accuracy(self):
        def train(exit_status, required):
            model, log = self.folder / f"{required}.safetensors", self.folder / f"{required}.jsonl"
            result = self.expect(exit_status, "train", *SMALL, "--epochs", "2", "--require-accuracy", str(required),
                                 "--save", str(model), "--log", str(log))
            self.assertEqual(len(result.stdout.splitlines()), 2)
            *_, epoch, end = [json.loads(line) for line in log.read_text().splitlines()]
            self.assertEqual(end["saved"], str(model))
            return epoch["test_accuracy"], end, result.stderr, model.read_bytes()

        accuracy, end, errors, model = train(0, 0)
        self.assertGreater(accuracy, 0)
        self.assertLess(accuracy, 0.99)
        self.assertEqual((end["result"], end["message"]), ("ok", ""))
        self.assertEqual(train(0, accuracy)[1]["result"], "ok")  # reached is enough
        accuracy, end, errors, kept = train(1, 0.99)
        self.assertEqual(kept, model)
        self.assertEqual((end["result"], end["message"]),
                         ("inaccurate", f"test accuracy {accuracy:g} after epoch 2 is below 0.99"))
        self.assertTrue(errors.endswith(f"clenet train: {end['message']}\n"), errors)

    def test_saved_model_evaluates_to_what_training_said(self):
        model = self.folder / "m.safetensors"
        result = self.expect(0, "train", *SMALL, "--epochs", "2", "--standardize", "--save", str(model))
        accuracy = float(re.findall(r"test acc (\S+),", result.stdout)[-1])
        self.assertIn(str(model), result.stderr)
        result = self.expect(0, "evaluate", str(model), *SMALL, "--confusion")
        head, *rows = result.stdout.splitlines()
        self.assertAlmostEqual(float(re.search(r"accuracy (\S+)$", head).group(1)), accuracy, delta=0.0006)
        rows = rows[rows.index("", 1):]  # behind the table of classes
        counts = [[int(n) for n in re.findall(r" (\d+)(?= )", row)][-10:] for row in rows if re.search(r" [01]\.\d{3}$| -$", row)]
        self.assertEqual(len(counts), 10)
        self.assertEqual(sum(map(sum, counts)), 20)
        self.assertAlmostEqual(sum(counts[i][i] for i in range(10)) / 20, accuracy, delta=0.0006)

    def test_running_variance_conventions_differ_in_prediction_only(self):
        def epoch(kind):
            log = self.folder / f"{kind}.jsonl"
            self.expect(0, "train", *SMALL, "--epochs", "1", "--running-variance", kind, "--log", str(log))
            return json.loads(log.read_text().splitlines()[1])

        unbiased, biased = epoch("unbiased"), epoch("biased")
        self.assertEqual(unbiased["loss"], biased["loss"])
        self.assertNotEqual(unbiased["test_loss"], biased["test_loss"])


class Model(Case):
    """A small model and the test images it was trained beside, as IDX and as PNG files."""

    NAMES = ("one", 'two, "the second"', "three")

    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.shared = Path(holder.name)
        cls.network = cls.shared / "tiny.json"
        cls.network.write_text(json.dumps({"input": [1, 9, 7], "layers": [
            {"type": "Conv2d", "out_channels": 3, "kernel_size": 3}, {"type": "BatchNorm2d"}, {"type": "ReLU"},
            {"type": "Flatten"}, {"type": "Linear", "out_features": 3}]}))
        random.seed(5)
        cls.labels = [n % 3 for n in range(20)]
        cls.images = [[random.randrange(60) + 180 * (column % 3 == label) for _ in range(9) for column in range(7)]
                      for label in cls.labels]
        for part in ("train", "t10k"):
            (cls.shared / f"{part}-images-idx3-ubyte").write_bytes(idx(cls.images, 9, 7))
            (cls.shared / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 20) + bytes(cls.labels))
        cls.idx = str(cls.shared / "t10k-images-idx3-ubyte")
        cls.model = str(cls.shared / "m.safetensors")
        result = clenet("train", "--network", str(cls.network), "--data", str(cls.shared), "--batch-size", "10", "--epochs",
                        "8", "--lr", "0.02", "--save", cls.model)
        if result.returncode != 0:
            raise RuntimeError(result.stderr)
        cls.named = str(cls.shared / "named.safetensors")
        rewrite(cls.model, cls.named, classes=json.dumps(cls.NAMES))

    def predictions(self, *arguments, model=None, exit_status=0, stdin=None):
        """Lines of JSON, as (file, index, ((class, name, probability), …))."""
        with open(stdin or os.devnull, "rb") as file:
            result = subprocess.run([PROGRAM, "predict", model or self.model, "--json", *map(str, arguments)], stdin=file,
                                    capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(result.returncode, exit_status, result.stderr)
        self.errors = result.stderr
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        return [(line["file"], line["index"], [(p["class"], p["name"], p["probability"]) for p in line["predictions"]])
                for line in lines]

    def png(self, name, *arguments, **keywords):
        path = self.folder / name
        path.write_bytes(png(*arguments, **keywords))
        return path


class Predict(Model):
    def test_images_of_an_idx_file(self):
        found = self.predictions(self.idx, "--top", "3", "--batch-size", "7")
        self.assertEqual([(file, index) for file, index, _ in found], [(self.idx, n) for n in range(20)])
        for _, _, classes in found:
            self.assertEqual(sorted(k for k, _, _ in classes), [0, 1, 2])
            self.assertEqual([name for _, name, _ in classes], [None] * 3)
            self.assertAlmostEqual(sum(p for _, _, p in classes), 1, delta=1e-6)
            self.assertEqual(classes, sorted(classes, key=lambda c: -c[2]))
        self.assertGreater(sum(classes[0][0] == label for (_, _, classes), label in zip(found, self.labels)), 16)
        self.assertEqual([(n, classes) for _, n, classes in self.predictions(self.idx, "--first", "18", "--top", "9")],
                         [(n, classes) for _, n, classes in found[18:]])
        self.assertEqual([n for _, n, _ in self.predictions(self.idx, "--first", "3", "--count", "2")], [3, 4])
        self.predictions(self.idx, "--first", "20", exit_status=1)
        self.assertIn("no image 20: it has 20", self.errors)

    def test_as_evaluate_says(self):
        table = self.folder / "table.csv"
        self.expect(0, "evaluate", self.model, "--data", str(self.shared), "--predictions", str(table))
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        found = self.predictions(self.idx)
        self.assertEqual([(int(row["index"]), int(row["predicted"])) for row in rows],
                         [(n, classes[0][0]) for _, n, classes in found])
        for row, (_, _, classes) in zip(rows, found):
            self.assertAlmostEqual(float(row["probability"]), classes[0][2], delta=1e-6)

    @unittest.skipUnless(READS_PNG, "this clenet was built without libpng")
    def test_pictures(self):
        whole = [classes for _, _, classes in self.predictions(self.idx)]
        paths = [self.png(f"{n}.png", 7, 9, image) for n, image in enumerate(self.images)]
        self.assertEqual(self.predictions(*paths), [(str(path), 0, classes) for path, classes in zip(paths, whole)])
        inverted = self.png("inverted.png", 7, 9, [255 - v for v in self.images[1]])
        coloured = self.png("coloured.png", 7, 9, [v for v in self.images[2] for _ in range(3)], colour=2)
        # Each pixel as 3 × 3: the filter that reduces it is as wide as 6, but a column is what these images are of.
        large = self.png("large.png", 21, 27, [self.images[0][y // 3 * 7 + x // 3] for y in range(27) for x in range(21)])
        self.assertEqual(self.predictions(inverted, "--invert")[0][2], whole[1])
        self.assertEqual(self.predictions(coloured)[0][2], whole[2])
        self.assertEqual(self.predictions(large)[0][2][0][0], whole[0][0][0])
        self.assertEqual(self.predictions("-", stdin=paths[3]), [("-", 0, whole[3])])

    def test_standard_input(self):
        whole = self.predictions(self.idx)
        self.assertEqual(self.predictions("-", stdin=self.idx), [("-", n, classes) for _, n, classes in whole])
        zipped = self.folder / "zipped"
        zipped.write_bytes(gzip.compress(Path(self.idx).read_bytes()))
        self.assertEqual([line[1:] for line in self.predictions(zipped)], [line[1:] for line in whole])

    def test_names_and_columns(self):
        (_, _, ((number, name, _),)), = self.predictions(self.idx, "--count", "1", model=self.named)
        self.assertEqual(name, self.NAMES[number])
        lines = self.expect(0, "predict", self.named, self.idx, "--top", "2").stdout.splitlines()
        names = "|".join(map(re.escape, self.NAMES))
        self.assertEqual(len(lines), 20)
        self.assertEqual(len({len(line) for line in lines}), 1)
        for n, line in enumerate(lines):
            self.assertRegex(line, rf"^{re.escape(self.idx)} +{n}(  ({names}) +[01]\.\d{{4}}){{2}}$")
        line, = self.expect(0, "predict", self.model, self.idx, "--count", "1").stdout.splitlines()
        self.assertRegex(line, rf"^{re.escape(self.idx)} +0  [012] [01]\.\d{{4}}$")

    def test_files_that_cannot_be_read_are_told_and_the_others_predicted(self):
        text, short, labels = self.folder / "text", self.folder / "short", self.shared / "t10k-labels-idx1-ubyte"
        text.write_text("no picture\n")
        short.write_bytes(Path(self.idx).read_bytes()[:-1])
        wrong = {"nowhere": "No such file", str(text): "neither a PNG nor an IDX file", str(short): "truncated",
                 str(labels): "no IDX file of images", str(self.folder): "Is a directory", "-": "the file is empty"}
        found = self.predictions(*wrong, self.idx, exit_status=1)
        self.assertEqual([file for file, _, _ in found], [self.idx] * 20)
        errors = [line for line in self.errors.splitlines() if line.startswith("clenet predict: ")]
        self.assertEqual(len(errors), len(wrong), errors)
        for (file, reason), line in zip(wrong.items(), errors):
            self.assertIn("standard input" if file == "-" else file, line)
            self.assertIn(reason, line)

    @unittest.skipUnless(READS_PNG, "this clenet was built without libpng")
    def test_damaged_pictures(self):
        whole = png(7, 9, self.images[0])
        for bytes_, reason in ((whole[:-30], "truncated"), (whole[:-1], "truncated"),
                               (whole[:-13] + bytes([whole[-13] ^ 1]) + whole[-12:], "CRC")):
            path = self.folder / "damaged.png"
            path.write_bytes(bytes_)
            self.assertEqual(self.predictions(path, exit_status=1), [])
            self.assertRegex(self.errors, rf"damaged\.png: PNG: byte \d+: .*{reason}")

    def test_models_that_are_of_no_use(self):
        short = self.folder / "short.safetensors"
        short.write_bytes(Path(self.model).read_bytes()[:500])
        for model in (str(short), "nowhere.safetensors", self.idx):
            with self.subTest(model=model):
                self.assertEqual(self.predictions(self.idx, model=model, exit_status=1), [])
                self.assertIn(model, self.errors)
        self.assertEqual(self.predictions(self.idx, "--network", "bn-lenet", exit_status=1), [])

    def test_images_of_two_channels_are_none(self):
        network, model = self.folder / "two.json", self.folder / "two.safetensors"
        network.write_text('{"input": [2, 1, 1], "layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": 2}]}')
        model.write_bytes(safetensors({"1.weight": [[1, 2], [3, 4]], "1.bias": [0, 0]}))
        self.assertEqual(self.predictions(self.idx, "--network", network, model=str(model), exit_status=1), [])
        self.assertIn("2×1×1", self.errors)

    def test_tensors_of_another_program(self):
        network, model = self.folder / "one.json", self.folder / "one.safetensors"
        network.write_text('{"input": [1, 9, 7], "layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": 2}]}')
        model.write_bytes(safetensors({"1.weight": [[0] * 63, [1] * 63], "1.bias": [0.5, 0]}))
        self.predictions(self.idx, model=str(model), exit_status=1)
        self.assertIn("network", self.errors)
        found = self.predictions(self.idx, "--network", network, model=str(model))
        for (_, _, ((number, _, probability),)), image in zip(found, self.images):
            self.assertEqual(number, 1)
            self.assertAlmostEqual(probability, 1 / (1 + math.exp(0.5 - sum(image) / 255)), delta=1e-6)

    def test_a_first_start_with_builders(self):
        fresh = {"CLENET_CACHE_DIR": str(self.folder / "programs"), "POCL_CACHE_DIR": str(self.folder / "driver")}
        (self.folder / "driver").mkdir()
        plain = self.expect(0, "predict", self.model, self.idx)
        result = self.expect(0, "predict", self.model, self.idx, **fresh)
        self.assertEqual((result.stdout, result.stderr), (plain.stdout, plain.stderr))


class Evaluate(Model):
    def test_a_table_of_classes(self):
        table = self.folder / "table.csv"
        result = self.expect(0, "evaluate", self.named, "--data", str(self.shared), "--predictions", str(table))
        head, empty, title, *lines = result.stdout.splitlines()
        self.assertEqual((empty, title.split(), len(lines)), ("", ["class", "images", "precision", "recall", "F1"], 3))
        with table.open(newline="") as file:
            pairs = [(int(row["label"]), int(row["predicted"])) for row in csv.DictReader(file)]
        right = sum(label == predicted for label, predicted in pairs)
        self.assertTrue(head.endswith(f"accuracy {right / 20:.4f}"), head)

        def share(part, whole):
            return f"{part / whole:.3f}" if whole else "-"

        for k, line in enumerate(lines):
            labelled, predicted = sum(label == k for label, _ in pairs), sum(p == k for _, p in pairs)
            hits = pairs.count((k, k))
            name = f"{k} {self.NAMES[k]}"
            self.assertEqual((line.strip()[:len(name)], line.strip()[len(name):].split()), (name, [str(labelled), share(hits, predicted), share(hits, labelled),
                             share(2 * hits, labelled + predicted)]))

    def test_predictions_as_csv(self):
        table = self.folder / "table.csv"
        table.write_text("before")
        self.expect(1, "evaluate", self.model, "--data", "no-such-data", "--offline", "--predictions", str(table))
        self.assertEqual((table.read_text(), len(list(self.folder.iterdir()))), ("before", 1))
        self.expect(0, "evaluate", self.named, "--data", str(self.shared), "--predictions", str(table))
        self.assertEqual(len(list(self.folder.iterdir())), 1)
        self.assertIn(',1,"two, ""the second""",', table.read_text())
        with table.open(newline="") as file:
            head, *lines = csv.reader(file)
        self.assertEqual(",".join(head),
                         "index,label,label_name,predicted,predicted_name,probability,label_probability")
        self.assertEqual(len(lines), 20)
        for n, (index, label, label_name, predicted, predicted_name, probability, of_label) in enumerate(lines):
            self.assertEqual((int(index), int(label)), (n, self.labels[n]))
            self.assertEqual((label_name, predicted_name), (self.NAMES[int(label)], self.NAMES[int(predicted)]))
            if label == predicted:
                self.assertEqual(probability, of_label)
            else:
                self.assertGreaterEqual(float(probability), float(of_label))

    def test_predictions_that_cannot_be_written(self):
        for path in (self.folder, self.folder / "missing" / "table.csv"):
            result = self.expect(1, "evaluate", self.model, "--data", str(self.shared), "--predictions", str(path))
            self.assertEqual(result.stdout, "")
            self.assertIn(str(path), result.stderr)


def traced(path):
    """Names and times of the launches on the device's tracks of a trace, one list per group."""
    events = json.loads(path.read_text())["traceEvents"]
    groups = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    return {name: [(e["name"], e["ts"], e["dur"]) for e in events if e["ph"] == "X" and (e["pid"], e["tid"]) == (group, 1)]
            for group, name in groups.items()}


class Measuring(Case):
    def test_trace_of_training(self):
        trace = self.folder / "trace.json"
        plain = self.expect(0, "train", *SMALL, "--epochs", "1").stdout
        self.assertEqual(self.expect(0, "train", *SMALL, "--epochs", "1", "--trace", str(trace)).stdout[:40], plain[:40])
        ((name, launches),) = traced(trace).items()
        self.assertEqual(name, "bn-lenet, batch 32")
        names = [label for label, _, _ in launches]
        self.assertEqual(names.count("adam"), 4)
        self.assertEqual(names.count("batch_begin"), 5)  # and the test images
        self.assertEqual([at for _, at, _ in launches], sorted(at for _, at, _ in launches))

    def test_a_command_buffer_changes_no_bit(self):
        profile = self.folder / "on.json"
        profile.write_text('{"name": "on", "match": null, "values": {"command_buffer": 1}}')
        models = []
        for i, options in enumerate(((), ("--no-command-buffer",))):
            path = self.folder / f"model{i}"
            self.expect(0, "train", *SMALL, "--epochs", "2", "--profile-file", str(profile), "--save", str(path),
                        *options)
            self.expect(0, "evaluate", str(path), *SMALL, *options)
            models.append(path.read_bytes())
        self.assertEqual(*models)

    def test_bench(self):
        trace = self.folder / "trace.json"
        result = self.expect(0, "bench", "--batch-size", "32", "--seconds", "0.2", "--json", "--trace", str(trace))
        report = json.loads(result.stdout)
        (run,) = report["runs"]
        self.assertEqual((report["version"], report["network"], run["batch_size"]), (VERSION, "bn-lenet", 32))
        self.assertEqual(round(report["flops_per_image"], -3), 1517000)
        self.assertGreaterEqual(report["latency"]["seconds_median"], report["latency"]["seconds"])
        self.assertGreater(report["peak"]["flops_per_second"], 0)
        self.assertAlmostEqual(run["seconds_per_60000_images"] * run["images_per_second"], 60000, delta=1)
        replay = run["command_buffer"]
        if replay is not None:  # the device has them
            step = 32 / replay["images_per_second_without"]
            self.assertAlmostEqual(step - replay["seconds_gained_per_step"], 32 / replay["images_per_second_with"])
        self.assertRegex(run["bottleneck"], r"^(launch-bound|memory-bound|memory|compute): ")
        names = [label for label, _, _ in traced(trace)["bn-lenet, batch 32"]]
        for row in run["timed"]["kernels"]:
            self.assertGreaterEqual(names.count(row["kernel"]), row["launches"])

    def test_bench_compares_no_command_buffers_where_told_so(self):
        result = self.expect(0, "bench", "--batch-size", "32", "--seconds", "0.1", "--json", "--no-command-buffer")
        self.assertIsNone(json.loads(result.stdout)["runs"][0]["command_buffer"])

    def test_bench_for_people(self):
        text = self.expect(0, "bench", "--seconds", "0.2").stdout
        self.assertRegex(text, r"(?m)^peak: \d+\.\d GFLOP/s \(multiply-adds\), \d+\.\d GB/s \(copy of \d+ MiB\)$")
        self.assertRegex(text, r"(?m)^one image by itself, from bytes to probabilities: \d+ µs, median \d+ µs of \d+$")
        for size in (256, 16):
            self.assertRegex(text, rf"(?m)^ +{size}( +[\d.]+)+ % +\d+$")
            self.assertRegex(text, rf"(?m)^batch {size}: .*%")
        self.assertEqual(text.splitlines()[-1][:10], "batch 16: ")


class Cache(Case):
    """Kernels kept on disk; the model is the same bits with and without."""

    def setUp(self):
        super().setUp()
        self.cache = self.folder / "below" / "cache"
        self.environment = {"CLENET_CACHE_DIR": str(self.cache)}

    def model(self, name, *arguments):
        path = self.folder / name
        self.expect(0, "train", *SMALL, "--epochs", "1", "--save", str(path), *arguments, **self.environment)
        return path.read_bytes()

    def programs(self, *arguments):
        result = self.expect(0, "cache", *arguments, **self.environment)
        match = re.fullmatch(re.escape(str(self.cache)) + r": (?:removed )?(\d+) programs, \d+\.\d MB\n", result.stdout)
        self.assertTrue(match, result.stdout)
        return int(match[1])

    def test_kept_and_cleared(self):
        self.assertEqual((self.programs(), self.programs("--clear")), (0, 0))
        built = self.model("no-cache", "--no-cache")
        self.assertFalse(self.cache.exists())
        self.assertEqual(self.model("first"), built)
        kept = self.programs()
        self.assertGreater(kept, 0)
        self.assertEqual(len(list(self.cache.iterdir())), kept)
        self.assertEqual(self.model("second"), built)
        for path in self.cache.iterdir():
            path.write_bytes(path.read_bytes()[:-1])
        self.assertEqual(self.model("third"), built)
        (self.cache / "mine.program").write_text("not the cache's")
        self.assertGreater(self.programs("--clear"), 0)
        self.assertEqual([path.name for path in self.cache.iterdir()], ["mine.program"])
        self.assertEqual(self.programs(), 0)

    def test_two_at_once(self):
        paths = [self.folder / "a", self.folder / "b"]
        running = [subprocess.Popen([PROGRAM, "train", *SMALL, "--epochs", "1", "--quiet", "--save", str(path)],
                                    env=dict(os.environ, **self.environment)) for path in paths]
        self.assertEqual([process.wait(300) for process in running], [0, 0])
        self.assertEqual(paths[0].read_bytes(), paths[1].read_bytes())
        self.assertEqual(self.model("c"), paths[0].read_bytes())

    def test_a_folder_that_others_may_write_to_is_not_used(self):
        self.cache.mkdir(parents=True)
        self.cache.chmod(0o777)
        result = self.expect(0, "train", *SMALL, "--max-steps", "1", **self.environment)
        self.assertIn("warning: built kernels are not stored", result.stderr)
        self.assertEqual(list(self.cache.iterdir()), [])
        self.assertIn("chmod 700", self.expect(1, "cache", "--clear", **self.environment).stderr)

    def test_no_home(self):
        nowhere = {"CLENET_CACHE_DIR": "", "XDG_CACHE_HOME": "", "HOME": ""}
        self.assertIn("CLENET_CACHE_DIR", self.expect(1, "cache", **nowhere).stderr)


class Builders(Case):
    """A very first start: other processes build the kernels, and nobody sees any of it."""

    def setUp(self):
        super().setUp()
        self.environment = self.fresh("first")

    def fresh(self, name):
        folder = self.folder / name
        (folder / "driver").mkdir(parents=True)
        return {"CLENET_CACHE_DIR": str(folder / "programs"), "POCL_CACHE_DIR": str(folder / "driver")}

    def programs(self, environment):
        return len(list(Path(environment["CLENET_CACHE_DIR"]).iterdir()))

    def play_starter(self, pieces, *arguments, shape, hang_up, leaks):
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.write(writer, b"".join(piece.to_bytes(2, sys.byteorder) for piece in range(pieces)))
        if hang_up:
            os.close(writer)
        process = subprocess.run([PROGRAM, *arguments], stdin=reader, capture_output=True, text=True, check=False,
                                 timeout=300,
                                 env=dict(os.environ, ASAN_OPTIONS=leaks, CLENET_BUILDER=shape, **self.environment))
        os.close(reader)
        if not hang_up:
            os.close(writer)
        return process

    def build(self, exit_status, pieces, *arguments, shape="1x28x28", hang_up=False):
        """Plays the starter of one builder, who takes the first of the pieces."""
        process = settled(
            lambda leaks: self.play_starter(pieces, *arguments, shape=shape, hang_up=hang_up, leaks=leaks))
        self.assertEqual(process.returncode, exit_status, process.stderr)
        self.assertEqual(process.stdout, "")

    def test_first_start(self):
        model, plain = self.folder / "m.safetensors", self.folder / "plain.safetensors"
        train = ("train", *SMALL, "--epochs", "1")
        self.expect(0, *train, "--no-cache", "--save", str(plain))
        result = self.expect(0, *train, "--save", str(model), **self.environment)
        self.assertEqual(model.read_bytes(), plain.read_bytes())
        self.assertRegex(result.stdout, "^" + EPOCH.format(1) + "\n$")
        notes = [line for line in result.stderr.splitlines() if "CLENET_LIMITS" not in line]
        self.assertEqual(len(notes), 3, result.stderr)
        evaluated = self.expect(0, "evaluate", str(model), *SMALL, **self.environment)
        again = self.expect(0, "evaluate", str(model), *SMALL, **self.fresh("evaluated"))
        self.assertEqual(again.stdout, evaluated.stdout)
        self.assertEqual(again.stderr, evaluated.stderr)

    def test_a_builder_takes_its_pieces(self):
        self.build(0, 0, "train", *SMALL)
        self.assertEqual(self.programs(self.environment), 0)
        self.build(0, 3, "train", *SMALL)
        self.assertEqual(self.programs(self.environment), 3)
        self.build(0, 5, "train", *SMALL, "--data", "no-such-set", "--save", "/no/such/folder")
        self.assertEqual(self.programs(self.environment), 5)

    def test_a_builder_without_its_starter_ends(self):
        self.build(1, 200, "train", *SMALL, hang_up=True)

    def test_a_builder_for_other_images_fails(self):
        self.build(1, 3, "train", *SMALL, shape="3x28x28")
        self.build(1, 3, "train", *SMALL, shape="1x28")

    @unittest.skipUnless(Path("/proc/self/task").exists(), "no /proc to find a process's children in")
    def test_builders_end_with_their_starter(self):
        for number in (signal.SIGINT, signal.SIGKILL):
            with self.subTest(signal=number):
                environment = dict(os.environ, **self.fresh(f"ended-{number}"))
                with subprocess.Popen([PROGRAM, "train", *SMALL], env=environment, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL,  # and not deaf, as what a shell starts with & may be
                                      preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
                    self.addCleanup(process.kill)
                    builders = []
                    while not builders and process.poll() is None:
                        builders = children_of(process.pid)
                    self.assertTrue(builders, "it ended without any")
                    process.send_signal(number)
                    self.assertEqual(process.wait(300), -number)
                deadline = time.monotonic() + 300
                while any(is_alive(builder) for builder in builders) and time.monotonic() < deadline:
                    time.sleep(0.01)
                self.assertEqual([builder for builder in builders if is_alive(builder)], [])


HEADER_BYTES = 88  # of a kept program: a note is nothing else


class Starts(Case):
    """A command ends with its last line; everything is kept by the first start, and as binaries after a few."""

    NETWORK = {"name": "tiny", "input": [1, 28, 28],
               "layers": [{"type": "AvgPool2d", "kernel_size": 4}, {"type": "Flatten"}, {"type": "Linear", "out_features": 10}]}

    def setUp(self):
        super().setUp()
        self.cache, self.driver = self.folder / "programs", self.folder / "driver"
        self.driver.mkdir()
        self.environment = dict(os.environ, CLENET_CACHE_DIR=str(self.cache), POCL_CACHE_DIR=str(self.driver))
        self.network, self.model = self.folder / "tiny.json", self.folder / "tiny.safetensors"
        self.network.write_text(json.dumps(self.NETWORK))
        self.data = ("--data", "synthetic:60", "--offline")
        self.train = ("train", "--network", str(self.network), *self.data, "--max-steps", "1", "--save", str(self.model))

    def kept(self):
        """Of every program what is kept of it; reading a binary only changes its time."""
        return {path.name: (path.stat().st_size, path.stat().st_ino) for path in self.cache.glob("*")}

    def compiled(self):
        """Kernels in PoCL's cache; with another driver none."""
        return {path.relative_to(self.driver) for path in self.driver.rglob("*.so")}

    def start(self, *arguments):
        """What there was to see at the last line is what there is at the end."""
        with subprocess.Popen([PROGRAM, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, text=True) as process:
            lines, seen = [], None
            for line in process.stdout:
                seen = self.kept(), self.compiled()
                lines.append(line)
            self.assertEqual(process.wait(300), 0, "".join(lines))
        self.assertEqual((self.kept(), self.compiled()), seen)
        self.assertTrue(seen[0])
        return lines

    def test_every_command(self):
        image = self.folder / "image.png"
        image.write_bytes(png(28, 28, bytes(784)))
        for command in (self.train, ("evaluate", str(self.model), *self.data), ("predict", str(self.model), str(image)),
                        ("bench", "--network", str(self.network), "--seconds", "0.2", "--batch-size", "16"),
                        ("check", "--quick", "--only", "sgd")):
            with self.subTest(command=command[0]):
                self.start(*command)
                names, state = set(self.kept()), None
                for _ in range(len(names) + 1):
                    self.start(*command)
                    self.assertEqual(set(self.kept()), names)
                    before, state = state, (self.kept(), self.compiled())
                    if state == before:
                        break
                self.assertEqual(state, before)
                if command[0] != "check":  # whose kernels stay notes
                    self.assertNotIn(HEADER_BYTES, {size for size, _ in self.kept().values()}, "a note is left")

    def test_a_driver_whose_cache_was_cleared(self):
        """Results are the same, and everything is kept anew."""
        def results(lines):
            return [re.sub(r", time .*", "", line) for line in lines]
        first = results(self.start(*self.train))
        kept = set(self.kept())
        shutil.rmtree(self.driver)
        self.driver.mkdir()
        for _ in range(3):
            self.assertEqual(results(self.start(*self.train)), first)
            self.assertEqual(set(self.kept()), kept)


def children_of(process):
    """Of all its threads, each with what tells it from a later process of the same number."""
    found = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += [(child, started(child)) for child in path.read_text().split()]
        except OSError:  # it has just ended
            pass
    return [child for child in found if child[1]]


def started(process):
    try:
        state, *rest = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        return None if state == "Z" else rest[18]
    except OSError:
        return None


def is_alive(child):
    return started(child[0]) == child[1]


class Signals(Case):
    def interrupt(self, number):
        model, log, trace = (self.folder / name for name in ("m.safetensors", "log.jsonl", "trace.json"))
        command = [PROGRAM, "train", *SMALL, "--epochs", "100000", "--save", str(model), "--log", str(log),
                   "--trace", str(trace)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            self.addCleanup(process.kill)
            self.assertRegex(process.stdout.readline(), EPOCH.format(1))
            process.send_signal(number)
            _, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 128 + number, errors)
        self.assertIn(str(model), errors)
        end = json.loads(log.read_text().splitlines()[-1])
        self.assertEqual((end["event"], end["result"], end["saved"]), ("end", "interrupted", str(model)))
        (launches,) = traced(trace).values()
        self.assertIn("adam", [name for name, _, _ in launches])
        self.expect(0, "evaluate", str(model), *SMALL)

    def test_interrupt_keeps_the_model(self):
        self.interrupt(signal.SIGINT)

    def test_terminate_keeps_the_model(self):
        self.interrupt(signal.SIGTERM)


def metadata(path):
    """The strings in a safetensors file's header; of "training" what its JSON says."""
    content = Path(path).read_bytes()
    found = json.loads(content[8:8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    return dict(found, training=json.loads(found["training"])) if "training" in found else found


class Resuming(Case):
    TRAIN = ("train", "--data", "synthetic:600", "--batch-size", "32", "--offline", "--epochs", "3")

    def setUp(self):
        super().setUp()
        self.model = self.folder / "m.safetensors"

    def train_tiny(self):
        """A training whose kernels are all kept as binaries: PoCL ends where it cannot write, and it writes what it builds."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        network = Path(folder.name) / "tiny.json"
        network.write_text(json.dumps({"name": "tiny", "input": [1, 28, 28],
                                       "layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": 10}]}))
        train = [*self.TRAIN, "--network", str(network)]
        for _ in range(4):
            self.expect(0, *train)
        return train

    def test_goes_on_to_the_bit_and_in_the_log(self):
        whole, log = self.folder / "whole.safetensors", self.folder / "log.jsonl"
        options = (*self.TRAIN, "--standardize", "--seed", "7", "--optimizer", "sgd", "--momentum", "0.9", "--lr", "0.05")
        complete = self.expect(0, *options, "--save", str(whole)).stdout.splitlines()
        first = self.expect(0, *options, "--save", str(self.model), "--max-steps", "25", "--log", str(log))
        self.assertIn("epoch 2 stopped after 192 of 600 images", first.stdout)
        rest = self.expect(0, "train", "--data", "synthetic:600", "--offline", "--epochs", "3", "--resume", str(self.model),
                           "--save", str(self.model), "--log", str(log))
        self.assertIn(f"resuming {self.model} after 192 of 600 images of epoch 2", rest.stderr)
        self.assertEqual(whole.read_bytes(), self.model.read_bytes())
        strip = [line.split(", time")[0] for line in complete[1:]]
        self.assertEqual([line.split(", time")[0] for line in rest.stdout.splitlines()], strip)
        events = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertEqual([(e["event"], e.get("epoch")) for e in events],
                         [("start", None), ("epoch", 1), ("epoch", 2), ("end", None),
                          ("start", None), ("epoch", 2), ("epoch", 3), ("end", None)])
        self.assertEqual(events[4]["options"]["batch-size"], 32)
        self.assertEqual(events[4]["options"]["momentum"], 0.9)

    def test_goes_on_elsewhere_within_rounding(self):
        log = self.folder / "log.jsonl"

        def losses(*arguments):
            self.expect(0, *self.TRAIN, "--log", str(log), *arguments)
            events = [json.loads(line) for line in log.read_text().splitlines()]
            log.unlink()
            return {e["epoch"]: (e["loss"], e["test_loss"]) for e in events if e["event"] == "epoch" and not e["stopped"]}

        whole = losses()
        losses("--max-steps", "25", "--save", str(self.model))
        rest = losses("--resume", str(self.model), "--safe")
        self.assertEqual(sorted(rest), [2, 3])
        for epoch, numbers in rest.items():
            for expected, actual in zip(whole[epoch], numbers):
                self.assertAlmostEqual(actual / expected, 1, delta=1e-3)

    def test_nothing_left_to_train(self):
        self.expect(0, *self.TRAIN, "--save", str(self.model))
        before = self.model.read_bytes()
        resume = (*self.TRAIN, "--resume", str(self.model), "--save", str(self.model))
        result = self.expect(0, *resume)
        self.assertEqual(result.stdout, "")
        self.assertIn("3 epochs and 57 steps are already trained", result.stderr)
        self.expect(0, *resume, "--max-steps", "10")
        self.expect(0, *resume, "--require-accuracy", "0.01")
        self.expect(1, *resume, "--require-accuracy", "1")
        self.assertEqual(self.model.read_bytes(), before)
        other = self.folder / "other.safetensors"
        self.expect(0, *self.TRAIN, "--resume", str(self.model), "--save", str(other))
        self.assertEqual(other.read_bytes(), before)
        self.assertRegex(self.expect(0, *resume, "--epochs", "4").stdout, f"^{EPOCH.format(4)}\n$")

    def test_steps_and_epochs_count_from_the_beginning(self):
        large = ("train", "--data", "synthetic:600", "--batch-size", "300", "--offline", "--epochs", "4")
        self.expect(0, *large, "--save", str(self.model))  # 8 steps
        result = self.expect(0, "train", "--data", "synthetic:600", "--offline", "--resume", str(self.model), "--override",
                             "--batch-size", "30", "--epochs", "50", "--max-steps", "60", "--save", str(self.model))
        self.assertRegex(result.stdout, rf"^{EPOCH.format(5)}\n{EPOCH.format(6)}\nepoch 7 stopped after 360 of 600 images")
        self.assertEqual(metadata(self.model)["training"]["steps"], "60")

    def test_no_file_is_written_over_another(self):
        self.expect(0, *self.TRAIN, "--save", str(self.model))
        before, other = self.model.read_bytes(), str(self.folder / "other")
        for arguments in (("--resume", str(self.model), "--log", str(self.model)),
                          ("--resume", str(self.model), "--trace", str(self.model)),
                          ("--save", str(self.model), "--log", str(self.model)), ("--log", other, "--trace", other)):
            with self.subTest(arguments=arguments):
                self.assertIn("is the same file", self.expect(1, *self.TRAIN, *arguments).stderr)
        self.assertIn("is the same file", self.expect(1, "evaluate", str(self.model), "--data", "synthetic:600",
                                                      "--predictions", str(self.model)).stderr)
        self.assertEqual(self.model.read_bytes(), before)
        self.assertIn("without a name", self.expect(1, *self.TRAIN, "--save", "").stderr)
        self.assertIn("File name too long", self.expect(1, *self.TRAIN, "--save", str(self.folder / ("m" * 300))).stderr)
        self.expect(0, *self.TRAIN, "--epochs", "1", "--save", str(self.folder / ("m" * 255)))

    def test_a_log_that_fills_up_costs_neither_training_nor_model(self):
        log = self.folder / "log"
        train = self.train_tiny()

        def little_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (120000, 120000))

        self.expect(0, *train, "--epochs", "1", "--save", str(self.model))
        log.write_bytes(b"x" * 118400)
        result = subprocess.run([PROGRAM, *train, "--epochs", "9", "--resume", str(self.model), "--save", str(self.model),
                                 "--log", str(log)], capture_output=True, text=True, check=False, timeout=300,
                                preexec_fn=little_room)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("training continues without the log", result.stderr)
        self.assertEqual(metadata(self.model)["training"]["epochs"], 9)

    def test_names_that_are_long_or_not_utf8(self):
        for name in ("данные_для_обучения_нейронной_сети_одежда".encode(), b"caf\xe9"):
            with self.subTest(name=name):
                folder = Path(os.fsdecode(os.fsencode(self.folder) + b"/" + name))
                folder.mkdir()
                for part, count in (("train", 40), ("t10k", 10)):
                    (folder / f"{part}-images-idx3-ubyte").write_bytes(
                        struct.pack(">IIII", 0x803, count, 28, 28) + bytes(i * 7 % 256 for i in range(count * 784)))
                    (folder / f"{part}-labels-idx1-ubyte").write_bytes(
                        struct.pack(">II", 0x801, count) + bytes(i % 10 for i in range(count)))
                self.expect(0, "train", "--data", str(folder), "--epochs", "1", "--batch-size", "16", "--save", str(self.model),
                            "--log", str(self.folder / "log"))
                self.assertTrue(metadata(self.model)["training"]["data"]["name"])

    def test_what_was_begun_otherwise_is_told(self):
        self.expect(0, *self.TRAIN, "--max-steps", "5", "--save", str(self.model))
        before = self.model.read_bytes()
        resume = ("train", "--offline", "--resume", str(self.model), "--save", str(self.model), "--data", "synthetic:600")
        for arguments, message in ((("--batch-size", "16"), "batch size: 16 here, 32 there"),
                                   (("--data", "synthetic:500"), "data: synthetic here (500 training images"),
                                   (("--lr", "0.5", "--seed", "1"), "seed: 1 here, 0 there"),
                                   (("--network", "lenet"), "network: layer 1 is Sigmoid() here, BatchNorm2d(6"),
                                   (("--running-variance", "biased"), "is unbiased there, and cannot be made biased"),
                                   (("--momentum", "0.9", "--override"), "--momentum is an option of sgd"),
                                   (("--optimizer", "sgd"), "optimizer: SGD here, Adam there")):
            with self.subTest(arguments=arguments):
                result = self.expect(1, *resume, *arguments)
                self.assertIn(message, result.stderr)
                self.assertIn(str(self.model), result.stderr)
                self.assertEqual(result.stdout, "")
                self.assertEqual(self.model.read_bytes(), before)
        other = str(self.folder / "sgd.safetensors")
        self.expect(0, *self.TRAIN, "--max-steps", "5", "--optimizer", "sgd", "--momentum", "0.5", "--save", other)
        result = self.expect(1, "train", "--offline", "--resume", other, "--optimizer", "adam")
        self.assertIn("optimizer: Adam here, SGD there", result.stderr)
        result = self.expect(0, *resume, "--batch-size", "16", "--epochs", "1", "--override")
        self.assertRegex(result.stdout, f"^{EPOCH.format(1)}\n$")
        training = metadata(self.model)["training"]
        self.assertEqual((training["batch_size"], training["epochs"], training["position"]), (16, 1, 0))
        self.assertEqual(training["steps"], str(5 + (600 - 5 * 32) // 16 + 1))

    def test_what_cannot_be_resumed(self):
        self.expect(0, *self.TRAIN, "--max-steps", "5", "--save", str(self.model))
        resume = (*self.TRAIN, "--resume", str(self.model))
        self.assertIn("--resume", self.expect(2, *self.TRAIN, "--override").stderr)
        content = self.model.read_bytes()
        self.model.write_bytes(content[:-5])
        self.assertIn("m.safetensors", self.expect(1, *resume).stderr)
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8:8 + length])
        del header["__metadata__"]["training"]
        text = json.dumps({k: v for k, v in header.items()}).encode()
        self.model.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length:])
        self.assertIn("is not one of network", self.expect(1, *resume).stderr)
        self.model.unlink()
        self.assertIn("cannot open", self.expect(1, *resume).stderr)

    def test_when_to_save(self):
        for when in ("0", "x", "1h", "-1", "1.5", "0s", ""):
            with self.subTest(when=when):
                self.assertIn("--save-every", self.expect(2, *self.TRAIN, "--save", str(self.model), "--save-every", when).stderr)
        for option in (("--save-every", "2"), ("--keep", "2"), ("--save-best",)):
            self.assertIn("--save FILE", self.expect(2, *self.TRAIN, *option).stderr)
        self.expect(0, *self.TRAIN, "--save", str(self.model), "--keep", "2", "--save-best", "--save-every", "1")
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()),
                         ["m.1.safetensors", "m.best.safetensors", "m.safetensors"])
        self.assertEqual([metadata(self.folder / name)["training"]["epochs"] for name in ("m.safetensors", "m.1.safetensors")],
                         [3, 2])
        self.expect(0, *self.TRAIN, "--save", str(self.folder / "t.safetensors"), "--save-every", "0.01m")
        self.assertEqual(metadata(self.folder / "t.safetensors")["training"]["epochs"], 3)

    def test_a_full_disk_costs_neither_the_old_file_nor_the_training(self):
        train = self.train_tiny()
        self.expect(0, *train, "--save", str(self.model), "--max-steps", "5")
        self.expect(0, *train, "--resume", str(self.model))
        before = self.model.read_bytes()

        def no_room():  # a file may not become as large as the model
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) - 1, len(before) - 1))

        result = subprocess.run([PROGRAM, *train, "--resume", str(self.model), "--save", str(self.model)],
                                capture_output=True, text=True, check=False, timeout=300, preexec_fn=no_room)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(result.stdout.count("\n"), 3, result.stderr)
        self.assertIn("training continues without this resume point", result.stderr)
        self.assertRegex(result.stderr, r"(?m)^clenet train: writing .*m\.safetensors: File too large$")
        self.assertNotIn("model saved", result.stderr)
        self.assertEqual(self.model.read_bytes(), before)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["m.safetensors"])

    def test_an_interrupted_training_goes_on(self):
        whole = self.folder / "whole.safetensors"
        train = ("train", "--data", "synthetic:20000", "--batch-size", "32", "--offline", "--epochs", "2")
        self.expect(0, *train, "--save", str(whole))
        with subprocess.Popen([PROGRAM, *train, "--save", str(self.model), "--save-every", "0.01s"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            self.addCleanup(process.kill)
            for _ in range(6000):  # the first resume point lies within the first epoch
                if self.model.exists() or process.poll() is not None:
                    break
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130, errors)
        self.assertIn("--resume continues from it", errors)
        self.assertEqual(metadata(self.model)["training"]["epochs"], 0)
        self.expect(0, *train, "--resume", str(self.model), "--save", str(self.model))
        self.assertEqual(whole.read_bytes(), self.model.read_bytes())

    def test_kills_lose_nothing(self):
        """At random moments, from before the first step to within a writing: what is left is whole, and the end the same.

        Every other kill waits until the training has gone on: a start may take longer than all of the steps."""
        whole, random = self.folder / "whole.safetensors", Random(1)
        # Every start is to take as long as the one that is measured: none keeps kernels for the next.
        train = [PROGRAM, "train", "--data", "synthetic:6000", "--batch-size", "64", "--offline", "--quiet", "--epochs", "4",
                 "--no-guard", "--no-cache"]
        save = ["--save", str(self.model), "--save-every", "0.02s", "--keep", "2"]
        for _ in range(2):  # the first one may have to compile
            begin = time.monotonic()
            self.assertEqual(subprocess.run([*train, "--save", str(whole)], check=False).returncode, 0)
            longest = time.monotonic() - begin

        def stamp():
            return self.model.stat().st_mtime_ns if self.model.exists() else None

        killed, points, least = 0, set(), 0  # of steps: none that were kept are lost
        while killed < int(os.environ.get("CLENET_TEST_KILLS", "30")):
            resume, before = ["--resume", str(self.model)] if self.model.exists() else [], stamp()
            with subprocess.Popen([*train, *save, *resume], stderr=subprocess.PIPE) as process:
                try:
                    while killed % 2 and stamp() == before and process.poll() is None:
                        time.sleep(0.001)
                    _, errors = process.communicate(timeout=random.uniform(0, 0.1 if killed % 2 else longest))
                    self.assertEqual(process.returncode, 0, errors)
                    points.add(metadata(self.model)["training"]["steps"])
                    self.assertEqual(whole.read_bytes(), self.model.read_bytes())
                    for path in self.folder.glob("m*"):  # from the beginning again
                        path.unlink()
                    least = 0
                except subprocess.TimeoutExpired:
                    process.kill()
                    killed += 1
                    self.assertTrue(self.model.exists() or least == 0)
                    if self.model.exists():
                        steps = metadata(self.model)["training"]["steps"]
                        self.assertGreaterEqual(int(steps), least)
                        least = max(int(steps), 1)
                        points.add(steps)
        self.assertGreater(len(points), killed // 10)
        resume = ["--resume", str(self.model)] if self.model.exists() else []
        self.assertEqual(subprocess.run([*train, *save, *resume], check=False).returncode, 0)
        self.assertEqual(whole.read_bytes(), self.model.read_bytes())


SMALL_NETWORK = {"name": "small", "input": [1, 2, 2], "layers": [
    {"type": "Conv2d", "out_channels": 2, "kernel_size": 2, "bias": False}, {"type": "BatchNorm2d"}, {"type": "Flatten"},
    {"type": "Linear", "out_features": 3}]}
SMALL_TENSORS = {"0.weight": [2, 1, 2, 2], "1.weight": [2], "1.bias": [2], "1.running_mean": [2], "1.running_var": [2],
                 "3.weight": [3, 2], "3.bias": [3]}


class Exchange(Case):
    """Files of models that come in and go out."""

    def setUp(self):
        super().setUp()
        self.network = self.folder / "small.json"
        self.network.write_text(json.dumps(SMALL_NETWORK))
        self.model = self.write("model", {"network": json.dumps(SMALL_NETWORK)})

    def write(self, name, metadata=None, wrong=None, tensors=None):
        """A safetensors file of the small network; the tensor called `wrong` has a NaN in it."""
        header, numbers = {"__metadata__": metadata} if metadata else {}, b""
        for tensor, shape in (tensors or SMALL_TENSORS).items():
            values = [0.5 + i for i in range(math.prod(shape))]
            if tensor == wrong:
                values[-1] = math.nan
            begin = len(numbers)
            numbers += struct.pack(f"<{len(values)}f", *values)
            header[tensor] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(numbers)]}
        text = json.dumps(header).encode()
        (self.folder / name).write_bytes(struct.pack("<Q", len(text)) + text + numbers)
        return str(self.folder / name)

    def read(self, path):
        """Header and numbers, each tensor by its name."""
        content = Path(path).read_bytes()
        length, = struct.unpack_from("<Q", content)
        header = json.loads(content[8:8 + length])
        metadata = header.pop("__metadata__", {})
        values = {}
        for name, tensor in header.items():
            begin, end = (8 + length + offset for offset in tensor["data_offsets"])
            kind = "f" if tensor["dtype"] == "F32" else "q"
            values[name] = list(struct.unpack(f"<{math.prod(tensor['shape'])}{kind}", content[begin:end]))
        return metadata, values

    def refuse(self, exit_status, expected, *arguments):
        """Nothing is said to be done, and no file is there that was not or is another than before."""
        before = {path: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}
        result = self.expect(exit_status, *arguments)
        self.assertIn(expected, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual({path: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}, before)

    def outputs(self):
        """Where files can be exported to, with something there before."""
        paths = [str(self.folder / name) for name in ("out.onnx", "out.safetensors")]
        for path in paths:
            Path(path).write_text("older")
        return paths


class Export(Exchange):
    def setUp(self):
        super().setUp()
        self.onnx, self.plain = self.outputs()

    def needs_onnx(self):
        if "without protobuf-c" in clenet("export", self.model, "--onnx", str(self.folder / "tried")).stderr:
            self.skipTest("built without protobuf-c")

    def export(self, exit_status, expected, *arguments):
        self.refuse(exit_status, expected, "export", *arguments)

    def test_safetensors(self):
        result = self.expect(0, "export", self.model, "--safetensors", self.plain)
        self.assertEqual(result.stdout, f"{self.plain}: safetensors, network small, 4 layers, 21 parameters\n")
        metadata, values = self.read(self.plain)
        expected = self.read(self.model)[1]
        self.assertEqual(values, expected | {"1.num_batches_tracked": [0]})
        self.assertEqual(json.loads(metadata["network"])["layers"], SMALL_NETWORK["layers"])

    def test_of_a_file_with_tensors_only(self):
        path = self.write("tensors")
        self.export(1, "name the network", path, "--safetensors", self.plain)
        self.expect(0, "export", path, "--safetensors", self.plain, "--network", str(self.network))
        self.assertEqual(json.loads(self.read(self.plain)[0]["network"])["name"], "small")

    def test_folded(self):
        self.needs_onnx()
        result = self.expect(0, "export", self.model, "--safetensors", self.plain, "--onnx", self.onnx, "--fold-batchnorm")
        self.assertEqual([line.partition(": ")[::2] for line in result.stdout.splitlines()],
                         [(self.onnx, "ONNX, network small, 3 layers, 19 parameters"),
                          (self.plain, "safetensors, network small, 3 layers, 19 parameters")])
        metadata, values = self.read(self.plain)
        _, was = self.read(self.model)
        self.assertEqual([layer["type"] for layer in json.loads(metadata["network"])["layers"]],
                         ["Conv2d", "Flatten", "Linear"])
        self.assertEqual(set(values), {"0.weight", "0.bias", "2.weight", "2.bias"})
        for o in range(2):
            scale = was["1.weight"][o] / math.sqrt(was["1.running_var"][o] + 1e-5)
            self.assertAlmostEqual(values["0.bias"][o], was["1.bias"][o] - was["1.running_mean"][o] * scale, delta=1e-6)
            self.assertAlmostEqual(values["0.weight"][4 * o], was["0.weight"][4 * o] * scale, delta=1e-5)
        self.assertEqual(values["2.weight"], was["3.weight"])
        self.assertIn(b"clenet", Path(self.onnx).read_bytes())

    def test_a_trained_model_leaves_without_its_training(self):
        self.needs_onnx()
        model = str(self.folder / "trained")
        self.expect(0, "train", *SMALL, "--epochs", "1", "--quiet", "--standardize", "--save", model)
        self.expect(0, "export", model, "--safetensors", self.plain, "--onnx", self.onnx, "--fold-standardize")
        metadata, values = self.read(self.plain)
        self.assertNotIn("training", metadata)
        self.assertIn("mean", metadata)
        self.assertEqual([name for name in values if "optimizer" in name], [])
        self.expect(0, "evaluate", self.plain, *SMALL)
        self.expect(0, "export", self.plain, "--onnx", self.onnx)  # what was exported is a model, too

    def test_without_protobuf(self):
        result = clenet("export", self.model, "--onnx", self.onnx, "--safetensors", self.plain)
        if result.returncode == 0:
            self.assertNotIn("protobuf", result.stderr)
        else:
            self.assertIn("libprotobuf-c-dev", result.stderr)
            self.assertEqual([Path(path).read_text() for path in (self.onnx, self.plain)], ["older", "older"])

    def test_wrong_use(self):
        self.export(2, "--onnx FILE, --safetensors FILE, or both", self.model)
        self.export(2, "MODEL is missing", "--onnx", self.onnx)
        self.export(2, "an option of --onnx", self.model, "--safetensors", self.plain, "--fold-standardize")

    def test_nothing_to_fold(self):
        self.needs_onnx()
        self.export(1, "not standardised", self.model, "--onnx", self.onnx, "--safetensors", self.plain,
                    "--fold-standardize")

    def test_one_file_for_two(self):
        self.export(1, "is the same file as", self.model, "--onnx", self.model)
        self.export(1, "is the same file as", self.model, "--safetensors", f"{self.folder}/../{self.folder.name}/model")
        (self.folder / "link").symlink_to(self.model)
        self.export(1, "is the same file as", str(self.folder / "link"), "--safetensors", self.model)
        new = str(self.folder / "new")
        self.export(1, "is the same file as", self.model, "--onnx", new, "--safetensors", f"{self.folder}/./new")

    def test_models_that_cannot_be_read(self):
        to = ("--onnx", self.onnx, "--safetensors", self.plain)
        self.export(1, "no-such-model", str(self.folder / "no-such-model"), *to)
        self.export(1, "not a regular file", str(self.folder), *to)
        self.export(1, '"3.bias": value 2 is not finite',
                    self.write("nan", {"network": json.dumps(SMALL_NETWORK)}, wrong="3.bias"), *to)
        content = Path(self.model).read_bytes()
        for length in (0, 7, 100, len(content) - 1):
            with self.subTest(length=length):
                (self.folder / "cut").write_bytes(content[:length])
                self.export(1, "cut", str(self.folder / "cut"), *to)
        self.export(1, "lenet", self.model, *to, "--network", "lenet")
        self.export(1, "no-such-network", self.model, *to, "--network", "no-such-network")

    def test_places_that_cannot_be_written(self):
        """Found before the other one is."""
        for place, expected in (("missing/file", "missing"), (".", "not a regular file"), ("model/file", "model/file")):
            place = str(self.folder / place)
            with self.subTest(place=place):
                self.export(1, expected, self.model, "--onnx", place, "--safetensors", self.plain)
                self.export(1, expected, self.model, "--safetensors", place, "--onnx", self.onnx)


class Import(Exchange):
    def setUp(self):
        super().setUp()
        self.file = self.write("file")
        self.saved = self.outputs()[1]
        self.to = ("--network", str(self.network), "--save", self.saved)

    def refuse_import(self, exit_status, expected, *arguments):
        self.refuse(exit_status, expected, "import", *arguments)

    def test_import(self):
        result = self.expect(0, "import", self.file, *self.to)
        self.assertEqual(result.stdout, f"{self.file}: 7 tensors with 21 parameters, of network small; saved to "
                                        f"{self.saved}\n")
        metadata, values = self.read(self.saved)
        self.assertEqual(json.loads(metadata["network"])["layers"], SMALL_NETWORK["layers"])
        self.assertEqual(values, self.read(self.file)[1] | {"1.num_batches_tracked": [0]})

    def test_running_variance(self):
        for kind in ("unbiased", "biased"):
            self.expect(0, "import", self.file, *self.to, "--running-variance", kind)
            layer = json.loads(self.read(self.saved)[0]["network"])["layers"][1]
            self.assertEqual(layer.get("biased_running_variance", False), kind == "biased")

    def test_resize(self):
        self.expect(0, "import", self.file, *self.to, "--resize", "2")
        self.assertEqual(self.read(self.saved)[0]["resize"], "2")
        self.refuse_import(1, '"3.weight" has shape [3, 2], but the network needs [3, 8]', self.file, *self.to,
                           "--resize", "3")

    def test_an_imported_model_predicts(self):
        network = {"name": "one", "input": [1, 28, 28], "layers": [{"type": "Flatten"},
                                                                    {"type": "Linear", "out_features": 10}]}
        self.network.write_text(json.dumps(network))
        path = self.write("one", tensors={"1.weight": [10, 784], "1.bias": [10]})
        self.expect(0, "import", path, *self.to)
        self.assertIn("accuracy", self.expect(0, "evaluate", self.saved, *SMALL).stdout)

    def test_wrong_use(self):
        self.refuse_import(2, "--network NETWORK is missing", self.file, "--save", self.saved)
        self.refuse_import(2, "--save FILE is missing", self.file, "--network", str(self.network))
        self.refuse_import(2, "FILE is missing", *self.to)

    def test_one_file_for_two(self):
        for name in ("file", "./file"):
            self.refuse_import(1, "is the same file as", self.file, "--network", str(self.network), "--save",
                               f"{self.folder}/{name}")
        os.link(self.file, self.folder / "hard-link")
        self.refuse_import(1, "is the same file as", self.file, "--network", str(self.network), "--save",
                           str(self.folder / "hard-link"))

    def test_files_that_cannot_be_read(self):
        self.refuse_import(1, "no-such-file", str(self.folder / "no-such-file"), *self.to)
        self.refuse_import(1, '"0.weight": value 7 is not finite', self.write("nan", wrong="0.weight"), *self.to)
        (self.folder / "cut").write_bytes(Path(self.file).read_bytes()[:-4])
        self.refuse_import(1, "cut", str(self.folder / "cut"), *self.to)
        self.refuse_import(1, '"1.weight" is not one of network lenet', self.file, "--network", "lenet", "--save",
                           self.saved)
        self.refuse_import(1, "no-such-network", self.file, "--network", "no-such-network", "--save", self.saved)

    def test_places_that_cannot_be_written(self):
        for place, expected in (("missing/file", "missing"), (".", "not a regular file"), ("model/file", "model/file")):
            with self.subTest(place=place):
                self.refuse_import(1, expected, self.file, "--network", str(self.network), "--save",
                                   str(self.folder / place))


class Terminal(Case):
    def on_terminal(self, *arguments):
        """What the program writes to a terminal of 100 columns."""
        process, terminal = pty.fork()
        if process == 0:
            os.environ["TERM"] = "xterm"
            os.execv("/bin/sh", ["sh", "-c", 'stty cols 100 && exec "$@"', "sh", PROGRAM, *arguments])
        text, deadline = b"", time.monotonic() + 300
        while time.monotonic() < deadline and select.select([terminal], [], [], 60)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # Linux's way to say that the other side is closed
                break
            if not piece:
                break
            text += piece
        os.close(terminal)
        _, status = os.waitpid(process, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0, text)
        return text.decode()

    def test_progress_line(self):
        text = self.on_terminal("train", "--data", "synthetic:40000", "--batch-size", "32", "--offline", "--epochs", "2")
        lines = [line for line in re.split("[\r\n]+", text) if "images/s" in line]
        self.assertTrue(lines, text)
        for line in lines:
            shown = line.replace("\033[K", "")
            self.assertLess(len(shown), 100)
            self.assertRegex(shown, r"^epoch [12] \[=*>? *\] +\d+ %  \d+ images/s  loss \d\.\d{4}  acc [01]\.\d{3}  "
                                    r"\d+:\d\d left$")
        # What stays on the screen is the epoch lines: each begins on a cleared line.
        for number in (1, 2):
            self.assertRegex(text, r"\r\033\[K" + EPOCH.format(number) + "\r\n")

    def test_quiet_shows_nothing(self):
        self.assertEqual(self.on_terminal("train", *SMALL, "--epochs", "1", "--quiet"), "")


class Check(Case):
    def broken_kernels(self):
        """Options for kernels with a max pool that takes the first place for every winner's; and where they work."""
        folder = self.copy_kernels()
        text = (folder / "pool.clh").read_text()
        broken = text.replace("best_at = select(best_at, (intv)(u * POOL_W + v), better)", "best_at = (intv)0")
        self.assertNotEqual(broken, text)
        (folder / "pool.clh").write_text(broken)
        return ("--kernels", "kernels"), {"cwd": self.folder}

    def test_a_table_and_a_verdict(self):
        output = self.expect(0, "check", "--quick", "--only", "adam").stdout
        self.assertRegex(output, r"(?m)^adam +profile +2 +0\.\d{3} +\d+\.\d  ok$")
        self.assertRegex(output, r"(?m)^All \d+ hold, in \d+\.\d s\.$")

    def test_a_case_that_fails_is_told_with_constants_and_how_to_repeat_it(self):
        broken, there = self.broken_kernels()
        output = self.expect(1, "check", "--quick", "--only", "conv2d, maximum behind", *broken, **there).stdout
        self.assertRegex(output, r"(?m)^conv2d .* WRONG$")
        self.assertRegex(output, r"(?m)^WRONG: conv2d, maximum behind.*\[\d+\] is wrong: .*, expected .* within ")
        self.assertRegex(output, r"(?m)^  conv2d_forward -D LANES=\d+ ")
        again = re.search(r'again: clenet (check .*) --only "(conv2d, [^"]*)" --kernels (\S+)$', output, re.MULTILINE)
        self.assertTrue(again, output)
        self.expect(1, *again[1].split(), "--only", again[2], "--kernels", again[3], **there)
        self.expect(0, *again[1].split(), "--only", again[2])

    def test_json(self):
        broken, there = self.broken_kernels()
        report, = json.loads(self.expect(1, "check", "--json", "--quick", "--only", "activate, relu", *broken, **there).stdout)
        self.assertFalse(report["passed"])
        self.assertEqual({row["verdict"] for row in report["operations"]}, {"WRONG"})
        self.assertGreater(report["device"]["work_group"], 0)
        self.assertIn("lanes", report["values"])

    def test_markdown(self):
        output = self.expect(0, "check", "--markdown", "--quick", "--only", "sgd").stdout
        self.assertRegex(output, r"(?m)^## .*: everything holds$")
        self.assertRegex(output, r"(?m)^\| sgd \| profile \| 2 \| .* \| ok \|$")
        for word in ("driver", "platform", "limits", "profile"):
            self.assertRegex(output, rf"(?m)^\| {word} \| .+ \|$")

    def test_a_kernel_that_does_not_compile_is_an_error_of_its_row(self):
        broken, there = self.broken_kernels()
        (self.folder / "kernels" / "sgd.cl").write_text("nonsense\n")
        output = self.expect(1, "check", "--quick", "--only", "gd", *broken, **there).stdout
        self.assertRegex(output, r"(?m)^sgd .* ERROR$")
        self.assertIn("sgd.cl", output)

    def test_what_is_not_there_is_told(self):
        self.assertIn("nonsense", self.expect(1, "check", "--only", "nonsense").stderr)
        self.assertIn("choose one", self.expect(2, "check", "--json", "--markdown").stderr)


class Limits(Case):
    """A smaller device, pretended by $CLENET_LIMITS."""

    def test_a_wrong_limit_is_told_by_every_command(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                result = self.expect(1, command, CLENET_LIMITS="work_group=64,memory=1G")
                self.assertIn('CLENET_LIMITS: unknown limit "memory"; known: work_group, ', result.stderr)
                self.assertEqual(result.stdout, "")

    def test_what_is_pretended_is_said(self):
        result = self.expect(0, "devices", CLENET_LIMITS="global_mem=512M,compute_units=1,opencl=1.2")
        self.assertIn("CLENET_LIMITS lowers what devices report: global_mem=512M,", result.stderr)
        for row in re.findall(r"(?m)^\d+:\d+ .*", result.stdout):
            self.assertRegex(row, r" 0\.5 GiB +1 +1\.2 ")

    def test_what_does_not_fit_says_what_would(self):
        result = self.expect(1, "train", *SMALL, "--batch-size", "65536", CLENET_LIMITS="max_alloc=16M")
        self.assertRegex(result.stderr,
                         r"bn-lenet at batch size 65536 does not fit: it needs \S+ GiB, .* has .*; the largest buffer "
                         r"\(.*\) needs \S+ MiB, at most 16\.00 MiB are given at once; batch size \d+ would fit\n")

    def test_a_data_set_in_chunks_trains_to_the_same_numbers(self):
        arguments = ("train", "--data", "synthetic:3000", "--offline", "--epochs", "1", "--batch-size", "32")
        lines = {re.sub("time .*", "", self.expect(0, *arguments, CLENET_LIMITS=limits).stdout)
                 for limits in ("", "max_alloc=1M")}
        self.assertEqual(len(lines), 1, lines)

    def test_the_profile_of_gpus_fits_small_devices(self):
        for limits in ("work_group=1", "local_mem=0", "kernel_work_group=8"):
            with self.subTest(limits=limits):
                result = self.expect(0, "train", *SMALL, "--network", "lenet", "--profile-file", "gpu", "--max-steps", "2",
                                     "--no-guard", CLENET_LIMITS=limits)
                self.assertEqual(len(set(re.findall(r"using \d+ lanes", result.stderr))), 1, result.stderr)


QUICK = ("Listings", "Limits", "Measuring.test_bench", "Training.test_prints_the_epoch_lines_and_nothing_else",
         "Training.test_saved_model_evaluates_to_what_training_said")

class Tune(Case):
    SEARCH = ("tune", "--network", str(ROOT / "examples" / "mlp.json"), "--batch-size", "64")

    def slow(self):
        """A profile that nearly every other is faster than."""
        path = self.folder / "slow.json"
        path.write_text('{"name": "slow", "match": null, "values": {"vector": 1, "lanes": 1, "groups": 512}}')
        return str(path)

    def search(self, enough, *arguments, **environment):
        """As long as it takes on this machine, now, to come to what is `enough`."""
        for seconds in ("8", "30", "100"):
            result = self.expect(0, *self.SEARCH, "--time", seconds, "--profile-file", self.slow(), *arguments, **environment)
            if re.search(enough, result.stdout + result.stderr):
                break
        return result

    def test_what_is_faster_is_written_and_found_again(self):
        home = {"XDG_CONFIG_HOME": str(self.folder)}
        result = self.search("times as fast", **home)
        gain = re.search(r"^(\d+\.\d\d) times as fast, .* ms a step instead of .*: (\S+)$", result.stdout, re.MULTILINE)
        self.assertTrue(gain, result.stdout + result.stderr)
        self.assertGreater(float(gain[1]), 1.3)
        profile, = (self.folder / "clenet" / "devices").iterdir()
        self.assertIn(str(profile), result.stdout)
        content = json.loads(profile.read_text())
        self.assertIn("clenet tune", content["measured"])
        self.assertIn("min_groups", content["values"])
        self.assertNotIn("groups", content["values"])  # its old name, which slow() has
        for item in gain[2].split(","):
            key, value = item.split("=")
            self.assertEqual(content["values"][key], int(value))
        self.assertRegex(self.expect(0, "devices", **home).stdout, r"(?m)\* .*tuned")
        self.expect(0, "train", *SMALL, "--epochs", "1", **home)

    def test_nothing_found_leaves_everything_as_it_was(self):
        result = self.expect(0, *self.SEARCH, "--time", "1", XDG_CONFIG_HOME=str(self.folder))
        self.assertIn("nothing was found", result.stdout)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_candidate_that_crashes_and_one_that_is_wrong_cost_themselves(self):
        kernels = self.copy_kernels()
        text = (kernels / "linear.cl").read_text()
        start = text.index("{", text.index("__kernel void linear_forward")) + 1
        crash = "\n    if (VECTOR == 16 || VECTOR == 2)\n        *(__global volatile float *)8 = 0.0f;\n"
        (kernels / "linear.cl").write_text(text[:start] + crash + text[start:])
        text = (kernels / "adam.cl").read_text()
        self.assertIn("parameters + at);", text)
        (kernels / "adam.cl").write_text(text.replace("parameters + at);", "parameters + at) + (VECTOR == 4 ? 1.0f : 0.0f);", 1))
        output = self.folder / "found.json"
        both = r"\d+ candidates: [1-9]\d* wrong, [1-9]\d* refused, crashed or hung"
        result = self.search(both, "--kernels", "kernels", "--output", str(output), cwd=self.folder)
        self.assertRegex(result.stderr, both)
        self.assertIn("updated parameter", result.stderr)
        self.assertRegex(result.stderr, r"crashed \(|ended with exit status")  # a sanitizer ends it by itself
        self.assertNotIn(json.loads(output.read_text())["values"]["vector"], (2, 4, 16))

    def test_a_profile_that_does_not_work_is_told(self):
        self.assertIn("nowhere.json", self.expect(1, *self.SEARCH, "--profile-file", "nowhere.json").stderr)


def load_tests(loader, tests, _pattern):
    """Every test, or with $CLENET_TEST_PART "2/4" every fourth one from the third on; none of the classes that
    $CLENET_TEST_WITHOUT names."""
    part, count = map(int, os.environ.get("CLENET_TEST_PART", "0/1").split("/"))
    without = os.environ.get("CLENET_TEST_WITHOUT", "").split()
    classes = [name for name, value in globals().items()
               if isinstance(value, type) and issubclass(value, unittest.TestCase) and name not in without]
    names = [f"{name}.{test}" for name in classes for test in loader.getTestCaseNames(globals()[name])]
    return loader.loadTestsFromNames(names[part::count], sys.modules[__name__])


if __name__ == "__main__":
    unittest.main(verbosity=2, defaultTest=QUICK if os.environ.get("CLENET_CHECK") == "quick" else None)
