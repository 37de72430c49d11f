"""What the tests of several processes share. Every test runs with each MPI that the program was built with."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from support import PROGRAM, Sets, usual_signals

MPIS = os.environ.get("CLENET_TEST_MPIS", "").split()
# Open MPI refuses root, and more processes than cores, unless it is told otherwise. Here all processes share a machine; its TCP
# would complain of some machines' interfaces.
LAUNCHER = {"OMPI_MCA_btl": "^tcp", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_hwloc_base_binding_policy": "none",
            "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
            "PRTE_MCA_hwloc_default_binding_policy": "none"}
DATA = ("--data", "synthetic:600")
TRAIN = ("--offline", *DATA, "--batch-size", "200", "--epochs", "2")  # three steps of four shards, the last one narrow


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


class Ranks(Sets):
    """With one MPI, whose class follows below."""

    mpi, word, options, tells = "", "", (), True  # tells: the launcher lets other processes say which one died

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

    def alone(self, *arguments):
        """The digest of one process's model."""
        path = self.folder / "alone.safetensors"
        path.unlink(missing_ok=True)
        self.train(0, *arguments, "--save", path)
        return digest(path)

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

    def files(self):
        return {str(path.relative_to(self.folder)).split(".out.tfevents")[0] for path in self.folder.rglob("*") if path.is_file()}


class OpenMpiRanks(Ranks):
    mpi, word = "openmpi", "Open MPI"


class MpichRanks(Ranks):
    mpi, word = "mpich", "HYDRA"
    # Without the option it kills all processes as soon as one has died; with it, a little later.
    options, tells = ("-disable-auto-cleanup",), False
