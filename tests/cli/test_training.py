"""What `clenet train` prints, logs and saves, to its end or until a signal."""
import json
import re
import signal
import subprocess

from support import Case, EPOCH, PROGRAM, SMALL, VERSION, main, traced

QUICK = ("Training.test_prints_the_epoch_lines_and_nothing_else", "Training.test_saved_model_evaluates_to_what_training_said")


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
                        ("--weight-decay", "0.5"), ("--standardize",), ("--network", "lenet"),
                        ("--optimizer", "adamw", "--weight-decay", "50"), ("--optimizer", "rmsprop"), ("--beta1", "0.5"), ("--beta2", "0.5"), ("--eps", "0.1"),
                        ("--warmup-epochs", "1"), ("--schedule", "cosine"), ("--schedule", "one-cycle")):
            with self.subTest(options=options):
                self.assertNotEqual(plain, first_loss(*options))
        sgd = ("--optimizer", "sgd", "--lr", "0.1", "--momentum", "0.9")
        self.assertNotEqual(first_loss(*sgd), first_loss(*sgd, "--nesterov"))
        decay = ("--weight-decay", "0.5")
        self.assertNotEqual(first_loss(*decay), first_loss(*decay, "--decay-weights-only"))
        rmsprop = ("--optimizer", "rmsprop")
        self.assertNotEqual(first_loss(*rmsprop), first_loss(*rmsprop, "--alpha", "0.5"))
        self.assertNotEqual(plain[0], first_loss("--label-smoothing", "0.3")[0])
        sgd = ("--optimizer", "sgd", "--lr", "0.1")
        self.assertNotEqual(first_loss(*sgd), first_loss(*sgd, "--clip-norm", "0.1"))
        self.assertEqual(first_loss(*sgd), first_loss(*sgd, "--clip-norm", "1e6"))
        # PyTorch's AdamW decays unless it is told not to; without decay it is Adam.
        self.assertEqual(plain, first_loss("--optimizer", "adamw", "--weight-decay", "0"))

    def test_class_weights(self):
        def start(*options):
            log = self.folder / "weights.jsonl"
            result = self.expect(0, "train", *SMALL, "--epochs", "1", "--log", str(log), *options)
            return re.search(r"loss (\S+),", result.stdout).group(1), json.loads(log.read_text().splitlines()[0]).get("class_weights")

        plain, none = start()
        self.assertIsNone(none)
        self.assertEqual(start("--class-weights", ",".join("1" * 10)), (plain, [1.0] * 10))
        for factor in (1e-300, 1e-43, 1e37, 1e300):  # beyond what float32 has
            self.assertEqual(start("--class-weights", ",".join([str(factor)] * 10)), (plain, [factor] * 10))
        given, weights = start("--class-weights", "0,0.5,1,1,1,1,1,1,1,40")
        self.assertNotEqual(given, plain)
        self.assertEqual(weights, [0, 0.5, *[1] * 7, 40])
        _, balanced = start("--class-weights", "balanced")
        self.assertGreater(len(set(balanced)), 1)
        # Each class's images times its weight are the same number, and all together the number of images.
        counts = [120 / (10 * weight) for weight in balanced]
        self.assertAlmostEqual(sum(counts), 120, delta=1e-6)
        for count in counts:
            self.assertAlmostEqual(count, round(count), delta=1e-6)
        _, of_part = start("--class-weights", "balanced", "--validation", "0.3")
        self.assertAlmostEqual(sum(84 / (10 * weight) for weight in of_part), 84, delta=1e-6)

    def test_class_weights_that_are_wrong(self):
        ones = ",".join("1" * 9)
        for text, message in (("1,2", "the network has 10 classes, and these are 2 weights"),
                              (f"{ones},1,1", "the network has 10 classes, and these are 11 weights"),
                              ("even", "'even': a number for each of the 10 classes"), ("1,,2", "'1,,2': a number for each of the 10"),
                              ("", "'': a number for each of the 10 classes"), (f"{ones},2x", "a number for each of the 10 classes"),
                              (f"{ones},-1", "that of class 9 is -1: each of the 10 must be finite and at least 0"),
                              (f"{ones},nan", "that of class 9 is nan: each of the 10"),
                              (f"{ones},1e999", "that of class 9 is inf: each of the 10"),
                              (",".join("0" * 10), "all 10 are 0")):
            with self.subTest(text=text):
                result = self.expect(1, "train", *SMALL, "--class-weights", text)
                self.assertIn(message, result.stderr)
                self.assertEqual(result.stdout, "")
                # Before a device is looked for.
                result = self.expect(1, "train", *SMALL, "--class-weights", text, "--device", "no such device")
                self.assertIn(message, result.stderr)

    def rates(self, *options):
        """The learning rate of the last step of every epoch, as the log has it."""
        log = self.folder / "rates.jsonl"
        log.unlink(missing_ok=True)
        self.expect(0, "train", *SMALL, "--quiet", "--log", str(log), *options)
        return [record["learning_rate"] for record in map(json.loads, log.read_text().splitlines())
                if record["event"] == "epoch"]

    def test_schedules(self):
        for options, expected in (((), [0.001] * 4),
                                  (("--schedule", "step", "--step-size", "2"), [1e-3, 1e-3, 1e-4, 1e-4]),
                                  (("--schedule", "multistep", "--milestones", "1,3", "--gamma", "0.5"),
                                   [1e-3, 5e-4, 5e-4, 2.5e-4]),
                                  (("--schedule", "exponential", "--gamma", "0.8", "--lr", "0.1"), [0.1, 0.08, 0.064, 0.0512])):
            with self.subTest(options=options):
                found = self.rates("--epochs", "4", *options)
                self.assertEqual(len(found), 4)
                for rate, value in zip(found, expected):
                    self.assertAlmostEqual(rate, value, delta=1e-8 * value)
        found = self.rates("--epochs", "4", "--schedule", "cosine", "--warmup-epochs", "1", "--eta-min", "1e-5")
        self.assertTrue(0.0007 < found[0] < found[1] < 0.001 and found[1] > found[2] > found[3] > 1e-5, found)
        self.assertLess(found[3], 1e-4)

    def test_schedules_that_lack_something(self):
        for status, options, message in (
                (1, ("--schedule", "step"), "schedule step needs a step size"),
                (1, ("--schedule", "multistep"), "schedule multistep needs milestones"),
                (2, ("--schedule", "multistep", "--milestones", "3;4"), "--milestones '3;4': epochs with commas"),
                (2, ("--schedule", "multistep", "--milestones", ",".join(map(str, range(1, 18)))), "more than 16"),
                (1, ("--schedule", "multistep", "--milestones", "4,3"), "each above the one before"),
                (1, ("--milestones", "4"), "schedule constant has no milestones"),
                (1, ("--schedule", "exponential"), "schedule exponential needs gamma"),
                (1, ("--schedule", "cosine", "--warmup-epochs", "5"), "schedule cosine has no end"),
                (2, ("--schedule", "cosine", "--schedule-epochs", "3"), "the schedule cosine ends after epoch 3"),
                (2, ("--gamma", "0.5"), "--gamma is an option of --schedule step"),
                (2, ("--nesterov",), "--nesterov is an option of --optimizer sgd"),
                (1, ("--optimizer", "sgd", "--nesterov"), "needs a momentum above 0"),
                (2, ("--optimizer", "sgd", "--beta1", "0.5"), "--beta1 is an option of --optimizer adam"),
                (2, ("--schedule", "wave"), "is not one of: constant, step, multistep, exponential, cosine, one-cycle, plateau"),
                (1, ("--schedule", "plateau"), "schedule plateau needs images for validation (--validation)")):
            with self.subTest(options=options):
                result = self.expect(status, "train", *SMALL, "--epochs", "5", *options)
                self.assertIn(message, result.stderr)
                self.assertEqual(result.stdout, "")

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


if __name__ == "__main__":
    main(QUICK)
