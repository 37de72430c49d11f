"""The commands on data sets: what prepare writes, info counts and sheet draws, against counts made here."""
import hashlib
import json
import struct
import zlib
from pathlib import Path

from support import READS_PNG, SET_FILES, Sets, idx, main, metadata, unittest


def parts_of(path):
    """The metadata of a safetensors file, and each tensor as (type, shape, bytes)."""
    content = Path(path).read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])
    metadata = header.pop("__metadata__")
    return metadata, {name: (t["dtype"], t["shape"], content[begin + t["data_offsets"][0]:begin + t["data_offsets"][1]])
                      for name, t in header.items()}


class Prepared(Sets):
    def prepare(self, data, *options, name="set.safetensors"):
        self.expect(0, "data", "prepare", data, "-o", name, *options)
        return self.folder / name

    def test_the_file_as_other_programs_read_it(self):
        labels = self.labels(40), self.labels(20)
        folder = self.write_set("mine", *labels)
        path = self.prepare(folder)
        metadata, tensors = parts_of(path)
        pixels = b"".join(bytes([20 * label]) * 784 for label in labels[0])
        self.assertEqual(tensors["train.images"], ("U8", [40, 1, 28, 28], pixels))
        self.assertEqual(tensors["train.labels"], ("I64", [40], struct.pack("<40q", *labels[0])))
        self.assertEqual(tensors["test.labels"], ("I64", [20], struct.pack("<20q", *labels[1])))
        self.assertEqual(sorted(tensors), ["test.images", "test.labels", "train.images", "train.labels"])
        self.assertEqual((metadata["name"], json.loads(metadata["classes"]), metadata["fit"]), ("mine", 10, "stretch"))
        self.assertEqual(metadata["digest"], hashlib.sha256(pixels + bytes(labels[0])).hexdigest())
        self.assertEqual(json.loads(metadata["prepared"]), {"data": str(folder)})
        self.assertEqual(path.read_bytes(), self.prepare(folder, name="again").read_bytes())

    def test_trainings_are_the_same(self):
        for data, options in ((self.write_set("mine", self.labels(40), self.labels(20)), ()),
                              ("synthetic:60", ("--seed", "3"))):
            with self.subTest(data=data):
                prepared = self.prepare(data, *options)
                self.assertEqual(json.loads(parts_of(prepared)[0]["prepared"]),
                                 {"data": str(data), **({"seed": 3} if options else {})})
                models = []
                for source in (data, prepared):
                    self.train(0, "--data", source, "--seed", "3", "--epochs", "2", "--batch-size", "16",
                               "--save", "model.safetensors")
                    models.append((self.folder / "model.safetensors").read_bytes())
                self.assertEqual(models[0], models[1])
                result = self.expect(0, "evaluate", "model.safetensors", "--data", prepared)
                self.assertRegex(result.stdout, r"(mine, 20|synthetic, 10) test images")

    def test_a_share_is_set_aside_once(self):
        first = self.prepare("synthetic:60", "--seed", "3")
        content = first.read_bytes()
        header = json.loads(content[8:8 + int.from_bytes(content[:8], "little")])
        only = {name: header[name] for name in ("train.labels", "train.images")}
        labels, pixels = (parts_of(first)[1][name][2] for name in only)
        only["train.labels"]["data_offsets"], only["train.images"]["data_offsets"] = [0, 480], [480, 480 + 60 * 784]
        text = json.dumps(only).encode()
        text += b" " * (-len(text) % 8)
        (self.folder / "train-only").write_bytes(struct.pack("<Q", len(text)) + text + labels + pixels)
        both = parts_of(self.prepare("train-only", "--test", "0.25", name="parts"))[1]
        self.assertEqual((both["train.images"][1][0], both["test.images"][1][0]), (45, 15))
        result = self.expect(1, "data", "info", "parts", "--test", "0.25")
        self.assertIn("test images of its own", result.stderr)

    def test_inputs_are_not_written_over(self):
        folder = self.write_set("mine", self.labels(10), self.labels(10))
        prepared = self.prepare(folder)
        before = prepared.read_bytes(), (folder / SET_FILES[0][0]).read_bytes()
        for source, target in ((prepared, prepared), (folder, folder / SET_FILES[0][0])):
            for command in ("prepare", "sheet"):
                result = self.expect(1, "data", command, source, "-o", target)
                self.assertIn("is the same file as SET", result.stderr)
        self.assertIn("is the same file as --data", self.train(1, "--data", prepared, "--save", prepared).stderr)
        self.assertEqual((prepared.read_bytes(), (folder / SET_FILES[0][0]).read_bytes()), before)
        self.assertIn("--output FILE is missing", self.expect(2, "data", "prepare", folder).stderr)
        self.assertIn("SET is missing", self.expect(2, "data", "prepare", "-o", "x").stderr)

    def test_damage_is_told(self):
        prepared = self.prepare(self.write_set("mine", self.labels(40), self.labels(20)))
        content = prepared.read_bytes()
        prepared.write_bytes(content[:-1])
        self.assertIn("set.safetensors: tensor \"test.images\": bytes", self.train(1, "--data", prepared).stderr)
        changed = bytearray(content)
        changed[len(content) - 20 * 784 - 1] ^= 1  # the last byte of train.images
        prepared.write_bytes(changed)
        result = self.expect(1, "data", "info", prepared)
        self.assertIn("it is damaged, or was changed after it was prepared", result.stderr)
        self.assertEqual(result.stdout, "")
        labels = 8 + int.from_bytes(content[:8], "little")
        changed = bytearray(content)
        changed[labels + 8 * 7] = 11
        prepared.write_bytes(changed)
        self.assertIn(f"set.safetensors: byte {labels + 8 * 7}: training image 7 (counted from 0) has label 11",
                      self.train(1, "--data", prepared).stderr)
        self.assertIn("no data set: this is a file that ends with .json", self.train(1, "--data", self.network).stderr)


class Options(Sets):
    PICTURES = (("--size", "8x8"), ("--fit", "crop"), ("--channels", "1"), ("--ground", "black"), ("--skip-damaged",))

    def test_what_has_no_effect_is_refused(self):
        folder = self.write_set("mine", self.labels(10), self.labels(10))
        self.expect(0, "data", "prepare", folder, "-o", "set.safetensors")
        (self.folder / "rows.csv").write_text("label,p0\n0,1\n1,2\n")
        for data in (folder, "set.safetensors", "synthetic:20"):
            for option in (*self.PICTURES, ("--label", "first")):
                with self.subTest(data=data, option=option):
                    self.assertIn(f"{option[0]} has no effect", self.expect(1, "data", "info", data, *option).stderr)
        for option in self.PICTURES:
            self.assertIn(f"{option[0]} has no effect", self.expect(1, "data", "info", "rows.csv", *option).stderr)
        self.assertIn("--fit has no effect", self.train(1, "--data", folder, "--fit", "pad").stderr)

    def test_a_recipe_may_have_them(self):
        (self.folder / "r.json").write_text(json.dumps({"fit": "crop", "ground": "white", "size": "28x28", "label": "last",
                                                        "channels": 1, "skip-damaged": True}))
        arguments = "--data", "synthetic:20", "--epochs", "1", "--recipe", "r.json"
        self.train(0, *arguments)
        self.assertIn("--size has no effect", self.train(1, *arguments, "--size", "28x28").stderr)

    def test_a_model_keeps_its_labels(self):
        network = self.folder / "three.json"
        network.write_text(json.dumps({"name": "three", "input": [4, 1, 1], "layers": [
            {"type": "Flatten"}, {"type": "Linear", "out_features": 8}]}))
        rows = "".join(f"{i % 2},{i / 8},1,2,{i % 8}\n" for i in range(32))
        (self.folder / "t.csv").write_text("kind,p0,p1,p2,other\n" + rows)
        command = "train", "--network", network, "--no-guard", "--batch-size", "8", "--data", "t.csv"
        self.expect(0, *command, "--test", "0.5", "--epochs", "1", "--label", "other", "--save", "m.safetensors",
                    "--log", "m.jsonl")
        start = json.loads((self.folder / "m.jsonl").read_text().splitlines()[0])
        self.assertEqual((start["recipe"]["label"], start["options"]["label"], start["classes"]), ("other", "other", 8))
        self.assertEqual(metadata(self.folder / "m.safetensors")["training"]["label"], "other")
        kept = self.expect(0, "evaluate", "m.safetensors", "--data", "t.csv").stdout
        self.assertRegex(kept, r"(?m)^  7 +2 ")
        self.assertEqual(kept, self.expect(0, "evaluate", "m.safetensors", "--data", "t.csv", "--label", "other").stdout)
        self.assertNotRegex(self.expect(0, "evaluate", "m.safetensors", "--data", "t.csv", "--label", "kind").stdout, "(?m)^  7")
        told = self.expect(1, *command, "--epochs", "2", "--resume", "m.safetensors", "--label", "kind").stderr
        self.assertIn("choice of labels: 'kind' here, 'other' there", told)
        for label in ((), ("--label", "last")):  # the same column
            self.expect(0, *command, "--epochs", "2", "--resume", "m.safetensors", *label)
        # Another data set has no choice; the model's is passed over.
        self.expect(0, "data", "prepare", "t.csv", "--label", "other", "--test", "0.5", "-o", "t.safetensors")
        self.assertRegex(self.expect(0, "evaluate", "m.safetensors", "--data", "t.safetensors").stdout, r"(?m)^  7 +2 ")


class Endings(Sets):
    def test_other_formats_are_refused(self):
        folder = self.write_set("mine", self.labels(10), self.labels(10))
        self.train(0, "--data", folder, "--epochs", "1", "--save", "m.safetensors", "--log", "m.jsonl")
        train = "train", "--network", self.network, "--data", folder, "--epochs", "1"
        for command, wrong, right in (
                (("data", "prepare", folder, "-o"), "x.png", ".safetensors"),
                (("data", "sheet", folder, "-o"), "x.JPG", ".png"),
                (("report", "m.jsonl", "-o"), "x.pdf", ".html or .htm"),
                (("plot", "m.jsonl", "-o"), "x.html", ".svg or .png"),
                (("export", "m.safetensors", "--onnx"), "x.safetensors", ".onnx"),
                (("export", "m.safetensors", "--safetensors"), "x.onnx", ".safetensors"),
                (("import", "m.safetensors", "--network", self.network, "--save"), "x.pt", ".safetensors"),
                (("evaluate", "m.safetensors", "--data", folder, "--predictions"), "x.xlsx", ".csv or .txt"),
                ((*train, "--save"), "x.onnx", ".safetensors"), ((*train, "--log"), "x.html", ".jsonl, .json, .txt or .csv"),
                ((*train, "--report"), "x.png", ".html or .htm")):
            with self.subTest(wrong):
                result = self.expect(1, *command, wrong)
                self.assertIn(f"'{wrong}': this writes no {wrong[1:]} file: give a name that ends with {right}", result.stderr)
                self.assertFalse((self.folder / wrong).exists())

    def test_others_are_taken(self):
        folder = self.write_set("mine", self.labels(10), self.labels(10))
        for name in ("plain", "v1.2", ".png", "a.d/../set.SafeTensors"):
            (self.folder / "a.d").mkdir(exist_ok=True)
            self.expect(0, "data", "prepare", folder, "-o", name)


class Info(Sets):
    # Training images 2, 4 and 6 are alike, 4 with another label; test image 1 is training image 2, and constant.
    LABELS = ([0, 1, 2, 0, 3, 1, 2, 0], [0, 2, 2])

    def write_images(self):
        pictures = [[(7 * i + 3 * k) % 256 for k in range(6)] for i in range(8)]
        pictures[2] = pictures[4] = pictures[6] = [9] * 6
        self.halves = pictures, [[200 - k for k in range(6)], [9] * 6, [200 - k for k in range(6)]]
        folder = self.folder / "odd"
        folder.mkdir()
        for (images, labels), half, numbers in zip(SET_FILES, self.halves, self.LABELS):
            (folder / images).write_bytes(idx(half, 2, 3))
            (folder / labels).write_bytes(struct.pack(">2I", 0x801, len(numbers)) + bytes(numbers))
        return folder

    def test_the_numbers(self):
        folder = self.write_images()
        told = json.loads(self.expect(0, "data", "info", folder, "--json").stdout)
        self.assertEqual((told["name"], told["shape"], told["type"], told["scale"], told["bytes"]),
                         ("odd", [1, 2, 3], "uint8", 255, 66))
        self.assertEqual(told["digest"], hashlib.sha256(bytes(sum(self.halves[0], [])) + bytes(self.LABELS[0])).hexdigest())
        self.assertEqual(told["classes"], [{"class": k, "name": None, "train": self.LABELS[0].count(k),
                                            "test": self.LABELS[1].count(k)} for k in range(4)])
        for key, half in zip(("train", "test"), self.halves):
            pixels = sum(half, [])
            mean = sum(pixels) / len(pixels)
            deviation = (sum((v - mean) ** 2 for v in pixels) / len(pixels)) ** 0.5
            channel, = told[key]["channels"]
            self.assertEqual((told[key]["images"], channel["min"], channel["max"]), (len(half), min(pixels), max(pixels)))
            self.assertAlmostEqual(channel["mean"], mean, 9)
            self.assertAlmostEqual(channel["deviation"], deviation, 9)
        labels = folder / SET_FILES[0][1], folder / SET_FILES[1][1]

        def image(half, index):
            return {"image": index, "class": self.LABELS[half][index], "place": f"{labels[half]}: byte {8 + index}"}

        self.assertEqual(told["train"]["constant"], {"images": 3, "listed": [image(0, i) for i in (2, 4, 6)]})
        self.assertEqual(told["test"]["constant"], {"images": 1, "listed": [image(1, 1)]})
        self.assertEqual(told["duplicates"], {
            "train": {"images": 2, "other_label": 1, "listed": [{"again": image(0, 4), "first": image(0, 2)},
                                                                {"again": image(0, 6), "first": image(0, 2)}]},
            "test": {"images": 1, "other_label": 1, "listed": [{"again": image(1, 2), "first": image(1, 0)}]},
            "between": {"images": 1, "other_label": 0, "listed": [{"again": image(1, 1), "first": image(0, 2)}]}})

    def test_the_text(self):
        text = self.expect(0, "data", "info", self.write_images()).stdout
        self.assertIn("odd: 8 training and 3 test images of 4 classes\n", text)
        self.assertIn("    2          2  25.0 %          2  66.7 %\n", text)
        self.assertIn("class 1 has no test image\nclass 3 has no test image\n", text)
        self.assertIn("3 training images have one value everywhere\n  training image 2 of class 2 (", text)
        self.assertIn("2 training images repeat another training image, 1 of them with another label\n"
                      "  training image 4 of class 3 (", text)
        self.assertIn("1 test images are among the training images, 0 of them with another label\n"
                      "  test image 1 of class 2 (", text)

    def test_ten_are_listed_and_the_rest_counted(self):
        folder = self.write_set("same", self.labels(30), self.labels(10))
        text = self.expect(0, "data", "info", folder).stdout
        self.assertIn("20 training images repeat another training image, 0 of them with another label\n"
                      "  training image 10 of class 0", text)
        self.assertIn("  and 10 more\n", text)
        told = json.loads(self.expect(0, "data", "info", folder, "--json").stdout)["duplicates"]
        self.assertEqual([told[key]["images"] for key in ("train", "test", "between")], [20, 0, 10])
        self.assertEqual([pair["again"]["image"] for pair in told["train"]["listed"]], list(range(10, 20)))

    def test_those_of_different_labels_come_first(self):
        folder = self.write_set("same", [0] * 13 + [1] * 13, [0])
        told = json.loads(self.expect(0, "data", "info", folder, "--json").stdout)["duplicates"]["train"]
        self.assertEqual((told["images"], told["other_label"]), (24, 0))
        (folder / SET_FILES[0][1]).write_bytes(struct.pack(">2I", 0x801, 26) + bytes([0] * 12 + [1] * 13 + [0]))
        told = json.loads(self.expect(0, "data", "info", folder, "--json").stdout)["duplicates"]["train"]
        self.assertEqual((told["images"], told["other_label"]), (24, 2))
        self.assertEqual([(pair["again"]["image"], pair["first"]["image"]) for pair in told["listed"]],
                         [(12, 0), (25, 13), *((i, 0) for i in range(1, 9))])

    def test_names_and_prepared_sets_are_told_alike(self):
        self.expect(0, "data", "prepare", "synthetic:60", "--seed", "4", "--output", "s.safetensors")
        told = [json.loads(self.expect(0, "data", "info", data, "--seed", "4", "--json").stdout)
                for data in ("synthetic:60", "s.safetensors")]
        self.assertEqual(told[0], told[1])


@unittest.skipUnless(READS_PNG, "built without libpng")
class Sheet(Sets):
    def sheet(self, *arguments):
        """What the command prints, and the rows of the picture, which is grey."""
        text = self.expect(0, "data", "sheet", *arguments, "-o", "sheet.png").stdout
        content, at, packed = (self.folder / "sheet.png").read_bytes(), 8, b""
        while at < len(content):
            length, = struct.unpack(">I", content[at:at + 4])
            kind, body = content[at + 4:at + 8], content[at + 8:at + 8 + length]
            if kind == b"IHDR":
                width, height = struct.unpack(">2I", body[:8])
            packed += body if kind == b"IDAT" else b""
            at += 12 + length
        lines, before, rows = zlib.decompress(packed), bytes(width), []
        for y in range(height):
            kind, line = lines[y * (width + 1)], bytearray(lines[y * (width + 1) + 1:(y + 1) * (width + 1)])
            for x in range(width):  # the filters of PNG
                left, up, corner = (line[x - 1], before[x], before[x - 1]) if x else (0, before[x], 0)
                near = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
                line[x] = (line[x] + (0, left, up, (left + up) // 2, near)[kind]) % 256
            before = bytes(line)
            rows.append(before)
        return text, rows

    def test_a_row_for_every_class(self):
        folder = self.write_set("mine", [0, 2, 2, 2, 2], [0])  # pictures show 20 times their label; class 1 has none
        text, rows = self.sheet(folder, "--count", "3")
        self.assertEqual((len(rows), len(rows[0])), (2 + 3 * 30, 2 + 3 * 30))
        corners = [[rows[2 + 30 * y][2 + 30 * x] for x in range(3)] for y in range(3)]
        self.assertEqual(corners, [[0, 128, 128], [128] * 3, [40] * 3])
        self.assertEqual(text, "row 1: class 0, 1 of 1 training images\nrow 2: class 1, 0 of 0 training images\n"
                               "row 3: class 2, 3 of 4 training images\n")

    def test_drawn_by_seed(self):
        sheets = [self.sheet("synthetic:200", "--count", "2", "--seed", seed)[1] for seed in ("1", "1", "2")]
        self.assertEqual(sheets[0], sheets[1])
        self.assertNotEqual(sheets[0], sheets[2])
        self.assertIn("out of range", self.expect(2, "data", "sheet", "synthetic", "--count", "0").stderr)


if __name__ == "__main__":
    main()
