"""`clenet predict` and `clenet evaluate`: what a saved model says about images."""
import csv
import gzip
import json
import math
import os
import random
import re
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import Case, PROGRAM, READS_PNG, clenet, idx, main, png, safetensors


def rewrite(source, target, **metadata):
    """A safetensors file with other metadata."""
    content = Path(source).read_bytes()
    size, = struct.unpack("<Q", content[:8])
    header = json.loads(content[8:8 + size])
    header["__metadata__"].update(metadata)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(target).write_bytes(struct.pack("<Q", len(text)) + text + content[8 + size:])


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
        wrong = {"nowhere": "No such file", str(text): "neither a PNG nor a JPEG nor an IDX file", str(short): "truncated",
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
        model.write_bytes(safetensors({"1.weight": ("F32", [2, 2], [1, 2, 3, 4]), "1.bias": ("F32", [2], [0, 0])}))
        self.assertEqual(self.predictions(self.idx, "--network", network, model=str(model), exit_status=1), [])
        self.assertIn("2×1×1", self.errors)

    def test_tensors_of_another_program(self):
        network, model = self.folder / "one.json", self.folder / "one.safetensors"
        network.write_text('{"input": [1, 9, 7], "layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": 2}]}')
        model.write_bytes(safetensors({"1.weight": ("F32", [2, 63], [0] * 63 + [1] * 63), "1.bias": ("F32", [2], [0.5, 0])}))
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


if __name__ == "__main__":
    main()
