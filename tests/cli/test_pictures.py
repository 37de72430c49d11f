"""Pictures in class folders: the same pixels train the same model as IDX files, and whatever is wrong with a folder or a
picture is told."""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import time
import unittest

from support import PROGRAM, LAYERS, READS_JPEG, READS_PNG, ROOT, SET_FILES, Sets, chunk, idx, main, metadata, png

sys.path.insert(0, str(ROOT / "tests" / "fuzz"))
import make_corpus  # noqa: E402

HELD = os.environ.get("CLENET_TEST_HELD")


def tensors(path):
    """All numbers of a model, without the names of its classes."""
    content = path.read_bytes()
    return content[8 + struct.unpack("<Q", content[:8])[0]:]


def epochs(result):
    return [re.sub(r", time .*", "", line) for line in result.stdout.splitlines() if line.startswith("epoch")]


class Pictures(Sets):
    SIZE, CLASSES = 28, ("boot", "coat", "shirt")

    COUNTS = 36, 12

    def setUp(self):
        super().setUp()
        self.halves = []
        for count in self.COUNTS:
            images = [bytes((20 + 100 * (i * 3 // count) + 7 * (y // 8) + 5 * (x // 8) + i % 12) % 256
                            for y in range(self.SIZE) for x in range(self.SIZE)) for i in range(count)]
            self.halves.append((images, [i * 3 // count for i in range(count)]))

    def write_idx(self, name):
        folder = self.folder / "idx" / name
        folder.mkdir(parents=True)
        for (images, labels), (pixels, numbers) in zip(SET_FILES, self.halves):
            (folder / images).write_bytes(idx(pixels, self.SIZE, self.SIZE))
            (folder / labels).write_bytes(struct.pack(">2I", 0x801, len(numbers)) + bytes(numbers))
        return folder

    def write_pictures(self, name, ending="png", halves=("train", "test"), encode=None):
        """Class folders of the same pictures, in the same order."""
        encode = encode or (lambda pixels: png(self.SIZE, self.SIZE, pixels))
        for half, (images, labels) in zip(halves, self.halves):
            for number, (pixels, label) in enumerate(zip(images, labels)):
                path = self.folder / name / half / self.CLASSES[label] / f"{number:03}.{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode(pixels))
        return self.folder / name

    def train_on(self, folder, *arguments, status=0):
        return self.train(status, "--data", folder, "--epochs", "2", "--batch-size", "12", *arguments)


@unittest.skipUnless(READS_PNG, "this clenet was built without libpng")
class Folders(Pictures):
    def test_classes_are_matched_by_name(self):
        folder = self.write_pictures("all")
        network = self.write_network("three.json", [*LAYERS[:-1], {"type": "Linear", "out_features": 3}])
        self.train_on(folder, "--network", network, "--save", "m.safetensors")
        whole = self.expect(0, "evaluate", "m.safetensors", "--data", folder).stdout
        some = self.folder / "some"  # "coat" and "shirt", which are the first classes here
        for half in ("train", "test"):
            for name in self.CLASSES[1:]:
                (some / half / name).mkdir(parents=True)
                for path in (folder / half / name).iterdir():
                    (some / half / name / path.name).write_bytes(path.read_bytes())
        result = self.expect(0, "evaluate", "m.safetensors", "--data", some)
        self.assertIn("some has other classes than the model: they are matched by name", result.stderr)
        for name in self.CLASSES[1:]:
            recall = [re.search(rf"^ +\d+ {name} +4 +(?:\S+) +(\S+)", text, re.M).group(1) for text in (whole, result.stdout)]
            self.assertEqual(recall[0], recall[1], name)
        (some / "train" / "coat").rename(some / "train" / "coats")
        (some / "test" / "coat").rename(some / "test" / "coats")
        self.assertIn("some has images of the class 'coats', which m.safetensors does not know",
                      self.expect(1, "evaluate", "m.safetensors", "--data", some).stderr)

    def test_a_network_may_have_more_outputs_than_names(self):
        folder = self.write_pictures("mine")  # 3 classes, and 10 outputs
        self.train_on(folder, "--save", "m.safetensors")
        self.assertEqual(json.loads(metadata(self.folder / "m.safetensors")["classes"]), [*self.CLASSES, *[""] * 7])
        result = self.expect(0, "predict", "m.safetensors", folder / "test" / "boot" / "000.png", "--top", "10", "--json")
        found = {p["class"]: p["name"] for p in json.loads(result.stdout)["predictions"]}
        self.assertEqual(found, dict(enumerate([*self.CLASSES, *[None] * 7])))
        result = self.expect(0, "predict", "m.safetensors", folder / "test" / "boot" / "000.png", "--top", "10")
        for name in (*self.CLASSES, "3", "9"):
            self.assertRegex(result.stdout, rf" {name} +[01]\.\d")

    def test_one_class_is_told(self):
        folder = self.write_pictures("mine")
        self.assertNotIn("images are of class", self.train_on(folder).stderr)
        for name in self.CLASSES[1:]:
            for half in ("train", "test"):
                shutil.rmtree(folder / half / name)
        self.assertIn("warning: all 12 training images are of class 0, boot: ", self.train_on(folder).stderr)

    def test_without_test_images(self):
        folder = self.write_pictures("one/train", halves=("",))
        result = self.train_on(folder, "--save", "m.safetensors")
        self.assertNotIn("test acc", result.stdout)
        self.assertIn("36 training and 0 test images", result.stderr)
        for option in (("--require-accuracy", "0.1"), ("--save-best", "--save", "b.safetensors")):
            self.assertIn("train has no test images: --test X", self.train_on(folder, *option, status=1).stderr)
        self.assertIn("no test images: --test X", self.expect(1, "evaluate", "m.safetensors", "--data", folder).stderr)

    def test_a_table_of_paths(self):
        self.train_on(self.write_idx("mine"), "--save", "a.safetensors")
        folder = self.write_pictures("table")
        for half, (_, labels) in zip(("train", "test"), self.halves):
            rows = [f"{label},{half}/{self.CLASSES[label]}/{n:03}.png" for n, label in enumerate(labels)]
            (folder / f"{half}.csv").write_text("\n".join(["label,path", *rows]) + "\n")
        result = self.train_on(folder, "--save", "b.safetensors")
        self.assertIn("36 training and 12 test images", result.stderr)
        self.assertEqual(tensors(self.folder / "a.safetensors"), tensors(self.folder / "b.safetensors"))
        (folder / "train" / "coat" / "020.png").write_bytes(b"no picture")
        told = self.train_on(folder, status=1).stderr
        self.assertIn("020.png: ", told)
        left = self.train_on(folder, "--skip-damaged").stderr
        self.assertIn("35 training and 12 test images", left)
        outside = self.folder / "outside.png"
        outside.write_bytes((folder / "train" / "boot" / "000.png").read_bytes())
        (folder / "link.png").symlink_to(outside)
        for path in ("../outside.png", str(outside), "link.png"):
            with self.subTest(path=path):
                (folder / "train.csv").write_text(f"label,path\n0,train/boot/000.png\n1,{path}\n")
                self.assertRegex(self.train_on(folder, status=1).stderr, r"train\.csv: line 3: the path .* (leaves|leads out)")

    def test_the_same_pixels_give_the_same_bits(self):
        self.train_on(self.write_idx("mine"), "--save", "a.safetensors")
        encodings = {"png": ("png", None)}
        if READS_JPEG:  # of blocks of one value
            encodings["jpeg"] = ("JPG", lambda pixels: make_corpus.jpeg(
                28, 28, [pixels[28 * y + x] for y in range(0, 28, 8) for x in range(0, 28, 8)]))
        for name, (ending, encode) in encodings.items():
            with self.subTest(name=name):
                folder = self.write_pictures(f"{name}/mine", ending, encode=encode)
                result = self.train_on(folder, "--save", "b.safetensors")
                self.assertIn("36 training and 12 test images", result.stderr)
                self.assertEqual(tensors(self.folder / "a.safetensors"), tensors(self.folder / "b.safetensors"))

    def test_classes_are_called_as_their_folders(self):
        folder = self.write_pictures("mine")
        network = json.loads(self.network.read_text())
        network["layers"][-1]["out_features"] = 3
        self.network.write_text(json.dumps(network))
        self.train_on(folder, "--save", "m.safetensors")
        result = self.expect(0, "evaluate", "m.safetensors", "--data", folder, "--confusion")
        for name in self.CLASSES:
            self.assertIn(name, result.stdout)
        result = self.expect(0, "predict", "m.safetensors", folder / "test" / "boot" / "000.png")
        self.assertRegex(result.stdout, rf"000\.png +({'|'.join(self.CLASSES)}) ")

    def test_one_level_is_split(self):
        folder = self.write_pictures("mine", halves=("",))
        result = self.train_on(folder, "--test", "0.25")
        self.assertIn("27 training and 9 test images", result.stderr)
        self.assertEqual(epochs(result), epochs(self.train_on(folder, "--test", "0.25")))

    def test_sizes_and_kinds_are_made_one(self):
        folder = self.write_pictures("mine")
        (folder / "train" / "boot" / "large.png").write_bytes(png(40, 30, bytes(range(240)) * 5))
        (folder / "train" / "boot" / "colour.png").write_bytes(png(28, 28, bytes(28 * 28 * 3), colour=2))
        (folder / "train" / "coat" / "clear.png").write_bytes(png(28, 28, bytes([200, 0]) * 784, colour=4))
        (folder / "train" / "coat" / "deep.png").write_bytes(png(28, 28, bytes(2 * 784), depth=16))
        told = {}
        for fit in ("stretch", "crop", "pad"):
            result = self.train_on(folder, "--fit", fit, "--ground", "#102030")
            self.assertIn("40 training and 12 test images", result.stderr)
            told[fit] = epochs(result)
        self.assertEqual(len(set(map(str, told.values()))), 3, told)
        self.assertNotEqual(told["pad"], epochs(self.train_on(folder, "--fit", "pad", "--ground", "white")))

    def test_a_damaged_picture_is_named_or_left_out(self):
        folder = self.write_pictures("mine")
        (folder / "train" / "coat" / "bad.png").write_bytes(png(28, 28, bytes(784))[:-30])
        (folder / "train" / "coat" / "empty.jpg").write_bytes(b"")
        result = self.train_on(folder, status=1)
        self.assertRegex(result.stderr, r"/train/coat/bad\.png: PNG: byte \d+: truncated \(--skip-damaged leaves such")
        result = self.train_on(folder, "--skip-damaged", "--save", "a.safetensors")
        self.assertIn("2 of 38 pictures are damaged and left out:", result.stderr)
        self.assertRegex(result.stderr, r"train/coat/empty\.jpg: the file is empty")
        self.assertIn("36 training", result.stderr)

    def test_a_bomb_is_refused(self):
        folder = self.write_pictures("mine")
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", 50000, 50000, 16, 6, 0, 0, 0))
        (folder / "test" / "coat" / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
        result = self.train_on(folder, status=1)
        self.assertIn("bomb.png: PNG: byte 41: a picture of 50000×50000 pixels; clenet's limit is 8192 a side", result.stderr)

    def test_no_picture_is_written_over(self):
        folder = self.write_pictures("mine")
        picture = folder / "train" / "boot" / "000.png"
        before = picture.read_bytes()
        result = self.train_on(folder, "--save", picture, status=1)
        self.assertIn("is the same file as", result.stderr)
        self.assertEqual(picture.read_bytes(), before)

    def test_progress_is_told(self):
        result = self.train(0, "--data", self.write_pictures("mine"), "--epochs", "1", CLENET_PROGRESS_SECONDS="1e-9")
        self.assertRegex(result.stderr, r"(?m)^decoding \d+ of (36|12) pictures$")


@unittest.skipUnless(READS_PNG, "this clenet was built without libpng")
class AtOnce(Pictures):
    """With --stream training begins while pictures are still being decoded."""
    COUNTS = 360, 12
    STREAM = ("--stream", "--batch-size", "4", "--seed", "1")

    @unittest.skipUnless(HELD, "CLENET_TEST_HELD names no library")
    def test_the_first_pictures_are_used_before_the_last_is_there(self):
        folder, until, sheet = self.write_pictures("mine"), self.folder / "until", self.folder / "sheet.png"
        command = [PROGRAM, "train", "--network", self.network, "--no-guard", "--data", folder, *self.STREAM, "--epochs", "1",
                   "--show-augmented", sheet, "--show-count", "16"]
        self.expect(0, *command[1:])
        usual = sheet.read_bytes()
        sheet.unlink()
        late = folder / "train" / "shirt"
        (late / "359.png").rename(late / "held.png")  # not among the first ones of the epoch, with this seed
        with subprocess.Popen(command, cwd=self.folder, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={
                **os.environ, "LD_PRELOAD": HELD, "HELD_UNTIL": str(until),
                "ASAN_OPTIONS": os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}) as process:
            end = time.monotonic() + 200
            while not sheet.exists() and process.poll() is None and time.monotonic() < end:
                time.sleep(0.01)
            early = sheet.exists()
            until.touch()
            _, errors = process.communicate(timeout=200)
        self.assertEqual(process.returncode, 0, errors)
        self.assertTrue(early)
        self.assertEqual(sheet.read_bytes(), usual)

    def test_the_same_bits(self):
        folder = self.write_pictures("mine")
        for name, stream in (("a.safetensors", self.STREAM), ("b.safetensors", self.STREAM[1:])):
            self.train(0, "--data", folder, "--epochs", "2", *stream, "--validation", "0.1", "--save", name)
        self.assertEqual(*((self.folder / name).read_bytes() for name in ("a.safetensors", "b.safetensors")))

    def test_what_is_saved_or_told_in_the_first_epoch(self):
        folder = self.write_pictures("mine")
        for name, stream in (("a.safetensors", self.STREAM), ("b.safetensors", self.STREAM[1:])):
            self.train(0, "--data", folder, *stream, "--max-steps", "2", "--save", name, "--report", "report.html")
        self.assertEqual(*((self.folder / name).read_bytes() for name in ("a.safetensors", "b.safetensors")))
        test = folder / "test" / "coat"
        damaged = sorted(test.iterdir())[0]
        damaged.write_bytes(damaged.read_bytes()[:60])
        result = self.train(1, "--data", folder, "--epochs", "1", *self.STREAM)
        self.assertIn(f"{damaged}: PNG: byte", result.stderr)

    def test_a_damaged_picture_ends_it_when_it_is_needed(self):
        folder = self.write_pictures("mine")
        self.train(0, "--data", folder, "--epochs", "1", *self.STREAM, "--save", "a.safetensors")
        before = (self.folder / "a.safetensors").read_bytes()
        damaged = folder / "train" / "coat" / "150.png"
        damaged.write_bytes(damaged.read_bytes()[:60])
        result = self.train(1, "--data", folder, "--epochs", "1", *self.STREAM, "--save", "a.safetensors")
        self.assertEqual(result.stdout, "")
        self.assertIn(f"{damaged}: PNG: byte", result.stderr)
        self.assertEqual((self.folder / "a.safetensors").read_bytes(), before)
        self.assertIn("359 training", self.train(0, "--data", folder, "--epochs", "1", *self.STREAM, "--skip-damaged").stderr)


class Wrong(Pictures):
    def test_folders_are_told(self):
        folder = self.write_pictures("mine")
        (folder / "train" / "hat").mkdir()
        result = self.train_on(folder, status=1)
        self.assertIn("mine/train/hat: the class has no picture (*.png, *.jpg, *.jpeg; 0 other files)", result.stderr)
        (folder / "train" / "hat").rmdir()
        (folder / "test" / "hat").mkdir()
        (folder / "test" / "hat" / "1.png").write_bytes(b"")
        result = self.train_on(folder, status=1)
        self.assertIn("mine/test: no folder train for training has this class hat", result.stderr)

    def test_a_library_that_is_missing_is_told(self):
        for reads, ending, encode in ((READS_PNG, "png", None), (READS_JPEG, "jpeg", lambda pixels: make_corpus.jpeg(28, 28, [9] * 16))):
            result = self.train_on(self.write_pictures(ending, ending, encode=encode), status=0 if reads else 1)
            self.assertEqual(f"without lib{ending}" in result.stderr, not reads)


@unittest.skipUnless(READS_PNG and READS_JPEG, "this clenet was built without libpng or libjpeg")
class Predictions(Pictures):
    def test_a_jpeg_is_predicted_upright(self):
        self.train_on(self.write_idx("mine"), "--save", "m.safetensors")
        values = [20 * (4 * row + column) % 250 for row in range(4) for column in range(4)]
        image = [[values[4 * (y // 8) + x // 8] for x in range(28)] for y in range(28)]
        turned = [[image[27 - x][y] for x in range(28)] for y in range(28)]  # by 90 degrees, clockwise
        upright = self.folder / "upright.png"
        upright.write_bytes(png(28, 28, [v for row in turned for v in row]))
        camera = self.folder / "camera.jpg"
        camera.write_bytes(make_corpus.jpeg(28, 28, values, before=make_corpus.segment(0xE1, make_corpus.exif(6))))
        result = self.expect(0, "predict", "m.safetensors", upright, camera, "--top", "10", "--json")
        said = [{key: value for key, value in json.loads(line).items() if key != "file"} for line in result.stdout.splitlines()]
        self.assertEqual(said[0], said[1])
        camera.write_bytes(camera.read_bytes()[:-20])
        result = self.expect(1, "predict", "m.safetensors", camera)
        self.assertIn("camera.jpg: JPEG: ", result.stderr)


if __name__ == "__main__":
    main()
