"""The program as its users see it: help, errors, results, files, signals, terminal.
Arguments: the program, its version."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM, VERSION = sys.argv.pop(1), sys.argv.pop(1)
COMMANDS = ("train", "evaluate", "devices", "summary")
EPOCH = r"epoch {}, loss \d+\.\d{{4}}, train acc [01]\.\d{{3}}, test acc [01]\.\d{{3}}, time \d+\.\d sec"
SMALL = ("--data", "synthetic:120", "--batch-size", "32", "--offline")


def clenet(*arguments, **environment):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=300,
                          stdin=subprocess.DEVNULL, env=dict(os.environ, **environment))


class Case(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def expect(self, exit_status, *arguments, **environment):
        result = clenet(*arguments, **environment)
        self.assertEqual(result.returncode, exit_status, f"{arguments}\n{result.stdout}\n{result.stderr}")
        return result


class Usage(Case):
    def test_help_lists_the_commands(self):
        result = self.expect(0, "--help")
        for command in COMMANDS:
            self.assertRegex(result.stdout, rf"(?m)^  {command} ")
        self.assertEqual(result.stderr, "")

    def test_version(self):
        self.assertEqual(self.expect(0, "--version").stdout, f"clenet {VERSION}\n")

    def test_no_command_is_a_usage_error(self):
        self.assertIn("Usage:", self.expect(2).stderr)

    def test_every_command_has_help(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                result = self.expect(0, command, "--help")
                self.assertTrue(result.stdout.startswith(f"Usage: clenet {command} [OPTION...]"))
                self.assertEqual(result.stderr, "")

    def test_help_of_train_shows_every_option_and_default(self):
        text = self.expect(0, "train", "--help").stdout
        for option in ("network data device epochs batch-size optimizer lr momentum weight-decay seed standardize "
                       "resize running-variance save log timings max-steps quiet offline profile-file kernels").split():
            self.assertRegex(text, rf"(?m)^  --{option} ")
        for default in ("bn-lenet", "fashion-mnist", "5", "256", "0.001", "adam", "unbiased"):
            self.assertIn(f"(default {default})", text)

    def test_unknown_words_get_a_hint(self):
        for arguments, hint in ((("trian",), "did you mean 'train'?"), (("train", "--epoch", "1"), "--epochs?"),
                                (("evaluate", "m", "--confuson"), "--confusion?")):
            with self.subTest(arguments=arguments):
                result = self.expect(2, *arguments)
                self.assertIn(hint, result.stderr)
                self.assertEqual(result.stdout, "")

    def test_wrong_values_are_named(self):
        wrong = (("--epochs", "0", "out of range"), ("--epochs", "five", "whole number"), ("--epochs", "-1", "-1"),
                 ("--epochs", "1.5", "whole number"), ("--epochs", "99999999999999999999", "out of range"),
                 ("--batch-size", "0", "out of range"), ("--batch-size", "", "whole number"), ("--lr", "0", "out of range"),
                 ("--lr", "nan", "not a number"), ("--lr", "0.1x", "not a number"), ("--lr", "-1", "out of range"),
                 ("--optimizer", "adagrad", "adam, sgd"), ("--running-variance", "x", "unbiased, biased"),
                 ("--momentum", "0.9", "--optimizer sgd"), ("--resize", "100000", "out of range"),
                 ("--seed", "-3", "whole number"), ("--max-steps", "0", "out of range"))
        for option, value, expected in wrong:
            with self.subTest(option=option, value=value):
                result = self.expect(2, "train", option, value)
                self.assertIn(option, result.stderr)
                self.assertIn(expected, result.stderr)
                self.assertEqual(result.stdout, "")

    def test_operands_are_counted(self):
        self.assertIn("MODEL is missing", self.expect(2, "evaluate").stderr)
        self.assertIn("'more'", self.expect(2, "evaluate", "a", "more").stderr)
        self.assertIn("'more'", self.expect(2, "train", "more").stderr)
        self.assertIn("missing argument", self.expect(2, "train", "--epochs").stderr)


class EarlyErrors(Case):
    """What can be known before training is told before training, as a failure."""

    def check(self, expected, *arguments):
        result = self.expect(1, "train", *SMALL, *arguments)
        self.assertIn(expected, result.stderr)
        self.assertNotIn("epoch", result.stdout)

    def test_save_into_a_missing_folder(self):
        self.check("missing-folder", "--save", str(self.folder / "missing-folder" / "m.safetensors"))

    def test_save_over_a_folder(self):
        self.check("not a regular file", "--save", str(self.folder))

    def test_log_that_cannot_be_opened(self):
        self.check("cannot open the log", "--log", str(self.folder))

    def test_unknown_network(self):
        self.check("bn-lenet", "--network", "no-such-network")

    def test_unknown_data(self):
        result = self.expect(1, "train", "--offline", "--data", str(self.folder / "nothing"))
        self.assertIn("nothing", result.stderr)

    def test_unknown_device(self):
        self.check("no-such-device", "--device", "no-such-device")

    def test_evaluate_without_the_file(self):
        self.assertIn("no-such-model", self.expect(1, "evaluate", "no-such-model", *SMALL).stderr)


class Listings(Case):
    def test_summary(self):
        text = self.expect(0, "summary").stdout
        for word in ("Conv2d", "BatchNorm", "Sigmoid", "MaxPool2d", "Linear"):
            self.assertIn(word, text)
        self.assertRegex(text, r"44[, ]?878")
        self.assertNotEqual(text, self.expect(0, "summary", "lenet").stdout)
        self.assertNotEqual(text, self.expect(0, "summary", "--batch-size", "16").stdout)

    def test_summary_of_nothing(self):
        self.assertIn("nothing.json", self.expect(1, "summary", "nothing.json").stderr)

    def test_devices(self):
        lines = self.expect(0, "devices").stdout.splitlines()
        self.assertRegex(lines[0], r"^device +name +platform +type +memory +units +OpenCL +profile$")
        rows = [line for line in lines if re.match(r"\d+:\d+ ", line)]
        self.assertTrue(rows)
        self.assertEqual(sum(" * " in row for row in rows), 1)
        for row in rows:
            self.assertRegex(row, r"^\d+:\d+ .+ (GPU|CPU|accelerator|other) +\d+\.\d GiB +\d+ +\d\.\d +\S")

    def test_devices_where_the_variable_fits_none(self):
        result = self.expect(0, "devices", CLENET_DEVICE="no-such-device")
        self.assertRegex(result.stdout, r"(?m)^\d+:\d+ ")
        self.assertIn("no-such-device", result.stderr)


class Training(Case):
    def test_prints_the_epoch_lines_and_nothing_else(self):
        result = self.expect(0, "train", *SMALL, "--epochs", "2")
        lines = result.stdout.splitlines()
        self.assertEqual(len(lines), 2)
        for number, line in enumerate(lines, 1):
            self.assertRegex(line, "^" + EPOCH.format(number) + "$")
        self.assertNotRegex(result.stderr, "[\r\033]")
        self.assertRegex(result.stderr, "bn-lenet, 44878 parameters; .*120 training and 20 test images")

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
                        ("--weight-decay", "0.5"), ("--standardize",), ("--network", "lenet")):
            with self.subTest(options=options):
                self.assertNotEqual(plain, first_loss(*options))

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

    def test_saved_model_evaluates_to_what_training_said(self):
        model = self.folder / "m.safetensors"
        result = self.expect(0, "train", *SMALL, "--epochs", "2", "--standardize", "--save", str(model))
        accuracy = float(re.findall(r"test acc (\S+),", result.stdout)[-1])
        self.assertIn(str(model), result.stderr)
        result = self.expect(0, "evaluate", str(model), *SMALL, "--confusion")
        head, *rows = result.stdout.splitlines()
        self.assertAlmostEqual(float(re.search(r"accuracy (\S+)$", head).group(1)), accuracy, delta=0.0006)
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
        model, log = self.folder / "m.safetensors", self.folder / "log.jsonl"
        command = [PROGRAM, "train", *SMALL, "--epochs", "100000", "--save", str(model), "--log", str(log)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            self.addCleanup(process.kill)
            self.assertRegex(process.stdout.readline(), EPOCH.format(1))
            process.send_signal(number)
            _, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 128 + number, errors)
        self.assertIn(str(model), errors)
        end = json.loads(log.read_text().splitlines()[-1])
        self.assertEqual((end["event"], end["result"], end["saved"]), ("end", "interrupted", str(model)))
        self.expect(0, "evaluate", str(model), *SMALL)

    def test_interrupt_keeps_the_model(self):
        self.interrupt(signal.SIGINT)

    def test_terminate_keeps_the_model(self):
        self.interrupt(signal.SIGTERM)


class Terminal(Case):
    def on_terminal(self, *arguments):
        """What the program writes to a terminal of 100 columns."""
        process, terminal = pty.fork()
        if process == 0:
            os.environ["TERM"] = "xterm"
            os.execv("/bin/sh", ["sh", "-c", 'stty cols 100 && exec "$@"', "sh", PROGRAM, *arguments])
        text, deadline = b"", time.monotonic() + 300
        while time.monotonic() < deadline and select.select([terminal], [], [], 60)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # Linux's way to say that the other side is closed
                break
            if not piece:
                break
            text += piece
        os.close(terminal)
        _, status = os.waitpid(process, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0, text)
        return text.decode()

    def test_progress_line(self):
        text = self.on_terminal("train", "--data", "synthetic:40000", "--batch-size", "32", "--offline", "--epochs", "2")
        lines = [line for line in re.split("[\r\n]+", text) if "images/s" in line]
        self.assertTrue(lines, text)
        for line in lines:
            shown = line.replace("\033[K", "")
            self.assertLess(len(shown), 100)
            self.assertRegex(shown, r"^epoch [12] \[=*>? *\] +\d+ %  \d+ images/s  loss \d\.\d{4}  acc [01]\.\d{3}  "
                                    r"\d+:\d\d left$")
        # What stays on the screen is the epoch lines: each begins on a cleared line.
        for number in (1, 2):
            self.assertRegex(text, r"\r\033\[K" + EPOCH.format(number) + "\r\n")

    def test_quiet_shows_nothing(self):
        self.assertEqual(self.on_terminal("train", *SMALL, "--epochs", "1", "--quiet"), "")


if __name__ == "__main__":
    unittest.main(verbosity=2)
