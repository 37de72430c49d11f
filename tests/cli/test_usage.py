"""How the program is called: help, options, operands, and the errors that are found before training begins."""
import re

from support import COMMANDS, Case, ROOT, SMALL, VERSION, main


class Usage(Case):
    def test_help_lists_the_commands(self):
        result = self.expect(0, "--help")
        for command in COMMANDS:
            self.assertRegex(result.stdout, rf"(?m)^  {command} ")
        self.assertEqual(result.stderr, "")

    def test_version(self):
        self.assertEqual(self.expect(0, "--version").stdout, f"clenet {VERSION}\n")

    def test_a_command_may_have_two_words(self):
        for arguments, status in ((("data",), 2), (("data", "--help"), 0), (("data", "-h"), 0)):
            with self.subTest(arguments=arguments):
                result = self.expect(status, *arguments)
                rows = re.findall(r"(?m)^  (\S+ \S+) ", result.stderr if status else result.stdout)
                self.assertEqual(rows, [command for command in COMMANDS if command.startswith("data ")])
                self.assertEqual(result.stdout if status else result.stderr, "")
        result = self.expect(2, "data", "inof")
        self.assertIn("unknown command 'data inof'", result.stderr)
        self.assertIn("did you mean 'data info'?", result.stderr)
        self.assertIn("unexpected argument 'x'", self.expect(2, "data", "info", "synthetic", "x").stderr)

    def test_no_command_is_a_usage_error(self):
        self.assertIn("Usage:", self.expect(2).stderr)

    def test_every_command_has_help(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                result = self.expect(0, *command.split(), "--help")
                self.assertTrue(result.stdout.startswith(f"Usage: clenet {command} [OPTION...]"))
                self.assertEqual(result.stderr, "")

    def test_the_manual_has_every_command_and_option(self):
        manual = (ROOT / "docs" / "clenet.1").read_text()
        for command in COMMANDS:
            section = manual.split(f"\n.SH {command.upper()}\n")
            self.assertEqual(len(section), 2, command)
            section = section[1].split("\n.SH ")[0].replace("\\-", "-")
            for option in re.findall(r"(?m)^  --([a-z0-9-]+)", self.expect(0, *command.split(), "--help").stdout):
                if option != "help":
                    self.assertRegex(section, rf"--{option}\b(?!-)", f"{command} --{option}")

    def test_help_of_train_shows_every_option_and_default(self):
        text = self.expect(0, "train", "--help").stdout
        for option in ("recipe network data init by-order partial freeze device epochs batch-size optimizer lr momentum weight-decay rotate zoom shift reflect flip alternating-flip brightness contrast cutout mixup cutmix standardize-channels show-augmented show-count seed class-weights standardize "
                       "resize running-variance save save-every keep save-best validation patience resume override require-accuracy log tensorboard report live timings trace max-steps quiet plain offline profile-file "
                       "safe kernels no-cache no-command-buffer").split():
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
                 ("--momentum", "0.9", "--optimizer sgd"), ("--clip-norm", "-1", "out of range"), ("--resize", "100000", "out of range"),
                 ("--seed", "-3", "whole number"), ("--max-steps", "0", "out of range"),
                 ("--require-accuracy", "1.1", "out of range"), ("--require-accuracy", "-0.1", "out of range"),
                 ("--require-accuracy", "75%", "not a number"))
        for option, value, expected in wrong:
            with self.subTest(option=option, value=value):
                result = self.expect(2, "train", option, value)
                self.assertIn(option, result.stderr)
                self.assertIn(expected, result.stderr)
                self.assertEqual(result.stdout, "")

    def test_options_that_exclude_each_other(self):
        result = self.expect(2, "train", "--require-accuracy", "0.5", "--max-steps", "10")
        self.assertIn("--max-steps", result.stderr)
        self.assertIn("choose one", result.stderr)
        self.assertEqual(result.stdout, "")

    def test_operands_are_counted(self):
        self.assertIn("MODEL is missing", self.expect(2, "evaluate").stderr)
        self.assertIn("MODEL is missing", self.expect(2, "predict").stderr)
        self.assertIn("IMAGE is missing", self.expect(2, "predict", "a").stderr)
        self.assertIn(" MODEL IMAGE...\n", self.expect(0, "predict", "--help").stdout)
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

    def test_trace_that_cannot_be_written(self):
        self.check("cannot write the trace", "--trace", str(self.folder))

    def test_unknown_network(self):
        self.check("bn-lenet", "--network", "no-such-network")

    def test_unknown_data(self):
        result = self.expect(1, "train", "--offline", "--data", str(self.folder / "nothing"))
        self.assertIn("nothing", result.stderr)

    def test_unknown_device(self):
        self.check("no-such-device", "--device", "no-such-device")

    def test_evaluate_without_the_file(self):
        self.assertIn("no-such-model", self.expect(1, "evaluate", "no-such-model", *SMALL).stderr)


if __name__ == "__main__":
    main()
