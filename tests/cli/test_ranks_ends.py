"""How `clenet train` in several processes ends: by signals, deaths and verdicts, and what is started again."""
import json
import os
import signal
import subprocess
import time
import unittest

from ranks_support import DATA, MPIS, TRAIN, MpichRanks, OpenMpiRanks, digest
from support import PROGRAM, main, metadata, usual_signals


class Ends:
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
        status = self.finish(process)[0]
        if self.tells:  # MPICH's now and then gives 0
            self.assertNotEqual(status, 0)
        self.assert_goes_on()

    def test_a_process_that_is_killed(self):
        for number in (1, 0) if self.mpi == "openmpi" else (1,):
            with self.subTest(number):
                process = self.begin()
                self.wait_for_model()
                os.kill(self.rank(number), signal.SIGKILL)
                status, _, errors = self.finish(process)
                self.assertNotEqual(status, 0)
                if self.tells:
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
        process = self.begin(CLENET_RANK_SECONDS="4")
        self.wait_for_model()
        os.kill(self.rank(2), signal.SIGSTOP)
        status, _, errors = self.finish(process)
        self.assertNotEqual(status, 0)
        self.assertRegex(errors, rf"step \d+: process 2 of 3 \({os.uname().nodename}, .+\) does not answer: it hangs, or has died")
        self.assertEqual(errors.count("does not answer"), 1)
        self.assert_goes_on()

    # ---- Starting again ----

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
        if self.tells:
            self.assertRegex(errors, r"step \d+: process 1 of 2 \(.+\) has died; --resume")
        self.assertRegex(errors, r"exit status \d+: the first to end was process 1 of 2")
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


@unittest.skipUnless("openmpi" in MPIS, "built without Open MPI")
class OpenMpi(Ends, OpenMpiRanks):
    pass


@unittest.skipUnless("mpich" in MPIS, "built without MPICH")
class Mpich(Ends, MpichRanks):
    pass


if __name__ == "__main__":
    main()
