"""The progress of a training, on a terminal and elsewhere."""
import fcntl
import json
import os
import pty
import re
import select
import struct
import termios
import time

from support import Case, EPOCH, PROGRAM, SMALL, Sets, main


class Terminal(Case):
    LONG = ("train", "--data", "synthetic:100000", "--batch-size", "32", "--offline", "--epochs", "1")

    def on_terminal(self, *arguments, **environment):
        """What the program writes to a terminal of 100 columns."""
        process, terminal = pty.fork()
        if process == 0:
            os.environ.update(environment, TERM="xterm")
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
        text = self.on_terminal(*self.LONG[:-1], "2")
        lines = [line for line in re.split("[\r\n]+", text) if "images/s" in line]
        self.assertTrue(lines, text)
        for line in lines:
            shown = line.replace("\033[K", "")
            self.assertLess(len(shown), 100)
            self.assertRegex(shown, r"^epoch [12] \[=*>? *\] +\d+ %  \d+ images/s  loss \d\.\d{4}  acc [01]\.\d{3}  "
                                    r"[\d:]+ left$")  # hours where the machine is busy with other things
        # What stays on the screen is the epoch lines: each begins on a cleared line.
        for number in (1, 2):
            self.assertRegex(text, r"\r\033\[K" + EPOCH.format(number) + "\r\n")

    def test_plain_has_no_control_sequences(self):
        """What a file gets is on the terminal, too; its driver writes a line feed as CR LF."""
        text = self.on_terminal(*self.LONG, "--plain", CLENET_PROGRESS_SECONDS="0.1")
        self.assertEqual([hex(ord(c)) for c in text.replace("\r\n", "") if ord(c) < 32 or ord(c) == 127], [], text)
        self.assertRegex(text, r"(?m)^epoch 1: \d+ of 100000 images, loss [\d.]+, train acc [\d.]+, \d+ images/s, \d+ sec\r$")
        for command in ("bench", "check", "tune"):
            self.assertIn("--plain", self.expect(0, command, "--help").stdout)
        checked = self.on_terminal("check", "--only", "dropout", "--plain")
        self.assertNotIn("\033", checked)
        self.assertRegex(checked, r"\nAll \d+ hold, in [\dmins. ]+ s\.\r\n$")

    def test_no_colours(self):
        """Nothing but the line that is rewritten needs a control sequence: it is cleared to its end."""
        text = self.on_terminal(*self.LONG, NO_COLOR="1")
        self.assertIn("\033[K", text)
        self.assertNotIn("\033", text.replace("\033[K", ""))

    def test_quiet_shows_nothing(self):
        self.assertEqual(self.on_terminal("train", *SMALL, "--epochs", "1", "--quiet"), "")


class Progress(Sets):
    # Progress is told every 0.2 s: BN-LeNet takes seconds for such an epoch, a small network may take less than that.
    SLOW = ("--data", "synthetic:100000", "--batch-size", "32", "--epochs", "1")

    def test_told_without_a_terminal_and_in_the_log(self):
        result = self.expect(0, "train", "--no-guard", *self.SLOW, "--log", "run.jsonl", CLENET_PROGRESS_SECONDS="0.1")
        lines = re.findall(r"(?m)^epoch 1: (\d+) of 100000 images, loss [\d.]+, train acc [\d.]+, \d+ images/s, \d+ sec$",
                           result.stderr)
        self.assertTrue(lines, result.stderr)
        self.assertEqual(len(result.stdout.splitlines()), 1)
        records = [json.loads(line) for line in (self.folder / "run.jsonl").read_text().splitlines()]
        progress = [record for record in records if record["event"] == "progress"]
        self.assertEqual([record["train_images"] for record in progress], [int(line) for line in lines])
        self.assertEqual([r["event"] for r in records], ["start"] + ["progress"] * len(progress) + ["epoch", "end"])
        for record in progress:
            self.assertEqual(sorted(record), sorted(("event", "epoch", "train_images", "images_before", "loss",
                                                     "train_accuracy", "train_seconds", "images_per_second")))

    def test_short_epochs_tell_nothing(self):
        result = self.train(0, "--data", "synthetic:64", "--epochs", "2", "--log", "run.jsonl")
        self.assertNotIn(" of 64 images", result.stderr)
        self.assertNotIn("progress", (self.folder / "run.jsonl").read_text())

    def on_terminal(self, columns):
        process, terminal = pty.fork()
        if process == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
            os.environ["TERM"] = "xterm"
            os.execv(PROGRAM, [PROGRAM, "train", "--no-guard", *self.SLOW])
        text = b""
        while True:
            try:
                piece = os.read(terminal, 4096)
            except OSError:
                break
            if not piece:
                break
            text += piece
        os.waitpid(process, 0)
        os.close(terminal)
        return text.decode()

    def test_a_narrow_terminal_cuts_no_number(self):
        for columns in (20, 40, 60, 80, 120):
            text = self.on_terminal(columns)
            lines = [line.replace("\033[K", "") for line in re.split("[\r\n]+", text) if re.search(r"^epoch 1 .* %", line)]
            self.assertTrue(lines, text)
            for line in lines:
                self.assertLessEqual(len(line), columns - 3)
                self.assertRegex(line, r"^epoch 1( \[=*>? *\])? +\d+ %(  \d+ images/s)?(  loss \d+\.\d{4})?"
                                       r"(  acc \d\.\d{3})?(  [\d:]+ left)?$")


if __name__ == "__main__":
    main()
