"""Updates of the weights: their average (`--ema`), and several batches for each (`--accumulate`)."""
import json
import re

from support import Case, SMALL, main


def tensors(path):
    """The bytes of a safetensors file's tensors, by name."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    return {name: content[start + t["data_offsets"][0]:start + t["data_offsets"][1]]
            for name, t in header.items() if name != "__metadata__"}


def events(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


class Average(Case):
    TRAIN = ("train", *SMALL, "--epochs", "3", "--optimizer", "sgd", "--lr", "0.1")

    def setUp(self):
        super().setUp()
        self.model, self.log = self.folder / "m.safetensors", self.folder / "log.jsonl"

    def losses(self, *arguments):
        self.log.unlink(missing_ok=True)
        self.expect(0, *self.TRAIN, "--log", str(self.log), "--save", str(self.model), *arguments)
        return [(e["loss"], e["test_loss"], e["test_accuracy"]) for e in events(self.log) if e["event"] == "epoch"]

    def test_evaluation_and_all_that_take_the_model_take_the_average(self):
        plain = self.losses()
        weights = tensors(self.model)
        averaged = self.losses("--ema", "0.7")
        saved = tensors(self.model)
        self.assertEqual([loss for loss, _, _ in plain], [loss for loss, _, _ in averaged])
        self.assertNotEqual([loss for _, loss, _ in plain], [loss for _, loss, _ in averaged])
        names = [name for name in weights if "tracked" not in name]
        self.assertEqual([n for n in saved if n.startswith("optimizer.")], [f"optimizer.raw.{n}" for n in names])
        for name in names:
            self.assertEqual(saved[f"optimizer.raw.{name}"], weights[name], name)
            if not name.endswith("bias"):  # those before a batch norm do not change
                self.assertNotEqual(saved[name], weights[name], name)

        result = self.expect(0, "evaluate", str(self.model), *SMALL)
        loss, accuracy = re.search(r"loss (\S+), accuracy (\S+)", result.stdout).groups()
        self.assertAlmostEqual(float(loss), averaged[-1][1], delta=6e-5)
        self.assertAlmostEqual(float(accuracy), averaged[-1][2], delta=6e-4)
        exported = self.folder / "plain.safetensors"
        self.expect(0, "export", str(self.model), "--safetensors", str(exported))
        self.assertEqual(tensors(exported), {n: v for n, v in saved.items() if not n.startswith("optimizer.")})

    def test_resuming_goes_on_with_both(self):
        whole = self.losses("--ema", "0.7")
        expected = self.model.read_bytes()
        self.losses("--ema", "0.7", "--max-steps", "6")
        begun = self.model.read_bytes()
        refused = self.expect(1, *self.TRAIN, "--resume", str(self.model), "--ema", "0.5")
        self.assertIn("decay of the average of weights: 0.5 here, 0.7 there", refused.stderr)
        self.assertEqual(self.model.read_bytes(), begun)
        self.expect(0, "train", "--resume", str(self.model), "--epochs", "3", "--save", str(self.model), "--offline",
                    "--log", str(self.log))
        self.assertEqual(self.model.read_bytes(), expected)
        last = events(self.log)[-2]
        self.assertEqual((last["loss"], last["test_loss"], last["test_accuracy"]), whole[-1])

    def test_decays_that_are_wrong(self):
        for decay in ("1", "-0.1", "nan"):
            self.assertIn("--ema", self.expect(2, *self.TRAIN, "--ema", decay).stderr)


class Accumulation(Case):
    """Of 120 images, a sixth for the test: batches of 16 (the seventh has 4), updates of 48 (the third has one batch)."""
    TRAIN = ("train", "--data", "synthetic:100", "--batch-size", "16", "--offline", "--accumulate", "3", "--epochs", "2")

    def setUp(self):
        super().setUp()
        self.model, self.log = self.folder / "m.safetensors", self.folder / "log.jsonl"

    def test_steps_are_updates(self):
        result = self.expect(0, *self.TRAIN, "--max-steps", "4", "--save", str(self.model))
        self.assertIn("epoch 2 stopped after 48 of 100 images", result.stdout)
        whole = self.folder / "whole.safetensors"
        self.expect(0, *self.TRAIN, "--save", str(whole))
        self.expect(0, "train", "--resume", str(self.model), "--offline", "--epochs", "2", "--save", str(self.model))
        self.assertEqual(self.model.read_bytes(), whole.read_bytes())
        refused = self.expect(1, "train", "--resume", str(self.model), "--offline", "--epochs", "3", "--accumulate", "1")
        self.assertIn("batches per update: 1 here, 3 there", refused.stderr)

    def test_without_batch_norm_it_is_a_large_batch(self):
        def losses(*arguments):
            self.log.unlink(missing_ok=True)
            self.expect(0, "train", "--network", "lenet", "--data", "synthetic:100", "--offline", "--epochs", "2", "--lr", "0.01",
                        "--optimizer", "sgd", "--momentum", "0.9", "--log", str(self.log), *arguments)
            return [e[key] for e in events(self.log) if e["event"] == "epoch" for key in ("loss", "test_loss")]

        large = losses("--batch-size", "48")
        for small, expected in zip(losses("--batch-size", "16", "--accumulate", "3"), large):
            self.assertAlmostEqual(small, expected, delta=2e-5)
        self.assertEqual(losses("--batch-size", "48", "--accumulate", "1"), large)
        self.assertNotAlmostEqual(losses("--batch-size", "16")[1], large[1], delta=2e-5)

    def test_numbers_that_are_wrong(self):
        for number, message in (("0", "out of range"), ("1001", "out of range"), ("2.5", "--accumulate 2.5: it must be a whole number")):
            self.assertIn(message, self.expect(2, "train", "--accumulate", number).stderr)


if __name__ == "__main__":
    main()
