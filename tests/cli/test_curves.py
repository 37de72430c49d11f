"""What a training writes for curves beside its JSON lines: tables, and event files of TensorBoard."""
import csv
import json
import math
import os
import re
import struct
import subprocess
import zlib

from support import READS_PNG, Sets, main

DATA = ("--data", "synthetic:300", "--batch-size", "32", "--no-guard")


def crc32c(data):
    """Masked, as in TFRecord files."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    """The records of an event file, with lengths and CRCs checked."""
    while data:
        (length,), head = struct.unpack("<Q", data[:8]), data[8:12]
        body, tail, data = data[12:12 + length], data[12 + length:16 + length], data[16 + length:]
        if head != struct.pack("<I", crc32c(struct.pack("<Q", length))) or tail != struct.pack("<I", crc32c(body)):
            raise AssertionError("a CRC is wrong")
        yield body


def fields(data):
    """The fields of a protobuf message: lists of numbers, bytes and raw floats by their number."""
    found, at = {}, 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte, at = data[at], at + 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        size = {0: None, 1: 8, 2: None, 5: 4}[key & 7]
        value = varint() if key & 7 in (0, 2) else None
        if key & 7 != 0:
            size = value if size is None else size
            value, at = data[at:at + size], at + size
        found.setdefault(key >> 3, []).append(value)
    return found


def number(raw):
    return struct.unpack("<f" if len(raw) == 4 else "<d", raw)[0]


class Csv(Sets):
    def rows(self, name="run.csv"):
        text = (self.folder / name).read_bytes().decode()
        self.assertNotIn("\r", text)
        return list(csv.DictReader(text.splitlines(), strict=True))

    def test_has_the_numbers_of_the_json_log(self):
        """A training is the same with another format of its log."""
        usual = ("train", *DATA, "--epochs", "3", "--validation", "0.2")
        self.expect(0, *usual, "--log", "run.csv")
        self.expect(0, *usual, "--log", "run.jsonl")
        rows, lines = self.rows(), [json.loads(line) for line in (self.folder / "run.jsonl").read_text().splitlines()]
        lines = [line for line in lines if line["event"] in ("epoch", "test")]
        self.assertEqual([row["event"] for row in rows], ["epoch"] * 3 + ["test"])
        self.assertEqual([row["step"] for row in rows], ["8", "16", "24", "24"])
        for row, line in zip(rows, lines, strict=True):
            self.assertRegex(row.pop("time"), r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            del row["step"]
            for name, value in row.items():
                with self.subTest(event=line["event"], name=name):
                    self.assertEqual(name in line and line[name] is not None, value != "")
                    if value and not name.endswith("_seconds"):
                        self.assertEqual(value if name in ("event", "weights") else json.loads(value), line[name])
            self.assertLessEqual(set(line), set(row))

    def test_a_resumed_training_appends(self):
        self.expect(0, "train", *DATA, "--epochs", "1", "--log", "RUN.CSV", "--save", "m")
        first = (self.folder / "RUN.CSV").read_bytes()
        self.expect(0, "train", *DATA, "--epochs", "2", "--log", "RUN.CSV", "--resume", "m")
        self.assertTrue((self.folder / "RUN.CSV").read_bytes().startswith(first))
        self.assertEqual([(row["epoch"], row["step"]) for row in self.rows("RUN.CSV")], [("1", "10"), ("2", "20")])
        (self.folder / "empty.csv").touch()
        self.expect(0, "train", *DATA, "--epochs", "2", "--log", "empty.csv", "--resume", "m")
        self.assertEqual([row["epoch"] for row in self.rows("empty.csv")], ["2"])

    def test_other_columns_are_refused(self):
        self.expect(0, "train", *DATA, "--epochs", "1", "--save", "m")
        self.expect(0, "train", *DATA, "--lr-find", "--log", "rates.csv")
        self.assertEqual([int(row["step"]) for row in self.rows("rates.csv")][:3], [1, 2, 3])
        (self.folder / "mine.csv").write_text("a,b\n1,2\n")
        for name in ("rates.csv", "mine.csv"):
            before = (self.folder / name).read_bytes()
            result = self.expect(1, "train", *DATA, "--epochs", "2", "--log", name, "--resume", "m")
            self.assertRegex(result.stderr, f"the log '{name}' has other columns than this training: .*; choose another file")
            self.assertEqual((self.folder / name).read_bytes(), before)
            self.assertNotIn("epoch 2", result.stdout)

    def test_is_a_stream_too(self):
        result = self.expect(0, "train", *DATA, "--epochs", "1", "--quiet", "--log", "/dev/stdout")
        self.assertEqual(len(result.stdout.splitlines()), 3)  # JSON lines: the name has no ending
        os.mkfifo(self.folder / "pipe.csv")
        with subprocess.Popen(["cat", "pipe.csv"], cwd=self.folder, stdout=subprocess.PIPE, text=True) as reader:
            self.expect(0, "train", *DATA, "--epochs", "1", "--log", "pipe.csv")
            self.assertEqual([row["epoch"] for row in csv.DictReader(reader.stdout)], ["1"])


class TensorBoard(Sets):
    def setUp(self):
        super().setUp()
        if "protobuf" in self.run_program("train", "--data", "nothing", "--tensorboard", "runs").stderr:
            self.assert_refused_without_protobuf()

    def assert_refused_without_protobuf(self):
        result = self.expect(2, "train", *DATA, "--tensorboard", "runs")
        self.assertIn("libprotobuf-c-dev", result.stderr)
        self.assertFalse((self.folder / "runs").exists())
        self.skipTest("built without protobuf-c")

    def events(self, folder="runs"):
        """(step, time, what) per event of all files: what is the version, "start", or the values by their tags."""
        found = []
        for path in sorted((self.folder / folder).iterdir()):
            self.assertRegex(path.name, r"^events\.out\.tfevents\.\d{10}\.[^/]+$")
            for record in records(path.read_bytes()):
                event = fields(record)
                what = event[3][0] if 3 in event else "start" if 7 in event else {}
                for value in fields(event[5][0]).get(1, ()) if 5 in event else ():
                    value = fields(value)
                    what[value[1][0].decode()] = value
                found.append((event[2][0], number(event[1][0]), what))
        return found

    def curve(self, events, tag):
        return [(step, number(what[tag][2][0])) for step, _, what in events if isinstance(what, dict) and tag in what]

    def test_has_the_numbers_of_the_log(self):
        self.train(0, *DATA[:-1], "--epochs", "2", "--validation", "0.2", "--tensorboard", "a/runs", "--log", "run.jsonl")
        events = self.events("a/runs")
        lines = [json.loads(line) for line in (self.folder / "run.jsonl").read_text().splitlines()]
        self.assertEqual(events[0][2], b"brain.Event:2")
        self.assertEqual(events[1][::2], (0, "start"))
        times = [time for _, time, _ in events]
        self.assertEqual(times, sorted(times))
        for tag, member in (("loss/train", "loss"), ("accuracy/train", "train_accuracy"), ("loss/validation", "validation_loss"),
                            ("accuracy/validation", "validation_accuracy"), ("learning_rate", "learning_rate"),
                            ("seconds/train", "train_seconds"), ("epoch", "epoch")):
            curve = self.curve(events, tag)
            self.assertEqual([step for step, _ in curve], [8, 16], tag)
            expected = [line[member] for line in lines if line["event"] == "epoch"]
            for (_, value), wanted in zip(curve, expected, strict=True):
                self.assertTrue(math.isclose(value, wanted, rel_tol=1e-6), (tag, value, wanted))
        self.assertEqual([step for step, _ in self.curve(events, "loss/test")], [16])
        texts = {tag: re.sub("(?m)^    ", "", fields(value[8][0])[8][0].decode())
                 for step, _, what in events if isinstance(what, dict) for tag, value in what.items() if 8 in value and step == 0}
        self.assertEqual(json.loads(texts["options"]), lines[0]["options"])
        self.assertEqual(json.loads(texts["recipe"]), lines[0]["recipe"])

    def test_histograms_count_every_parameter(self):
        self.train(0, *DATA[:-1], "--epochs", "2", "--tensorboard", "runs", "--save", "m")
        raw = (self.folder / "m").read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        header = json.loads(raw[8:8 + length])
        last = [what for _, _, what in self.events() if isinstance(what, dict) and any(4 not in v and 5 in v for v in what.values())][-1]
        self.assertGreater(len(last), 3)
        for tag, value in last.items():
            begin, end = header[tag.removeprefix("parameters/")]["data_offsets"]
            values = struct.unpack(f"<{(end - begin) // 4}f", raw[8 + length + begin:8 + length + end])
            h = {key: raw_values[0] for key, raw_values in fields(value[5][0]).items()}
            limits, counts = (struct.unpack(f"<{len(h[key]) // 8}d", h[key]) for key in (6, 7))
            with self.subTest(tag=tag):
                self.assertEqual((number(h[1]), number(h[2]), number(h[3])), (min(values), max(values), len(values)))
                self.assertTrue(math.isclose(number(h[4]), math.fsum(values), rel_tol=1e-9, abs_tol=1e-9))
                self.assertTrue(math.isclose(number(h[5]), math.fsum(v * v for v in values), rel_tol=1e-9))
                self.assertEqual((sum(counts), limits[-1]), (len(values), max(values)))
                below = 0
                for limit, count in zip(limits[:-1], counts):
                    below += count
                    self.assertLessEqual(abs(below - sum(v < limit for v in values)), 1)  # the limit itself is rounded

    @staticmethod
    def pixels(data):
        """Width, and the rows of a PNG of clenet's, whose filters are undone."""
        width, height = struct.unpack(">II", data[16:24])
        packed, at = b"", 8
        while at < len(data):
            size = struct.unpack(">I", data[at:at + 4])[0]
            packed += data[at + 8:at + 8 + size] if data[at + 4:at + 8] == b"IDAT" else b""
            at += 12 + size
        raw, stride, rows = zlib.decompress(packed), 3 * width, [bytes(3 * width)]
        for y in range(height):
            kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
            for x in range(stride):
                left, up, corner = line[x - 3] if x > 2 else 0, rows[-1][x], rows[-1][x - 3] if x > 2 else 0
                guess = left + up - corner
                paeth = min((left, up, corner), key=lambda v, guess=guess: abs(guess - v))
                line[x] = (line[x] + (0, left, up, (left + up) // 2, paeth)[kind]) & 0xFF
            rows.append(bytes(line))
        return width, rows[1:]

    def test_the_confusion_matrix_is_a_picture(self):
        result = self.train(0, *DATA[:-1], "--epochs", "4", "--lr", "0.05", "--tensorboard", "runs", "--save", "m")
        images = [what["confusion"] for _, _, what in self.events() if isinstance(what, dict) and "confusion" in what]
        if not READS_PNG:
            self.assertEqual(images, [])
            self.assertIn("no picture of the confusion matrix: this clenet was built without libpng", result.stderr)
            return
        told = self.expect(0, "evaluate", "m", "--confusion").stdout
        table = [[int(word) for word in line.split()[-11:-1]] for line in told.split("predicted")[1].splitlines()[1:]]
        width, rows = self.pixels(fields(images[0][4][0])[4][0])
        cell = width // 10
        for label, counts in enumerate(table):
            for predicted, count in enumerate(counts):
                red = rows[label * cell + cell // 2][3 * (predicted * cell + cell // 2)]
                self.assertEqual(red, int(255 - 247 * count / max(1, sum(counts)) + 0.5), (label, predicted))

    def test_a_resumed_training_goes_on(self):
        self.train(0, *DATA[:-1], "--epochs", "1", "--tensorboard", "runs", "--save", "m")
        self.train(0, *DATA[:-1], "--epochs", "2", "--tensorboard", "runs", "--resume", "m")
        events = self.events()
        self.assertEqual(len(list((self.folder / "runs").iterdir())), 2)
        self.assertEqual([step for step, _, what in events if what == "start"], [0, 11])
        self.assertEqual([step for step, _ in self.curve(events, "loss/train")], [10, 20])

    def test_rates_and_progress(self):
        self.train(0, *DATA[:-1], "--lr-find", "--max-steps", "20", "--tensorboard", "rates")
        self.assertEqual([step for step, _ in self.curve(self.events("rates"), "loss/smoothed")], list(range(1, 21)))
        self.expect(0, "train", "--no-guard", "--data", "synthetic:100000", "--batch-size", "32", "--epochs", "1",
                    "--tensorboard", "runs", CLENET_PROGRESS_SECONDS="0.1")
        steps = [step for step, _ in self.curve(self.events(), "progress/loss")]
        self.assertTrue(steps)
        self.assertEqual(steps, sorted(steps))
        self.assertLessEqual(steps[-1], 3125)

    def test_bad_folders_are_refused_before_training(self):
        (self.folder / "file").touch()
        (self.folder / "real").mkdir()
        for name, told in (("file", "Not a directory"), ("file/runs", "Not a directory"), ("", "No such file or directory")):
            result = self.expect(1, "train", *DATA, "--tensorboard", name)
            self.assertIn(told, result.stderr)
            self.assertEqual(result.stdout, "")
        self.expect(1, "train", *DATA, "--tensorboard", "same", "--log", "same")
        self.assertFalse((self.folder / "same").exists())

    def test_one_that_fails_does_not_stop_the_other(self):
        result = self.train(1, *DATA[:-1], "--epochs", "1", "--tensorboard", "none", "--log", "/dev/full")
        self.assertEqual(result.stdout, "", "without its first record there is no training")
        os.mkfifo(self.folder / "pipe")
        with subprocess.Popen(["head", "-1", "pipe"], cwd=self.folder, stdout=subprocess.DEVNULL):
            result = self.train(1, *DATA[:-1], "--epochs", "100", "--tensorboard", "runs", "--log", "pipe")
        self.assertEqual(result.stderr.count("cannot write to the log 'pipe': Broken pipe: training continues without the log"), 1)
        self.assertEqual(len(self.curve(self.events(), "loss/train")), 100)


if __name__ == "__main__":
    main()
