"""`clenet train` in several processes that MPI has started: what they compute together, who writes and tells, and how all of
them end. Every test runs with each MPI that the program was built with."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from support import PROGRAM, Sets, main, metadata, usual_signals

MPIS = os.environ.get("CLENET_TEST_MPIS", "").split()
# Open MPI refuses root, and more processes than cores, unless it is told otherwise.
LAUNCHER = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
            "OMPI_MCA_hwloc_base_binding_policy": "none", "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
            "PRTE_MCA_hwloc_default_binding_policy": "none"}
DATA = ("--data", "synthetic:600")
TRAIN = ("--offline", *DATA, "--batch-size", "200", "--epochs", "2")  # three steps of four shards, the last one narrow
# Gives the first process and the others different options, by what its launcher has set.
DIVIDED = '''#!/bin/sh
case "${{OMPI_COMM_WORLD_RANK:-${{PMI_RANK:-}}}}" in
{}
*) exec "$PROGRAM" "$@" $USUAL ;;
esac
'''


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


class Ranks:
    """With one MPI, whose class follows below."""

    mpi, word, options = "", "", ()

    def setUp(self):
        super().setUp()
        self.model = self.folder / "m.safetensors"
        self.addCleanup(self.end_all)

    # ---- Processes ----

    def launcher(self):
        """The MPI's own launcher: `mpirun` alone may be another MPI's."""
        path = shutil.which(f"mpirun.{self.mpi}") or shutil.which("mpirun")
        if path and (path.endswith(self.mpi) or self.word in subprocess.run([path, "--version"], capture_output=True, text=True,
                                                                            check=False).stdout):
            return path
        raise AssertionError(f"there is no launcher of {self.mpi}")

    def start(self, count, *arguments, program=PROGRAM, **environment):
        command = [self.launcher(), *self.options, "-n", str(count), str(program), "train", "--network", str(self.network), "--no-guard"]
        process = subprocess.Popen([*command, *map(str, arguments)], cwd=self.folder, preexec_fn=usual_signals, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env={**os.environ, **LAUNCHER, **environment})
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def finish(self, process):
        """(exit status, standard output, standard error) of a launcher whose processes have all ended."""
        output, errors = process.communicate(timeout=300)
        self.assert_all_ended()
        return process.returncode, output, errors

    def together(self, count, *arguments, **settings):
        status, output, errors = self.finish(self.start(count, *arguments, **settings))
        self.assertEqual(status, 0, f"{arguments}: {output}{errors}")
        return output, errors

    def present(self):
        """All processes that work in the test's folder: launchers, and what they have started."""
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(entry / "cwd") == str(self.folder) and entry.name != str(os.getpid()):
                    yield int(entry.name)
            except OSError:  # it has just ended, or is another user's
                pass

    def rank(self, number):
        """The process of this number."""
        for pid in self.present():
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                if os.readlink(f"/proc/{pid}/exe") == os.path.realpath(PROGRAM) and \
                        {f"{name}={number}".encode() for name in ("OMPI_COMM_WORLD_RANK", "PMI_RANK")} & set(environment):
                    return pid
            except OSError:
                pass
        raise AssertionError(f"there is no process {number}")

    def assert_all_ended(self):
        for _ in range(600):
            if not list(self.present()):
                return
            time.sleep(0.1)
        self.fail(f"processes are left: {[Path(f'/proc/{pid}/cmdline').read_bytes() for pid in self.present()]}")

    def end_all(self):
        for pid in self.present():
            os.kill(pid, signal.SIGKILL)

    # ---- What they compute ----

    def alone(self, *arguments):
        """The digest of one process's model."""
        path = self.folder / "alone.safetensors"
        path.unlink(missing_ok=True)
        self.train(0, *arguments, "--save", path)
        return digest(path)

    def test_strict_bits_are_those_of_one_process(self):
        much = ("--optimizer", "adamw", "--clip-norm", "1", "--ema", "0.9", "--accumulate", "2", "--validation", "0.2", "--shift",
                "1", "--mixup", "0.4", "--seed", "3")
        for options, counts in (((), (2, 3)), (much, (2, 3)), (("--batch-size", "100"), (3,))):
            arguments = ("--offline", *DATA, "--epochs", "2", *(() if "--batch-size" in options else ("--batch-size", "200")),
                         *options, "--strict")
            whole = self.alone(*arguments)
            for count in counts:
                with self.subTest(options=options, count=count):
                    self.together(count, *arguments, "--save", self.model)
                    self.assertEqual(digest(self.model), whole)

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

    def device(self):
        """The one that is tested, as --device takes it."""
        return os.environ.get("CLENET_DEVICE") or json.loads(self.expect(0, "devices", "--json").stdout)[0]["device"]

    def path_with_mpirun(self):
        """A PATH on which `mpirun` is this MPI's."""
        tools = self.folder / "bin"
        tools.mkdir(exist_ok=True)
        (tools / "mpirun").write_text(f'#!/bin/sh\nexec {self.launcher()} "$@"\n')
        (tools / "mpirun").chmod(0o755)
        return f"{tools}:{os.environ['PATH']}"

    def test_a_process_for_each_device(self):
        whole = self.alone(*TRAIN, "--strict")
        devices = f"{self.device()},{self.device()}"
        self.together(2, *TRAIN, "--strict", "--devices", devices, "--save", self.model)
        self.assertEqual(digest(self.model), whole)
        self.together(3, *TRAIN, "--strict", "--devices", self.device(), "--save", self.model)
        self.assertEqual(digest(self.model), whole)

    def test_devices_start_the_launcher(self):
        whole = self.alone(*TRAIN, "--strict")
        told = self.train(0, *TRAIN, "--strict", "--devices", f"{self.device()},{self.device()}", "--save", self.model, "--trace",
                          "trace", PATH=self.path_with_mpirun())
        self.assert_all_ended()
        self.assertEqual((digest(self.model), told.stdout.count("\n")), (whole, 2))

    def launch(self, *arguments):
        """`clenet train --devices` with two processes, which starts this MPI's mpirun itself."""
        command = [PROGRAM, "train", "--network", self.network, "--no-guard", *TRAIN, "--strict", "--save", self.model, "--devices",
                   f"{self.device()},{self.device()}", *arguments]
        process = subprocess.Popen([*map(str, command)], cwd=self.folder, preexec_fn=usual_signals, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env={**os.environ, "PATH": self.path_with_mpirun()})
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_a_fault_is_started_again(self):
        limits = ("--epochs", "1000000", "--max-steps", "600")
        process = self.launch("--save-every", "1", "--restarts", "2", *limits)
        self.assertIn("epoch 1,", process.stdout.readline())
        self.wait_for_model()
        os.kill(self.rank(1), signal.SIGKILL)
        status, _, errors = self.finish(process)
        self.assertEqual(status, 0, errors)
        self.assertRegex(errors, r"step \d+: process 1 of 2 \(.+\) has died; --resume")
        self.assertRegex(errors, r"exit status \d+: starting again from .+, 1 of 2 restarts")
        self.assertEqual(digest(self.model), self.alone("--offline", *DATA, "--batch-size", "200", "--strict", *limits))

    def test_a_verdict_is_not(self):
        """Neither accuracy that is missed nor a signal: nothing would change."""
        status, _, errors = self.finish(self.launch("--restarts", "2", "--require-accuracy", "0.99999"))
        self.assertEqual((status, errors.count("is below 0.99999"), errors.count("starting again")), (1, 1, 0), errors)
        process = self.launch("--restarts", "2", "--save-every", "1", "--epochs", "1000000")
        self.assertIn("epoch 1,", process.stdout.readline())
        os.kill(self.rank(1), signal.SIGTERM)
        status, _, errors = self.finish(process)
        self.assertEqual((status != 0, errors.count("--resume continues"), errors.count("starting again")), (True, 1, 0), errors)

    def files(self):
        return {str(path.relative_to(self.folder)).split(".out.tfevents")[0] for path in self.folder.rglob("*") if path.is_file()}

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
        self.assertNotIn("Traceback", errors)

    def test_an_error_of_one_process_is_told_once(self):
        self.divided = self.write_divided('1) exec "$PROGRAM" "$@" $OTHER ;;')
        first, second = (self.write_set(name, labels, self.labels(20)) for name, labels in
                         (("first", self.labels(200)), ("second", self.labels(200)[::-1])))
        usual = ("--batch-size", "200", "--epochs", "2")
        for name, mine, other, told in (
                ("missing", ("--data", first), ("--data", self.folder / "none"), ("process 1 of 3 (", f"{self.folder}/none")),
                ("data", ("--data", first), ("--data", second), ("process 1 of 3 (", "another data set")),
                ("options", DATA, (*DATA, "--no-such-option"),
                 ("process 1 of 3 (", "its options are refused", "unknown option")),
                ("seed", (*DATA, "--seed", "0"), (*DATA, "--seed", "1"), ("process 1 of 3 (", "seed 1")),
                ("batch", DATA, (*DATA, "--batch-size", "100"), ("process 1 of 3 (", "batches of 100")),
                ("strict", (*DATA, "--lr", "0.5"), (*DATA, "--lr", "0.25"), ("process 1 of 3 (", "learning rate 0.25")),
                ("decay", DATA, (*DATA, "--weight-decay", "0.25"), ("process 1 of 3 (", "another weight decay", "0.25, not 0")),
                ("shift", (*DATA, "--shift", "2"), DATA, ("process 1 of 3 (", "another shift", "0, not 2")),
                ("weights", DATA, (*DATA, "--class-weights", "balanced"), ("process 1 of 3 (", "class weights")),
                ("epochs", DATA, (*DATA, "--epochs", "3"), ("process 1 of 3 (", "number of epochs", "3, not 2"))):
            with self.subTest(name):
                self.assert_refused((*usual, *mine), (*other, *usual[2 * ("--batch-size" in other):4 - 2 * ("--epochs" in other)]), *told)

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

    def test_without_the_module(self):
        """As where clenet was built without this MPI."""
        elsewhere = shutil.copy(PROGRAM, self.folder / "clenet")
        status, output, errors = self.finish(self.start(2, *TRAIN, "--log", "log", program=elsewhere))
        self.assertNotEqual(status, 0)
        self.assertEqual(output, "")
        self.assertIn(f"this clenet was built without it: install lib{self.mpi}-dev, and build again", errors)
        self.assertNotIn("log", self.files())

    # ---- Ends ----

    def begin(self, count=3, *arguments, **environment):
        """A training without an end, of which a model is saved."""
        process = self.start(count, *TRAIN, "--strict", "--epochs", "1000000", "--save", self.model, "--save-every", "1", "--log",
                             "log", *arguments, **environment)
        line = process.stdout.readline()
        self.assertIn("epoch 1,", line, line or process.communicate(timeout=300))
        return process

    def assert_goes_on(self):
        """What was saved becomes what an uninterrupted training is."""
        steps = int(metadata(self.model)["training"]["steps"]) + 4
        limits = ("--epochs", "1000000", "--max-steps", steps)
        self.train(0, "--offline", *DATA, "--resume", self.model, *limits, "--save", self.model)
        self.assertEqual(digest(self.model), self.alone("--offline", *DATA, "--batch-size", "200", "--strict", *limits))
        self.assertEqual([name for name in self.files() if ".tmp" in name], [])

    def test_a_signal_to_one_ends_all_politely(self):
        for number, count in ((1, 3), (0, 2)):
            with self.subTest(number):
                process = self.begin(count)
                os.kill(self.rank(number), signal.SIGTERM)
                status, _, errors = self.finish(process)
                self.assertNotEqual(status, 0)
                self.assertIn("--resume continues from it", errors)
                self.assertEqual(json.loads((self.folder / "log").read_text().splitlines()[-1])["result"], "interrupted")
                self.assert_goes_on()
                (self.folder / "log").unlink()

    def test_a_signal_to_the_launcher_ends_all(self):
        process = self.begin()
        process.send_signal(signal.SIGINT)
        self.assertNotEqual(self.finish(process)[0], 0)
        self.assert_goes_on()

    def test_a_process_that_is_killed(self):
        for number in (1, 0):
            with self.subTest(number):
                process = self.begin()
                self.wait_for_model()
                os.kill(self.rank(number), signal.SIGKILL)
                status, _, errors = self.finish(process)
                self.assertNotEqual(status, 0)
                self.assertRegex(errors, rf"step \d+: process {number} of 3 \({os.uname().nodename}, .+\) has died; --resume")
                self.assertEqual(errors.count("has died"), 1)
                self.assert_goes_on()
                self.model.unlink()

    def wait_for_model(self):
        for _ in range(3000):
            if self.model.exists():
                return
            time.sleep(0.1)
        self.fail("no model was saved")

    def test_a_process_that_hangs(self):
        process = self.begin(CLENET_RANK_SECONDS="10")
        self.wait_for_model()
        os.kill(self.rank(2), signal.SIGSTOP)
        status, _, errors = self.finish(process)
        self.assertNotEqual(status, 0)
        self.assertRegex(errors, rf"step \d+: process 2 of 3 \({os.uname().nodename}, .+\) does not answer: it hangs, or has died")
        self.assertEqual(errors.count("does not answer"), 1)
        self.assert_goes_on()


@unittest.skipUnless("openmpi" in MPIS, "built without Open MPI")
class OpenMpi(Ranks, Sets):
    mpi, word = "openmpi", "Open MPI"


@unittest.skipUnless("mpich" in MPIS, "built without MPICH")
class Mpich(Ranks, Sets):
    mpi, word = "mpich", "HYDRA"
    options = ("-disable-auto-cleanup",)  # else it kills all processes as soon as one has died: none could say which one


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
