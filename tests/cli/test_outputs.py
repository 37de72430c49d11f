"""What becomes of files, signals and the standard descriptors at the edges. Arguments as in support.py."""
import fcntl
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import termios
import time
import unittest
from pathlib import Path

from support import Case, PROGRAM, clenet, idx, safetensors

NETWORK = {"name": "small", "input": [1, 28, 28], "layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": 10}]}
NOBODY = 65534
FAILING = os.environ.get("CLENET_TEST_FAILING", str(Path(PROGRAM).parent / "tests/cli/libfailing.so"))
IS_ROOT = os.geteuid() == 0


def usual_signals():
    """As in a shell of a user: nothing is ignored, whatever started the tests."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Files(Case):
    """A folder with a data set, a network, a model and a profile, each as small as can be."""

    def setUp(self):
        super().setUp()
        self.set = self.folder / "set"
        self.set.mkdir()
        for part, count in (("train", 64), ("t10k", 20)):
            images = [bytes(200 if y // 2 == i % 10 else (x * 7 + y * 13 + i * 31) % 50 for y in range(28) for x in range(28))
                      for i in range(count)]
            (self.set / f"{part}-images-idx3-ubyte").write_bytes(idx(images, 28, 28))
            (self.set / f"{part}-labels-idx1-ubyte").write_bytes(
                b"\0\0\x08\x01" + count.to_bytes(4, "big") + bytes(i % 10 for i in range(count)))
        self.network = self.write("n.json", json.dumps(NETWORK))
        self.profile = self.write("p.json", json.dumps({"name": "mine", "match": {}, "values": {}}))
        self.model = self.write("m.safetensors", safetensors(
            {"1.weight": [[0.01 * ((i * 37 + k * 11) % 19 - 9) for i in range(784)] for k in range(10)], "1.bias": [0.0] * 10}))
        self.train = ("train", "--data", str(self.set), "--network", str(self.network), "--batch-size", "16", "--no-guard")
        self.evaluate = ("evaluate", str(self.model), "--network", str(self.network), "--data", str(self.set))

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def state(self):
        """Every file with its content, but for what a link leads to."""
        return {str(path): os.readlink(path) if path.is_symlink() else path.read_bytes()
                for path in self.folder.rglob("*") if path.is_symlink() or path.is_file()}

    def run_in(self, command, *, prepare=None, **settings):
        """A process of the program in the folder, with the signals of a user's shell."""
        def before():
            usual_signals()
            if prepare:
                prepare()
        return subprocess.run(command, cwd=self.folder, preexec_fn=before, check=False, timeout=300,
                              **{"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, **settings})

    def assert_nothing_temporary(self):
        self.assertEqual([path.name for path in self.folder.rglob("*") if ".tmp" in path.name], [])


class Descriptors(Files):
    """Standard input, output and error that are not open at the start."""

    def run_without(self, closed, *arguments):
        return self.run_in([PROGRAM, *arguments], capture_output=False, stdin=None, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, text=False,
                           prepare=lambda: [os.close(number) for number in closed])

    def test_nothing_of_ours_gets_into_files(self):
        for count in (1, 2, 3):
            for closed in itertools.combinations(range(3), count):
                with self.subTest(closed=closed):
                    process = self.run_without(closed, *self.train, "--epochs", "2", "--save", "s.safetensors", "--log", "run.jsonl",
                                               "--trace", "run.trace")
                    self.assertEqual(process.returncode, 1 if 1 in closed else 0)
                    events = [json.loads(line)["event"] for line in (self.folder / "run.jsonl").read_text().splitlines()]
                    self.assertEqual(events, ["start", "epoch", "epoch", "end"])
                    self.assertTrue(json.loads((self.folder / "run.trace").read_text())["traceEvents"])
                    self.expect(0, "evaluate", str(self.folder / "s.safetensors"), "--data", str(self.set))

    def test_predictions_are_nothing_but_predictions(self):
        self.run_without((0, 1, 2), *self.evaluate, "--predictions", "table.csv")
        lines = (self.folder / "table.csv").read_text().splitlines()
        self.assertEqual(len(lines), 1 + 20)
        self.assertEqual({line.count(",") for line in lines}, {6})

    def test_an_output_that_is_lost_is_a_failure(self):
        for arguments in (("summary",), ("devices",), ("cache",), ("--help",), ("--version",), ("train", "--help"), self.evaluate,
                          ("predict", str(self.model), "--network", str(self.network), str(self.set / "t10k-images-idx3-ubyte"))):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.run_without((1,), *arguments).returncode, 1)
                with open("/dev/full", "w", encoding="ascii") as full:
                    self.assertEqual(self.run_in([PROGRAM, *arguments], capture_output=False, stdout=full,
                                                 stderr=subprocess.DEVNULL).returncode, 1)

    def test_what_prints_nothing_loses_nothing(self):
        self.assertEqual(self.run_without((0, 1, 2), *self.train, "--epochs", "1", "--quiet").returncode, 0)

    def test_a_closed_standard_input_is_no_empty_picture(self):
        self.assertEqual(self.run_without((0,), "predict", str(self.model), "--network", str(self.network), "-").returncode, 1)


class Pairs(Files):
    """No output is an input or another output, by whatever name: told before anything is opened."""

    def names(self, path):
        """Other names of a file: the file's own, one through another folder, a link, a link to that, a hard link."""
        path = Path(path)
        yield str(path)
        yield f"{path.parent}/../{path.parent.name}/./{path.name}"
        link, second = self.folder / "link", self.folder / "second"
        for made in (link, second):
            made.unlink(missing_ok=True)
        link.symlink_to(path)
        yield str(link)
        second.symlink_to("link")
        yield str(second)
        if path.exists():
            second.unlink()
            os.link(path, second)
            yield str(second)

    def assert_refused(self, *arguments, **environment):
        before = self.state()
        result = self.expect(1, *arguments, **environment)
        self.assertRegex(result.stderr, r"is the same file as .*: choose another name\n", arguments)
        self.assertEqual(result.stdout, "")
        self.assertEqual(self.state(), before, arguments)

    def check(self, command, inputs, outputs, **environment):
        """inputs: arguments, and the file that they stand for; outputs: options."""
        for (arguments, path), option in itertools.product(inputs, outputs):
            for name in self.names(path):
                with self.subTest(command=command, input=str(path), output=option, name=name):
                    self.assert_refused(*command, *arguments, option, name, **environment)

    def test_no_message_is_written_into_an_input(self):
        for arguments in (("summary", str(self.network)), (*self.train, "--network", str(self.network))):
            before = self.network.read_bytes()
            with self.subTest(arguments=arguments), open(self.network, "ab") as errors:
                self.assertEqual(self.run_in([PROGRAM, *arguments], capture_output=False, stdout=subprocess.DEVNULL,
                                             stderr=errors).returncode, 1)
                self.assertEqual(self.network.read_bytes(), before)

    def settings(self):
        kernels = self.folder / "kernels"
        kernels.mkdir(exist_ok=True)
        (kernels / "adam.cl").write_text("/* */")
        return [(("--network", str(self.network)), self.network), (("--profile-file", str(self.profile)), self.profile),
                (("--kernels", str(kernels)), kernels / "adam.cl")]

    def found_profile(self):
        path = self.write("config/clenet/devices/mine.json", self.profile.read_bytes())
        return path, {"XDG_CONFIG_HOME": str(self.folder / "config")}

    def test_train(self):
        resumed = self.write("r.safetensors", b"a model")
        data = [(("--data", str(self.set)), self.set / f"{part}-ubyte{ending}") for ending in ("", ".gz")
                for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")]
        self.check(("train",), self.settings() + data, ("--save", "--log", "--trace"))
        self.check(("train",), [(("--resume", str(resumed)), resumed)], ("--log", "--trace"))
        found, config = self.found_profile()
        self.check(("train",), [((), found)], ("--save", "--log", "--trace"), **config)

    def test_a_data_set_that_is_known_by_name(self):
        folder = self.folder / "datasets"
        shutil.copytree(self.set, folder / "mnist")
        for path in (folder / "mnist" / "train-images-idx3-ubyte", folder / "t10k-labels-idx1-ubyte.gz"):
            self.check(("train", "--data", "mnist"), [((), path)], ("--log",), CLENET_DATA=str(folder))

    def test_outputs_of_train(self):
        at = str(self.folder / "out.x")
        for one, other in itertools.combinations(("--save", "--log", "--trace"), 2):
            self.check(("train",), [((one, at), at)], (other,))
        for mark, options in (("1", ("--keep", "2")), ("2", ("--keep", "3")), ("best", ("--save-best",))):
            derived = self.folder / f"out.{mark}.x"
            self.check(("train",), [(("--save", at, *options), derived)], ("--log", "--trace"))
            self.write(derived.name, b"from an earlier run")
            self.check(("train",), [(("--save", at, *options), derived)], ("--log", "--trace"))
            derived.unlink()
        # A model that would get its number, or be the best one, over something that is read.
        (self.folder / "network.best.json").write_bytes(self.network.read_bytes())
        self.assert_refused("train", "--network", str(self.folder / "network.best.json"), "--save", str(self.folder / "network.json"),
                            "--save-best")
        (self.folder / "out.best.x").symlink_to("out.x")
        self.assert_refused("train", "--save", at, "--save-best")

    def test_evaluate(self):
        data = [(("--data", str(self.set)), self.set / f"t10k-{part}-ubyte{ending}") for ending in ("", ".gz")
                for part in ("images-idx3", "labels-idx1")]
        self.check(("evaluate", str(self.model)), self.settings() + data + [((), self.model)], ("--predictions",))

    def test_export(self):
        command = ("export", str(self.model))
        self.check(command, [((), self.model), (("--network", str(self.network)), self.network)], ("--onnx", "--safetensors"))
        for one, other in (("--onnx", "--safetensors"), ("--safetensors", "--onnx")):
            self.check(command, [((one, str(self.folder / "new")), self.folder / "new")], (other,))

    def test_import(self):
        self.check(("import", str(self.model)), [((), self.model), (("--network", str(self.network)), self.network)], ("--save",))

    def test_bench_and_tune(self):
        self.check(("bench",), self.settings(), ("--trace",))
        self.check(("tune",), self.settings(), ("--output",))

    def test_standard_output(self):
        """Shells open it for appending where they are told to."""
        image = self.set / "t10k-images-idx3-ubyte"
        for arguments, path in ((("summary", str(self.network)), self.network),
                                (("devices", "--profile-file", str(self.profile)), self.profile),
                                (("check", "--profile-file", str(self.profile)), self.profile),
                                (("predict", str(self.model), str(image)), self.model),
                                (("predict", str(self.model), str(image)), image),
                                (self.evaluate, self.set / "t10k-labels-idx1-ubyte"),
                                ((*self.train, "--save", "s"), self.folder / "s"),
                                ((*self.train, "--trace", "s"), self.folder / "s")):
            with self.subTest(arguments=arguments):
                before = path.read_bytes() if path.exists() else b""
                with open(path, "ab") as appended:
                    result = self.run_in([PROGRAM, *arguments], capture_output=False, stdout=appended, stderr=subprocess.PIPE)
                self.assertEqual(result.returncode, 1)
                self.assertIn("standard output", result.stderr)
                self.assertIn("is the same file as", result.stderr)
                self.assertEqual(path.read_bytes(), before)

    def test_standard_input(self):
        image = self.set / "t10k-images-idx3-ubyte"
        with open(image, "rb") as read, open(image, "ab") as appended:
            result = self.run_in([PROGRAM, "predict", str(self.model), "-"], capture_output=False, stdin=read, stdout=appended,
                                 stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 1)
        self.assertIn("standard output is the same file as", result.stderr)

    def test_what_may_be_the_same(self):
        one = (*self.train, "--epochs", "1", "--quiet")
        self.expect(0, *one, "--log", "/dev/null", "--trace", "/dev/null")
        saved, log = str(self.folder / "s.safetensors"), self.folder / "log"
        self.expect(0, *one, "--save", saved, "--keep", "2", "--save-best")
        self.expect(0, *one, "--epochs", "2", "--resume", saved, "--save", saved, "--keep", "2", "--save-best")
        self.expect(0, *one, "--epochs", "3", "--resume", str(self.folder / "s.1.safetensors"), "--save", saved, "--keep", "2")
        for target in ("/dev/stdout", str(log)):
            with self.subTest(log=target):
                with open(log, "w", encoding="utf-8") as output:
                    result = self.run_in([PROGRAM, *self.train, "--epochs", "2", "--log", target], capture_output=False,
                                         stdout=output, stderr=subprocess.PIPE)
                self.assertEqual(result.returncode, 0, result.stderr)
                lines = log.read_text().splitlines()
                self.assertEqual([line.split(",")[0] for line in lines],
                                 ['{"event":"start"', "epoch 1", '{"event":"epoch"', "epoch 2", '{"event":"epoch"', '{"event":"end"'])
        self.assertEqual(json.loads(self.expect(0, *one, "--log", "/dev/stdout").stdout.splitlines()[-1])["event"], "end")


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
                for seconds in (0.3, 0.15, 0.08, 0.04):
                    self.write("old", b"an earlier run's")
                    process = self.start(*arguments)
                    time.sleep(seconds)
                    process.send_signal(number)
                    process.communicate(timeout=10)
                    if process.returncode != 0:  # otherwise it was done before
                        break
                self.assertEqual(process.returncode, -number)
                if name == "evaluate":
                    self.assertEqual((self.folder / "old").read_bytes(), b"an earlier run's")
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
        log.write_bytes(b"x" * (most - 1500) + b"\n")
        result = self.run_in([PROGRAM, *self.train, "--epochs", "30", "--resume", "s.safetensors", *saved, "--log", "log"],
                             prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("training continues without the log", result.stderr)
        self.assertIn("model saved", result.stderr)


class Places(Files):
    """Whether a file can be written and replaced is known before the work."""

    def outputs(self, name):
        """Every option that writes a file, with a command that would."""
        yield (*self.train, "--epochs", "1", "--quiet", "--save", name)
        yield (*self.train, "--epochs", "1", "--quiet", "--log", name)
        yield (*self.train, "--epochs", "1", "--quiet", "--trace", name)
        yield (*self.evaluate, "--predictions", name)
        yield ("export", str(self.model), "--network", str(self.network), "--safetensors", name)
        yield ("import", str(self.model), "--network", str(self.network), "--save", name)

    def slow_outputs(self, name):
        yield ("bench", "--network", str(self.network), "--trace", name)
        yield ("tune", "--network", str(self.network), "--output", name)
        yield ("export", str(self.model), "--network", str(self.network), "--onnx", name)

    def refused(self, name, *expected, prepare=None):
        for arguments in itertools.chain(self.outputs(name), self.slow_outputs(name)):
            with self.subTest(arguments=arguments):
                before = self.state()
                begin = time.monotonic()
                result = self.run_in([PROGRAM, *arguments], prepare=prepare)
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertLess(time.monotonic() - begin, 30)  # tune takes 120
                self.assertTrue(any(word in result.stderr for word in expected), result.stderr)
                self.assertEqual(self.state(), before)

    def test_folders_that_are_missing(self):
        self.refused("missing/file", "No such file or directory")
        (self.folder / "link").symlink_to("missing/file")
        self.refused("link", "No such file or directory")

    def test_a_place_for_a_tuned_profile(self):
        result = self.expect(1, "tune", "--network", str(self.network), XDG_CONFIG_HOME=str(self.network))
        self.assertIn("Not a directory", result.stderr)
        self.assertNotIn("candidates", result.stderr)

    def test_names_of_folders_and_files(self):
        self.refused("set", "not a regular file", "Is a directory")
        self.refused("n.json/file", "Not a directory")
        self.refused("n" * 256, "File name too long")
        for options in (("--keep", "2"), ("--save-best",)):
            result = self.run_in([PROGRAM, *self.train, "--save", "n" * 254, *options])
            self.assertEqual(result.returncode, 1)
            self.assertIn("File name too long", result.stderr)
        (self.folder / "s.1.x").mkdir()
        self.assertIn("not a regular file", self.run_in([PROGRAM, *self.train, "--save", "s.x", "--keep", "2"]).stderr)

    def test_links_to_what_is_not_there_yet(self):
        (self.folder / "big").mkdir()
        for arguments in self.outputs("second"):
            with self.subTest(arguments=arguments):
                (self.folder / "first").symlink_to("big/file")
                (self.folder / "second").symlink_to("first")
                result = self.run_in([PROGRAM, *arguments])
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertTrue((self.folder / "first").is_symlink() and (self.folder / "second").is_symlink())
                self.assertGreater((self.folder / "big" / "file").stat().st_size, 0)
                self.assertEqual([path.name for path in (self.folder / "big").iterdir()], ["file"])
                for name in ("first", "second", "big/file"):
                    (self.folder / name).unlink()

    def test_models_behind_a_link_stay_together(self):
        (self.folder / "big").mkdir()
        (self.folder / "s.safetensors").symlink_to("big/s.safetensors")
        self.assertEqual(self.run_in([PROGRAM, *self.train, "--epochs", "2", "--quiet", "--save", "s.safetensors", "--keep", "2",
                                      "--save-best"]).returncode, 0)
        self.assertEqual(sorted(path.name for path in (self.folder / "big").iterdir()),
                         ["s.1.safetensors", "s.best.safetensors", "s.safetensors"])

    def test_an_earlier_trace_outlives_a_start_that_fails(self):
        (self.folder / "kernels").mkdir()  # without a file: a training has its context when this shows
        late = ("--kernels", str(self.folder / "kernels"))
        for command in (("train", "--data", "nowhere"), (*self.train, *late), ("bench", "--device", "nowhere")):
            self.write("old", b"an earlier run's")
            self.expect(1, *command, "--trace", str(self.folder / "old"))
            self.assertEqual((self.folder / "old").read_bytes(), b"an earlier run's")

    @unittest.skipUnless(IS_ROOT, "needs root, to mount")
    def test_mounted_files(self):
        target, source = self.write("mounted", b"x" * 500000), self.write("outside", b"x" * 500000)
        if subprocess.run(["mount", "--bind", source, target], check=False, capture_output=True).returncode != 0:
            self.skipTest("this system lets nobody mount")
        try:
            for arguments in self.outputs("mounted"):
                with self.subTest(arguments=arguments):
                    result = self.run_in([PROGRAM, *arguments])
                    self.assertEqual(result.returncode, 0, result.stderr)
                    self.assertNotIn(b"x" * 1000, source.read_bytes())
                    self.assertGreater(source.stat().st_size, 0)
            result = self.run_in([PROGRAM, *self.train, "--save", "mounted", "--keep", "2"])
            self.assertEqual(result.returncode, 1)
            self.assertIn("cannot be replaced", result.stderr)
            self.assert_nothing_temporary()
        finally:
            subprocess.run(["umount", target], check=True)
        self.assertEqual(target.read_bytes(), b"x" * 500000)

    @unittest.skipUnless(IS_ROOT, "needs root, to mount")
    def test_file_systems_that_cannot_be_written(self):
        place = self.folder / "readonly"
        place.mkdir()
        (place / "old").write_bytes(b"old")
        if subprocess.run(["mount", "--bind", "-o", "ro", place, place], check=False, capture_output=True).returncode != 0:
            self.skipTest("this system lets nobody mount")
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
            for name in ("new", "old"):
                self.refused(f"readonly/{name}", "Read-only file system")
        finally:
            subprocess.run(["umount", place], check=True)

    @unittest.skipUnless(IS_ROOT, "needs root, to be two users")
    def test_files_of_others_in_a_sticky_folder(self):
        sticky = self.folder / "sticky"
        sticky.mkdir()
        sticky.chmod(0o1777)
        for path in (self.folder, self.set, *self.set.iterdir()):
            path.chmod(path.stat().st_mode | 0o555)
        theirs = sticky / "theirs"
        theirs.write_bytes(b"theirs")

        def as_nobody():
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        try:
            runs = self.run_in([PROGRAM, "--version"], prepare=as_nobody).returncode == 0
        except PermissionError:
            runs = False
        if not runs:
            self.skipTest("the program is where other users cannot run it")
        self.refused("sticky/theirs", "Permission denied", prepare=as_nobody)
        theirs.chmod(0o666)
        result = self.run_in([PROGRAM, "import", str(self.model), "--network", str(self.network), "--save", "sticky/theirs"],
                             prepare=as_nobody)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("written in place", result.stderr)
        self.expect(0, "export", str(theirs), "--safetensors", str(self.folder / "again"))
        self.assertEqual((theirs.stat().st_uid, [path.name for path in sticky.iterdir()]), (0, ["theirs"]))

    @unittest.skipUnless(IS_ROOT and shutil.which("chattr"), "needs root and chattr, to mark files")
    def test_files_that_are_marked(self):
        for mark in "ia":
            path = self.write(mark, b"old")
            if subprocess.run(["chattr", f"+{mark}", path], check=False, capture_output=True).returncode != 0:
                self.skipTest("this file system knows no marks")
            try:
                for arguments in itertools.chain(self.outputs(mark), self.slow_outputs(mark)):
                    if mark == "a" and "--log" in arguments:
                        continue  # opened for appending it may be, and it is told then that it cannot be emptied
                    with self.subTest(arguments=arguments):
                        result = self.run_in([PROGRAM, *arguments])
                        self.assertEqual(result.returncode, 1, result.stderr)
                        self.assertIn("Operation not permitted", result.stderr)
                        self.assertEqual(path.read_bytes(), b"old")
            finally:
                subprocess.run(["chattr", f"-{mark}", path], check=True)
        self.assert_nothing_temporary()

    def test_what_a_killed_process_left_is_removed(self):
        left, other = self.write(".clenet-4194999-0.tmp", b"left"), self.write(".clenet-notes.tmp", b"a user's")
        self.expect(0, "import", str(self.model), "--network", str(self.network), "--save", str(self.folder / "new"))
        self.assertFalse(left.exists())
        self.assertTrue(other.exists())


class Failing(Files):
    """Every call that changes a file fails, once or from then on: the old files stay whole, and the next run cleans up."""

    def run_failing(self, setting, *arguments):
        return self.run_in([PROGRAM, *arguments], env={
            **os.environ, "LD_PRELOAD": FAILING, "FAILING": setting,
            "ASAN_OPTIONS": os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}).returncode

    def check(self, fewest, arguments, names):
        """Until the number of a call is larger than there are calls."""
        self.assertEqual(self.run_in([PROGRAM, *arguments]).returncode, 0)
        seen = 0
        for number in itertools.count(1):
            statuses = set()
            for more in ("", "+"):
                with self.subTest(number=number, more=more):
                    statuses.add(self.run_failing(f"any:{number}{more}", *arguments))
                    for name in names:
                        self.expect(0, "export", str(self.folder / name), "--network", str(self.network), "--safetensors",
                                    str(self.folder / "checked"))
                    self.assertEqual(self.run_in([PROGRAM, *arguments]).returncode, 0)
                    self.assert_nothing_temporary()
            if statuses == {0}:
                break
            seen += 1
        self.assertGreaterEqual(seen, fewest)

    def test_import(self):
        self.check(4, ("import", str(self.model), "--network", str(self.network), "--save", "out.safetensors"), ["out.safetensors"])

    def test_links_that_fail_leave_no_name(self):
        for call in ("rename", "link", "linkat", "unlink"):
            with self.subTest(call=call):
                train = (*self.train, "--epochs", "3", "--quiet", "--save", "s.safetensors", "--keep", "2", "--save-best")
                self.assertEqual(self.run_in([PROGRAM, *train]).returncode, 0)
                self.run_failing(f"{call}:2+", *train)
                self.expect(0, "evaluate", str(self.folder / "s.safetensors"), "--data", str(self.set))
                self.assertEqual(self.run_in([PROGRAM, *train]).returncode, 0)
                self.assert_nothing_temporary()


class Appending(Files):
    def test_a_log_that_was_cut_within_a_line(self):
        log, saved = self.folder / "log", str(self.folder / "s.safetensors")
        one = (*self.train, "--quiet", "--save", saved, "--log", str(log))
        self.expect(0, *one, "--epochs", "1")
        whole = log.read_bytes()
        for cut in (len(whole), len(whole) - 1, len(whole) - 30):
            with self.subTest(cut=cut):
                log.write_bytes(whole[:cut])
                self.expect(0, *one, "--epochs", "2", "--resume", saved)
                lines = log.read_bytes().split(b"\n")
                self.assertEqual(lines.pop(), b"")
                torn = 1 if cut == len(whole) - 30 else 0
                self.assertEqual(len(lines), 6 if torn == 0 and cut == len(whole) else len(lines))
                parsed = []
                for number, line in enumerate(lines):
                    if torn and number == 2:
                        self.assertRaises(ValueError, json.loads, line)
                    else:
                        parsed.append(json.loads(line)["event"])
                self.assertEqual(parsed[:2] + parsed[-2:], ["start", "epoch", "start", "end"] if len(parsed) == 4 or parsed[-2] == "start"
                                 else ["start", "epoch", "epoch", "end"])
                self.expect(0, *one, "--epochs", "1")


    def test_a_log_that_standard_output_goes_to(self):
        log, saved = self.folder / "log", str(self.folder / "s.safetensors")
        self.expect(0, *self.train, "--epochs", "1", "--quiet", "--save", saved)
        for name in (str(log), "/dev/stdout"):
            with self.subTest(name=name), open(log, "wb") as torn:
                torn.write(b'{"x')
                torn.flush()
                result = self.run_in([PROGRAM, *self.train, "--epochs", "2", "--quiet", "--resume", saved, "--log", name],
                                     stdout=torn, capture_output=False)
                self.assertEqual(result.returncode, 0)
                first, *rest = log.read_text().splitlines()
                self.assertEqual(first, '{"x')
                self.assertEqual([json.loads(line)["event"] for line in rest], ["start", "epoch", "end"])


class ExitStatus(Files):
    def test_of_every_command(self):
        image = str(self.set / "t10k-images-idx3-ubyte")
        broken = self.write("broken.json", '{"name": "mine", "match": {}, "values": {"vector": 99}}')
        predict = ("predict", str(self.model), "--network", str(self.network))
        for status, arguments in (
                (1, ("devices", "--profile-file", str(broken))), (1, ("devices", "--json", "--profile-file", str(broken))),
                (0, (*predict, image)), (1, (*predict, image, "nowhere")), (1, (*predict, "nowhere", image)),
                (1, (*predict, str(self.network), image)), (1, ("summary", "nowhere")), (1, ("check", "--device", "nowhere")),
                (1, ("check", "--only", "nowhere")), (1, ("bench", "--device", "nowhere")), (1, ("tune", "--device", "nowhere")),
                (1, (*self.evaluate, "--device", "nowhere")), (1, ("export", str(self.network), "--onnx", str(self.folder / "x"))),
                (1, ("import", str(self.network), "--network", "lenet", "--save", str(self.folder / "x"))),
                (1, (*self.train, "--device", "nowhere"))):
            with self.subTest(arguments=arguments):
                result = self.expect(status, *arguments)
                self.assertEqual("clenet " in result.stderr, status == 1, result.stderr)

    def test_without_a_device(self):
        self.write("vendors/none.icd", "libnothing.so")
        for arguments in (("devices",), ("devices", "--json"), ("check",), self.train, self.evaluate, ("bench",), ("tune",)):
            with self.subTest(arguments=arguments):
                result = clenet(*arguments, OCL_ICD_VENDORS=str(self.folder / "vendors"))
                self.assertEqual(result.returncode, 1)
                self.assertIn("OpenCL", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
