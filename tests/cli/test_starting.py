"""First and later starts: who builds the kernels, and when they are kept."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

from support import Case, EPOCH, PROGRAM, SMALL, main, png, settled


class Builders(Case):
    """A very first start: other processes build the kernels, and nobody sees any of it."""

    def setUp(self):
        super().setUp()
        self.environment = self.fresh("first")

    def fresh(self, name):
        folder = self.folder / name
        (folder / "driver").mkdir(parents=True)
        return {"CLENET_CACHE_DIR": str(folder / "programs"), "POCL_CACHE_DIR": str(folder / "driver")}

    def programs(self, environment):
        return len(list(Path(environment["CLENET_CACHE_DIR"]).iterdir()))

    def play_starter(self, pieces, *arguments, shape, hang_up, leaks):
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.write(writer, b"".join(piece.to_bytes(2, sys.byteorder) for piece in range(pieces)))
        if hang_up:
            os.close(writer)
        process = subprocess.run([PROGRAM, *arguments], stdin=reader, capture_output=True, text=True, check=False,
                                 timeout=300,
                                 env=dict(os.environ, ASAN_OPTIONS=leaks, CLENET_BUILDER=shape, **self.environment))
        os.close(reader)
        if not hang_up:
            os.close(writer)
        return process

    def build(self, exit_status, pieces, *arguments, shape="1x28x28", hang_up=False):
        """Plays the starter of one builder, who takes the first of the pieces."""
        process = settled(
            lambda leaks: self.play_starter(pieces, *arguments, shape=shape, hang_up=hang_up, leaks=leaks))
        self.assertEqual(process.returncode, exit_status, process.stderr)
        self.assertEqual(process.stdout, "")

    def test_first_start(self):
        model, plain = self.folder / "m.safetensors", self.folder / "plain.safetensors"
        train = ("train", *SMALL, "--epochs", "1")
        self.expect(0, *train, "--no-cache", "--save", str(plain))
        result = self.expect(0, *train, "--save", str(model), **self.environment)
        self.assertEqual(model.read_bytes(), plain.read_bytes())
        self.assertRegex(result.stdout, "^" + EPOCH.format(1) + "\n$")
        notes = [line for line in result.stderr.splitlines() if "CLENET_LIMITS" not in line]
        self.assertEqual(len(notes), 3, result.stderr)
        evaluated = self.expect(0, "evaluate", str(model), *SMALL, **self.environment)
        again = self.expect(0, "evaluate", str(model), *SMALL, **self.fresh("evaluated"))
        self.assertEqual(again.stdout, evaluated.stdout)
        self.assertEqual(again.stderr, evaluated.stderr)

    def test_nobody_else_reads_a_pipe(self):
        network = {"name": "small", "input": [1, 28, 28], "layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": 10}]}
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        with subprocess.Popen([PROGRAM, "train", *SMALL, "--epochs", "1", "--network", str(fifo)], stdout=subprocess.DEVNULL, text=True,
                              stderr=subprocess.PIPE, env=dict(os.environ, **self.environment)) as process:
            self.addCleanup(process.kill)
            writer = threading.Thread(target=fifo.write_text, args=(json.dumps(network),), daemon=True)
            writer.start()
            _, errors = process.communicate(timeout=60)  # a helper would wait for another text
        self.assertEqual(process.returncode, 0, errors)
        self.assertNotIn("checked in this process", errors)

    def test_a_builder_takes_its_pieces(self):
        self.build(0, 0, "train", *SMALL)
        self.assertEqual(self.programs(self.environment), 0)
        self.build(0, 3, "train", *SMALL)
        self.assertEqual(self.programs(self.environment), 3)
        self.build(0, 5, "train", *SMALL, "--data", "no-such-set", "--save", "/no/such/folder")
        self.assertEqual(self.programs(self.environment), 5)

    def test_a_builder_without_its_starter_ends(self):
        self.build(1, 200, "train", *SMALL, hang_up=True)

    def test_a_builder_for_other_images_fails(self):
        self.build(1, 3, "train", *SMALL, shape="3x28x28")
        self.build(1, 3, "train", *SMALL, shape="1x28")

    @unittest.skipUnless(Path("/proc/self/task").exists(), "no /proc to find a process's children in")
    def test_builders_end_with_their_starter(self):
        for number in (signal.SIGINT, signal.SIGKILL):
            with self.subTest(signal=number):
                environment = dict(os.environ, **self.fresh(f"ended-{number}"))
                with subprocess.Popen([PROGRAM, "train", *SMALL], env=environment, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL,  # and not deaf, as what a shell starts with & may be
                                      preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
                    self.addCleanup(process.kill)
                    builders = []
                    while not builders and process.poll() is None:
                        builders = children_of(process.pid)
                    self.assertTrue(builders, "it ended without any")
                    process.send_signal(number)
                    self.assertEqual(process.wait(300), -number)
                deadline = time.monotonic() + 300
                while any(is_alive(builder) for builder in builders) and time.monotonic() < deadline:
                    time.sleep(0.01)
                self.assertEqual([builder for builder in builders if is_alive(builder)], [])


HEADER_BYTES = 88  # of a kept program: a note is nothing else


class Starts(Case):
    """A command ends with its last line; everything is kept by the first start, and as binaries after a few."""

    NETWORK = {"name": "tiny", "input": [1, 28, 28],
               "layers": [{"type": "AvgPool2d", "kernel_size": 4}, {"type": "Flatten"}, {"type": "Linear", "out_features": 10}]}

    def setUp(self):
        super().setUp()
        self.cache, self.driver = self.folder / "programs", self.folder / "driver"
        self.driver.mkdir()
        self.environment = dict(os.environ, CLENET_CACHE_DIR=str(self.cache), POCL_CACHE_DIR=str(self.driver))
        self.network, self.model = self.folder / "tiny.json", self.folder / "tiny.safetensors"
        self.network.write_text(json.dumps(self.NETWORK))
        self.data = ("--data", "synthetic:60", "--offline")
        self.train = ("train", "--network", str(self.network), *self.data, "--max-steps", "1", "--save", str(self.model))

    def kept(self):
        """Of every program what is kept of it; reading a binary only changes its time. The file of the driver's habits is
        left out: clenet writes it when it first asks for a binary, which the first start does not."""
        return {path.name: (path.stat().st_size, path.stat().st_ino) for path in self.cache.glob("*")
                if b"clenet driver" not in path.read_bytes()}

    def compiled(self):
        """Kernels in PoCL's cache; with another driver none."""
        return {path.relative_to(self.driver) for path in self.driver.rglob("*.so")}

    def start(self, *arguments):
        """What there was to see at the last line is what there is at the end."""
        with subprocess.Popen([PROGRAM, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, text=True) as process:
            lines, seen = [], None
            for line in process.stdout:
                seen = self.kept(), self.compiled()
                lines.append(line)
            self.assertEqual(process.wait(300), 0, "".join(lines))
        self.assertEqual((self.kept(), self.compiled()), seen)
        self.assertTrue(seen[0])
        return lines

    def test_every_command(self):
        image = self.folder / "image.png"
        image.write_bytes(png(28, 28, bytes(784)))
        for command in (self.train, ("evaluate", str(self.model), *self.data), ("predict", str(self.model), str(image)),
                        ("bench", "--network", str(self.network), "--seconds", "0.2", "--batch-size", "16"),
                        ("check", "--quick", "--only", "sgd")):
            with self.subTest(command=command[0]):
                self.start(*command)
                names, state = set(self.kept()), None
                for _ in range(len(names) + 1):
                    self.start(*command)
                    self.assertEqual(set(self.kept()), names)
                    before, state = state, (self.kept(), self.compiled())
                    if state == before:
                        break
                self.assertEqual(state, before)
                if command[0] != "check":  # whose kernels stay notes
                    self.assertNotIn(HEADER_BYTES, {size for size, _ in self.kept().values()}, "a note is left")

    def test_a_driver_whose_cache_was_cleared(self):
        """Results are the same, and everything is kept anew. The second start has measured the driver's habits."""
        def results(lines):
            return [re.sub(r", time .*", "", line) for line in lines]
        first = results(self.start(*self.train))
        self.assertEqual(results(self.start(*self.train)), first)
        kept = set(self.kept())
        shutil.rmtree(self.driver)
        self.driver.mkdir()
        for _ in range(3):
            self.assertEqual(results(self.start(*self.train)), first)
            self.assertEqual(set(self.kept()), kept)


def children_of(process):
    """Of all its threads, each with what tells it from a later process of the same number."""
    found = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += [(child, started(child)) for child in path.read_text().split()]
        except OSError:  # it has just ended
            pass
    return [child for child in found if child[1]]


def started(process):
    try:
        state, *rest = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        return None if state == "Z" else rest[18]
    except OSError:
        return None


def is_alive(child):
    return started(child[0]) == child[1]


if __name__ == "__main__":
    main()
