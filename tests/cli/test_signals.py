"""Signals, terminals and readers that go away."""
import fcntl
import json
import os
import resource
import signal
import subprocess
import termios
import time
from pathlib import Path

from support import Files, PROGRAM, main, usual_signals


class Signals(Files):
    POLITE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU, signal.SIGUSR1, signal.SIGUSR2)

    def start(self, *arguments, prepare=None, **settings):
        def before():
            usual_signals()
            if prepare:
                prepare()
        process = subprocess.Popen([PROGRAM, *arguments], cwd=self.folder, preexec_fn=before, text=True,
                                   **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings})
        self.addCleanup(process.kill)
        return process

    def start_training(self, *arguments, **settings):
        process = self.start(*self.train, "--epochs", "1000000", "--save", "s.safetensors", "--save-every", "1000000",
                             "--log", "log", *arguments, **settings)
        self.assertIn("epoch 1,", process.stdout.readline())
        return process

    def assert_kept(self, process, number):
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + number, errors)
        self.assertEqual(json.loads((self.folder / "log").read_text().splitlines()[-1])["result"], "interrupted")
        self.assertGreater((self.folder / "s.safetensors").stat().st_size, 0)
        self.assert_nothing_temporary()
        (self.folder / "s.safetensors").unlink()

    def test_training_keeps_the_model(self):
        for number in self.POLITE:
            with self.subTest(signal=number.name):
                process = self.start_training()
                process.send_signal(number)
                self.assert_kept(process, number)

    def test_the_same_request_twice(self):
        """As a shell and the kernel send HUP when a terminal closes, and `timeout` whatever it sends."""
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number.name):
                process = self.start_training()
                for _ in range(3):
                    process.send_signal(number)
                    time.sleep(0.01)
                self.assert_kept(process, number)

    def test_a_second_request_ends_what_hangs(self):
        os.mkfifo(self.folder / "stuck")
        reader = os.open(self.folder / "stuck", os.O_RDONLY | os.O_NONBLOCK)  # which never reads
        self.addCleanup(os.close, reader)
        process = self.start(*self.train, "--epochs", "1000000", "--save", "s.safetensors", "--log", "stuck", stdout=subprocess.DEVNULL)
        for _ in range(600):
            time.sleep(0.1)
            state = Path(f"/proc/{process.pid}/wchan").read_text()
            if "pipe" in state:
                break
        for _ in range(2):
            self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assert_nothing_temporary()

    def test_the_terminal_closes(self):
        master, slave = os.openpty()

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        process = self.start(*self.train, "--epochs", "1000000", "--save", "s.safetensors", "--log", "log", stdin=slave, stdout=slave,
                             stderr=slave, prepare=own_terminal)
        os.close(slave)
        seen = b""
        while b"epoch 1," not in seen:
            seen += os.read(master, 4096)
        os.close(master)
        self.assert_kept(process, signal.SIGHUP)

    def test_nohup(self):
        process = self.start_training(prepare=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        process.send_signal(signal.SIGHUP)
        for _ in range(3):
            self.assertIn("epoch", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        self.assert_kept(process, signal.SIGTERM)

    def test_other_commands_end_at_once(self):
        commands = {"bench": ("bench", "--seconds", "100", "--trace", "old"),
                    "evaluate": (*self.evaluate, "--predictions", "old", "--no-cache"), "check": ("check", "--no-cache")}
        for (name, arguments), number in zip(commands.items(), (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)):
            with self.subTest(command=name):
                whole = b""
                if name == "evaluate":
                    self.assertEqual(self.start(*arguments).wait(timeout=60), 0)
                    whole = (self.folder / "old").read_bytes()
                for seconds in (0.3, 0.15, 0.08, 0.04):
                    self.write("old", b"an earlier run's")
                    process = self.start(*arguments)
                    time.sleep(seconds)
                    process.send_signal(number)
                    process.communicate(timeout=10)
                    kept = name != "evaluate" or (self.folder / "old").read_bytes() == b"an earlier run's"
                    if not kept:
                        self.assertEqual((self.folder / "old").read_bytes(), whole)
                    if process.returncode != 0 and kept:  # otherwise it was done before
                        break
                self.assertEqual((process.returncode, kept), (-number, True))
                self.assert_nothing_temporary()

    def is_ours(self, path):
        """Whether a command line names our network."""
        try:
            return os.fsencode(self.network) in path.read_bytes()
        except OSError:  # it has just ended
            return False

    def test_tuning_ends_without_its_candidate(self):
        for number, seconds in ((signal.SIGTERM, 0.5), (signal.SIGINT, 3)):
            with self.subTest(signal=number.name):
                process = self.start("tune", "--network", str(self.network), "--output", "tuned.json", "--candidate-time", "600",
                                     "--time", "600")
                self.assertTrue(process.stderr.readline())  # it begins with the device's name
                time.sleep(seconds)
                process.send_signal(number)
                process.communicate(timeout=60)
                self.assertEqual(process.returncode, 128 + number)
                self.assertEqual([path for path in Path("/proc").glob("[0-9]*/cmdline") if self.is_ours(path)], [])

    def test_a_log_whose_reader_goes_away(self):
        os.mkfifo(self.folder / "pipe")
        with subprocess.Popen(["head", "-1", "pipe"], cwd=self.folder, stdout=subprocess.PIPE):
            result = self.run_in([PROGRAM, *self.train, "--epochs", "100", "--save", "s.safetensors", "--save-every", "100", "--log", "pipe"])
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("training continues without the log", result.stderr)
        self.assertEqual(result.stdout.count("\n"), 100)
        self.assertTrue((self.folder / "s.safetensors").exists())

    def into_head(self, *arguments):
        """What the program ends with and says where its reader takes nothing."""
        reader, writer = os.pipe()
        os.close(reader)
        result = self.run_in([PROGRAM, *arguments], capture_output=False, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        return result

    def test_a_terminal_or_reader_that_goes_away_costs_no_training(self):
        result = self.into_head(*self.train, "--epochs", "3", "--save", "s.safetensors", "--log", "log")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(len((self.folder / "log").read_text().splitlines()), 5)
        self.assertTrue((self.folder / "s.safetensors").exists())

    def test_commands_whose_reader_goes_away_end_quietly(self):
        for arguments in (("devices",), ("summary",), ("--help",), ("cache",),
                          ("predict", str(self.model), "--network", str(self.network), *[str(self.set / "train-images-idx3-ubyte")] * 3)):
            with self.subTest(arguments=arguments):
                result = self.into_head(*arguments)
                self.assertEqual(result.returncode, 1)
                self.assertNotIn("standard output", result.stderr)

    def test_a_file_that_may_not_grow(self):
        """SIGXFSZ is not ignored by the one who starts the program."""
        most, log = 4000000, self.folder / "log"  # more than a driver's compiler writes
        saved = ("--save", "s.safetensors", "--save-every", "30")
        self.assertEqual(self.run_in([PROGRAM, *self.train, "--epochs", "1", *saved]).returncode, 0)
        log.write_bytes(b"x" * (most - 3500) + b"\n")  # room for the first record and some epochs
        result = self.run_in([PROGRAM, *self.train, "--epochs", "30", "--resume", "s.safetensors", *saved, "--log", "log"],
                             prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("training continues without the log", result.stderr)
        self.assertIn("model saved", result.stderr)


if __name__ == "__main__":
    main()
