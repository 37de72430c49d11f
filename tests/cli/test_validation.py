"""`clenet train --validation` and `--patience`: what is printed and logged, which weights the test images judge, and what is
refused."""
import json
import re

from support import EPOCH, SMALL, Sets, main

VALIDATED = EPOCH.replace("test acc", "val acc")
LAST = r"test of epoch {} \(last\): loss \d+\.\d{{4}}, test acc [01]\.\d{{3}}"
BEST = r"test of epoch {} \(best, val acc ([01]\.\d{{3}})\): loss \d+\.\d{{4}}, test acc [01]\.\d{{3}}"


class Validation(Sets):
    DATA = ("--data", "synthetic:600", "--batch-size", "32", "--offline")
    # Its best epoch is not its last one.
    PATIENT = (*DATA, "--validation", "0.1", "--lr", "0.05", "--epochs", "60", "--patience", "3")

    def setUp(self):
        super().setUp()
        self.model, self.log = self.folder / "m.safetensors", self.folder / "log.jsonl"

    def events(self):
        events = [json.loads(line) for line in self.log.read_text().splitlines()]
        self.log.unlink()
        return events

    def evaluated(self, model):
        """Loss and accuracy over the test images as `clenet evaluate` prints them."""
        result = self.expect(0, "evaluate", model, "--data", "synthetic:600")
        return [float(number) for number in re.search(r"loss (\S+), accuracy (\S+)", result.stdout).groups()]

    def assert_tested(self, event, model):
        loss, accuracy = self.evaluated(model)
        self.assertAlmostEqual(event["test_loss"], loss, delta=0.0001)
        self.assertAlmostEqual(event["test_accuracy"], accuracy, delta=0.0001)

    def test_epochs_are_validated_and_the_end_is_tested(self):
        result = self.train(0, *self.DATA, "--validation", "0.1", "--epochs", "2", "--log", self.log, "--save", self.model)
        self.assertRegex(result.stderr, "synthetic, 540 training, 60 validation and 100 test images")
        self.assertRegex(result.stdout, f"^{VALIDATED.format(1)}\n{VALIDATED.format(2)}\n{LAST.format(2)}\n$")
        start, *epochs, tested, end = self.events()
        self.assertEqual((start["train_images"], start["validation_images"], start["test_images"]), (540, 60, 100))
        self.assertEqual((start["options"]["validation"], start["options"]["patience"]), (0.1, 0))
        for epoch, line in zip(epochs, result.stdout.splitlines()):
            self.assertTrue(line.startswith("epoch {epoch}, loss {loss:.4f}, train acc {train_accuracy:.3f}, "
                                            "val acc {validation_accuracy:.3f}, ".format(**epoch)), (epoch, line))
            self.assertEqual((epoch["train_images"], [key for key in epoch if key.startswith("test")]), (540, []))
            self.assertGreater(epoch["validation_loss"], 0)
        self.assertEqual(result.stdout.splitlines()[-1], "test of epoch {epoch} (last): loss {test_loss:.4f}, test acc "
                         "{test_accuracy:.3f}".format(**tested))
        self.assertEqual((tested["event"], tested["weights"], tested["test_images"]), ("test", "last", 100))
        self.assert_tested(tested, self.model)
        self.assertEqual((end["result"], len(epochs)), ("ok", 2))

    def test_a_training_that_max_steps_ends_is_tested(self):
        stopped = (*self.DATA, "--validation", "0.1", "--epochs", "3", "--max-steps", "20")  # of 17 a epoch
        result = self.train(0, *stopped, "--log", self.log, "--save", self.model)
        self.assertRegex(result.stdout, r"\ntest of epoch 2 \(last, after 96 images of it\): loss \S+, test acc \S+\n$")
        *_, tested, end = self.events()
        self.assertEqual((tested["epoch"], tested["stopped"], tested["weights"]), (2, True, "last"))
        self.assert_tested(tested, self.model)
        # Once more without a step, and with the weights of the best epoch.
        resume = (*self.DATA, "--resume", self.model, "--epochs", "3", "--max-steps", "20")
        again = self.train(0, *resume)
        self.assertEqual(again.stdout, result.stdout.splitlines()[-1] + "\n")
        self.assertRegex(self.train(0, *stopped, "--patience", "3").stdout, BEST.format(1) + r"\n$")
        self.assertNotIn("test of", self.train(0, *self.DATA, "--max-steps", "20").stdout)

    def test_without_the_option_nothing_is_new(self):
        result = self.train(0, *self.DATA, "--epochs", "1", "--log", self.log, "--save", self.model)
        self.assertRegex(result.stdout, f"^{EPOCH.format(1)}\n$")
        start, epoch, end = self.events()
        self.assertNotIn("validation_images", start)
        self.assertEqual([key for key in epoch if "validation" in key], [])
        self.assertEqual((epoch["event"], end["event"]), ("epoch", "end"))
        self.assertNotIn(b"peak_", self.model.read_bytes())

    def test_patience_ends_the_training_and_tests_the_best(self):
        result = self.train(0, *self.PATIENT, "--log", self.log, "--save", self.model)
        _, *epochs, patience, tested, _ = self.events()
        accuracies = [epoch["validation_accuracy"] for epoch in epochs]
        best = accuracies.index(max(accuracies)) + 1
        self.assertEqual(len(epochs), best + 3)
        self.assertLess(len(epochs), 60)
        note = f"training ends: 3 epochs without a better val acc than {max(accuracies):.3f}, of epoch {best}\n"
        self.assertIn(note, result.stderr)
        self.assertEqual(patience, {"event": "patience", "epoch": best + 3, "best_epoch": best,
                                    "best_accuracy": max(accuracies)})
        found = re.search(f"^{BEST.format(best)}$", result.stdout.splitlines()[-1])
        self.assertEqual(found and found[1], f"{max(accuracies):.3f}", result.stdout)
        self.assertEqual((tested["epoch"], tested["weights"]), (best, "best"))
        self.assert_tested(tested, self.folder / "m.best.safetensors")
        self.assertNotEqual(self.evaluated(self.model), self.evaluated(self.folder / "m.best.safetensors"))
        # Nothing is left to train: the best is tested.
        before = self.model.read_bytes()
        again = (*self.PATIENT, "--resume", self.model, "--save", self.model)
        result = self.train(0, *again)
        self.assertRegex(result.stdout, f"^{BEST.format(best)}\n$")
        self.assertIn(note, result.stderr)
        accuracy = tested["test_accuracy"]
        self.assertRegex(self.train(0, *again, "--require-accuracy", accuracy).stdout, f"^{BEST.format(best)}\n$")
        result = self.train(1, *again, "--require-accuracy", "1")
        self.assertIn(f"test accuracy {accuracy:g} after epoch {best} is below 1\n", result.stderr)
        self.assertEqual(self.model.read_bytes(), before)

    def test_a_resumed_training_ends_at_the_same_epoch(self):
        whole = self.folder / "whole.safetensors"
        complete = self.train(0, *self.PATIENT, "--save", whole)
        lines = [line.split(", time")[0] for line in complete.stdout.splitlines()]
        steps = 17 * (len(lines) - 3)  # behind the best epoch
        first = self.train(0, *self.PATIENT, "--save", self.model, "--max-steps", steps + 5)
        self.assertRegex(first.stdout.splitlines()[-2], "stopped after 160 of 540 images")
        # The share is taken from the file.
        rest = self.train(0, "--offline", "--resume", self.model, "--save", self.model, "--epochs", "60", "--patience", "3")
        self.assertIn(f"resuming {self.model} after 160 of 540 images of epoch {len(lines) - 2}", rest.stderr)
        self.assertEqual([line.split(", time")[0] for line in rest.stdout.splitlines()], lines[-3:])
        self.assertEqual(self.model.read_bytes(), whole.read_bytes())

    def test_the_best_is_tested_where_it_is_saved(self):
        result = self.train(0, *self.PATIENT[:-2], "--epochs", "12", "--save-best", "--save", self.model, "--log", self.log)
        *_, tested, _ = self.events()
        self.assertEqual(tested["weights"], "best")
        self.assertLess(tested["epoch"], 12)
        self.assert_tested(tested, self.folder / "m.best.safetensors")
        self.assertNotIn("training ends", result.stderr)
        # Where its file is gone, the last weights are tested, and a note says so.
        (self.folder / "m.best.safetensors").unlink()
        result = self.train(1, *self.PATIENT[:-2], "--epochs", "12", "--save-best", "--resume", self.model, "--save", self.model,
                            "--require-accuracy", "1")
        self.assertRegex(result.stdout, f"^{LAST.format(12)}\n$")
        self.assertIn(f"the best weights, of epoch {tested['epoch']}, are in no file", result.stderr)

    def test_the_required_accuracy_is_of_the_test_images(self):
        result = self.train(1, *self.DATA, "--validation", "0.1", "--epochs", "1", "--require-accuracy", "1", "--log", self.log)
        *_, tested, end = self.events()
        self.assertEqual((end["result"], end["message"]),
                         ("inaccurate", f"test accuracy {tested['test_accuracy']:g} after epoch 1 is below 1"))
        self.assertIn(end["message"], result.stderr)
        self.train(0, *self.DATA, "--validation", "0.1", "--epochs", "1", "--require-accuracy", tested["test_accuracy"])

    def test_another_share_is_told(self):
        self.train(0, *self.DATA, "--validation", "0.1", "--epochs", "1", "--save", self.model)
        resume = (*self.DATA, "--resume", self.model, "--epochs", "2")
        self.assertIn("share for validation: 0.25 here, 0.1 there", self.train(1, *resume, "--validation", "0.25").stderr)
        result = self.train(0, *resume, "--validation", "0.25", "--override")
        self.assertRegex(result.stdout, f"^{VALIDATED.format(2)}\n{LAST.format(2)}\n$")
        self.assertIn("450 training, 150 validation and", result.stderr)
        self.assertIn("540 training, 60 validation and", self.train(0, *resume).stderr)
        plain = self.folder / "plain.safetensors"
        self.train(0, *self.DATA, "--epochs", "1", "--save", plain)
        self.assertIn("share for validation: 0.1 here, 0 there",
                      self.train(1, *self.DATA, "--resume", plain, "--validation", "0.1").stderr)
        self.assertIn("needs images for validation", self.train(1, *self.DATA, "--resume", plain, "--patience", "1").stderr)

    def test_what_is_refused_before_a_device_is_opened(self):
        nowhere = ("--device", "no-such-device")
        for share, words in (("0", "out of range: a share above 0 and below 1"), ("1", "a share above 0 and below 1"),
                             ("1.5", "out of range"), ("-0.1", "out of range"), ("x", "not a number"), ("nan", "not a number")):
            with self.subTest(share=share):
                result = self.train(2, *SMALL, *nowhere, "--validation", share)
                self.assertIn("--validation", result.stderr)
                self.assertIn(words, result.stderr)
        self.assertIn("--validation", self.train(2, *SMALL, *nowhere, "--patience", "2").stderr)
        self.assertIn("out of range", self.train(2, *SMALL, *nowhere, "--validation", "0.1", "--patience", "0").stderr)
        folder = self.write_set("few", [0] * 30 + [1] * 30 + [2] * 3, [0, 1, 2])
        for share, words in (("0.1", "class 2 has 3 training images, and a validation share of 0.1 takes none"),
                             ("0.9", "class 2 has 3 training images, and a validation share of 0.9 takes all")):
            self.assertIn(words, self.train(1, "--data", folder, *nowhere, "--validation", share).stderr)
        self.train(0, "--data", folder, "--validation", "0.4", "--epochs", "1")

    def test_no_file_is_written_over_the_best(self):
        model = self.folder / "m"  # without an ending, as no log ends with .safetensors
        arguments = (*SMALL, "--validation", "0.4", "--save", model, "--log", self.folder / "m.best")
        self.assertIn("is the same file", self.train(1, *arguments, "--patience", "2").stderr)
        self.assertIn("is the same file", self.train(1, *arguments, "--patience", "2", "--save-best").stderr)
        self.train(0, *arguments, "--epochs", "1")
        self.train(0, *SMALL, "--validation", "0.4", "--save", model, "--patience", "2", "--save-best", "--epochs", "1")


if __name__ == "__main__":
    main()
