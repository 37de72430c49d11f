"""Augmentation by `clenet train`: its options, where they are kept, and the sheet of pictures."""
import json
import struct
import unittest
import zlib

from support import READS_PNG, SMALL, Case, clenet, main, metadata

QUICK = ("Augmentation.test_a_sheet_shows_the_pictures",)
TRAIN = ("train", *SMALL, "--epochs", "1")
SIDE, GAP = 28, 2


def pixels_of(path):
    """Rows of bytes of a grey PNG whose rows may have any filter."""
    data, at, body, width = path.read_bytes(), 8, b"", 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, _, depth, colour = struct.unpack(">2I2B", data[at + 8:at + 18])
            assert (depth, colour) == (8, 0)
        body += data[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += 12 + size
    body, rows, above = zlib.decompress(body), [], bytes(width)
    for first in range(0, len(body), width + 1):
        row = bytearray(body[first + 1:first + 1 + width])
        for i in range(width):
            left, up, corner = (row[i - 1], above[i], above[i - 1]) if i else (0, above[i], 0)
            paeth = min((left, up, corner), key=lambda v, p=left + up - corner: abs(p - v))
            row[i] = (row[i] + (0, left, up, (left + up) // 2, paeth)[body[first]]) % 256
        rows.append(bytes(row))
        above = rows[-1]
    return rows


def pictures_of(path):
    """The pictures of a sheet, in order."""
    rows = pixels_of(path)
    step = SIDE + GAP
    return [b"".join(row[left:left + SIDE] for row in rows[top:top + SIDE])
            for top in range(GAP, len(rows), step) for left in range(GAP, len(rows[0]), step)]


class Augmentation(Case):
    def records(self, *options):
        log = self.folder / "log.jsonl"
        log.unlink(missing_ok=True)
        self.expect(0, *TRAIN, "--log", str(log), *options)
        return [json.loads(line) for line in log.read_text().splitlines()]

    def loss(self, *options):
        return next(record["loss"] for record in self.records(*options) if record["event"] == "epoch")

    def test_each_option_reaches_the_pictures(self):
        losses = [self.loss()]
        for options in (("--rotate", "30"), ("--zoom", "0.3"), ("--shift", "3"), ("--shift", "3", "--reflect"), ("--flip",),
                        ("--alternating-flip",), ("--brightness", "0.5"), ("--contrast", "0.5"), ("--cutout", "9"), ("--mixup", "1"), ("--cutmix", "1"),
                        ("--standardize",), ("--standardize-channels",)):
            with self.subTest(options=options):
                losses.append(self.loss(*options))
                self.assertNotIn(losses[-1], losses[:-1])

    def test_what_cannot_be_is_told(self):
        for status, options, message in ((1, ("--shift", "28"), "leaves nothing of pictures of 28×28"), (2, ("--shift", "1.5"), "whole number"),
                                         (1, ("--cutout", "56"), "leaves nothing of pictures of 28×28"),
                                         (2, ("--flip", "--alternating-flip"), "choose one of them"), (2, ("--reflect",), "shows only"),
                                         (1, ("--mixup", "1", "--class-weights", "balanced"), "do not go with mixed labels"),
                                         (2, ("--zoom", "1"), "out of range"), (2, ("--rotate", "nan"), "not a number"),
                                         (2, ("--cutout", "-1"), "out of range"), (2, ("--show-count", "3"), "--show-augmented"),
                                         (2, ("--show-augmented", "s.png", "--show-count", "0"), "out of range")):
            with self.subTest(options=options):
                result = self.expect(status, *TRAIN, *options)
                self.assertIn(message, result.stderr)
                self.assertEqual(result.stdout, "")

    def test_recipes_have_it(self):
        options = ("--shift", "2", "--flip", "--standardize-channels")
        records = self.records(*options)
        self.assertEqual(records[0]["recipe"], {**records[0]["recipe"], "shift": 2, "flip": True, "standardize-channels": True})
        log, again = self.folder / "log.jsonl", self.folder / "again.jsonl"
        self.expect(0, "train", "--recipe", str(log), "--log", str(again))
        self.assertEqual(*([json.loads(line)["loss"] for line in path.read_text().splitlines() if '"epoch"' in line and '"loss"' in line]
                           for path in (log, again)))

    def test_a_resumed_training_goes_on_with_it(self):
        model, whole = str(self.folder / "m.safetensors"), str(self.folder / "whole.safetensors")
        usual = ("train", *SMALL, "--epochs", "2", "--save")
        options = ("--shift", "3", "--alternating-flip", "--standardize-channels", "--mixup", "0.4")
        self.expect(0, *usual, whole, *options)
        self.expect(0, *usual, model, *options, "--max-steps", "3")
        log = self.folder / "log.jsonl"
        self.expect(0, *usual, str(self.folder / "rest.safetensors"), "--resume", model, "--log", str(log))
        self.assertEqual((self.folder / "rest.safetensors").read_bytes(), (self.folder / "whole.safetensors").read_bytes())
        said = json.loads(log.read_text().splitlines()[0])["options"]
        self.assertEqual((said["shift"], said["alternating-flip"], said["flip"], said["standardize-channels"]), (3, True, False, True))
        for other, message in ((("--shift", "2"), "shift: 2 here, 3 there"), (("--cutout", "4"), "cutout: 4 here, 0 there")):
            result = self.expect(1, "train", *SMALL, "--resume", model, *other)
            self.assertIn(message, result.stderr)
            self.expect(0, "train", *SMALL, "--epochs", "1", "--resume", model, *other, "--override")

    def test_flags_are_switched_off(self):
        recipe, model = self.folder / "recipe.json", str(self.folder / "m.safetensors")
        recipe.write_text(json.dumps({"flip": True, "reflect": True, "shift": 1}))
        begin = (*TRAIN, "--recipe", str(recipe), "--max-steps", "2", "--save", model)

        def flags():
            augmentation = metadata(model)["training"]["augmentation"]
            return augmentation.get("flip", 0), augmentation.get("reflect", 0)

        self.expect(0, *begin, "--no-flip")
        self.assertEqual(flags(), (0, 1))
        self.expect(0, *begin, "--no-flip", "--flip")  # the last one counts
        self.assertEqual(flags(), (1, 1))
        resume = (*TRAIN, "--resume", model, "--max-steps", "4", "--save", model)
        self.assertIn("flip: 0 here, 1 there", self.expect(1, *resume, "--no-flip").stderr)
        self.expect(0, *resume, "--no-flip", "--override")
        self.assertEqual(flags(), (0, 1))

    def test_a_sheet_needs_libpng(self):
        sheet = self.folder / "s.png"
        result = self.expect(0 if READS_PNG else 1, *TRAIN, "--show-augmented", str(sheet))
        self.assertEqual((sheet.exists(), "without libpng" in result.stderr), (READS_PNG, not READS_PNG))

    @unittest.skipUnless(READS_PNG, "it writes no PNG files")
    def test_a_sheet_shows_the_pictures(self):
        sheet = self.folder / "sheet.png"
        show = ("--show-augmented", str(sheet))
        plain = self.loss()
        self.assertEqual(self.loss(*show), plain)
        stored = pictures_of(sheet)
        self.assertEqual(len(set(stored[:64])), 64)
        self.assertEqual(self.loss(*show, "--show-count", "500"), plain)  # all 120 of the epoch, in 11 rows of 11
        self.assertEqual(pictures_of(sheet)[:64], stored[:64])
        self.assertEqual(pictures_of(sheet)[120], bytes([128]) * SIDE**2)

        flipped = self.loss("--flip", "--show-count", "64", *show)
        self.assertNotEqual(flipped, plain)
        shown = pictures_of(sheet)
        mirrored = [b"".join(picture[row:row + SIDE][::-1] for row in range(0, SIDE**2, SIDE)) for picture in stored]
        self.assertTrue(all(picture in pair for picture, pair in zip(shown, zip(stored, mirrored))))
        self.assertIn(sum(map(bytes.__eq__, shown, mirrored)), range(16, 49))
        # The same on the way back from standardised pixels, within a rounding.
        self.loss("--flip", "--standardize-channels", *show)
        self.assertLessEqual(max(abs(a - b) for x, y in zip(shown, pictures_of(sheet)) for a, b in zip(x, y)), 1)

    @unittest.skipUnless(READS_PNG, "it writes no PNG files")
    def test_a_resumed_training_shows_what_is_left(self):
        model, sheet = str(self.folder / "m.safetensors"), self.folder / "sheet.png"
        options = ("--shift", "3", "--flip", "--show-count", "120", "--show-augmented", str(sheet))
        self.expect(0, *TRAIN, *options, "--max-steps", "2", "--save", model)
        whole = pictures_of(sheet)
        self.expect(0, *TRAIN, "--resume", model, "--show-augmented", str(sheet), "--show-count", "60")
        self.assertEqual(pictures_of(sheet)[:56], whole[64:120])

    @unittest.skipUnless(READS_PNG, "it writes no PNG files")
    def test_a_sheet_has_to_be_writable(self):
        for path in (self.folder, self.folder / "nowhere" / "sheet.png"):
            result = clenet(*TRAIN, "--show-augmented", str(path))
            self.assertIn(result.returncode, (1, 2), result)
            self.assertEqual(result.stdout, "")


if __name__ == "__main__":
    main(QUICK)
