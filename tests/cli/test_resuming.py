"""`clenet train --resume`: resume points, and what failures, interrupts and kills leave of them."""
import json
import os
import re
import resource
import signal
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from random import Random

from support import Case, EPOCH, LAYERS, PROGRAM, main, metadata


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
        trained = self.expect(0, *self.TRAIN, "--save", str(self.model))
        before = self.model.read_bytes()
        resume = (*self.TRAIN, "--resume", str(self.model), "--save", str(self.model))
        log = self.folder / "log.jsonl"
        result = self.expect(0, *resume, "--log", str(log))
        loss, accuracy = re.fullmatch(r"test of epoch 3 \(last\): loss (\d\.\d{4}), test acc ([01]\.\d{3})\n", result.stdout).groups()
        start, tested, end = map(json.loads, log.read_text().splitlines())
        self.assertEqual((tested["event"], tested["epoch"], tested["stopped"], tested["weights"]), ("test", 3, False, "last"))
        self.assertEqual((f"{tested['test_loss']:.4f}", f"{tested['test_accuracy']:.3f}"), (loss, accuracy))
        self.assertIn(f"test acc {accuracy}, ", trained.stdout.splitlines()[-1])
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
        log.write_bytes(b"x" * 117000)  # room for the first record and some epochs
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

    def test_class_weights_come_from_the_file(self):
        begun, whole = str(self.folder / "begun.safetensors"), str(self.folder / "whole.safetensors")
        weighted = (*self.TRAIN, "--class-weights", "balanced", "--clip-norm", "0.3")
        self.expect(0, *weighted, "--epochs", "2", "--save", whole)
        self.expect(0, *weighted, "--max-steps", "5", "--save", begun)
        weights = metadata(begun)["training"]["class_weights"]
        self.assertEqual(len(weights), 10)
        resume = ("train", "--offline", "--resume", begun, "--data", "synthetic:600", "--epochs", "2", "--save", str(self.model))
        for text, message in (("2" + ",1" * 9, f"class weights: that of class 0 is 2 here, {weights[0]:.10g} there"),):
            self.assertIn(message, self.expect(1, *resume, "--class-weights", text).stderr)
        for options in ((), ("--class-weights", "balanced")):
            self.expect(0, *resume, *options)
            self.assertEqual(metadata(self.model)["training"]["class_weights"], weights)
            self.assertEqual(self.model.read_bytes(), Path(whole).read_bytes())

    def test_what_was_begun_otherwise_is_told(self):
        self.expect(0, *self.TRAIN, "--max-steps", "5", "--save", str(self.model))
        before = self.model.read_bytes()
        resume = ("train", "--offline", "--resume", str(self.model), "--save", str(self.model), "--data", "synthetic:600")
        for arguments, message in ((("--batch-size", "16"), "batch size: 16 here, 32 there"),
                                   (("--data", "synthetic:500"), "data: synthetic here (500 training images"),
                                   (("--lr", "0.5", "--seed", "1"), "seed: 1 here, 0 there"),
                                   (("--network", "lenet"), "network: layer 1 is Sigmoid() here, BatchNorm2d(6"),
                                   (("--running-variance", "biased"), "is unbiased there, and cannot be made biased"),
                                   (("--momentum", "0.9", "--override"), "--momentum is an option of --optimizer sgd"),
                                   (("--schedule", "exponential", "--gamma", "0.5"), "schedule: exponential here, constant there"),
                                   (("--warmup-epochs", "2"), "warm-up epochs: 2 here, 0 there"),
                                   (("--clip-norm", "2"), "norm to clip to: 2 here, 0 there"),
                                   (("--class-weights", "balanced"), "class weights: some here, none there"),
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

    def test_a_schedule_goes_on(self):
        one_cycle = ("--schedule", "one-cycle", "--optimizer", "sgd", "--momentum", "0.9", "--nesterov", "--epochs", "3")
        whole = self.expect(0, *self.TRAIN, *one_cycle).stdout.splitlines()
        self.expect(0, *self.TRAIN, *one_cycle, "--max-steps", "25", "--save", str(self.model))
        training = metadata(self.model)["training"]["optimizer"]
        self.assertEqual((training["schedule"], training["schedule_epochs"], training["nesterov"]), ("one-cycle", 3, 1))
        self.assertNotIn("gamma", training)
        resume = ("train", "--offline", "--resume", str(self.model), "--data", "synthetic:600")
        result = self.expect(1, *resume, "--epochs", "4")  # behind the end nothing would be learnt
        self.assertIn("--epochs 4: the schedule one-cycle ends after epoch 3", result.stderr)
        result = self.expect(1, *resume, "--epochs", "4", "--schedule-epochs", "4")
        self.assertIn("epochs of the schedule: 4 here, 3 there", result.stderr)
        self.expect(0, *resume, "--epochs", "4", "--schedule-epochs", "4", "--override")
        part = self.expect(0, *resume, "--epochs", "3").stdout.splitlines()
        numbers = [re.sub(", time .*", "", line) for line in whole]
        self.assertEqual([re.sub(", time .*", "", line) for line in part], numbers[1:])

    def test_flags_can_be_switched_off(self):
        """--no-FLAG, for each flag among the hyperparameters."""
        recipe = self.folder / "r.json"
        recipe.write_text(json.dumps({"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "decay-weights-only": True,
                                      "weight-decay": 0.01}))
        begin = (*self.TRAIN, "--recipe", str(recipe), "--max-steps", "3", "--save", str(self.model))

        def flags():
            optimizer = metadata(self.model)["training"]["optimizer"]
            return optimizer["nesterov"], optimizer["decay_weights_only"]

        self.expect(0, *begin, "--no-nesterov")
        self.assertEqual(flags(), (0, 1))
        self.expect(0, *begin)
        self.assertEqual(flags(), (1, 1))
        resume = (*self.TRAIN, "--resume", str(self.model), "--max-steps", "6", "--save", str(self.model))
        told = self.expect(1, *resume, "--no-nesterov", "--no-decay-weights-only").stderr
        self.assertIn("nesterov: 0 here, 1 there", told)
        self.assertIn("decay of weights only: 0 here, 1 there", told)
        self.expect(0, *resume, "--no-decay-weights-only", "--override")
        self.assertEqual(flags(), (1, 0))
        self.expect(0, *resume, "--no-nesterov", "--override", "--max-steps", "9")
        self.assertEqual(flags(), (0, 0))
        self.expect(0, *self.TRAIN, "--no-nesterov", "--epochs", "1")  # of no concern to Adam
        self.expect(0, *begin, "--no-nesterov", "--nesterov")  # the last one counts
        self.assertEqual(flags(), (1, 1))

    def test_the_log_of_a_resumed_training_has_its_options(self):
        self.expect(0, *self.TRAIN, "--optimizer", "sgd", "--momentum", "0.9", "--nesterov", "--schedule", "multistep",
                    "--milestones", "1,2", "--max-steps", "5", "--save", str(self.model))
        log = self.folder / "log"
        resume = ("train", "--offline", "--resume", str(self.model), "--data", "synthetic:600", "--max-steps", "6")
        self.expect(0, *resume, "--log", str(log), "--schedule", "multistep")
        options = json.loads(log.read_text().splitlines()[0])["options"]
        self.assertEqual((options["nesterov"], options["milestones"], options["schedule"]), (True, "1,2", "multistep"))
        self.expect(0, *self.TRAIN, "--max-steps", "5", "--save", str(self.model))
        result = self.expect(1, *resume, "--schedule", "exponential", "--override")
        self.assertIn("exponential needs gamma", result.stderr)
        self.expect(0, *self.TRAIN, "--schedule", "cosine", "--max-steps", "5", "--save", str(self.model))
        self.assertIn("epoch 3,", self.expect(0, *resume[:-2]).stdout)  # as far as the schedule goes

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

        Every other kill waits until the training has gone on: a start may take longer than all of the steps. The steps take
        half a second on any machine, which is many times what lies between two resume points."""
        whole, random, network = self.folder / "whole.safetensors", Random(1), self.folder / "small.json"
        log = self.folder / "log.jsonl"
        network.write_text(json.dumps({"name": "small", "input": [1, 28, 28], "layers": LAYERS}))
        train = [PROGRAM, "train", "--network", str(network), "--data", "synthetic:6000", "--batch-size", "64", "--offline",
                 "--quiet", "--no-guard"]
        save = ["--save", str(self.model), "--save-every", "0.01s", "--keep", "2"]
        for _ in range(4):  # the first ones compile and keep kernels
            self.expect(0, *train[1:], "--epochs", "3", "--log", str(log))
        seconds = [json.loads(line)["train_seconds"] for line in log.read_text().splitlines() if '"event":"epoch"' in line]
        train += ["--epochs", str(3 + int(0.5 / min(seconds)))]
        for _ in range(2):  # all others take as long as the last of these
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
                    _, errors = process.communicate(timeout=random.uniform(0, 0.3 if killed % 2 else longest))
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
        self.assertGreater(len(points), killed // 5)
        resume = ["--resume", str(self.model)] if self.model.exists() else []
        self.assertEqual(subprocess.run([*train, *save, *resume], check=False).returncode, 0)
        self.assertEqual(whole.read_bytes(), self.model.read_bytes())


if __name__ == "__main__":
    main()
