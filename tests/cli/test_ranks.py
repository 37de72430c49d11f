"""`clenet train` in several processes that MPI has started: what they compute together, who writes and tells, and errors before
the first step."""
import json
import os
import shutil
import signal
import time
import unittest
from pathlib import Path

from ranks_support import DATA, MPIS, TRAIN, MpichRanks, OpenMpiRanks, digest
from support import PROGRAM, Sets, main, metadata

# Gives the first process and the others different options, by what its launcher has set.
DIVIDED = '''#!/bin/sh
case "${{OMPI_COMM_WORLD_RANK:-${{PMI_RANK:-}}}}" in
{}
*) exec "$PROGRAM" "$@" $USUAL ;;
esac
'''


class Together:
    """What depends on the MPI."""

    # ---- What they compute ----

    def test_strict_bits_are_those_of_one_process(self):
        much = ("--optimizer", "adamw", "--clip-norm", "1", "--ema", "0.9", "--accumulate", "2", "--validation", "0.2", "--shift",
                "1", "--mixup", "0.4", "--seed", "3")
        for options, counts in (((), (3,)), (much, (2,)), (("--batch-size", "100"), (3,))):
            arguments = ("--offline", *DATA, "--epochs", "2", *(() if "--batch-size" in options else ("--batch-size", "200")),
                         *options, "--strict")
            whole = self.alone(*arguments)
            for count in counts:
                with self.subTest(options=options, count=count):
                    self.together(count, *arguments, "--save", self.model)
                    self.assertEqual(digest(self.model), whole)

    def test_devices_start_the_launcher(self):
        whole = self.alone(*TRAIN, "--strict")
        told = self.train(0, *TRAIN, "--strict", "--devices", f"{self.device()},{self.device()}", "--save", self.model, "--trace",
                          "trace", PATH=self.path_with_mpirun())
        self.assert_all_ended()
        self.assertEqual((digest(self.model), told.stdout.count("\n")), (whole, 2))

    # ---- Errors ----

    def write_divided(self, case):
        """A program that starts clenet, and another way in a case of the process's number."""
        path = self.folder / "divided"
        path.write_text(DIVIDED.format(case))
        path.chmod(0o755)
        return path

    def assert_refused(self, usual, other, *told):
        """Process 1 with other options than the others: told once, and nothing is written."""
        before = self.files()
        status, output, errors = self.finish(self.start(
            3, "--offline", "--strict", "--log", "log", "--save", self.model, program=self.divided, PROGRAM=PROGRAM,
            USUAL=" ".join(map(str, usual)), OTHER=" ".join(map(str, other))))
        self.assertNotEqual(status, 0)
        self.assertEqual(output, "")
        for text in told:
            self.assertEqual(errors.count(text), 1, errors)
        self.assertEqual(self.files(), before)
        self.assertNotRegex(errors, r"process \d of 3 \([^)]*\): process \d of 3")
        self.assertNotIn("Traceback", errors)

    def differ(self, *cases):
        """Cases of (name, options of most processes, those of process 1, what is told)."""
        self.divided = self.write_divided('1) exec "$PROGRAM" "$@" $OTHER ;;')
        usual = ("--batch-size", "200", "--epochs", "2")
        for name, mine, other, told in cases:
            with self.subTest(name):
                self.assert_refused((*usual, *mine), (*other, *usual[2 * ("--batch-size" in other):4 - 2 * ("--epochs" in other)]), *told)

    def test_another_data_set_is_told_once(self):
        first, second = (self.write_set(name, labels, self.labels(20)) for name, labels in
                         (("first", self.labels(200)), ("second", self.labels(200)[::-1])))
        self.differ(("missing", ("--data", first), ("--data", self.folder / "none"), ("process 1 of 3 (", f"{self.folder}/none")),
                    ("data", ("--data", first), ("--data", second), ("process 1 of 3 (", "another data set")))

    def test_news_of_another_process_end_nothing(self):
        """MPICH's launcher sends USR1 to the others where a process has ended."""
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        self.divided = self.write_divided('1) exec "$PROGRAM" "$@" --network "$OTHER" ;;')
        launcher = self.start(2, *TRAIN, program=self.divided, PROGRAM=PROGRAM, OTHER=str(fifo), USUAL="")
        with open(fifo, "wb") as network:  # which waits for process 1 to open it
            readers = []
            while not readers:  # it may not have been told yet that it has opened it
                readers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and self.reads(path, fifo)]
            process, = readers
            os.kill(process, signal.SIGUSR1)
            while any(int(line.split()[1], 16) & 1 << (signal.SIGUSR1 - 1) for line in Path(f"/proc/{process}/status").read_text()
                      .splitlines() if line.startswith("ShdPnd")):
                pass
            time.sleep(0.1)  # it took the signal, and may be about to end
            network.write(self.network.read_bytes())
        status, _, errors = self.finish(launcher)
        self.assertEqual(status, 0, errors)

    @staticmethod
    def reads(process, path):
        """Whether the process, of this folder of /proc, has the file open for reading."""
        try:
            return any(os.path.realpath(file) == str(path) and "python" not in os.readlink(process / "exe")
                       for file in (process / "fd").iterdir())
        except OSError:
            return False

    def test_without_the_module(self):
        """As where clenet was built without this MPI."""
        elsewhere = shutil.copy(PROGRAM, self.folder / "clenet")
        status, output, errors = self.finish(self.start(2, *TRAIN, "--log", "log", program=elsewhere))
        self.assertNotEqual(status, 0)
        self.assertEqual(output, "")
        self.assertIn(f"this clenet was built without it: install lib{self.mpi}-dev, and build again", errors)
        self.assertNotIn("log", self.files())


class Whole(Together):
    """What any MPI does alike, with one of them."""

    def losses(self):
        events = [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]
        (self.folder / "log").unlink()
        return [event[key] for event in events if event["event"] == "epoch" for key in ("loss", "test_loss")]

    def test_losses_without_strict_arithmetic(self):
        self.train(0, *TRAIN, "--log", "log")
        whole = self.losses()
        self.together(3, *TRAIN, "--log", "log")
        shared = self.losses()
        self.assertEqual(len(shared), len(whole))
        for own, expected in zip(shared, whole):
            self.assertAlmostEqual(own / expected, 1, delta=1e-4)

    def test_another_number_of_processes_goes_on(self):
        whole = self.alone(*TRAIN, "--strict")
        self.together(3, *TRAIN, "--strict", "--max-steps", "2", "--save", self.model)
        resume = ("--offline", *DATA, "--resume", self.model, "--epochs", "2", "--save", self.model)
        self.together(2, *resume, "--max-steps", "5")
        self.assertEqual(metadata(self.model)["training"]["steps"], "5")
        self.train(0, *resume)
        self.assertEqual(digest(self.model), whole)

    def test_a_process_for_each_device(self):
        whole = self.alone(*TRAIN, "--strict")
        devices = f"{self.device()},{self.device()}"
        self.together(2, *TRAIN, "--strict", "--devices", devices, "--save", self.model)
        self.assertEqual(digest(self.model), whole)
        self.together(3, *TRAIN, "--strict", "--devices", self.device(), "--save", self.model)
        self.assertEqual(digest(self.model), whole)

    def test_the_first_one_tells_and_writes(self):
        outputs = ("--log", "log", "--save", self.model, "--tensorboard", "events", "--trace", "trace")
        one = self.train(0, *TRAIN, *outputs)
        expected = self.files()
        for name in ("log", "trace", self.model.name):
            (self.folder / name).unlink()
        shutil.rmtree(self.folder / "events")
        output, errors = self.together(3, *TRAIN, *outputs)
        self.assertEqual(self.files(), expected)
        self.assertEqual([output.count("\n"), errors.count("\n")], [one.stdout.count("\n"), one.stderr.count("\n")], errors)
        self.assertEqual([json.loads(line)["event"] for line in (self.folder / "log").read_text().splitlines()],
                         ["start", "epoch", "epoch", "end"])

    def test_a_warning_comes_once(self):
        """That of all from the first one; that of one process with its name."""
        other = self.folder / "open"
        other.mkdir()
        other.chmod(0o777)
        self.divided = self.write_divided('1) export CLENET_CACHE_DIR="$OTHER"; exec "$PROGRAM" "$@" ;;')
        options = (*TRAIN, "--epochs", "1", "--batch-size", "64", "--quiet")
        few = "clenet train: warning: a batch of 64 samples is 1 shard of 64, so 2 of 3 processes get none: take a batch of 192 or more"
        for program, caches, told in ((PROGRAM, str(other), "clenet train: warning: built kernels are not stored:"),
                                      (self.divided, os.environ["CLENET_CACHE_DIR"],
                                       r"clenet train: warning: process 1 of 3 \(.+\): built kernels are not stored:")):
            _, errors = self.together(3, *options, program=program, CLENET_CACHE_DIR=caches, OTHER=str(other), PROGRAM=PROGRAM)
            self.assertEqual((errors.count(few), errors.count("warning:")), (1, 2), errors)
            self.assertRegex(errors, told)

    def test_what_needs_one_process(self):
        for option, told in ((("--lr-find",), "--lr-find runs in one process"),
                             (("--report", "page.html"), "--report needs the whole training in one process"),
                             (("--show-augmented", "sheet.png", "--shift", "1"), "--show-augmented runs in one process"),
                             (("--devices", "a,b", "--device", "a"), "--devices says which device each process takes"),
                             (("--devices", "a,,b"), "--devices 'a,,b': names of devices with commas between them")):
            with self.subTest(option):
                count = 3 if "a,,b" in option else 2
                before = self.files()
                status, output, errors = self.finish(self.start(count, *TRAIN, *option, "--log", "log"))
                self.assertEqual((status, output, errors.count(told)), (2, "", 1), errors)
                self.assertEqual(self.files(), before)

    def test_other_options_are_told_once(self):
        self.differ(
            ("options", DATA, (*DATA, "--no-such-option"), ("process 1 of 3 (", "its options are refused", "unknown option")),
            ("seed", (*DATA, "--seed", "0"), (*DATA, "--seed", "1"), ("process 1 of 3 (", "seed 1")),
            ("batch", DATA, (*DATA, "--batch-size", "100"), ("process 1 of 3 (", "batches of 100")),
            ("strict", (*DATA, "--lr", "0.5"), (*DATA, "--lr", "0.25"), ("process 1 of 3 (", "learning rate 0.25")),
            ("decay", DATA, (*DATA, "--weight-decay", "0.25"), ("process 1 of 3 (", "another weight decay", "0.25, not 0")),
            ("shift", (*DATA, "--shift", "2"), DATA, ("process 1 of 3 (", "another shift", "0, not 2")),
            ("weights", DATA, (*DATA, "--class-weights", "balanced"), ("process 1 of 3 (", "class weights")),
            ("epochs", DATA, (*DATA, "--epochs", "3"), ("process 1 of 3 (", "number of epochs", "3, not 2")))


@unittest.skipUnless("openmpi" in MPIS, "built without Open MPI")
class OpenMpi(Whole, OpenMpiRanks):
    pass


@unittest.skipUnless("mpich" in MPIS, "built without MPICH")
class Mpich(Together, MpichRanks):
    pass


class Without(Sets):
    """In one process."""

    def test_a_launcher_that_is_missing(self):
        self.assertIn("mpirun: No such file or directory: install Open MPI (openmpi-bin) or MPICH (mpich)",
                      self.train(1, *TRAIN, "--devices", "a,b", PATH=str(self.folder)).stderr)

    def test_srun_without_an_mpi(self):
        """Else each of its processes would train all by itself, and write the same files."""
        for number, told in (("0", "srun has started 2 processes, but no MPI by which they reach each other"), ("1", "")):
            process = self.train(1, *TRAIN, "--save", "m.safetensors", SLURM_PROCID=number, SLURM_STEP_NUM_TASKS="2")
            self.assertEqual((process.stdout, told in process.stderr, process.stderr.count("\n")), ("", True, int(told != "")))
        self.assertFalse((self.folder / "m.safetensors").exists())

    def test_a_launcher_that_starts_none(self):
        tools = self.folder / "bin"
        tools.mkdir()
        (tools / "mpirun").write_text('#!/bin/sh\nexit 3\n')
        (tools / "mpirun").chmod(0o755)
        told = self.train(3, *TRAIN, "--devices", "a,b", PATH=f"{tools}:{os.environ['PATH']}").stderr
        self.assertEqual((told.count("mpirun has started no process, exit status 3"), told.count("\n")), (1, 1), told)

    def test_wrong_lists_of_devices(self):
        for options, told in ((("--devices", ""), "--devices ''"),
                              (("--devices", "a,b", "--device", "a"), "leave --device out")):
            self.assertIn(told, self.train(2, *TRAIN, *options, PATH=str(self.folder)).stderr)


if __name__ == "__main__":
    main()
