"""`clenet train --lr-find`: what it prints and logs, that it changes nothing, and what it does not go with."""
import json
import re

from support import Case, main


class LrFind(Case):
    TRAIN = ("train", "--data", "synthetic:1000", "--batch-size", "32", "--offline", "--lr-find")

    def setUp(self):
        super().setUp()
        self.log = self.folder / "log.jsonl"

    def events(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def test_the_rates_are_a_ramp_and_the_suggestion_is_sane(self):
        result = self.expect(0, *self.TRAIN, "--log", str(self.log))
        start, *steps, suggestion, end = self.events()
        self.assertEqual({step["event"] for step in steps}, {"rate"})
        self.assertEqual([step["step"] for step in steps], list(range(1, len(steps) + 1)))
        self.assertGreater(len(steps), 60)
        for i, step in enumerate(steps):
            rate = 1e-7 * (10 / 1e-7) ** (i / 99)
            self.assertAlmostEqual(step["learning_rate"] / rate, 1, delta=1e-13)
        self.assertEqual((suggestion["event"], end["result"], end["saved"]), ("suggestion", "ok", None))
        self.assertTrue(3e-4 < suggestion["learning_rate"] < 0.2, suggestion)
        self.assertEqual(suggestion["learning_rate"], min(suggestion["steepest"], suggestion["lowest"] / 10))
        self.assertNotIn("lr-find", start["recipe"])
        head, *rows = result.stdout.splitlines()
        self.assertRegex(head, r"^ *learning rate +loss +smoothed$")
        self.assertEqual(rows[-1], f"suggestion: --lr {suggestion['learning_rate']:.2g}")
        rows = [row.split() for row in rows if "#" in row]
        self.assertTrue(15 <= len(rows) <= 25, rows)
        self.assertEqual(rows[-1][0], f"{steps[-1]['learning_rate']:.3g}")
        # The rate is of use: the loss of an epoch with it is lower than with a hundredth of it.
        losses = [float(re.search(r"loss ([\d.]+)", self.expect(0, *self.TRAIN[:-1], "--epochs", "1", "--lr", str(
            suggestion["learning_rate"] * factor)).stdout)[1]) for factor in (1, 0.01)]
        self.assertLess(losses[0], losses[1])

    def test_options_of_the_test(self):
        result = self.expect(0, *self.TRAIN, "--lr-find-from", "1e-4", "--lr-find-to", "1e-2", "--max-steps", "10", "--log",
                             str(self.log), "--accumulate", "2", "--quiet")
        self.assertEqual(result.stdout, "")
        rates = [e["learning_rate"] for e in self.events() if e["event"] == "rate"]
        self.assertEqual(len(rates), 10)
        self.assertEqual((rates[0], f"{rates[-1]:.12g}"), (1e-4, "0.01"))

    def test_a_test_that_finds_nothing(self):
        result = self.expect(0, *self.TRAIN, "--lr-find-to", "1e-6", "--max-steps", "20", "--log", str(self.log))
        self.assertIn("no suggestion: no rate from 1e-07 on lowered the loss", result.stdout)
        self.assertIsNone(self.events()[-2]["learning_rate"])

    def test_nothing_is_written(self):
        before = sorted(self.folder.iterdir())
        self.expect(0, *self.TRAIN, "--max-steps", "10")
        self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_what_it_does_not_go_with(self):
        model = str(self.folder / "m.safetensors")
        for options, message in ((("--save", model), "--lr-find trains no model"), (("--resume", model), "--lr-find trains no model"),
                                 (("--require-accuracy", "0.5"), "--lr-find trains no model"),
                                 (("--lr-find-from", "20"), "rise from 20 to 10"), (("--max-steps", "9"), "takes 10 to 100000 steps"),
                                 (("--lr-find-to", "0"), "out of range")):
            self.assertIn(message, self.expect(2, *self.TRAIN, *options).stderr)
        self.assertIn("are options of --lr-find", self.expect(2, *self.TRAIN[:-1], "--lr-find-to", "1").stderr)


if __name__ == "__main__":
    main()
